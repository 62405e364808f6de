"""The notices that wait, and those that are done with: in PostgreSQL, and in memory for tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from duban.clock import Clock
from duban.io.retention import forgetting, forgotten
from duban_escalation.notices.handler import Line, LineLength, WaitingNotice
from duban_escalation.notices.journal import NoticeOutcome

#: What was set aside comes again at another place of its topic when it is replayed, and then waits anew.
_TAKE: Final = """
    insert into escalation.deliveries as held
        (notice_id, partition, recipient, "offset", headers, value, at, held_until)
    select * from unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::timestamptz[],
        $8::timestamptz[])
    on conflict (notice_id) do update set partition = excluded.partition, recipient = excluded.recipient,
        "offset" = excluded."offset", headers = excluded.headers, value = excluded.value,
        at = excluded.at, held_until = excluded.held_until, outcome = null
    where held.outcome = 'set_aside'
        and (held.partition, held."offset") is distinct from (excluded.partition, excluded."offset")
"""
_LINES: Final = """
    select partition, recipient, count(*) as count, min(at) as since, min("offset") as first
    from escalation.deliveries where outcome is null and held_until is null and partition = any($1::int[])
    group by partition, recipient
"""
#: From behind what went out last: the index entries of rows that are done with lie before it.
WAITING: Final = """
    select notice_id, waiting.partition, waiting.recipient, "offset", headers, value, at
    from unnest($1::int[], $2::text[], $3::bigint[]) with ordinality as line (partition, recipient, behind, number)
    cross join lateral (
        select * from escalation.deliveries as held
        where held.outcome is null and held.partition = line.partition and held.recipient = line.recipient
            and held."offset" > line.behind and held.held_until is null
        order by held."offset" limit $4
    ) as waiting
    order by number, "offset"
"""
_SETTLE: Final = """
    update escalation.deliveries as held set outcome = gone.outcome, at = $1, headers = null, value = null
    from unnest($2::uuid[], $3::text[]) as gone (notice_id, outcome)
    where held.notice_id = gone.notice_id and held.outcome is null
"""
#: Along an index that holds what is held, and nothing else.
HELD: Final = """
    select notice_id, partition, recipient, "offset", headers, value, at, held_until from escalation.deliveries
    where outcome is null and held_until is not null and partition = any($1::int[]) and held_until <= $2
    order by partition, recipient, "offset", notice_id limit $3
"""
#: So many of what is held are put together at a time.
_MOST_HELD: Final = 1000
_RELEASE: Final = """
    update escalation.deliveries set held_until = null where notice_id = any($1::uuid[]) and outcome is null
"""
_DIGESTED: Final = """
    update escalation.deliveries set outcome = 'digested', at = $1, headers = null, value = null
    where notice_id = any($2::uuid[]) and outcome is null
