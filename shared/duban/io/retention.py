"""What grows with every record and every notice is forgotten after its time, in small steps on a slow loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol
from uuid import UUID

import asyncpg
import structlog

from duban.io.backoff import until_available, until_stopped

_PAGE: Final = 1000
_SECONDS_BETWEEN_PAGES: Final = 0.5
_SECONDS_BETWEEN_WALKS: Final = 6 * 3600.0
_BEGINNING: Final = UUID(int=0)
_log = structlog.get_logger(__name__)


class Forgets(Protocol):
    """A table that is walked from key to key."""

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Forget those of the next ``limit`` keys beyond ``after`` that are older than ``age`` and need not be kept.

        The last key that was looked at, None at the end of the table; and how many are gone.
        """


def forgetting(table: str, key: str, old: str) -> str:
    """SQL that walks a page of ``table`` along its uuid ``key``, and deletes the rows ``held`` for which ``old`` holds.

    ``$1`` is for ``old`` to compare with: an age or an instant; the others are those of :meth:`Forgets.forget`.
    """
    return f"""
        with page as materialized (
            select {key} from {table} where {key} > $2 order by {key} limit $3
        ), gone as (
            delete from {table} as held
            where held.{key} in (select {key} from page) and {old}
            returning 1
        )
        select {key}, (select count(*) from gone) from page order by {key} desc limit 1
    """  # noqa: S608 - constant


async def forgotten(
    pool: asyncpg.Pool[asyncpg.Record], query: str, bound: timedelta | datetime, after: UUID, limit: int
) -> tuple[UUID | None, int]:
    """What :meth:`Forgets.forget` gives, by a ``query`` as :func:`forgetting` makes it."""
    row = await pool.fetchrow(query, bound, after, limit)
    return (row[0], row[1]) if row is not None else (None, 0)


class OldRows:
    """Rows of a table in PostgreSQL that ``query``, made by :func:`forgetting` for an age, forgets."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], query: str) -> None:
        self._pool = pool
        self._query = query

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        return await forgotten(self._pool, self._query, age, after, limit)


class Retention:
    """Walks tables again and again, and keeps what is in them for so long as each is told."""

    def __init__(
        self,
        tables: Mapping[str, tuple[Forgets, timedelta]],
        between_pages: float = _SECONDS_BETWEEN_PAGES,
        between_walks: float = _SECONDS_BETWEEN_WALKS,
    ) -> None:
        self._tables = tables
        self._between_pages = between_pages
        self._between_walks = between_walks
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; a step in hand is broken off, and is taken again in a later life."""
        self._stopping.set()

    async def run(self) -> None:
        """Walk, rest and walk again, until ``stop``; what is away is waited for."""
        while not self._stopping.is_set():
            for name, (table, age) in self._tables.items():
                await until_stopped(self._stopping, self._walk(name, table, age))
            await until_stopped(self._stopping, asyncio.sleep(self._between_walks))

    async def _walk(self, name: str, table: Forgets, age: timedelta) -> None:
        after: UUID | None = _BEGINNING
        forgotten = 0
        while after is not None and not self._stopping.is_set():
            after, gone = await until_available("retention", partial(table.forget, age, after, _PAGE))
            forgotten += gone
            await until_stopped(self._stopping, asyncio.sleep(self._between_pages))
        if forgotten:
            _log.info("forgotten", table=name, rows=forgotten, days=age.days)
