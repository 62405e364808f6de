"""The vault's store in memory, for tests; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban_intake.memory import MemoryStore
from duban_intake.vault.chain import Line, following
from duban_intake.vault.custody import Act
from duban_intake.vault.desk import Held


class MemoryVault:
    """Rows and log in memory, beside the receipts of ``intake``."""

    def __init__(self, intake: MemoryStore | None = None) -> None:
        self.intake = intake or MemoryStore()
        self.rows: dict[UUID, Held] = {}
        self.lines: list[Line] = []
        self._turn = asyncio.Lock()

    async def keep(self, held: Held) -> Held:
        return self.rows.setdefault(held.key, held)

    async def log(self) -> list[Line]:
        return list(self.lines)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[MemorySession]:
        async with self._turn:
            session = MemorySession(self.intake, dict(self.rows), list(self.lines))
            yield session
            self.rows |= {key: session.rows[key] for key in session.forgotten}
            self.lines = session.lines


class MemorySession:
    """A copy that takes the place of what was there when the session ends well."""

    def __init__(self, intake: MemoryStore, rows: dict[UUID, Held], lines: list[Line]) -> None:
        self._intake = intake
        self.rows = rows
        self.lines = lines
        self.forgotten: set[UUID] = set()

    async def held(self, key: UUID) -> Held | None:
        return self.rows.get(key)

    async def accepted(self, key: UUID) -> bytes | None:
        receipt = await self._intake.receipt(key)
        return receipt.digest if receipt else None

    async def history(self, ask: UUID) -> list[Act]:
        return [act for line in self.lines if (act := line.act).ask == ask]

    async def append(self, act: Act) -> Line:
        line = following(self.lines[-1] if self.lines else None, act)
        self.lines.append(line)
        return line

    async def forget(self, key: UUID, at: datetime) -> None:
        self.rows[key] = replace(self.rows[key], sealed=None, forgotten_at=at)
        self.forgotten.add(key)