"""
_FORGET: Final = forgetting("escalation.deliveries", "notice_id", "held.at < $1 and held.outcome is not null")


class _Executes(Protocol):
    """A pool, or one of its connections."""

    async def execute(self, query: str, *args: object) -> str: ...


class PostgresDeliveries:
    """The deliveries behind :class:`duban_escalation.notices.handler.Deliveries`, in the schema ``escalation``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def take(self, notices: Sequence[WaitingNotice]) -> int:
        return await self._take(self._pool, notices)

    async def held(self, partitions: Collection[int], until: datetime) -> list[WaitingNotice]:
        rows = await self._pool.fetch(HELD, list(partitions), until, _MOST_HELD)
        return [WaitingNotice(row[0], Line(row[1], row[2]), *row[3:]) for row in rows]

    async def release(self, ids: Collection[UUID]) -> None:
        await self._pool.execute(_RELEASE, list(ids))

    async def put_together(self, notices: Sequence[WaitingNotice], instead: WaitingNotice) -> bool:
        ordered = sorted((notice.id for notice in notices), key=lambda id_: id_.int)
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            digested = await connection.execute(_DIGESTED, self._clock.now(), ordered)
            if int(digested.rpartition(" ")[2]) < len(ordered):
                await transaction.rollback()
                return False
            await self._take(connection, [instead])
            await transaction.commit()
        return True

    async def _take(self, where: _Executes, notices: Sequence[WaitingNotice]) -> int:
        # Members that meet on notices lock them in one order.
        ordered = sorted(notices, key=lambda notice: notice.id.int)
        inserted = await where.execute(
            _TAKE,
            [notice.id for notice in ordered],
            [notice.line.partition for notice in ordered],
            [notice.line.recipient for notice in ordered],
            [notice.offset for notice in ordered],
            [notice.headers for notice in ordered],
            [notice.value for notice in ordered],
            [notice.taken_at for notice in ordered],
            [notice.held_until for notice in ordered],
        )
        return int(inserted.rpartition(" ")[2])

    async def lines(self, partitions: Collection[int]) -> list[LineLength]:
        rows = await self._pool.fetch(_LINES, list(partitions))
        return [
            LineLength(Line(row["partition"], row["recipient"]), row["count"], row["since"], row["first"])
            for row in rows
        ]

    async def waiting(self, behind: Mapping[Line, int], each: int) -> list[WaitingNotice]:
        partitions, recipients = [line.partition for line in behind], [line.recipient for line in behind]
        rows = await self._pool.fetch(WAITING, partitions, recipients, list(behind.values()), each)
        return [WaitingNotice(row[0], Line(row[1], row[2]), *row[3:]) for row in rows]

    async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        ordered = sorted(outcomes, key=lambda id_: id_.int)
        await self._pool.execute(_SETTLE, self._clock.now(), ordered, [outcomes[id_] for id_ in ordered])

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Forget what is done with: see :class:`duban.io.retention.Forgets`."""
        return await forgotten(self._pool, _FORGET, self._clock.now() - age, after, limit)


class MemoryDeliveries:
    """The same in dictionaries."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, WaitingNotice] = {}
        self._places: dict[UUID, tuple[int, int]] = {}
        self.gone: dict[UUID, NoticeOutcome] = {}

    async def take(self, notices: Sequence[WaitingNotice]) -> int:
        fresh = [notice for notice in notices if self._is_fresh(notice)]
        for notice in fresh:
            self.gone.pop(notice.id, None)
            self._waiting[notice.id] = notice
        return len(fresh)

    def _is_fresh(self, notice: WaitingNotice) -> bool:
        if self.gone.get(notice.id) == "set_aside":
            return self._places[notice.id] != (notice.line.partition, notice.offset)
        return notice.id not in self._waiting and notice.id not in self.gone

    async def lines(self, partitions: Collection[int]) -> list[LineLength]:
        lines: defaultdict[Line, list[WaitingNotice]] = defaultdict(list)
        for notice in self._waiting.values():
            if notice.line.partition in partitions and notice.held_until is None:
                lines[notice.line].append(notice)
        return [
            LineLength(
                line,
                len(notices),
                min(notice.taken_at for notice in notices),
                min(notice.offset for notice in notices),
            )
            for line, notices in lines.items()
        ]

    async def waiting(self, behind: Mapping[Line, int], each: int) -> list[WaitingNotice]:
        waiting = sorted(self._waiting.values(), key=lambda notice: notice.offset)
        lines = (
            [
                notice
                for notice in waiting
                if notice.line == line and notice.offset > offset and notice.held_until is None
            ]
            for line, offset in behind.items()
        )
        return [notice for line in lines for notice in line[:each]]

    async def held(self, partitions: Collection[int], until: datetime) -> list[WaitingNotice]:
        due = [
            notice
            for notice in self._waiting.values()
            if notice.held_until is not None and notice.held_until <= until and notice.line.partition in partitions
        ]
        return sorted(due, key=lambda notice: (notice.line, notice.offset, notice.id))

    async def release(self, ids: Collection[UUID]) -> None:
        for id_ in set(ids) & self._waiting.keys():
            self._waiting[id_] = replace(self._waiting[id_], held_until=None)

    async def put_together(self, notices: Sequence[WaitingNotice], instead: WaitingNotice) -> bool:
        if not {notice.id for notice in notices} <= self._waiting.keys():
            return False
        await self.settle({notice.id: "digested" for notice in notices})
        await self.take([instead])
        return True

    async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        for id_ in outcomes.keys() & self._waiting.keys():
            notice = self._waiting.pop(id_)
            self._places[id_] = (notice.line.partition, notice.offset)
            self.gone[id_] = outcomes[id_]
