"""What people do, from files: reports as CSV or JSON lines, acts as CSV, and closings that stand beside the reports."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import orjson

from duban.clock import within_range
from duban.errors import DubanError, Undecodable
from duban.messages import commands as do
from duban.messages.envelope import Message, decode
from duban.messages.report import Evidence, Report
from duban.messages.struct import flaw_of, from_data, from_json
from duban.policy import Rules
from duban_console.action import ACTIONS
from duban_intake.channels.csv_file import BadRow
from duban_intake.channels.csv_file import Mapping as Columns
from duban_intake.domain import own_problem, submitted, unusable_identity

#: The source of a report that names none, as for ``duban report send``.
SOURCE: Final = "duban/cli"
#: In the column ``unit``: whoever leads the problem then, and the office.
LEAD, OFFICE = "@lead", "@office"
_STRUCTURED: Final = [("content-type", b"application/cloudevents+json")]
#: What ``duban tail --json`` adds to a CloudEvent.
_PLACE: Final = ("key", "headers", "topic", "partition", "offset", "appended_at")
_KEYS: Final = ("report", "source", "at", "action", "unit")

#: Stands for the evidence that nobody put into the file.
_SEAL: Final = Evidence(uri="data:,", sha256=sha256(b"").hexdigest(), title="closed in the file of reports")


class SourceError(DubanError):
    """A file that cannot be used as it is; says what is missing in it."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does about the problem of the report ``key``; ``unit`` may be ``@lead`` or ``@office``."""

    at: datetime
    key: UUID
    unit: str
    command: do.Command


