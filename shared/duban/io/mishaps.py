"""What goes wrong on purpose in a process, so that tests can prove that nothing is lost by it.

``DUBAN_CRASH_AT=after_publish:3`` ends the process, as ``kill -9`` would, the third time it passes that point.
The runner's points: ``before_handle``, ``after_handle`` (the database has committed), ``after_publish``,
``after_offsets``.

``DUBAN_MISHAPS`` names a file that is looked at again at every point, so that mishaps come and go while the process
runs. Its lines, each of which may be missing:

    crash_at=after_publish    the process ends when it passes there next
    misreport=0.05            that share of what was done is reported as not done: writing, publishing, committing
    clock=3600                its clock is so many seconds off

Nothing of it is honoured with a broker that is not on this machine: see :func:`refuse_elsewhere`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from duban.clock import SystemClock
from duban.errors import SettingsError, Unavailable

FILE_VARIABLE: Final = "DUBAN_MISHAPS"
_POINT, _, _PASS = os.environ.get("DUBAN_CRASH_AT", "").partition(":")
_FILE = os.environ.get(FILE_VARIABLE)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_passes = count(1)


def crash_point(name: str) -> None:
    """End the process here if the environment or the file asks for it; otherwise nothing happens."""
    if name == _POINT and next(_passes) == int(_PASS or 1):
        os._exit(137)
    if _FILE is not None and _planned().get("crash_at") == name:
        os._exit(137)


def misreport(what: str) -> None:
    """Report ``what`` as not done although it was, as often as the file asks for.

    Raises:
        Unavailable: it was done all the same.
    """
    if _FILE is not None and random.random() < float(_planned().get("misreport", 0)):  # noqa: S311 no secret
        raise Unavailable(f"{what} was done, and is reported as not done: {FILE_VARIABLE} asks for it")


class SkewedClock(SystemClock):
    """The machine's clock, as many seconds off as the file says."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=float(_planned().get("clock", 0)))


def refuse_elsewhere(brokers: str) -> None:
    """Refuse to plan mishaps for an engine that is not a test on this machine.

    Raises:
        SettingsError: naming the variable.
    """
    asked_for = FILE_VARIABLE if _FILE is not None else "DUBAN_CRASH_AT" if _POINT else None
    if asked_for and not all(broker.strip().rpartition(":")[0] in _LOOPBACK for broker in brokers.split(",")):
        raise SettingsError(
            f"{asked_for} makes things go wrong on purpose, and {brokers} is not on this machine: unset it"
        )


def clock() -> SystemClock:
    """The machine's clock; one that can be put off where a file of mishaps is named."""
    return SystemClock() if _FILE is None else SkewedClock()


def _planned() -> Mapping[str, str]:
    """What the file says now; a file that is not there plans nothing."""
    try:
        lines = Path(_FILE or "").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)
