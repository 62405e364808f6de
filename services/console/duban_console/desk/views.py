"""Views of the ledger that people have saved, each under a name of theirs; nobody sees another's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import asyncpg

from duban_console.ledger import asking

#: Views of one account in one city; whoever has so many removes one first.
MOST_VIEWS: Final = 30
LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class SavedView:
    """What it is called, and what of the address of the ledger it asks for."""

    name: str
    query: str


class ViewShelf(Protocol):
    """Where views are kept. Each method raises :class:`duban.errors.Unavailable` while they cannot be reached."""

    async def views(self, account: str, jurisdiction: str) -> list[SavedView]:
        """The views of ``account`` in a city, by name."""

    async def save(self, account: str, jurisdiction: str, view: SavedView, at: datetime) -> bool:
        """Keep ``view`` in the place of the one that is called so; False where there are too many already."""

    async def remove(self, account: str, jurisdiction: str, name: str) -> None:
        """Keep the view of that name no more."""


_VIEWS: Final = """
    select name, query from console.saved_views where account = $1 and jurisdiction = $2 order by name collate "C"
"""
_SAVE: Final = """
    insert into console.saved_views (account, jurisdiction, name, query, saved_at)
    select $1, $2, $3, $4, $5
    where (select count(*) from console.saved_views where account = $1 and jurisdiction = $2 and name <> $3) < $6
    on conflict (account, jurisdiction, name) do update set (query, saved_at) = (excluded.query, excluded.saved_at)
    returning true
"""
_REMOVE: Final = "delete from console.saved_views where account = $1 and jurisdiction = $2 and name = $3"


class PostgresViews:
    """The shelf in PostgreSQL, beside the accounts."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def views(self, account: str, jurisdiction: str) -> list[SavedView]:
        async with asking():
            return [SavedView(*row) for row in await self._pool.fetch(_VIEWS, account, jurisdiction)]

    async def save(self, account: str, jurisdiction: str, view: SavedView, at: datetime) -> bool:
        async with asking():
            values = (account, jurisdiction, view.name, view.query, at, MOST_VIEWS)
            return bool(await self._pool.fetchval(_SAVE, *values))

    async def remove(self, account: str, jurisdiction: str, name: str) -> None:
        async with asking():
            await self._pool.execute(_REMOVE, account, jurisdiction, name)


class MemoryViews:
    """The shelf in memory, for tests; held to the same contract."""

    def __init__(self) -> None:
        self._queries: dict[tuple[str, str, str], str] = {}

    async def views(self, account: str, jurisdiction: str) -> list[SavedView]:
        mine = sorted((key, query) for key, query in self._queries.items() if key[:2] == (account, jurisdiction))
        return [SavedView(key[2], query) for key, query in mine]

    async def save(self, account: str, jurisdiction: str, view: SavedView, at: datetime) -> bool:
        others = [each for each in await self.views(account, jurisdiction) if each.name != view.name]
        if len(others) >= MOST_VIEWS:
            return False
        self._queries[account, jurisdiction, view.name] = view.query
        return True

    async def remove(self, account: str, jurisdiction: str, name: str) -> None:
        self._queries.pop((account, jurisdiction, name), None)
