"""The read model of the desk in PostgreSQL, in the schema ``console``: one transaction a batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from duban.errors import Unavailable
from duban.messages.struct import to_json
from duban_console.desk.grams import gram_text
from duban_console.desk.lamp_days import recounted
from duban_console.desk.rows import NO_LIMIT, DayKey, DeskWriting, Dossier, RecordRow, UnitTurn

#: The tables of the read model, but for the one row of its state.
TABLES: Final = (
    "desk_progress", "desk_records", "desk_stakes", "desk_waits", "desk_calls", "desk_turns", "desk_days",
)  # fmt: skip
#: Filters are many and few are given at a time: each question is planned for its own values, and never compiled.
#: What a year's lengths take to be sorted has room in memory.
PLANNER: Final = {"plan_cache_mode": "force_custom_plan", "jit": "off", "work_mem": "32MB"}
#: The columns of a record, in the order of its row.
RECORD: Final = (
    "id", "kind", "jurisdiction", "pack", "number", "title", "rule", "status", "version", "begun_at", "changed_at",
    "due_key", "unit", "obligation", "due_of", "closed_at", "parties", "channel", "area", "enterprise", "sponsor",
    "pair", "co_units", "flags", "reports", "lapses", "latitude", "longitude", "plan_due_at", "reached",
)  # fmt: skip
#: The same with what is made of them, as they are written; its words stand only here.
WRITTEN: Final = (*RECORD, "words", "grams", "milestones")
TURN: Final = (
    "record_id", "version", "jurisdiction", "unit", "given_at", "held_from", "held", "answered_at", "answer",
    "answer_in_all", "completed_at", "whole", "whole_in_all", "left_at", "closed_at", "lapses",
    "again",
)  # fmt: skip
STAKE: Final = (
    "record_id", "unit", "jurisdiction", "kind", "stake", "due_key", "obligation", "measure", "next_at", "finished",
)  # fmt: skip
WAIT: Final = ("record_id", "wait", "item", "jurisdiction", "kind", "units", "since_at", "due_key")
CALL: Final = ("record_id", "version", "unit", "jurisdiction", "measure", "ground", "owner", "at")


def _put(table: str, columns: Sequence[str], key: Sequence[str], **instead: str) -> str:
    """An upsert that leaves a row alone in which nothing differs; ``instead`` of the new value of a column."""
    places = ", ".join(f"${at}" for at, _ in enumerate(columns, start=1))
    others = [column for column in columns if column not in key]
    new = {column: instead.get(column, f"excluded.{column}") for column in others}
    return f"""
        insert into console.{table} as held ({", ".join(columns)}) values ({places})
        on conflict ({", ".join(key)}) do update set ({", ".join(others)}) = row({", ".join(new.values())})
        where ({", ".join(f"held.{column}" for column in others)}) is distinct from ({", ".join(new.values())})
    """  # noqa: S608 - constant


#: Held to the end of the transaction: whoever takes in events of the partition waits for whoever does already.
_TURN_OF: Final = "select pg_advisory_xact_lock(hashtext('duban desk'), $1)"
_STATE: Final = "select rebuilding, near from console.desk_state for share"
#: Held to the end of the transaction: no batch is in hand meanwhile, and none begins.
_ALONE: Final = "select rebuilding, near from console.desk_state for update"
_SET_NEAR: Final = "update console.desk_state set near = $1"
_OPEN_WITH_LIMIT: Final = """
    select jurisdiction, unit, due_key, pack from console.desk_records
    where kind = 'problem' and closed_at is null and due_key < $1
"""
_KNOWN: Final = """
    select id, version, unit, due_key from console.desk_records where id = any($1::uuid[]) order by id for update
"""
_TURNS: Final = f"""
    select {", ".join(TURN)} from console.desk_turns where record_id = any($1::uuid[]) order by record_id, version
"""  # noqa: S608 - constant
_PUT_RECORD: Final = _put("desk_records", WRITTEN, ("id",))
_PUT_TURN: Final = _put("desk_turns", TURN, ("record_id", "version"))
_PUT_STAKE: Final = _put("desk_stakes", STAKE, ("record_id", "unit"))
#: Since when a measure waits is not in the state of its record: the first that was known of it holds.
_PUT_WAIT: Final = _put(
    "desk_waits", WAIT, ("record_id", "wait", "item"),
    since_at="case when held.wait = 'measure' then least(held.since_at, excluded.since_at) else excluded.since_at end",
)  # fmt: skip
_PUT_CALL: Final = f"""
    insert into console.desk_calls ({", ".join(CALL)}) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
"""  # noqa: S608 - constant
_STAKES_GONE: Final = """
    delete from console.desk_stakes where record_id = any($1::uuid[])
        and (record_id, unit) not in (select * from unnest($2::uuid[], $3::text[]))
"""
_WAITS_GONE: Final = """
    delete from console.desk_waits where record_id = any($1::uuid[])
        and (record_id, wait, item) not in (select * from unnest($2::uuid[], $3::text[], $4::text[]))
"""
#: In one order, so that members who meet on a day wait for each other and never in a circle.
_PUT_DAYS: Final = """
    insert into console.desk_days as held (jurisdiction, unit, lamp, midnight, change)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::int[])
    on conflict (jurisdiction, unit, midnight, lamp) do update set change = held.change + excluded.change
