"""The deadlines in PostgreSQL: one transaction a batch, rows written as arrays, nothing where nothing differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from duban.io.retention import forgetting, forgotten
from duban.messages.envelope import encode
from duban_escalation.callbacks import CallbackReport
from duban_escalation.calls import Call
from duban_escalation.domain import Armed, Position
from duban_escalation.handlers import ArmedVersion, Writing
from duban_escalation.notices.handler import packed, packed_headers

SCHEMA: Final = "escalation"

_COLUMNS = "problem_id, obligation, part, generation, level, due_at, fire_at, command, partition, jurisdiction"

#: Only problems whose version is newer count ("news"); of those, what is no longer due goes, and what differs is set.
#: A measure that stands until the problem is closed ends with the first closing that follows it, be it in one batch.
#: All of it is one statement, for each one more costs a batch as much as many rows.
_WRITE: Final = f"""
    with news as (
        insert into escalation.heads as held (problem_id, version)
        select * from unnest($1::uuid[], $2::int[])
        on conflict (problem_id) do update set version = excluded.version, at = now()
            where held.version < excluded.version
        returning problem_id
    ), wanted as materialized (
        select * from unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::int[], $8::timestamptz[],
            $9::timestamptz[], $10::uuid[], $11::int[], $12::text[]) as wanted ({_COLUMNS})
        where problem_id in (select problem_id from news)
    ), gone as (
        delete from escalation.deadlines as held
        where problem_id = any($1::uuid[]) and problem_id in (select problem_id from news)
            and (problem_id, obligation, part) not in (select problem_id, obligation, part from wanted)
    ), closed as materialized (
        select * from unnest($27::uuid[], $28::int[], $29::timestamptz[]) as closed (problem_id, version, at)
    ), taken as (
        insert into escalation.measures_taken (problem_id, version, kind, measure, owner, level, obligation, part, at,
            public, board, standing, number, jurisdiction, ended_at)
        select taken.*, case when standing then (
            select closed.at from closed
            where closed.problem_id = taken.problem_id and closed.version > taken.version
            order by closed.version limit 1
        ) end
        from unnest($13::uuid[], $14::int[], $15::text[], $16::text[], $17::text[], $18::int[], $19::text[],
            $20::text[], $21::timestamptz[], $22::boolean[], $23::text[], $24::boolean[], $25::text[], $26::text[])
            as taken (problem_id, version, kind, measure, owner, level, obligation, part, at, public, board, standing,
                number, jurisdiction)
        on conflict (problem_id, version) do nothing
    ), ended as (
        update escalation.measures_taken as held set ended_at = closed.at from closed
        where held.problem_id = closed.problem_id and held.standing and held.ended_at is null and closed.version = (
            select min(later.version) from closed as later
            where later.problem_id = held.problem_id and later.version > held.version
        )
    ), answered as (
        delete from escalation.calls using unnest($30::uuid[], $31::int[]) as answered (record_id, version)
        where calls.record_id = answered.record_id and calls.version < answered.version
    )
    insert into escalation.deadlines as held ({_COLUMNS})
    select {_COLUMNS} from wanted
    on conflict (problem_id, obligation, part) do update set
        generation = excluded.generation, level = excluded.level, due_at = excluded.due_at, fire_at = excluded.fire_at,
        command = excluded.command, partition = excluded.partition, jurisdiction = excluded.jurisdiction
    where (held.generation, held.level, held.due_at, held.partition, held.jurisdiction) is distinct from
        (excluded.generation, excluded.level, excluded.due_at, excluded.partition, excluded.jurisdiction)
"""  # noqa: S608 - constant
#: Of reports whose sources want to hear of them, which are few: a batch that has none is still one statement.
_FILE: Final = """
    insert into escalation.callback_reports (problem_id, version, source, id)
    select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) on conflict do nothing
"""
#: A call begins with news alone: an event that comes again began it before, and it may be answered since.
_CALL: Final = """
    insert into escalation.calls as held (record_id, unit, version, partition, again, next_at, headers, value)
    select record_id, unit, called.version, partition, 0, next_at, headers, value
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::timestamptz[], $7::bytea[], $8::bytea[])
        as called (problem_id, record_id, unit, version, partition, next_at, headers, value)
    where not exists (
        select from escalation.heads
        where heads.problem_id = called.problem_id and heads.version >= called.version
    )
    on conflict (record_id, unit) do update set version = excluded.version, partition = excluded.partition,
        again = 0, next_at = excluded.next_at, headers = excluded.headers, value = excluded.value
    where held.version < excluded.version
"""
_CALLS_DUE: Final = """
    select record_id, unit, version, partition, again, next_at, headers, value from escalation.calls
    where partition = any($1::int[]) and next_at <= $2 order by next_at, record_id, unit limit $3
