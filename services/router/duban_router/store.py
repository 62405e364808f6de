"""The ledger in PostgreSQL: reads by key, one transaction a batch, rows written as arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from duban.messages.events import Refused
from duban.messages.records import Event, record_from_json
from duban.messages.struct import from_json, to_json
from duban_router.handlers import Conflict, Line, Outcome, Standing, Writing

SCHEMA = "router"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_STANDINGS = "select id, head, state from router.records where id = any($1::uuid[])"
_OUTCOMES = """
    select key, command, problem_id, first_version, last_version, refused
    from router.outcomes where key = any($1::uuid[])
"""
_HISTORIES = """
    select problem_id, body, previous, hash
    from router.events join unnest($1::uuid[], $2::int[]) as wanted (problem_id, last) using (problem_id)
    where version <= last order by problem_id, version
"""
_ALLOCATED = "select last from router.registers where jurisdiction = $1 and year = $2"

#: Moves a register on from what it was read at; nothing happens when somebody else has moved it meanwhile.
_ADVANCE = """
    insert into router.registers as held (jurisdiction, year, last) values ($1, $2, $4)
    on conflict (jurisdiction, year) do update set last = excluded.last where held.last = $3
"""
_SAME = """
    select count(*) from router.records
    join unnest($1::uuid[], $2::int[]) as known (id, version) using (id, version)
"""
_WRITE = """
    with lines as (
        insert into router.events (problem_id, version, at, kind, body, previous, hash)
        select * from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
    ), answers as (
        insert into router.outcomes (key, command, problem_id, first_version, last_version, refused)
        select * from unnest($8::uuid[], $9::text[], $10::uuid[], $11::int[], $12::int[], $13::text[])
    )
    insert into router.records
        (id, version, jurisdiction, number, begun_at, kind, status,
         rule, holder, due_at, lapses, head, state, subject)
    select * from unnest($14::uuid[], $15::int[], $16::text[], $17::text[], $18::timestamptz[],
        $19::text[], $20::text[], $21::text[], $22::text[], $23::timestamptz[], $24::int[], $25::text[], $26::text[],
        $27::text[])
    on conflict (id) do update set
        version = excluded.version, status = excluded.status, holder = excluded.holder,
        due_at = excluded.due_at, lapses = excluded.lapses, head = excluded.head, state = excluded.state
"""


class PostgresLedger:
    """The ledger behind :class:`duban_router.handlers.CommandHandler`, in the schema ``router``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
        rows = await self._pool.fetch(_STANDINGS, ids)
        return {row["id"]: _standing(row) for row in rows}

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        rows = await self._pool.fetch(_OUTCOMES, keys)
        return {row["key"]: _outcome(row) for row in rows}

    async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
        rows = await self._pool.fetch(_HISTORIES, list(until), list(until.values()))
        histories: defaultdict[UUID, list[Line]] = defaultdict(list)
        for row in rows:
            line = Line(from_json(row["body"], Event), row["body"].encode(), row["previous"], row["hash"])
            histories[row["problem_id"]].append(line)
        return dict(histories)

    async def allocated(self, register: str, year: int) -> int:
        last: int | None = await self._pool.fetchval(_ALLOCATED, register, year)
        return last or 0

    async def write(self, writing: Writing, allocated_before: dict[tuple[str, int], int]) -> None:
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction():
                    for register, last in writing.allocated.items():
                        await _advance(connection, register, allocated_before[register], last)
                    await _check(connection, writing.rests_on)
                    await connection.execute(_WRITE, *_lines(writing), *_answers(writing), *_records(writing))
            except asyncpg.UniqueViolationError:
                raise Conflict("ledger") from None


async def _check(connection: Connection, rests_on: dict[UUID, int]) -> None:
    if rests_on:
        same = await connection.fetchval(_SAME, list(rests_on), list(rests_on.values()))
        if same != len(rests_on):
            raise Conflict("ledger")


async def _advance(connection: Connection, register: tuple[str, int], before: int, last: int) -> None:
    done = await connection.execute(_ADVANCE, *register, before, last)
    if done != "INSERT 0 1":
        raise Conflict("register")


def _lines(writing: Writing) -> tuple[list[object], ...]:
    lines = writing.lines
    return (
        [line.event.problem_id for line in lines],
        [line.event.version for line in lines],
        [line.event.at for line in lines],
        [line.event.change.kind for line in lines],
        [line.body.decode() for line in lines],
        [line.previous for line in lines],
        [line.hash for line in lines],
    )


def _answers(writing: Writing) -> tuple[list[object], ...]:
    outcomes = writing.outcomes
    return (
        [outcome.key for outcome in outcomes],
        [outcome.command for outcome in outcomes],
        [outcome.problem_id for outcome in outcomes],
        [outcome.versions.start for outcome in outcomes],
        [outcome.versions.stop - 1 for outcome in outcomes],
        [to_json(outcome.refused).decode() if outcome.refused else None for outcome in outcomes],
    )


def _records(writing: Writing) -> tuple[list[object], ...]:
    standings = list(writing.standings.values())
    records = [standing.record for standing in standings]
    return (
        [record.id for record in records],
        [record.version for record in records],
        [record.jurisdiction for record in records],
        [record.number for record in records],
        [record.begun_at for record in records],
        [record.kind for record in records],
        [record.status for record in records],
        [record.rule for record in records],
        [record.holder for record in records],
        [record.deadlines[0].due_at if record.deadlines else None for record in records],
        [record.lapses for record in records],
        [standing.head for standing in standings],
        [standing.state.decode() for standing in standings],
        [record.subject for record in records],
    )


def _standing(row: asyncpg.Record) -> Standing:
    state = row["state"].encode()
    return Standing(record_from_json(state), state, row["head"])


def _outcome(row: asyncpg.Record) -> Outcome:
    refused = from_json(row["refused"], Refused) if row["refused"] else None
    versions = range(row["first_version"], row["last_version"] + 1)
    return Outcome(row["key"], row["command"], row["problem_id"], versions, refused)
