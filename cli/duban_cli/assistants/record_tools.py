"""The tools that look into the ledger: records, histories, reports, lists, and what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from duban.messages.records import AnyRecord, Deadline, record_from_json
from duban.messages.struct import from_data, to_json
from duban.moves import Kind, Stage, Status
from duban_cli.assistants.answers import (
    CommandOutcome,
    DueLine,
    HistoryOfRecord,
    NameOnLists,
    RecordLine,
    RecordPage,
    ReportsOfProblem,
    RunningLimit,
    WhatIsDue,
    WhoAsks,
    WholeRecords,
    WrittenText,
)
from duban_cli.assistants.api import ApiAnswer, Callers, PersonalApi
from duban_cli.assistants.marks import marked
from duban_cli.assistants.tools import add_tool
from duban_console.api.responses import PAGES, PATHS, Decision, EventLine, HistoryTold
from duban_console.ledger import WaitingReport
from duban_console.listings import NameCheck
from duban_console.reports import ShownReport

_Name = Annotated[str, Field(min_length=1, max_length=120, description="The number of a record, or its id")]
_Jurisdiction = Annotated[str, Field(max_length=120, description="Only of this city, by its id; empty: of any")]
_StatusOf = Annotated[Status | None, Field(description="Only in this status")]
_Overdue = Annotated[bool, Field(description="Only open ones with a time limit that has passed")]
_Limit = Annotated[int, Field(ge=1, le=200, description="At most so many")]
_Cursor = Annotated[str, Field(max_length=300, description="Go on where an earlier page ended, by its `cursor`")]
#: Of each kind so many pages of so many records are looked through at most for what is due.
_PAGES, _PER_PAGE = 4, 500
#: So many limits are told.
_MOST_DUE: Final = 200


class RecordTools:
    """Tools that look into the ledger; each asks the API as who ``callers`` say."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def add_to(self, server: MCPServer[Any]) -> None:
        """Have ``server`` offer them."""
        for title, function, written in (
            ("As whom the tools ask", self.who_asks, False),
            ("A record", self.show_record, True),
            ("The history of a record", self.show_history, True),
            ("The reports of a problem", self.show_reports, True),
            ("Problems", self.list_problems, True),
            ("Duties", self.list_duties, True),
            ("Entries on lists, rewards, readings", self.list_others, True),
            ("Does a name stand on a list", self.check_name, True),
            ("What is due", self.what_is_due, True),
            ("What came of a command", self.show_outcome, True),
        ):
            add_tool(server, title, function, written=written)

    async def who_asks(self, ctx: Context) -> WhoAsks:
        """The account as which all these tools ask, its appointments, and what it may do at all."""
        return WhoAsks.model_validate((await self._callers.api(ctx).ask("/v1/me")).document)

    async def show_record(self, ctx: Context, name: _Name) -> WholeRecords:
        """A problem, duty, entry on a list, reward or reading as it stands, with what is due; by its number or its id.

        A number may stand once in each city, so there may be several.
        """
        answer, records = await _named(self._callers.api(ctx), name)
        return WholeRecords(masked=answer.masked, records=[marked(record) for record in records])

    async def show_history(self, ctx: Context, name: _Name) -> HistoryOfRecord:
        """Every event of a record, the first first: who did what, when and why, and by which clause."""
        api = self._callers.api(ctx)
        record = await only_record(api, name)
        answer = await api.ask(f"{PATHS[record.kind]}/{record.id}/history")
        history = from_data(answer.document, HistoryTold)
        return HistoryOfRecord(
            masked=answer.masked, id=str(record.id), number=record.number, verified=history.verified,
            events=[_event(event) for event in history.events],
        )  # fmt: skip

    async def show_reports(self, ctx: Context, name: _Name) -> ReportsOfProblem:
        """The reports of a problem as they came in, and those whose reporters still wait for a reply."""
        api = self._callers.api(ctx)
        record = await only_record(api, name, Kind.PROBLEM)
        path = f"{PATHS[Kind.PROBLEM]}/{record.id}"
        filed = await api.ask(f"{path}/reports")
        waiting = await api.ask_or_none(f"{path}/unanswered", {"limit": _PER_PAGE})
        unanswered = waiting.document["reports"] if waiting is not None else []
        return ReportsOfProblem(
            masked=filed.masked,
            reports=[marked(from_data(report, ShownReport)) for report in filed.document["reports"]],
            waiting_for_a_reply=[marked(from_data(report, WaitingReport)) for report in unanswered],
        )

    async def list_problems(
        self,
        ctx: Context,
        jurisdiction: _Jurisdiction = "",
        status: _StatusOf = None,
        stage: Annotated[Stage | None, Field(description="Only in this stage")] = None,
        lead_unit: Annotated[str, Field(max_length=120, description="Only led by this unit, by its id")] = "",
        category: Annotated[str, Field(max_length=120, description="Only of this category, by its id")] = "",
        channel: Annotated[str, Field(max_length=120, description="Only what came in by this channel")] = "",
        enterprise: Annotated[str, Field(max_length=120, description="Only what this one was reported for")] = "",
        sponsor: Annotated[str, Field(max_length=120, description="Only what this leader has taken")] = "",
        overdue: _Overdue = False,
        limit: _Limit = 50,
        cursor: _Cursor = "",
    ) -> RecordPage:
        """Problems in the order of their registration, those that the person who asks may see."""
        query = {
            "jurisdiction": jurisdiction, "status": status, "stage": stage, "lead_unit": lead_unit,
            "category": category, "channel": channel, "enterprise": enterprise, "sponsor": sponsor,
            "overdue": overdue or None, "limit": limit, "cursor": cursor,
        }  # fmt: skip
        return await _page(self._callers.api(ctx), Kind.PROBLEM, query)

    async def list_duties(
        self,
        ctx: Context,
        jurisdiction: _Jurisdiction = "",
        status: _StatusOf = None,
        duty: Annotated[str, Field(max_length=120, description="Only this duty, by its id in the pack")] = "",
        unit: Annotated[str, Field(max_length=120, description="Only what this unit owes, by its id")] = "",
        of: Annotated[str, Field(max_length=120, description="Only what this enterprise has pledged")] = "",
        overdue: _Overdue = False,
        limit: _Limit = 50,
        cursor: _Cursor = "",
    ) -> RecordPage:
        """Duties that the calendar or a measure has opened for units, and pledges, in the order of their opening."""
        query = {
            "jurisdiction": jurisdiction, "status": status, "duty": duty, "unit": unit, "of": of,
            "overdue": overdue or None, "limit": limit, "cursor": cursor,
        }  # fmt: skip
        return await _page(self._callers.api(ctx), Kind.DUTY, query)

    async def list_others(
        self,
        ctx: Context,
        kind: Annotated[
            Literal["listing", "reward", "reading"],
            Field(description="Entries on lists such as a blacklist, rewards for reports, or readings of targets"),
        ],
        jurisdiction: _Jurisdiction = "",
        limit: _Limit = 50,
        cursor: _Cursor = "",
    ) -> RecordPage:
        """Entries on lists, rewards, or readings of targets, in the order in which they began."""
        query = {"jurisdiction": jurisdiction, "limit": limit, "cursor": cursor}
        return await _page(self._callers.api(ctx), Kind(kind), query)

    async def check_name(
        self,
        ctx: Context,
        name: Annotated[str, Field(min_length=1, max_length=120, description="The name of an enterprise or a unit")],
        jurisdiction: _Jurisdiction = "",
    ) -> NameOnLists:
        """Whether somebody stands on a list, such as a blacklist, and on what ground; case and width do not matter."""
        answer = await self._callers.api(ctx).ask("/v1/listings", {"of": name, "jurisdiction": jurisdiction})
        check = from_data(answer.document, NameCheck)
        return NameOnLists(masked=answer.masked, listed=check.listed, entries=[marked(each) for each in check.entries])

    async def what_is_due(
        self,
        ctx: Context,
        until: Annotated[
            datetime | None, Field(description="Limits that end before this instant; seven days from now, if not said")
        ] = None,
        unit: Annotated[str, Field(max_length=120, description="Only what this unit owes, by its id")] = "",
        jurisdiction: _Jurisdiction = "",
    ) -> WhatIsDue:
        """Limits that run in open problems and duties and end soon, or have passed: who owes what until when.

        The soonest stands first, at most 200 of them.
        """
        now = datetime.now(UTC)
        if until is not None and until.tzinfo is None:
            raise ToolError(f"until: {until} says no offset; write it as {until.isoformat()}+08:00")
        before = until or now + timedelta(days=7)
        masked: set[str] = set()
        lines: list[DueLine] = []
        complete = True
        for kind in (Kind.PROBLEM, Kind.DUTY):
            records, whole = await _due_records(self._callers.api(ctx), kind, before, jurisdiction, masked)
            complete &= whole
            lines += [line for record in records for line in _due_lines(record, before, unit, now)]
        lines.sort(key=lambda line: (line.limit.limit_ends_at, line.number))
        complete &= len(lines) <= _MOST_DUE
        return WhatIsDue(masked=sorted(masked), until=before, due=lines[:_MOST_DUE], complete=complete)

    async def show_outcome(
        self,
        ctx: Context,
        command: Annotated[str, Field(pattern=r"^[^/\x00]{1,300}$", description="The id of the command")],
        source: Annotated[
            str, Field(pattern=r"^[^\x00]{1,300}$", description="Who sent it; the API, if not said")
        ] = "duban/api",
    ) -> CommandOutcome:
        """What came of a command that somebody sent: carried out with its events, or refused and why."""
        answer = await self._callers.api(ctx).ask(f"/v1/commands/{quote(source)}/{quote(command)}")
        return CommandOutcome(masked=answer.masked, outcome=marked(from_data(answer.document, Decision)))


