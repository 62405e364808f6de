"""The ledger in PostgreSQL: reads by key, one transaction a batch, rows written as arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from duban.messages.events import Refused
from duban.messages.records import Event, Listing, record_from_json
from duban.messages.struct import from_json, to_json
from duban.texts import folded
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Filing, Reported
from duban_router.ledger import MOST_COUNTED, Conflict, Line, Outcome, Register, Standing, Writing

SCHEMA = "router"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_STANDINGS = "select id, encode(head, 'hex') as head, state from router.records where id = any($1::uuid[])"
_OUTCOMES = """
    select key, command, problem_id, first_version, last_version, refused
    from router.outcomes where key = any($1::uuid[])
"""
_UNANSWERED = """
    select problem_id, source, id, version from router.unanswered
    join unnest($1::uuid[], $2::text[], $3::text[]) as asked (problem_id, source, id) using (problem_id, source, id)
"""
_HISTORIES = """
    select problem_id, body, encode(hash, 'hex') as hash
    from router.events join unnest($1::uuid[], $2::int[]) as wanted (problem_id, last) using (problem_id)
    where version <= last order by problem_id, version
"""
#: A statement by itself: rows are there before any is locked, or a new one would be waited for out of order.
_BEGIN_REGISTERS = """
    insert into router.registers (jurisdiction, year, last)
    select jurisdiction, year, 0 from unnest($1::text[], $2::int[]) as wanted (jurisdiction, year)
    on conflict do nothing
"""
#: In order: two members that want the same registers never wait for each other in a circle.
_ALLOCATED = """
    select jurisdiction, year, last, set_config('idle_in_transaction_session_timeout', $3, true)
    from router.registers join unnest($1::text[], $2::int[]) as wanted (jurisdiction, year) using (jurisdiction, year)
    order by jurisdiction, year for update of registers
"""
#: In order, as with registers; after them, so that who wants both waits for nobody in a circle either.
_TURN = """
    select pg_advisory_xact_lock(hashtextextended('duban router ' || one, 0)),
        set_config('idle_in_transaction_session_timeout', $2, true)
    from unnest($1::text[]) as one
"""
_PRECEDENTS = """
    select jurisdiction, what, of, known.problem_id, known.version, known.at
    from unnest($1::text[], $2::text[], $3::text[]) as asked (jurisdiction, what, of), lateral (
        select problem_id, version, at from router.precedents as held
        where (held.jurisdiction, held.what, held.of) = (asked.jurisdiction, asked.what, asked.of)
        order by at desc limit $4
    ) as known
"""
_COUNTED = """
    insert into router.precedents (jurisdiction, what, of, problem_id, version, at)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::timestamptz[])
"""
_SAME = """
    select count(*) from router.records
    join unnest($1::uuid[], $2::int[]) as known (id, version) using (id, version)
"""
_WRITE = """
    with lines as (
        insert into router.events (problem_id, version, at, kind, body, hash)
        select * from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::bytea[])
    ), answers as (
        insert into router.outcomes (key, command, problem_id, first_version, last_version, refused)
        select * from unnest($7::uuid[], $8::text[], $9::uuid[], $10::int[], $11::int[], $12::text[])
    ), filed as (
        insert into router.unanswered (problem_id, source, id, version)
        select * from unnest($27::uuid[], $28::text[], $29::text[], $30::int[])
    ), answered as (
        delete from router.unanswered as held
        using unnest($31::uuid[], $32::text[], $33::text[], $34::int[]) as gone (problem_id, source, id, version)
        where held.problem_id = gone.problem_id and held.source = gone.source and held.id = gone.id
            and held.version = gone.version
    ), given as (
        update router.registers as held set last = given.last
        from unnest($35::text[], $36::int[], $37::int[]) as given (jurisdiction, year, last)
        where held.jurisdiction = given.jurisdiction and held.year = given.year
    )
    insert into router.records
        (id, version, jurisdiction, number, begun_at, kind, status,
         rule, holder, due_at, lapses, head, state, subject, folded)
    select * from unnest($13::uuid[], $14::int[], $15::text[], $16::text[], $17::timestamptz[],
        $18::text[], $19::text[], $20::text[], $21::text[], $22::timestamptz[], $23::int[], $24::bytea[], $25::text[],
        $26::text[], $38::text[])
    on conflict (id) do update set
        version = excluded.version, status = excluded.status, rule = excluded.rule, holder = excluded.holder,
        due_at = excluded.due_at, lapses = excluded.lapses, head = excluded.head, state = excluded.state
"""
#: Those that another member folds just now are left to it.
_UNFOLDED = """
    select id, subject from router.records where kind = 'listing' and folded is null
    limit $1 for update skip locked
"""
_FOLD = """
    update router.records as held set folded = known.folded
    from unnest($1::uuid[], $2::text[]) as known (id, folded) where held.id = known.id