"""
_CALLED: Final = """
    update escalation.calls set again = again + 1, next_at = $5
    where record_id = $1 and unit = $2 and version = $3 and again = $4
"""
_CALL_ENDED: Final = "delete from escalation.calls where record_id = $1 and unit = $2"
_REPORTS: Final = """
    select problem_id, version, source, id from escalation.callback_reports
    where problem_id = any($1::uuid[]) order by problem_id, version
"""
_STANDING: Final = f"""
    select {_COLUMNS}, version from escalation.heads left join escalation.deadlines using (problem_id)
    where problem_id = any($1::uuid[]) order by problem_id, obligation, part
"""  # noqa: S608 - constant
_REARM: Final = """
    update escalation.deadlines as held set command = changed.command, fire_at = changed.fire_at
    from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::timestamptz[])
        as changed (problem_id, obligation, part, previous, command, fire_at)
    where held.problem_id = changed.problem_id and held.obligation = changed.obligation
        and held.part = changed.part
        and held.command = changed.previous
"""
#: Along an index of its own, which holds what was rearmed and nothing else.
SET_RIGHT: Final = """
    update escalation.deadlines set fire_at = due_at
    where fire_at > due_at and fire_at > $1 and partition = any($2::int[])
"""

#: Bounded from below as well: behind the watermark lie the index entries of rows that are gone.
DUE: Final = f"""
    select {_COLUMNS} from escalation.deadlines
    where (fire_at, problem_id, obligation, part) > ($1, $2, $3, $4) and fire_at <= $5 and partition = any($6::int[])
    order by fire_at, problem_id, obligation, part limit $7
"""  # noqa: S608 - constant
NEXT: Final = """
    select fire_at from escalation.deadlines
    where (fire_at, problem_id, obligation, part) > ($1, $2, $3, $4) and partition = any($5::int[])
    order by fire_at, problem_id, obligation, part limit 1
"""
#: Until a table has been analysed the planner may prefer to sort all that is due, for every page anew.
ALONG_THE_INDEX: Final = "set local enable_sort = off"
#: The version guards against older events; once nothing is waited for, only as long as they might still come.
_FORGET_HEADS: Final = forgetting(
    "escalation.heads", "problem_id",
    "held.at < now() - $1::interval"
    " and not exists (select from escalation.deadlines as armed where armed.problem_id = held.problem_id)",
)  # fmt: skip
_REACHED: Final = """
    insert into escalation.schedules as held (jurisdiction, opened_until)
    select * from unnest($1::text[], $2::timestamptz[])
    on conflict (jurisdiction) do update set opened_until = excluded.opened_until
    where held.opened_until < excluded.opened_until
