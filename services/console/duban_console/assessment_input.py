"""Where events come from: the ledger's published view, or a file of them; and readings: a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
import orjson

from duban.errors import Undecodable
from duban.io.postgres import connect_pool
from duban.messages.records import Event
from duban.messages.struct import flaw_of, from_data
from duban.moves import Kind
from duban_console.assessment.histories import AtRest
from duban_console.assessment.rows.targets import TargetReading
from duban_console.ledger import LedgerReader, asking

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: The columns of a file of readings.
_READING: Final = ("target", "read_on", "value")


async def from_ledger(
    settings: Settings,
    jurisdiction: str,
    before: datetime,
    kinds: Collection[Kind] = tuple(Kind),
    without: AtRest | None = None,
) -> Iterator[Event]:
    """What :meth:`LedgerReader.events` gives of the ledger in the database of ``settings``.

    Raises:
        Unavailable: the ledger cannot be asked.
    """
    async with asking():
        pool = await connect_pool(settings, "console")
    try:
        return await LedgerReader(pool).events(jurisdiction, before, kinds, without)
    finally:
        await pool.close()


def from_file(path: Path) -> list[Event]:
    """The events in a file of JSON lines, problem by problem, in order, each once.

    A line is an event as the ledger holds it, or a record of ``duban.problems.v1`` as ``duban tail --json`` shows it;
    refusals are passed over.

    Raises:
        Undecodable: naming the line.
    """
    events: dict[tuple[UUID, int], Event] = {}
    with closing(path.open("rb")) as lines:
        for event in _events(path, lines):
            events[event.problem_id, event.version] = event
    return [events[key] for key in sorted(events)]


def _events(path: Path, lines: Iterable[bytes]) -> Iterator[Event]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            body: Any = orjson.loads(line)
            for wrapping in ("data", "event"):
                body = body[wrapping] if isinstance(body, dict) and wrapping in body else body
            if isinstance(body, dict) and "code" in body and "change" not in body:
                continue
            yield from_data(body, Event)
        except orjson.JSONDecodeError as error:
            raise Undecodable("not_json", f"{path}, line {number}: {error}") from None
        except msgspec.ValidationError as error:
            raise Undecodable("invalid", f"{path}, line {number} is no event: {flaw_of(error, Event)}") from None


def from_readings(path: Path, targets: Collection[str]) -> list[TargetReading]:
    """The readings in a CSV file in UTF-8 with the columns ``target``, ``read_on`` (2019-12-31) and ``value``.

    ``targets`` are the ids that there are; the value is in the unit that the target is measured in.

    Raises:
        Undecodable: naming the line, and what is wrong there.
    """
    readings: dict[tuple[str, date], TargetReading] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines)
        if tuple(next(rows, ())) != _READING:
            raise Undecodable("invalid", f"{path}, line 1: the columns must be {','.join(_READING)}")
        for row in rows:
            if row:
                try:
                    reading = _reading(row, targets)
                    if (reading.target, reading.read_on) in readings:
                        raise ValueError(f"{reading.target} was read on {reading.read_on} already")
                except ValueError as error:
                    raise Undecodable("invalid", f"{path}, line {rows.line_num}: {error}") from None
                readings[reading.target, reading.read_on] = reading
    return list(readings.values())


def _reading(row: list[str], targets: Collection[str]) -> TargetReading:
    if len(row) != len(_READING):
        raise ValueError(f"has {len(row)} cells, not {len(_READING)}")
    target, read_on, value = (cell.strip() for cell in row)
    if target not in targets:
        raise ValueError(f"{target} is not among the targets: {', '.join(targets)}")
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"{value} is no number")
    return TargetReading(target, date.fromisoformat(read_on), number)
