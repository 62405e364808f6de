"""The routes of records, a path for each kind: pages of them, one of them, its history, and actions on it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator

from duban.clock import Clock
from duban.errors import Fault
from duban.messages.events import MOST_LINES
from duban.messages.records import AnyRecord, Duty, Listing, Problem, Reading, Reward
from duban.moves import Kind, Stage, Status
from duban_console.action import NAMES, Action, action_message, parsed
from duban_console.api.answer import respond
from duban_console.api.asker import Asker, Asks, unknown
from duban_console.api.document import answers, body
from duban_console.api.instants import written_instant
from duban_console.api.responses import (
    FILTERS,
    PATHS,
    SOURCE,
    Accepted,
    Decision,
    Duties,
    HistoryTold,
    Listings,
    Problems,
    Readings,
    Records,
    Rewards,
    WaitingReports,
    told,
)
from duban_console.api.submission import CommandDoor, IdempotencyKey, Wait, answered, command_id
from duban_console.ledger import BadCursor, Filters, LedgerReader, Page, statuses_in

_MODELS: Final[dict[Kind, type[AnyRecord]]] = {
    Kind.PROBLEM: Problem,
    Kind.DUTY: Duty,
    Kind.LISTING: Listing,
    Kind.REWARD: Reward,
    Kind.READING: Reading,
}

_TEXTS: Final = ("jurisdiction", "channel", "enterprise", "sponsor", "matter", "of")

#: How often one request asks the ledger at most for records that are there for who asks.
_QUESTIONS: Final = 40

RecordId = Annotated[UUID, Path(alias="id")]
Limit = Annotated[int, Query(ge=1, le=500)]
Overdue = Annotated[bool, Query(description="Only open ones with a time limit that has passed")]
DueBefore = Annotated[
    AwareDatetime | None,
    BeforeValidator(written_instant),
    Query(description="Only open ones with a time limit that ends before this instant, with its offset"),
]


def serve_records(app: FastAPI, ledger: LedgerReader, door: CommandDoor, clock: Clock) -> None:
    """Add the routes to ``app``."""
    _named(app, ledger)
    _pages(app, ledger, clock)
    _unanswered(app, ledger)
    for kind in Kind:
        _one(app, kind, ledger)
        _actions(app, kind, ledger, door, clock)


def _named(app: FastAPI, ledger: LedgerReader) -> None:
    @app.get("/v1/records", responses=answers(Records), tags=["records"])
    async def named(
        asks: Asks, name: Annotated[str, Query(min_length=1, max_length=120, description="Their id, or their number")]
    ) -> Response:
        """The records of whatever kind that bear an id or a number; a number may stand once in each city."""
        if "\0" in name:
            raise Fault(400, "invalid", "a name carries no NUL", "name")
        try:
            ids = [UUID(name)]
        except ValueError:
            ids = await ledger.numbered(name)
        records = [record for id_ in ids if (record := await ledger.record(id_)) is not None]
        return respond(asks, Records(records=[each for each in records if asks.sees(f"see_{each.kind}", each)]))


def _pages(app: FastAPI, ledger: LedgerReader, clock: Clock) -> None:
    @app.get("/v1/problems", responses=answers(Problems), tags=["problems"])
    async def problems(
        asks: Asks,
        jurisdiction: str | None = None,
        status: Status | None = None,
        stage: Stage | None = None,
        lead_unit: str | None = None,
        category: str | None = None,
        matter: Annotated[str | None, Query(description="Only what wants this: a consultation, a complaint …")] = None,
        channel: str | None = None,
        enterprise: Annotated[str | None, Query(description="Only what this enterprise was reported for")] = None,
        sponsor: Annotated[str | None, Query(description="Only what this leader has taken")] = None,
        overdue: Overdue = False,
        due_before: DueBefore = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Response:
        """Problems, in the order of their registration."""
        if stage is not None and not statuses_in(stage, status):
            return respond(asks, {"problems": []})  # nothing is in this status and in another's stage
        filters = Filters(
            Kind.PROBLEM, jurisdiction, statuses_in(stage, status), category, lead_unit,
            _ended_by(clock, overdue, due_before), channel, enterprise, sponsor, matter,
        )  # fmt: skip
        return await page("problems", filters, limit, cursor, asks)

    @app.get("/v1/duties", responses=answers(Duties), tags=["duties"])
    async def duties(
        asks: Asks,
        jurisdiction: str | None = None,
        status: Status | None = None,
        duty: str | None = None,
        unit: Annotated[str | None, Query(description="Only what this unit owes")] = None,
        of: Annotated[str | None, Query(description="Only what this enterprise has pledged")] = None,
        overdue: Overdue = False,
        due_before: DueBefore = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Response:
        """What the calendar and measures have opened for units, in the order of its opening."""
        filters = Filters(
            Kind.DUTY, jurisdiction, _only(status), duty, unit, _ended_by(clock, overdue, due_before), of=of
        )
        return await page("duties", filters, limit, cursor, asks)

    @app.get("/v1/listings/entries", responses=answers(Listings), tags=["listings"])
    async def listings(
        asks: Asks,
        jurisdiction: str | None = None,
        status: Status | None = None,
        list_: Annotated[str | None, Query(alias="list", description="Only this list, by its id in the pack")] = None,
        keeper: str | None = None,
        overdue: Overdue = False,
        due_before: DueBefore = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Response:
        """Entries on lists, in the order in which they were made."""
        filters = Filters(
            Kind.LISTING, jurisdiction, _only(status), list_, keeper, _ended_by(clock, overdue, due_before)
        )
        return await page("listings", filters, limit, cursor, asks)

    @app.get("/v1/rewards", responses=answers(Rewards), tags=["rewards"])
    async def rewards(
        asks: Asks,
        jurisdiction: str | None = None,
        status: Status | None = None,
        reward: Annotated[str | None, Query(description="Only this class, by its id in the pack")] = None,
        fixed_by: str | None = None,
        overdue: Overdue = False,
        due_before: DueBefore = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Response:
        """Rewards, in the order in which they came to be owed."""
        filters = Filters(
            Kind.REWARD, jurisdiction, _only(status), reward, fixed_by, _ended_by(clock, overdue, due_before)
        )
        return await page("rewards", filters, limit, cursor, asks)

    @app.get("/v1/readings", responses=answers(Readings), tags=["readings"])
    async def readings(
        asks: Asks,
        jurisdiction: str | None = None,
        target: Annotated[str | None, Query(description="Only of this target, by its id in the pack")] = None,
        unit: Annotated[str | None, Query(description="Only of this unit")] = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Response:
        """Readings of targets, in the order in which they were entered; a correction follows what it corrects."""
        return await page("readings", Filters(Kind.READING, jurisdiction, (), target, unit), limit, cursor, asks)

    async def page(name: str, filters: Filters, limit: int, cursor: str | None, asks: Asker) -> Response:
        rule, holder = FILTERS[filters.kind]
        for field, parameter in {"rule": rule, "holder": holder}.items() | {(text, text) for text in _TEXTS}:
            if "\0" in (getattr(filters, field) or ""):
                raise Fault(400, "invalid", "a filter carries no NUL", parameter)
        given = {name: getattr(filters, name) for name in _TEXTS}
        asks.filters(f"see_{filters.kind}", filters.jurisdiction, given)
        try:
            seen_page = await seen(ledger, filters, limit, cursor, asks)
        except BadCursor as error:
            raise Fault(400, "invalid", str(error), "cursor") from None
        more = {"cursor": seen_page.cursor} if seen_page.cursor else {}
        return respond(asks, {name: seen_page.records, **more})


async def seen(ledger: LedgerReader, filters: Filters, limit: int, cursor: str | None, asks: Asker) -> Page:
    """At most ``limit`` records that are there for who asks; fewer, with a cursor, where many are not.

    Raises:
        BadCursor: ``cursor`` is none of ours.
    """
    records: list[AnyRecord] = []
    for _ in range(_QUESTIONS):
        page = await ledger.page(filters, limit - len(records), cursor)
        records += asks.seen(f"see_{filters.kind}", page.records)
        cursor = page.cursor
        if cursor is None or len(records) == limit:
            break
    return Page(records, cursor)


def _only(status: Status | None) -> tuple[Status, ...]:
    return (status,) if status else ()


def _ended_by(clock: Clock, overdue: bool, due_before: datetime | None) -> datetime | None:
    """The instant by which a limit has to end: of two that are said the earlier one."""
    return min((at for at in (clock.now() if overdue else None, due_before) if at is not None), default=None)


def _one(app: FastAPI, kind: Kind, ledger: LedgerReader) -> None:
    path = PATHS[kind]
    tags: list[str | Enum] = [path.rpartition("/")[2]]

    @app.get(f"{path}/{{id}}", responses=answers(_MODELS[kind]), tags=tags, name=kind.value)
    async def one(id_: RecordId, asks: Asks) -> Response:
        """The record as it stands after its latest event, with what is due."""
        return respond(asks, await _found(ledger, kind, id_, asks, f"see_{kind}"))

    @app.get(f"{path}/{{id}}/history", responses=answers(HistoryTold), tags=tags, name=f"{kind}_history")
    async def history(id_: RecordId, asks: Asks) -> Response:
        """Every event with who, when and why; `verified` says whether the chain of hashes recomputes."""
        record = await _found(ledger, kind, id_, asks, "see_history")
        whole = await ledger.history(id_)
        if whole is None:
            raise unknown(kind, id_)
        return respond(asks, told(str(id_), whole), deed="see_history", of=record)


def _unanswered(app: FastAPI, ledger: LedgerReader) -> None:
    @app.get("/v1/problems/{id}/unanswered", responses=answers(WaitingReports), tags=["problems"])
    async def unanswered(
        id_: RecordId, asks: Asks, limit: Limit = 50, cursor: Annotated[int, Query(ge=0, le=MOST_LINES)] = 0
    ) -> Response:
        """The reports of a problem that wait for a reply, the oldest first, each with the event that filed it."""
        record = await _found(ledger, Kind.PROBLEM, id_, asks, "see_unanswered")
        reports = await ledger.unanswered(id_, limit + 1, cursor)
        more = str(reports[limit - 1].version) if len(reports) > limit else None
        waiting = WaitingReports(reports=reports[:limit], cursor=more)
        return respond(asks, waiting, deed="see_unanswered", of=record)


def _actions(app: FastAPI, kind: Kind, ledger: LedgerReader, door: CommandDoor, clock: Clock) -> None:
    @app.post(
        f"{PATHS[kind]}/{{id}}/actions", status_code=202, tags=["actions"],
        responses=answers(Accepted, Decision, status=202), openapi_extra=body(Action), name=f"act_on_{kind}",
    )  # fmt: skip
    async def act(
        id_: RecordId, request: Request, asks: Asks, wait: Wait = 0, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Send an action; the same id sent again is the same action, and has the same outcome."""
        with answered():
            command, chosen = parsed(await request.body())
        message_id = command_id(chosen, idempotency_key)
        deed = NAMES[type(command)]
        record = await _found(ledger, kind, id_, asks, deed)
        command = asks.acting(deed, command, record)
        message = action_message(
            command, id_=message_id, problem_id=id_, jurisdiction=record.jurisdiction, source=SOURCE, at=clock.now()
        )
        return await door.send(message, wait, asks, deed, record)


async def _found(ledger: LedgerReader, kind: Kind, id_: UUID, asks: Asker, deed: str) -> AnyRecord:
    """The record, where it is there for who asks and they may do ``deed`` on it."""
    asks.must(deed)
    record = await ledger.record(id_)
    if record is None or not asks.sees(deed, record):
        raise unknown(kind, id_, denied=None if record is None else deed)
    if record.kind is not kind:
        what = f"{id_} is no {kind} but a {record.kind}: ask for {PATHS[record.kind]}/{id_}"
        raise Fault(404, f"unknown_{kind}", what, "id")
    return record
