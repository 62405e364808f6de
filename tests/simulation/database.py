"""The stores of the services in memory, as members reach them: over connections that end at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg
from asyncpg.exceptions import InternalClientError

from duban_escalation.memory import MemoryDeadlines, MemorySchedules
from duban_escalation.notices.deliveries import MemoryDeliveries
from duban_intake.memory import MemoryStore
from duban_router.domain.precedents import Count
from duban_router.ledger import Conflict, Register, Writing
from duban_router.memory import MemoryLedger
from tests.simulation.life import LIVING, Life, instant

#: What the client raises when a connection ends: by the moment it is one or the other.
LOST: Final = (
    lambda: InternalClientError("got result for unknown protocol state 3"),
    lambda: asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    lambda: asyncpg.InterfaceError("connection is closed"),
    lambda: ConnectionResetError("Connection lost"),
)
_WRITES: Final = {"write", "rearm", "set_right", "set_opened_until", "take", "settle"}


class WatchedLedger(MemoryLedger):
    """The ledger, which remembers when each answer was given, and transactions that were rolled back for nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.needless: list[str] = []
        self._loop = loop
        self._answered_at: dict[UUID, float] = {}

    async def write(self, writing: Writing) -> None:
        life = LIVING.get()
        try:
            await super().write(writing)
        except Conflict:
            known = [one for one in writing.outcomes if self._answered_at.get(one.key, 1e9) < life.fetched_at]
            self.needless += [f"{life.name} decided {one.command} again" for one in known]
            raise
        self._answered_at |= {outcome.key: self._loop.time() for outcome in writing.outcomes}


class Database:
    """Every store there is; what was written stays, whoever dies."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_away = False
        self.intake = MemoryStore()
        self.ledger = WatchedLedger(loop)
        self.deadlines = MemoryDeadlines()
        self.schedules = MemorySchedules()
        self.deliveries = MemoryDeliveries()
        self._lost = 0
        self._loop = loop

    def lost(self) -> Exception:
        """What a call raises whose connection has ended."""
        self._lost += 1
        return LOST[self._lost % len(LOST)]()

    async def reach(self, life: Life, point: str) -> None:
        """Pass ``point`` of ``life``, where the database may be away."""
        await life.reach(point)
        if self.is_away and point.startswith("before"):
            raise self.lost()

    async def now(self) -> Any:
        """The instant now, by the clock of the database, which is right."""
        return instant(self._loop.time())


class Remote:
    """A store as ``life`` reaches it: each call is one transaction, which may not begin, or end unheard."""

    def __init__(self, life: Life, database: Database, store: Any) -> None:
        self._life, self._database, self._store = life, database, store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        kind = "write" if name in _WRITES else "read"

        async def call(*arguments: Any) -> Any:
            await self._database.reach(self._life, f"before {kind}")
            answer = await method(*arguments)
            await self._database.reach(self._life, f"after {kind}")
            return answer

        return call


class RemoteLedger(Remote):
    """The ledger as ``life`` reaches it: who takes numbers, or counts, waits until whoever does so is through."""

    @asynccontextmanager
    async def transaction(self, registers: Collection[Register], counts: Collection[Count] = ()) -> AsyncIterator[Any]:
        await self._database.reach(self._life, "before read")
        async with self._database.ledger.transaction(registers, counts) as transaction:
            remote: Any = Remote(self._life, self._database, transaction)
            remote.allocated = transaction.allocated
            yield remote


class RemoteIntake:
    """The store of intake as ``life`` reaches it: what others do waits while its transaction is open."""

    def __init__(self, life: Life, database: Database) -> None:
        self._life, self._database = life, database

    async def receipt(self, key: UUID) -> Any:
        return await self._database.intake.receipt(key)

    @asynccontextmanager
    async def transaction(self, jurisdictions: Collection[str]) -> AsyncIterator[Any]:
        await self._database.reach(self._life, "before read")
        async with self._database.intake.transaction(jurisdictions) as transaction:
            yield Remote(self._life, self._database, transaction)
