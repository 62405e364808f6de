"""Places where a process can be made to die, so that tests can prove that dying there loses nothing.

``DUBAN_CRASH_AT=after_publish:3`` ends the process, as ``kill -9`` would, the third time it passes that point.
The runner's points: ``after_handle`` (the database has committed), ``after_publish``, ``after_offsets``.
"""

from __future__ import annotations

import os
from itertools import count

_POINT, _, _PASS = os.environ.get("DUBAN_CRASH_AT", "").partition(":")
_passes = count(1)


def crash_point(name: str) -> None:
    """End the process here if the environment asks for it; otherwise nothing happens."""
    if name == _POINT and next(_passes) == int(_PASS or 1):
        os._exit(137)
