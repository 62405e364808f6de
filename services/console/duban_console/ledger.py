"""Records, histories and outcomes, from the views that the router publishes of its ledger (台账)."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from duban.clock import within_range
from duban.errors import DubanError, Unavailable
from duban.io.availability import is_unavailable
from duban.messages.changes import Attached, Registered
from duban.messages.envelope import derived_id
from duban.messages.events import Refused
from duban.messages.records import AnyRecord, Event, Listing, Reward, record_from_json
from duban.messages.report import Filed
from duban.messages.sealed import WrappedKey, report_key
from duban.messages.struct import Frozen, from_json
from duban.moves import CLOSED, OPEN, STAGE, Kind, Stage, Status
from duban.texts import folded
from duban_console.chain import Line, first_broken
from duban_console.source_journal import SourceActivity, activities

if TYPE_CHECKING:
    import asyncpg

    from duban_console.assessment.histories import AtRest

_STATE = "select state from router.published_records where id = $1"
_BY_NUMBER = "select id from router.published_records where number = $1"
_HISTORY = "select version, body, hash from router.published_events where problem_id = $1 order by version"
_UNANSWERED = """
    select source, id, version from router.published_unanswered where problem_id = $1 and version > $2
    order by version limit $3
"""
_FILED = """
    select body from router.published_events
    where problem_id = $1 and kind in ('registered', 'attached') order by version
"""
_REPORT_KEYS = """
    select key, key_id, wrapped, erased_at, why from intake.published_report_keys where key = any($1::uuid[])
"""
_RECEIPT = """
    select source, id, received_at, outcome, problem_id, receipts.code, receipts.reason, handle,
        contacts.kept_at as contact_kept_at, contacts.forgotten_at as contact_forgotten_at,
        contact_until, content_until, evidence_until, erased_at
    from intake.published_receipts as receipts
        left join intake.published_contacts as contacts using (key)
        left join intake.published_report_keys as keys using (key)
    where key = $1
"""
_FILE_KEY = "select key_id, wrapped, erased_at, null as why from intake.published_file_keys where sha256 = $1"
_BEFORE = """
    select body from router.published_events as event
    join router.published_records as record on record.id = event.problem_id
    where record.jurisdiction = $1 and event.at < $2 and record.kind = any($3::text[])
      and ($4::timestamptz is null or record.status = any($5::text[]) or record.due_at is not null or exists (
          select from router.published_events as latest
          where latest.problem_id = record.id and latest.version = record.version and latest.at >= $4
      ) or (record.lapses > 0 and exists (
          select from jsonb_array_elements(record.state::jsonb -> 'climbs') as climb
          where (climb ->> 'lapses')::int > 0 and climb ->> 'obligation' = any($6::text[])
      )))
    order by event.problem_id, event.version
    limit $7
"""
#: Of the records that began in a period: when the last one did that is too many, from the newest on.
_ONE_TOO_MANY = """
    select begun_at from router.published_records
    where jurisdiction = $1 and begun_at >= $2 and begun_at < $3
    order by begun_at desc, id desc offset $4 limit 1
"""
_PAST = """
    select body from router.published_events as event
    join router.published_records as record on record.id = event.problem_id
    where record.jurisdiction = $1 and record.begun_at >= $2 and record.begun_at < $3 and event.at < $3
    order by event.problem_id, event.version
"""
#: So many events come at once: few enough that nothing else waits for them.
_AT_ONCE = 250
_HASHES = """
    select problem_id, version, hash from router.published_events
    join unnest($1::uuid[], $2::int[]) as meant (problem_id, version) using (problem_id, version)
"""
_HEAD = "select head from router.published_records where id = $1"
_OUTCOME = """
    select command, problem_id, first_version, last_version, refused from router.published_outcomes where key = $1