"""
_PUT_PROGRESS: Final = """
    insert into console.desk_progress as held (partition, newest_at) values ($1, $2)
    on conflict (partition) do update set newest_at = greatest(held.newest_at, excluded.newest_at)
"""


class PostgresDeskTransaction:
    """One transaction of a batch."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], near: timedelta) -> None:
        self._connection = connection
        self.near = near

    async def dossiers(self, ids: Collection[UUID]) -> dict[UUID, Dossier]:
        known = await self._connection.fetch(_KNOWN, list(ids))
        turns: defaultdict[UUID, list[UnitTurn]] = defaultdict(list)
        for row in await self._connection.fetch(_TURNS, [row["id"] for row in known]) if known else ():
            turns[row["record_id"]].append(UnitTurn(*row))
        return {
            row["id"]: Dossier(row["version"], row["unit"], row["due_key"], tuple(turns[row["id"]])) for row in known
        }

    async def write(self, writing: DeskWriting) -> None:
        if not writing.rows:
            return
        rows = [writing.rows[id_] for id_ in sorted(writing.rows)]
        await self._connection.executemany(_PUT_RECORD, [_record(row) for row in rows])
        if writing.turns:
            turns = (writing.turns[key] for key in sorted(writing.turns))
            await self._connection.executemany(_PUT_TURN, [_values(turn, TURN) for turn in turns])
        await self._put_stakes(rows, writing)
        await self._put_waits(rows, writing)
        if writing.calls:
            await self._connection.executemany(_PUT_CALL, [_values(call, CALL) for call in writing.calls])
        await _put_days(self._connection, writing.days)
        for partition, newest_at in sorted(writing.newest.items()):
            await self._connection.execute(_PUT_PROGRESS, partition, newest_at)

    async def _put_stakes(self, rows: Iterable[RecordRow], writing: DeskWriting) -> None:
        stakes = [
            (row.id, stake.unit, row.jurisdiction, row.kind, *_values(stake, STAKE[4:]))
            for row in rows
            for stake in writing.stakes[row.id]
        ]
        ids = list(writing.rows)
        await self._connection.execute(_STAKES_GONE, ids, [row[0] for row in stakes], [row[1] for row in stakes])
        if stakes:
            await self._connection.executemany(_PUT_STAKE, stakes)

    async def _put_waits(self, rows: Iterable[RecordRow], writing: DeskWriting) -> None:
        waits = [
            (row.id, waiting.wait, waiting.item, row.jurisdiction, row.kind, *_values(waiting, WAIT[5:]))
            for row in rows
            for waiting in writing.waits[row.id]
        ]
        columns = ([row[at] for row in waits] for at in range(3))
        await self._connection.execute(_WAITS_GONE, list(writing.rows), *columns)
        if waits:
            await self._connection.executemany(_PUT_WAIT, waits)


class PostgresDeskStore:
    """The read model behind :class:`duban_console.desk.projector.DeskProjector`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self, partitions: Collection[int]) -> AsyncIterator[PostgresDeskTransaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            for partition in sorted(partitions):
                await connection.execute(_TURN_OF, partition)
            # Held to the end: whoever makes it anew waits for this batch, and this batch never begins after that.
            [(rebuilding, near)] = await connection.fetch(_STATE)
            if rebuilding:
                raise Unavailable("the read model of the desk is being made anew: duban desk rebuild")
            yield PostgresDeskTransaction(connection, near)

    async def set_near(self, near: timedelta, now: datetime, zone_of: Callable[[str], ZoneInfo]) -> bool:
        """Have what is open count as yellow ``near`` before its limit from ``now`` on; whether that was otherwise.

        ``zone_of`` is asked for the zone of each pack. Past midnights stay as they were counted.

        Raises:
            Unavailable: the read model is being made anew; and whatever ``zone_of`` raises.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            [(rebuilding, before)] = await connection.fetch(_ALONE)
            if before == near:
                return False
            if rebuilding:
                raise Unavailable("the read model of the desk is being made anew: duban desk rebuild")
            rows = await connection.fetch(_OPEN_WITH_LIMIT, NO_LIMIT)
            still_open = ((city, unit, due_key, zone_of(pack)) for city, unit, due_key, pack in rows)
            await _put_days(connection, recounted(still_open, now, before, near))
            await connection.execute(_SET_NEAR, near)
            return True


async def _put_days(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], changes: Counter[DayKey]) -> None:
    """Add ``changes`` to what is counted."""
    days = sorted(((key, by) for key, by in changes.items() if by), key=lambda day: (*day[0][:2], day[0][3], day[0][2]))
    if days:
        columns = zip(*((*key, by) for key, by in days), strict=True)
        await connection.execute(_PUT_DAYS, *map(list, columns))


def _record(row: RecordRow) -> tuple[object, ...]:
    words = gram_text(row.number, row.title)
    return (*_values(row, RECORD), words, row.grams, to_json(row.milestones).decode())


def _values(row: object, columns: Iterable[str]) -> tuple[object, ...]:
    return tuple(getattr(row, column) for column in columns)
