"""The real broker and the real database on this machine, and the processes that use them.

Modules, from the outside in: ``stack`` (both servers, one folder), ``kafka`` and ``postgres`` (one server each),
``jars`` (the broker's jars, verified), ``topics`` (``deploy/topics.yaml`` applied to a broker), ``supervisor``
(named service processes), ``children`` (what all of them know about child processes and ports). What stands here
costs nothing to import.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).resolve().parent

#: Where ``deploy`` lies: the checkout; for who installed a wheel instead, this package.
ROOT: Final = _HERE if (_HERE / "deploy").is_dir() else _HERE.parents[2]

#: Where broker and database keep their data and logs, if nothing else is said.
FOLDER: Final = ROOT / ".duban"

#: What names a broker and a database that run elsewhere.
KAFKA_VARIABLE: Final = "DUBAN_KAFKA"
DATABASE_VARIABLE: Final = "DUBAN_DATABASE"
