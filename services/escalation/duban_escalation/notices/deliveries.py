"""The notices that wait, and those that are done with: in PostgreSQL, and in memory for tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from duban.clock import Clock
from duban.io.retention import forgetting, forgotten
from duban_escalation.notices.handler import Line, LineLength, WaitingNotice
from duban_escalation.notices.journal import NoticeOutcome

#: What was set aside comes again at another place of its topic when it is replayed, and then waits anew.
_TAKE: Final = """
    insert into escalation.deliveries as held (notice_id, partition, recipient, "offset", headers, value, at)
    select * from unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::timestamptz[])
    on conflict (notice_id) do update set partition = excluded.partition, recipient = excluded.recipient,
        "offset" = excluded."offset", headers = excluded.headers, value = excluded.value,
        at = excluded.at, outcome = null
    where held.outcome = 'set_aside'
        and (held.partition, held."offset") is distinct from (excluded.partition, excluded."offset")
"""
_LINES: Final = """
    select partition, recipient, count(*) as count, min(at) as since, min("offset") as first
    from escalation.deliveries where outcome is null and partition = any($1::int[])
    group by partition, recipient
"""
#: From behind what went out last: the index entries of rows that are done with lie before it.
WAITING: Final = """
    select notice_id, waiting.partition, waiting.recipient, "offset", headers, value, at
    from unnest($1::int[], $2::text[], $3::bigint[]) with ordinality as line (partition, recipient, behind, number)
    cross join lateral (
        select * from escalation.deliveries as held
        where held.outcome is null and held.partition = line.partition and held.recipient = line.recipient
            and held."offset" > line.behind
        order by held."offset" limit $4
    ) as waiting
    order by number, "offset"
"""
_SETTLE: Final = """
    update escalation.deliveries as held set outcome = gone.outcome, at = $1, headers = null, value = null
    from unnest($2::uuid[], $3::text[]) as gone (notice_id, outcome)
    where held.notice_id = gone.notice_id and held.outcome is null
"""
_FORGET: Final = forgetting("escalation.deliveries", "notice_id", "held.at < $1 and held.outcome is not null")


class PostgresDeliveries:
    """The deliveries behind :class:`duban_escalation.notices.handler.Deliveries`, in the schema ``escalation``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def take(self, notices: Sequence[WaitingNotice]) -> int:
        # Members that meet on notices lock them in one order.
        ordered = sorted(notices, key=lambda notice: notice.id.int)
        inserted = await self._pool.execute(
            _TAKE,
            [notice.id for notice in ordered],
            [notice.line.partition for notice in ordered],
            [notice.line.recipient for notice in ordered],
            [notice.offset for notice in ordered],
            [notice.headers for notice in ordered],
            [notice.value for notice in ordered],
            [notice.taken_at for notice in ordered],
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
            if notice.line.partition in partitions:
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
            [notice for notice in waiting if notice.line == line and notice.offset > offset]
            for line, offset in behind.items()
        )
        return [notice for line in lines for notice in line[:each]]

    async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        for id_ in outcomes.keys() & self._waiting.keys():
            notice = self._waiting.pop(id_)
            self._places[id_] = (notice.line.partition, notice.offset)
            self.gone[id_] = outcomes[id_]
