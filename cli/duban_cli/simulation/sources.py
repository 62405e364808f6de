"""What people do, from files: reports as CSV or JSON lines, acts as CSV, and closings that stand beside the reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import orjson

from duban.clock import within_range
from duban.errors import Undecodable
from duban.messages import commands as do
from duban.messages.envelope import Message, decode
from duban.messages.form import unknown_field
from duban.messages.report import Evidence, Report
from duban.messages.struct import Flaw, flaw_of, from_data, from_json
from duban.policy import Rules
from duban_console.action import ACTIONS
from duban_intake.channels.columns import BrokenCell, report_id
from duban_intake.channels.columns import Mapping as Columns
from duban_intake.channels.table import BadRow, Cell, Row, Table
from duban_intake.domain import own_problem, submitted

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


def read_acts(table: Table, known: Mapping[str, set[str]], zone: ZoneInfo) -> Iterator[Act | BadRow]:
    """The acts in a table with the columns report, at, action and unit; other columns are fields of the action.

    An instant without an offset is local time in ``zone``; a cell that begins with { or [ is JSON, unless the field is
    a text. ``source`` is a column only where one id is used by several sources. A reply goes to whoever handed in the
    report, or to ``id`` of the same source. Of ``known`` ids, each names its sources.

    Raises:
        TableError: a column is missing.
    """
    table.need(("report", "at", "action", "unit"))
    for row in table:
        yield row if isinstance(row, BadRow) else _act(row, known, zone)


def _act(row: Row, known: Mapping[str, set[str]], zone: ZoneInfo) -> Act | BadRow:
    cells = {name: str(cell) for name, cell in row.cells.items()}
    action, unit = cells["action"], cells["unit"]
    column = "action"
    try:
        if action not in ACTIONS:
            raise ValueError(f"{action or '(empty)'} is no action; they are {', '.join(ACTIONS)}")
        column = "at"
        at = _instant(row.cells["at"], zone)
        column = "report"
        source = _source(cells, known)
        column = action
        return Act(at, own_problem(source, cells["report"]), unit, _command(action, unit, source, cells))
    except BrokenCell as broken:
        return BadRow(row.line, broken.field, str(broken))
    except ValueError as error:
        return BadRow(row.line, column, str(error))


def _command(action: str, unit: str, source: str, cells: Mapping[str, str]) -> do.Command:
    model = ACTIONS[action]
    texts = _texts(model)
    fields = {
        name: cell if name in texts else _value(name, cell)
        for name, cell in cells.items()
        if cell and name not in _KEYS
    }
    actor = {"unit": "office" if unit in (LEAD, OFFICE) else unit}
    # Whoever is told something is who reported it, if nobody else is named by a column ``id``.
    answered = {"source": source, "id": cells["report"]} if model is ACTIONS["reply"] else {}
    try:
        return from_data({"actor": actor, **answered, **fields}, model, texts=True)
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, model)
        raise BrokenCell(".".join(flaw.place) or action, _advice(flaw, action, model)) from None


def _advice(flaw: Flaw, action: str, model: type[do.Command]) -> str:
    match flaw.sort:
        case "missing":
            return f"is empty; {action} needs it"
        case "unknown":
            fields = [name for name in model.__struct_fields__ if name != "actor"]
            return f"{unknown_field(flaw.place[-1], action, fields)}; leave its cell empty"
        case _:
            return f"{flaw.what}; correct it"


@cache
def _texts(model: type[do.Command]) -> frozenset[str]:
    """The fields of ``model`` that are texts, whatever they begin with."""
    info = msgspec.inspect.type_info(model)
    assert isinstance(info, msgspec.inspect.StructType)
    return frozenset(field.name for field in info.fields if _is_text(field.type))


def _is_text(info: msgspec.inspect.Type) -> bool:
    if isinstance(info, msgspec.inspect.Metadata):
        return _is_text(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return any(map(_is_text, info.types))
    return isinstance(info, msgspec.inspect.StrType)


def _source(cells: Mapping[str, str], known: Mapping[str, set[str]]) -> str:
    report, sources = cells["report"], known.get(cells["report"], set())
    if not sources:
        raise ValueError(f"there is no report {report}")
    source = cells.get("source") or next(iter(sources))
    if source not in sources or (len(sources) > 1 and not cells.get("source")):
        raise ValueError(f"the report {report} comes from {', '.join(sorted(sources))}; name one in a column source")
    return source


def _value(column: str, cell: str) -> Any:
    if cell[0] not in "{[":
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError as error:
        raise BrokenCell(column, f"begins with {cell[0]}, which means JSON here, and is none: {error}") from None


def _instant(cell: Cell, zone: ZoneInfo) -> datetime:
    try:
        read = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"{cell or '(empty)'} is no instant, such as 2026-03-02T09:10 or 2026-03-02") from None
    try:
        return within_range(read if read.tzinfo else read.replace(tzinfo=zone))
    except ValueError as error:
        raise ValueError(f"{cell} {error}") from None


@dataclass(frozen=True, slots=True)
class EarlyRow(BadRow):
    """A row whose case was closed before it was opened; ``key`` is its problem."""

    key: UUID


@dataclass(frozen=True, slots=True)
class ClosingColumns:
    """Which columns of the reports' own file say when a case was closed, and how; ``usual`` where the cell is empty.

    A case that was closed before it was opened is left out, or with ``early_at_once`` closed as it is opened.
    """

    closed: str
    outcome: str | None
    usual: str
    early_at_once: bool = False

    def read(self, table: Table, mapping: Columns, rules: Rules) -> Iterator[Act | BadRow]:
        """Everything that closes a problem under the pack, at the instant in the file: completed, verified, struck off.

        A row that gives no report gives nothing here either; what is wrong with it has been told.

        Raises:
            TableError: a column is missing.
        """
        known: dict[str, int] = {}
        table.need((*mapping.needed, self.closed, *filter(None, [self.outcome])))
        for row in table:
            if isinstance(row, BadRow):
                continue
            try:
                key = own_problem(mapping.source, report_id(row, mapping, known))
            except BrokenCell:
                continue
            if row.cells[self.closed]:
                yield from self._closing(row, key, mapping, rules)

    def _closing(self, row: Row, key: UUID, mapping: Columns, rules: Rules) -> Iterator[Act | BadRow]:
        outcome = str(row.cells[self.outcome]) if self.outcome else ""
        try:
            at = self._at(row.cells[self.closed], mapping, rules)
            if (opened := self._opened(row, mapping)) is not None and at < opened:
                if not self.early_at_once:
                    yield EarlyRow(row.line, self.closed, "closed before it was opened; its report is left out", key)
                    return
                at = opened
            yield from _closes(at, key, outcome or self.usual, rules)
        except msgspec.ValidationError as error:
            yield BadRow(row.line, self.outcome or self.closed, str(flaw_of(error)))
        except ValueError as error:
            yield BadRow(row.line, self.closed, str(error))

    @staticmethod
    def _at(cell: Cell, mapping: Columns, rules: Rules) -> datetime:
        """The instant in a cell, written as the mapping says of ``observed_at``, else as ISO 8601."""
        return mapping.observed_at.read(cell) if mapping.observed_at else _instant(cell, rules.zone)

    @staticmethod
    def _opened(row: Row, mapping: Columns) -> datetime | None:
        column = mapping.columns.get("observed_at")
        try:
            return mapping.observed_at.read(row.cells[column]) if column and mapping.observed_at else None
        except ValueError:
            return None  # told with the reports


def _closes(at: datetime, key: UUID, outcome: str, rules: Rules) -> Iterator[Act]:
    """What it takes under the pack; checks that only some problems need are left to the acts."""
    closing, actor = rules.pack.closing, do.Actor(unit=rules.pack.office)
    yield Act(at, key, LEAD, do.Complete(actor=actor, outcome=outcome))
    for check in rules.pack.gate.checks if rules.pack.gate else ():
        if not check.categories and not check.matters:
            signers = [unit for unit in check.by if unit[0] != "@"]
            signer = signers[0] if signers and OFFICE not in check.by else OFFICE
            yield Act(at, key, signer, do.Check(actor=actor, check=check.id, evidence=(_SEAL,)))
    if closing.verify:
        yield Act(at, key, OFFICE, do.Verify(actor=actor, passed=True))
    if closing.strike_off == "by_office":
        yield Act(at, key, OFFICE, do.StrikeOff(actor=actor))