async def _named(api: PersonalApi, name: str) -> tuple[ApiAnswer, list[AnyRecord]]:
    """The records of an id or a number.

    Raises:
        ToolError: there is none, or none that is theirs.
    """
    answer = await api.ask("/v1/records", {"name": name})
    records = [_record(document) for document in answer.document["records"]]
    if not records:
        raise ToolError(f"no record {name} stands in the ledger, or none that is for who asks")
    return answer, records


async def only_record(api: PersonalApi, name: str, kind: Kind | None = None) -> AnyRecord:
    """The only record of an id or a number.

    Raises:
        ToolError: there is none, or more than one, or it is of another kind.
    """
    _, records = await _named(api, name)
    if len(records) > 1:
        ids = ", ".join(f"{record.id} in {record.jurisdiction}" for record in records)
        raise ToolError(f"{name} stands in {len(records)} cities: name one by its id, {ids}")
    record = records[0]
    if kind is not None and record.kind is not kind:
        raise ToolError(f"{name} is no {kind} but a {record.kind}")
    return record


async def _page(api: PersonalApi, kind: Kind, query: Mapping[str, Any]) -> RecordPage:
    answer = await api.ask(PAGES[kind], query)
    now = datetime.now(UTC)
    records = [_record(document) for document in _documents(kind, answer)]
    lines = [_line(record, now) for record in records]
    return RecordPage(masked=answer.masked, records=lines, cursor=answer.document.get("cursor"))