"""


class PostgresDeadlines:
    """The deadlines behind :class:`duban_escalation.handlers.ProblemHandler`, in the schema ``escalation``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def write(self, writing: Writing) -> None:
        # Members that meet on problems lock them in one order; with the head comes the right to its deadlines.
        heads = sorted(writing.heads.items(), key=lambda head: head[0].int)
        problems, versions = [problem_id for problem_id, _ in heads], [version for _, version in heads]
        answered = (list(writing.answered), list(writing.answered.values()))
        columns = (problems, versions, *_columns(writing.armed), *_measures(writing), *_closed(writing), *answered)
        if not (writing.reports or writing.calls):
            await self._pool.execute(_WRITE, *columns)
            return
        async with self._pool.acquire() as connection, connection.transaction():
            if writing.calls:  # before the heads say that their events are known, and the answers end them
                await connection.execute(_CALL, *_calls(writing.calls))
            await connection.execute(_WRITE, *columns)
            if writing.reports:
                await connection.execute(
                    _FILE,
                    [report.problem_id for report in writing.reports],
                    [report.version for report in writing.reports],
                    [report.source for report in writing.reports],
                    [report.id for report in writing.reports],
                )

    async def calls_due(self, partitions: Collection[int], until: datetime, limit: int) -> list[Call]:
        rows = await self._pool.fetch(_CALLS_DUE, list(partitions), until, limit)
        return [
            Call(
                record_id=row["record_id"],
                unit=row["unit"],
                version=row["version"],
                partition=row["partition"],
                again=row["again"],
                next_at=row["next_at"],
                notice=packed(row["unit"], row["headers"], row["value"]),
            )
            for row in rows
        ]

    async def called(self, call: Call, next_at: datetime) -> None:
        await self._pool.execute(_CALLED, call.record_id, call.unit, call.version, call.again, next_at)

    async def call_ended(self, record_id: UUID, unit: str) -> None:
        await self._pool.execute(_CALL_ENDED, record_id, unit)

    async def callback_reports(self, problem_ids: Collection[UUID]) -> list[CallbackReport]:
        return [CallbackReport(*row) for row in await self._pool.fetch(_REPORTS, list(problem_ids))]

    async def armed_versions(self, problem_ids: Collection[UUID]) -> dict[UUID, ArmedVersion]:
        versions: dict[UUID, int] = {}
        held: defaultdict[UUID, list[Armed]] = defaultdict(list)
        for row in await self._pool.fetch(_STANDING, list(problem_ids)):
            versions[row["problem_id"]] = row["version"]
            if row["obligation"] is not None:
                held[row["problem_id"]].append(_armed(row))
        return {problem_id: ArmedVersion(version, tuple(held[problem_id])) for problem_id, version in versions.items()}

    async def rearm(self, changed: Mapping[UUID, Armed]) -> None:
        if changed:
            new = changed.values()
            await self._pool.execute(
                _REARM,
                [deadline.problem_id for deadline in new],
                [deadline.obligation for deadline in new],
                [deadline.part or "" for deadline in new],
                list(changed),
                [deadline.command for deadline in new],
                [deadline.fire_at for deadline in new],
            )

    async def set_right(self, beyond: datetime, partitions: Collection[int]) -> None:
        await self._pool.execute(SET_RIGHT, beyond, list(partitions))

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        rows = await self._along(DUE, after, until, list(partitions), limit)
        return [_armed(row) for row in rows]

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        rows = await self._along(NEXT, after, list(partitions))
        return rows[0]["fire_at"] if rows else None

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Forget heads: see :class:`duban.io.retention.Forgets`."""
        return await forgotten(self._pool, _FORGET_HEADS, age, after, limit)

    async def _along(self, query: str, after: Position, *more: object) -> list[asyncpg.Record]:
        """The rows of ``query`` beyond ``after``, read in the order of the index."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(ALONG_THE_INDEX)
            return await connection.fetch(query, after.fire_at, after.problem_id, after.obligation, after.part, *more)


def _armed(row: asyncpg.Record) -> Armed:
    """The deadline of a row; where one unit owes the whole, the column ``part`` is empty."""
    return Armed(row["problem_id"], row["obligation"], row["part"] or None, *row[3:10])


def _columns(armed: Collection[Armed]) -> tuple[list[object], ...]:
    return (
        [deadline.problem_id for deadline in armed],
        [deadline.obligation for deadline in armed],
        [deadline.part or "" for deadline in armed],
        [deadline.generation for deadline in armed],
        [deadline.level for deadline in armed],
        [deadline.due_at for deadline in armed],
        [deadline.fire_at for deadline in armed],
        [deadline.command for deadline in armed],
        [deadline.partition for deadline in armed],
        [deadline.jurisdiction for deadline in armed],
    )


def _measures(writing: Writing) -> tuple[list[object], ...]:
    measures = writing.measures
    return (
        [measure.problem_id for measure in measures],
        [measure.version for measure in measures],
        [measure.kind for measure in measures],
        [measure.measure for measure in measures],
        [measure.owner for measure in measures],
        [measure.level for measure in measures],
        [measure.obligation for measure in measures],
        [measure.part for measure in measures],
        [measure.at for measure in measures],
        [measure.public for measure in measures],
        [measure.effect.board for measure in measures],
        [measure.effect.standing for measure in measures],
        [measure.number for measure in measures],
        [measure.jurisdiction for measure in measures],
    )


def _calls(calls: Collection[Call]) -> tuple[list[object], ...]:
    records = [encode(call.notice) for call in calls]
    return (
        [call.problem_id for call in calls],
        [call.record_id for call in calls],
        [call.unit for call in calls],
        [call.version for call in calls],
        [call.partition for call in calls],
        [call.next_at for call in calls],
        [packed_headers(record) for record in records],
        [record.value for record in records],
    )


def _closed(writing: Writing) -> tuple[list[object], ...]:
    closed = writing.closed
    return [problem_id for problem_id, _, _ in closed], [version for _, version, _ in closed], [at for *_, at in closed]


class PostgresSchedules:
    """Up to when duties have been opened, behind :class:`duban_escalation.duty_schedule.Opener`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def opened_until(self) -> dict[str, datetime]:
        rows = await self._pool.fetch("select jurisdiction, opened_until from escalation.schedules")
        return {row["jurisdiction"]: row["opened_until"] for row in rows}

    async def now(self) -> datetime:
        """The instant now, by the clock of the database."""
        instant: datetime = await self._pool.fetchval("select clock_timestamp()")
        return instant

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        await self._pool.execute(_REACHED, list(reached), list(reached.values()))