"""
#: Rows follow (begun_at, id), which never change: a page neither skips nor repeats what was there at its start.
#: Every filter is optional. Overdue: open, and a time limit that still runs has passed.
_PAGE = """
    select id, begun_at, state from router.published_records
    where kind = $1
      and ($2::text is null or jurisdiction = $2)
      and ($3::text[] is null or status = any($3))
      and ($4::text is null or holder = $4)
      and ($5::text is null or rule = $5)
      and ($6::timestamptz is null or status <> all($7::text[]) and exists (
            select from jsonb_array_elements(state::jsonb -> 'deadlines') as one
            where (one ->> 'lapse_at')::timestamptz < $6))
      and ($8::jsonb is null or state::jsonb @> $8)
      and ($9::timestamptz is null or (begun_at, id) > ($9, $10::uuid))
    order by begun_at, id
    limit $11
"""
#: By the name as :func:`duban.texts.folded` makes it; those that nobody has folded yet come too, to be compared here.
LISTINGS = """
    with named as (
        select * from router.published_records where folded = $1 and kind = 'listing'
        union all
        select * from router.published_records where folded is null and kind = 'listing'
    )
    select state from named
    where ($2::text is null or jurisdiction = $2) and ($3::text is null or rule = $3)
    order by begun_at, id
"""
REWARDS = "select state from router.published_records where subject = $1 and kind = 'reward' order by begun_at, id"


class TooManyEvents(DubanError):
    """There are more events than somebody is ready to hold at once."""


class BadCursor(ValueError):
    """A cursor that no page of ours has given out."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which records of one kind are wanted; what is None or empty does not matter.

    ``rule`` is what the pack says about it (category, duty, list, reward), ``holder`` the unit that has it in hand,
    ``overdue_at``: overdue at that instant. ``of`` is whose pledges, of duties; the four before it are of problems.
    """

    kind: Kind
    jurisdiction: str | None = None
    statuses: tuple[Status, ...] = ()
    rule: str | None = None
    holder: str | None = None
    overdue_at: datetime | None = None
    channel: str | None = None
    enterprise: str | None = None
    sponsor: str | None = None
    matter: str | None = None
    of: str | None = None

    def state(self) -> str | None:
        """What the state of a record must hold, as JSON."""
        fields = {name: getattr(self, name) for name in ("channel", "enterprise", "sponsor", "matter", "of")}
        given = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(given) if given else None


def statuses_in(stage: Stage | None, status: Status | None) -> tuple[Status, ...]:
    """The statuses that problems of ``stage`` and ``status`` may have; a stage without the status has none."""
    if stage is None:
        return (status,) if status else ()
    return tuple(candidate for candidate, its in STAGE.items() if its is stage and status in (None, candidate))


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one kind in the order in which they began; ``cursor`` leads on, and is None on the last page."""

    records: list[AnyRecord]
    cursor: str | None


class WaitingReport(Frozen):
    """A report that waits for a reply, with the version of the event that filed it."""

    source: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class HeldKey:
    """The key of a report or a file, as intake holds it; without it, since when and why it is destroyed."""

    key: WrappedKey | None
    erased_at: datetime | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class HeldReceipt:
    """What intake keeps of a report beside the ledger: what became of it, and until when each class of it is kept."""

    source: str
    id: str
    received_at: datetime
    outcome: str
    problem_id: UUID | None
    code: str | None
    reason: str | None
    handle: str | None
    contact_kept_at: datetime | None
    contact_forgotten_at: datetime | None
    contact_until: datetime | None
    content_until: datetime | None
    evidence_until: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """A report as it stands in the ledger, and its key where something of it is sealed."""

    filed: Filed
    held: HeldKey | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Every event of a record, and the version at which its chain of hashes breaks, if it does."""

    lines: list[Line]
    first_broken: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: its events in order, or why it was refused."""

    command: str
    problem_id: UUID
    lines: list[Line]
    refused: Refused | None


