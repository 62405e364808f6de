"""Which notices have gone out: in PostgreSQL, and in memory for tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from duban.clock import Clock
from duban_escalation.notices.journal import NoticeOutcome

_KNOWN: Final = "select notice_id from escalation.deliveries where notice_id = any($1::uuid[])"
_RECORD: Final = """
    insert into escalation.deliveries (notice_id, at, outcome)
    select notice_id, $1, outcome from unnest($2::uuid[], $3::text[]) as gone (notice_id, outcome)
    on conflict (notice_id) do nothing
"""
_FORGET: Final = """
    with page as materialized (
        select notice_id from escalation.deliveries where notice_id > $2 order by notice_id limit $3
    ), gone as (
        delete from escalation.deliveries as held using page
        where held.notice_id = page.notice_id and held.at < $1
        returning held.notice_id
    )
    select notice_id, (select count(*) from gone) from page order by notice_id desc limit 1
"""


class PostgresDeliveries:
    """The deliveries behind :class:`duban_escalation.notices.handler.NoticeHandler`, in the schema ``escalation``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def known(self, ids: Collection[UUID]) -> set[UUID]:
        return {row["notice_id"] for row in await self._pool.fetch(_KNOWN, list(ids))}

    async def record(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        await self._pool.execute(_RECORD, self._clock.now(), list(outcomes), list(outcomes.values()))

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Forget deliveries: see :class:`duban.io.retention.Forgets`."""
        row = await self._pool.fetchrow(_FORGET, self._clock.now() - age, after, limit)
        return (row[0], row[1]) if row is not None else (None, 0)


class MemoryDeliveries:
    """The same in a dictionary."""

    def __init__(self) -> None:
        self.gone: dict[UUID, NoticeOutcome] = {}

    async def known(self, ids: Collection[UUID]) -> set[UUID]:
        return {id_ for id_ in ids if id_ in self.gone}

    async def record(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        self.gone = {**outcomes, **self.gone}