async def _due_records(
    api: PersonalApi, kind: Kind, before: datetime, jurisdiction: str, masked: set[str]
) -> tuple[list[AnyRecord], bool]:
    """Open records of ``kind`` with a limit that ends before an instant, and whether they are all there are."""
    records: list[AnyRecord] = []
    query = {"jurisdiction": jurisdiction, "due_before": before.isoformat(), "limit": _PER_PAGE}
    for _ in range(_PAGES):
        answer = await api.ask(PAGES[kind], query)
        masked.update(answer.masked)
        records += [_record(document) for document in _documents(kind, answer)]
        cursor = answer.document.get("cursor")
        if cursor is None:
            return records, True
        query["cursor"] = cursor
    return records, False


def _documents(kind: Kind, answer: ApiAnswer) -> list[Any]:
    documents: list[Any] = answer.document[PATHS[kind].rpartition("/")[2]]
    return documents


def _due_lines(record: AnyRecord, before: datetime, unit: str, now: datetime) -> Iterator[DueLine]:
    for deadline in record.deadlines:
        if deadline.lapse_at < before and unit in ("", deadline.owner):
            yield DueLine(
                kind=record.kind, id=str(record.id), number=record.number, jurisdiction=record.jurisdiction,
                status=record.status, title=WrittenText.of(record.title), limit=_limit(deadline, now),
            )  # fmt: skip


def _line(record: AnyRecord, now: datetime) -> RecordLine:
    return RecordLine(
        kind=record.kind, id=str(record.id), number=record.number, jurisdiction=record.jurisdiction,
        status=record.status, rule=record.rule, holder=record.holder, title=WrittenText.of(record.title),
        limits=[_limit(deadline, now) for deadline in record.deadlines],
    )  # fmt: skip


def _limit(deadline: Deadline, now: datetime) -> RunningLimit:
    return RunningLimit(
        obligation=deadline.obligation, part=deadline.part, owner=deadline.owner, limit_ends_at=deadline.lapse_at,
        next_measure=deadline.measure, next_at=deadline.due_at, provisional=deadline.provisional,
        overdue=deadline.lapse_at < now,
    )  # fmt: skip


def _event(event: EventLine) -> dict[str, Any]:
    """An event without its hash, which nobody reads."""
    document: dict[str, Any] = marked(event)
    document.pop("hash", None)
    return document


def _record(document: Any) -> AnyRecord:
    return record_from_json(to_json(document))
