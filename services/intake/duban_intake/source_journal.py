"""The journal of sources on its way to the database: gathered in memory, written every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from duban.clock import Clock
from duban.errors import Fault, RecordTooLarge
from duban.io.availability import is_unavailable
from duban.messages.sources import RegisteredSource
from duban_intake.sources.journal import SourcePage, columns
from duban_intake.vault.desk import VaultRefused

_SECONDS: Final = 2.0
_WRITE: Final = """
    insert into intake.source_journal as held (source, spoke_at, accepted, refused, refusals, shape, made)
    select * from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::jsonb[], $6::jsonb[],
        $7::jsonb[])
    on conflict (source) do update set
        spoke_at = greatest(held.spoke_at, excluded.spoke_at),
        accepted = held.accepted + excluded.accepted, refused = held.refused + excluded.refused,
        refusals = jsonb_path_query_array(excluded.refusals || held.refusals, '$[0 to 9]'),
        shape = coalesce(excluded.shape, held.shape), made = coalesce(excluded.made, held.made)
"""
_SPOKE: Final = "select source, spoke_at from intake.source_journal where source = any($1::text[])"
_log = structlog.get_logger(__name__)


async def spoke_at(pool: asyncpg.Pool[asyncpg.Record], names: Collection[str]) -> dict[str, datetime]:
    """When each of the sources ``names`` that was ever heard was heard last."""
    return {row["source"]: row["spoke_at"] for row in await pool.fetch(_SPOKE, list(names))}


class SourceJournal:
    """What the sources do. A part of the service: ``run`` writes until ``stop``, and once more then.

    It is for looking: what the database does not take in the end is lost with the process, and nothing waits for it.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record] | None, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._pages: dict[str, SourcePage] = {}
        self._stopping = asyncio.Event()

    def page(self, source: RegisteredSource) -> SourcePage:
        """The page of ``source``, which speaks now."""
        at = self._clock.now()
        page = self._pages.setdefault(source.name, SourcePage(at))
        page.spoke_at = at
        return page

    def heard(self, source: RegisteredSource, at: datetime) -> None:
        """Note that a report of ``source`` came at ``at``, by whatever way."""
        page = self._pages.setdefault(source.name, SourcePage(at))
        page.spoke_at = max(page.spoke_at, at)

    @contextmanager
    def watching(self, source: RegisteredSource) -> Iterator[None]:
        """Note why a request of ``source`` is refused, if it is."""
        try:
            yield
        except (Fault, VaultRefused, RecordTooLarge) as error:
            code = "too_large" if isinstance(error, RecordTooLarge) else error.code
            place = error.field if isinstance(error, Fault) else None
            self.page(source).refuse(self._clock.now(), code, place, str(error))
            raise

    def stop(self) -> None:
        """Write what there is, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Write every few seconds until ``stop``."""
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _SECONDS)
            await self._write()

    async def _write(self) -> None:
        if not self._pages or self._pool is None:
            return
        pages, self._pages = self._pages, {}
        try:
            await self._pool.execute(_WRITE, *columns(sorted(pages.items())))
        except Exception as error:
            if not is_unavailable(error):
                raise
            _log.warning("the journal of sources is not written", error=type(error).__name__)
            self._pages = {**pages, **self._pages}