"""
_FOLDED_AT_ONCE = 1000


class PostgresLedger:
    """The ledger behind :class:`duban_router.handlers.CommandHandler`, in the schema ``router``.

    Whoever holds a register and stands still for ``turn`` loses it, with what was decided meanwhile.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], turn: timedelta = timedelta(seconds=10)) -> None:
        self._pool = pool
        self._turn = f"{turn // timedelta(milliseconds=1)}ms"

    async def fold_names(self) -> int:
        """Fold the names on lists that an earlier release has written; how many there were."""
        many = 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(_UNFOLDED, _FOLDED_AT_ONCE)
                await connection.execute(_FOLD, [row["id"] for row in rows], [folded(row["subject"]) for row in rows])
            many += len(rows)
            if len(rows) < _FOLDED_AT_ONCE:
                return many

    async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
        rows = await self._pool.fetch(_STANDINGS, ids)
        return {row["id"]: _standing(row) for row in rows}

    async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
        rows = await self._pool.fetch(_HISTORIES, list(until), list(until.values()))
        histories: defaultdict[UUID, list[Line]] = defaultdict(list)
        for row in rows:
            line = Line(from_json(row["body"], Event), row["body"].encode(), row["hash"])
            histories[row["problem_id"]].append(line)
        return dict(histories)

    @asynccontextmanager
    async def transaction(
        self, registers: Collection[Register], counts: Collection[Count] = ()
    ) -> AsyncIterator[PostgresTransaction]:
        async with self._pool.acquire() as connection:
            if not registers and not counts:
                yield PostgresTransaction(connection, {}, ())
                return
            names, years = zip(*sorted(registers), strict=True) if registers else ((), ())
            if registers:
                await connection.execute(_BEGIN_REGISTERS, names, years)
            async with connection.transaction():
                rows = await connection.fetch(_ALLOCATED, names, years, self._turn) if registers else ()
                if counts:
                    await connection.execute(_TURN, sorted("/".join(count) for count in counts), self._turn)
                allocated = {(row["jurisdiction"], row["year"]): row["last"] for row in rows}
                yield PostgresTransaction(connection, allocated, counts)


class PostgresTransaction:
    """One transaction, or, where it takes from no register and counts nothing, one statement that writes all."""

    def __init__(self, connection: Connection, allocated: Mapping[Register, int], counts: Collection[Count]) -> None:
        self._connection = connection
        self.allocated = allocated
        self._counts = counts

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        rows = await self._connection.fetch(_OUTCOMES, keys)
        return {row["key"]: _outcome(row) for row in rows}

    async def unanswered(self, reports: Sequence[Reported]) -> list[Filing]:
        rows = await self._connection.fetch(_UNANSWERED, *map(list, zip(*set(reports), strict=True)))
        return [Filing(*row) for row in rows]

    async def precedents(self) -> list[Precedent]:
        if not self._counts:
            return []
        rows = await self._connection.fetch(_PRECEDENTS, *map(list, zip(*self._counts, strict=True)), MOST_COUNTED)
        return [Precedent(Count(*row[:3]), *row[3:]) for row in rows]

    async def write(self, writing: Writing) -> None:
        await _check(self._connection, writing.rests_on)
        columns = (
            *_lines(writing), *_answers(writing), *_records(writing),
            *_filings(writing, wait=True), *_filings(writing, wait=False), *_registers(writing), _names(writing),
        )  # fmt: skip
        try:
            await self._connection.execute(_WRITE, *columns)
            if writing.precedents:  # in the transaction that their counts have begun
                counts, *rest = zip(*writing.precedents, strict=True)
                await self._connection.execute(_COUNTED, *zip(*counts, strict=True), *rest)
        except asyncpg.UniqueViolationError:
            raise Conflict from None


async def _check(connection: Connection, rests_on: dict[UUID, int]) -> None:
    if rests_on:
        same = await connection.fetchval(_SAME, list(rests_on), list(rests_on.values()))
        if same != len(rests_on):
            raise Conflict


def _lines(writing: Writing) -> tuple[list[object], ...]:
    lines = writing.lines
    return (
        [line.event.problem_id for line in lines],
        [line.event.version for line in lines],
        [line.event.at for line in lines],
        [line.event.change.kind for line in lines],
        [line.body.decode() for line in lines],
        [bytes.fromhex(line.hash) for line in lines],
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
        [bytes.fromhex(standing.head) for standing in standings],
        [standing.state.decode() for standing in standings],
        [record.subject for record in records],
    )


def _filings(writing: Writing, *, wait: bool) -> tuple[list[object], ...]:
    filings = [filing for filing, waits in writing.unanswered.items() if waits is wait]
    return (
        [filing.problem_id for filing in filings],
        [filing.source for filing in filings],
        [filing.id for filing in filings],
        [filing.version for filing in filings],
    )


def _registers(writing: Writing) -> tuple[list[object], ...]:
    allocated = writing.allocated
    return [name for name, _ in allocated], [year for _, year in allocated], list(allocated.values())


def _names(writing: Writing) -> list[str | None]:
    """Whom the entries on lists are of, as names are compared."""
    records = (standing.record for standing in writing.standings.values())
    return [folded(record.of) if isinstance(record, Listing) else None for record in records]


def _standing(row: asyncpg.Record) -> Standing:
    state = row["state"].encode()
    return Standing(record_from_json(state), state, row["head"])


def _outcome(row: asyncpg.Record) -> Outcome:
    refused = from_json(row["refused"], Refused) if row["refused"] else None
    versions = range(row["first_version"], row["last_version"] + 1)
    return Outcome(row["key"], row["command"], row["problem_id"], versions, refused)