def json_reports(lines: Iterable[bytes]) -> Iterator[Message[Report] | BadRow]:
    """The reports in lines of JSON: CloudEvents, or reports that say when they were observed."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _json_report(line)
            except (msgspec.DecodeError, RecursionError) as error:
                yield BadRow(number, "(line)", str(flaw_of(error, Report)))
            except (Undecodable, ValueError) as error:
                yield BadRow(number, "(line)", str(error))


def _json_report(line: bytes) -> Message[Report]:
    document = orjson.loads(line)
    if isinstance(document, dict) and "specversion" in document:
        return decode(None, bare_event(document), _STRUCTURED, {Report.TYPE: Report})
    report = from_json(line, Report)
    if report.observed_at is None:
        raise ValueError("observed_at is missing: say when, or send a CloudEvent with its time")
    name = sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    return submitted(SOURCE, name, report, report.observed_at)


def bare_event(document: Mapping[str, Any]) -> bytes:
    """A CloudEvent in structured mode, without what ``duban tail --json`` says about its place."""
    return orjson.dumps({name: value for name, value in document.items() if name not in _PLACE})


def identities(reports: Iterable[Message[Report]]) -> dict[str, set[str]]:
    """The sources that use each id."""
    sources: dict[str, set[str]] = {}
    for report in reports:
        sources.setdefault(report.id, set()).add(report.source)
    return sources


def read_acts(lines: Iterable[str], known: Mapping[str, set[str]], zone: ZoneInfo) -> Iterator[Act | BadRow]:
    """The acts in a CSV file with the columns report, at, action and unit; other columns are fields of the action.

    An instant without an offset is local time in ``zone``; a cell that begins with { or [ is JSON. ``source`` is a
    column only where one id is used by several sources. Of ``known`` ids, each names its sources.

    Raises:
        SourceError: a column is missing.
    """
    rows = csv.DictReader(lines)
    missing = [name for name in ("report", "at", "action", "unit") if name not in (rows.fieldnames or ())]
    if missing:
        raise SourceError(f"the acts have no column {missing[0]}; they need report, at, action, unit")
    for row in rows:
        cells = {name: (cell or "").strip() for name, cell in row.items() if name is not None}
        try:
            yield _act(cells, known, zone)
        except msgspec.ValidationError as error:
            yield BadRow(rows.line_num, cells["action"], str(flaw_of(error)))
        except ValueError as error:
            yield BadRow(rows.line_num, "(row)", str(error))


def _act(cells: Mapping[str, str], known: Mapping[str, set[str]], zone: ZoneInfo) -> Act:
    action, unit = cells["action"], cells["unit"]
    if action not in ACTIONS:
        raise ValueError(f"{action} is no action; they are {', '.join(ACTIONS)}")
    fields = {name: _value(cell) for name, cell in cells.items() if cell and name not in _KEYS}
    actor = {"unit": "office" if unit in (LEAD, OFFICE) else unit}
    command = from_data({"actor": actor, **fields}, ACTIONS[action], texts=True)
    return Act(_instant(cells["at"], zone), _key(cells, known), unit, command)


def _key(cells: Mapping[str, str], known: Mapping[str, set[str]]) -> UUID:
    report, sources = cells["report"], known.get(cells["report"], set())
    if not sources:
        raise ValueError(f"there is no report {report}")
    source = cells.get("source") or next(iter(sources))
    if source not in sources or (len(sources) > 1 and not cells.get("source")):
        raise ValueError(f"the report {report} comes from {', '.join(sorted(sources))}; name one in a column source")
    return own_problem(source, report)


def _value(cell: str) -> Any:
    return orjson.loads(cell) if cell[0] in "{[" else cell


def _instant(text: str, zone: ZoneInfo) -> datetime:
    read = datetime.fromisoformat(text)
    return within_range(read if read.tzinfo else read.replace(tzinfo=zone))


@dataclass(frozen=True, slots=True)
class ClosingColumns:
    """Which columns of the reports' own file say when a case was closed, and how; ``usual`` where the cell is empty."""

    closed: str
    outcome: str | None
    usual: str

    def read(self, lines: Iterable[str], mapping: Columns, rules: Rules) -> Iterator[Act | BadRow]:
        """Everything that closes a problem under the pack, at the instant in the file: completed, verified, struck off.

        Raises:
            SourceError: a column is missing.
        """
        rows = csv.DictReader(line.removeprefix("\ufeff") for line in lines)
        for column in (self.closed, *([self.outcome] if self.outcome else [])):
            if column not in (rows.fieldnames or ()):
                raise SourceError(f"the file has no column {column}; it has: {', '.join(rows.fieldnames or ())}")
        for row in rows:
            closed, report = (row[self.closed] or "").strip(), (row[mapping.id] or "").strip()
            if closed and unusable_identity(mapping.source, report) is None:
                try:
                    at = self._at(closed, mapping, rules)
                    outcome = (row[self.outcome] or "").strip() if self.outcome else ""
                    yield from _closes(at, own_problem(mapping.source, report), outcome or self.usual, rules)
                except msgspec.ValidationError as error:
                    yield BadRow(rows.line_num, self.outcome or self.closed, str(flaw_of(error)))
                except ValueError as error:
                    yield BadRow(rows.line_num, self.closed, str(error))

    def _at(self, text: str, mapping: Columns, rules: Rules) -> datetime:
        """The instant in a cell, written as the mapping says of ``observed_at``, else as ISO 8601."""
        if mapping.observed_at is None:
            return _instant(text, rules.zone)
        read = datetime.strptime(text, mapping.observed_at.format)  # noqa: DTZ007 the zone follows
        return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(mapping.observed_at.timezone))


def _closes(at: datetime, key: UUID, outcome: str, rules: Rules) -> Iterator[Act]:
    """What it takes under the pack; checks that only some categories need are left to the acts."""
    closing, actor = rules.pack.closing, do.Actor(unit=rules.pack.office)
    yield Act(at, key, LEAD, do.Complete(actor=actor, outcome=outcome))
    for check in rules.pack.gate.checks if rules.pack.gate else ():
        if not check.categories:
            signers = [unit for unit in check.by if unit[0] != "@"]
            signer = signers[0] if signers and OFFICE not in check.by else OFFICE
            yield Act(at, key, signer, do.Check(actor=actor, check=check.id, evidence=(_SEAL,)))
    if closing.verify:
        yield Act(at, key, OFFICE, do.Verify(actor=actor, passed=True))
    if closing.strike_off == "by_office":
        yield Act(at, key, OFFICE, do.StrikeOff(actor=actor))