class LedgerReader:
    """Questions to the ledger. Every method raises :class:`Unavailable` while the ledger cannot be asked."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def record(self, id_: UUID) -> AnyRecord | None:
        """The record as it stands."""
        async with asking():
            state = await self._pool.fetchval(_STATE, id_)
        return record_from_json(state) if state else None

    async def numbered(self, number: str) -> list[UUID]:
        """The records that bear ``number``: at most one in each jurisdiction."""
        async with asking():
            return [row["id"] for row in await self._pool.fetch(_BY_NUMBER, number)]

    async def unanswered(self, problem_id: UUID, limit: int | None = None, after: int = 0) -> list[WaitingReport]:
        """The reports of a problem that wait for a reply, the oldest first: at most ``limit``, after that version."""
        async with asking():
            rows = await self._pool.fetch(_UNANSWERED, problem_id, after, limit)
        return [WaitingReport(**row) for row in rows]

    async def filed(self, problem_id: UUID) -> list[LedgerReport]:
        """The reports of a problem, the first first, with what became of the keys of those that are sealed."""
        async with asking():
            rows = await self._pool.fetch(_FILED, problem_id)
            changes = [from_json(row["body"], Event).change for row in rows]
            filed = [change.filed for change in changes if isinstance(change, Registered | Attached)]
            of_sealed = [report_key(each.source, each.id) for each in filed if each.sealed is not None]
            held = await self._pool.fetch(_REPORT_KEYS, of_sealed) if of_sealed else []
        keys = {row["key"]: held_key(row) for row in held}
        return [LedgerReport(each, keys.get(report_key(each.source, each.id))) for each in filed]

    async def receipt(self, source: str, report_id: str) -> HeldReceipt | None:
        """What intake keeps of the report; None where it has given no receipt for it."""
        async with asking():
            row = await self._pool.fetchrow(_RECEIPT, report_key(source, report_id))
        return None if row is None else HeldReceipt(**row)

    async def file_key(self, sha256: str) -> HeldKey | None:
        """The key of a file that a sealed report speaks of; None where it speaks of none such."""
        async with asking():
            row = await self._pool.fetchrow(_FILE_KEY, sha256)
        return None if row is None else held_key(row)

    async def history(self, problem_id: UUID) -> Chain | None:
        """Every event of the record, with its chain of hashes recomputed."""
        # One snapshot: an event that arrives between the two questions would look like a break.
        async with (
            asking(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchval(_HEAD, problem_id)
            rows = await connection.fetch(_HISTORY, problem_id)
        if head is None:
            return None
        lines = _lines(rows)
        return Chain(lines, first_broken(lines, head))

    async def events(
        self,
        jurisdiction: str,
        before: datetime,
        kinds: Collection[Kind] = tuple(Kind),
        without: AtRest | None = None,
        most: int | None = None,
    ) -> Iterator[Event]:
        """The events of records of some ``kinds`` before an instant, record by record, in order; parsed when taken.

        Records ``without`` which the question is answered are not read.

        Raises:
            TooManyEvents: they are more than ``most``.
        """
        since, lasting = (without.before, list(without.lasting)) if without is not None else (None, [])
        async with asking():
            rows = await self._pool.fetch(
                _BEFORE, jurisdiction, before, list(kinds), since, sorted(OPEN), lasting,
                None if most is None else most + 1,
            )  # fmt: skip
        if most is not None and len(rows) > most:
            raise TooManyEvents(f"there are more than {most} events to read")
        return (from_json(row["body"], Event) for row in rows)

    async def begun_after(self, jurisdiction: str, since: datetime, until: datetime, most: int) -> datetime | None:
        """After which instant the latest ``most`` of the records of a period began; None where there are no more."""
        async with asking():
            at: datetime | None = await self._pool.fetchval(_ONE_TOO_MANY, jurisdiction, since, until, most)
        return at

    async def past(self, jurisdiction: str, since: datetime, until: datetime) -> AsyncIterator[list[bytes]]:
        """The events of the records that began in a period, up to its end: record by record, in order, some at once."""
        async with asking(), self._pool.acquire() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(_PAST, jurisdiction, since, until)
            while rows := await cursor.fetch(_AT_ONCE):
                yield [row["body"].encode() for row in rows]

    async def outcome(self, source: str, command: str) -> Outcome | None:
        """What came of the command that ``source`` sent with this id; None while it is undecided, or was never sent."""
        async with asking():
            row = await self._pool.fetchrow(_OUTCOME, derived_id(source, command))
            if row is None:
                return None
            versions = range(row["first_version"], row["last_version"] + 1)
            events = await self._pool.fetch(_HISTORY, row["problem_id"]) if versions else []
        lines = [line for line in _lines(events) if line.version in versions]
        refused = from_json(row["refused"], Refused) if row["refused"] else None
        return Outcome(row["command"], row["problem_id"], lines, refused)

    async def awaited(self, source: str, command: str, seconds: float) -> Outcome | None:
        """The outcome as soon as it stands in the ledger; None when ``seconds`` pass without it."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + seconds, 0.01
        while True:
            outcome = await self.outcome(source, command)
            left = until - loop.time()
            if outcome is not None or left <= 0:
                return outcome
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.25)

    async def page(self, filters: Filters, limit: int, cursor: str | None = None) -> Page:
        """At most ``limit`` records that pass ``filters``, after ``cursor``.

        Raises:
            BadCursor: ``cursor`` is none of ours.
        """
        after = _decoded(cursor) if cursor else (None, None)
        async with asking():
            rows = await self._pool.fetch(
                _PAGE, filters.kind, filters.jurisdiction, list(filters.statuses) or None, filters.holder,
                filters.rule, filters.overdue_at, list(CLOSED), filters.state(), *after, limit + 1,
            )  # fmt: skip
        records = [record_from_json(row["state"]) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(records, _encoded(rows[limit - 1]) if more else None)

    async def hashes(self, lines: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
        """The hash of each of ``lines``, a record and a version; without those that are not there."""
        ids, versions = [line[0] for line in lines], [line[1] for line in lines]
        async with asking():
            rows = await self._pool.fetch(_HASHES, ids, versions)
        return {(row["problem_id"], row["version"]): row["hash"] for row in rows}

    async def source_activities(self) -> dict[str, SourceActivity]:
        """What was heard of each source, by its name."""
        async with asking():
            return await activities(self._pool)

    async def listings(self, of: str, jurisdiction: str | None = None, list_: str | None = None) -> list[Listing]:
        """Every entry of ``of`` on any list, or on ``list_``, the oldest first, however its name is written there."""
        name = folded(of)
        async with asking():
            rows = await self._pool.fetch(LISTINGS, name, jurisdiction, list_)
        return [entry for row in rows if folded((entry := from_json(row["state"], Listing)).of) == name]

    async def rewards(self, handle: str) -> list[Reward]:
        """The rewards that are owed to whoever holds ``handle``, the oldest first."""
        async with asking():
            rows = await self._pool.fetch(REWARDS, handle)
        return [from_json(row["state"], Reward) for row in rows]

    async def why_declined(self, reward: Reward) -> str | None:
        """The reason why ``reward`` was declined; None where it was not."""
        if "declined" not in reward.marks:
            return None
        history = await self.history(reward.id)
        lines = history.lines if history else []
        return next((line.event.reason for line in lines if line.event.change.kind == "declined"), None)


@asynccontextmanager
async def asking() -> AsyncIterator[None]:
    """Turn what asyncpg raises while the ledger is away into :class:`Unavailable`."""
    import asyncpg

    # A ledger that nobody has migrated to today's release yet: not there, but coming.
    not_yet = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError)
    try:
        yield
    except not_yet as error:
        raise Unavailable("the ledger is not there yet: run `duban migrate`, which lays it out") from error
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(f"the database cannot be asked: {type(error).__name__}: {error}") from error
        raise


def held_key(row: asyncpg.Record) -> HeldKey:
    """The key in a row of what intake publishes of keys."""
    key = None if row["wrapped"] is None else WrappedKey(row["key_id"], row["wrapped"])
    return HeldKey(key, row["erased_at"], row["why"])


def _lines(rows: list[asyncpg.Record]) -> list[Line]:
    return [Line(row["version"], row["body"].encode(), row["hash"]) for row in rows]


def _encoded(row: Any) -> str:
    return urlsafe_b64encode(f"{row['begun_at'].isoformat()}|{row['id']}".encode()).decode().rstrip("=")


def _decoded(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, _, problem_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("|")
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None:
            raise ValueError("a cursor carries an aware instant")
        return within_range(instant), UUID(problem_id)
    except ValueError:
        raise BadCursor("the cursor is none that a page has given out; begin again without one") from None
