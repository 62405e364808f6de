"""The store in memory, for tests and the simulator; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban.errors import Unavailable
from duban_intake.domain import Receipt
from duban_intake.handlers import RefusedArrival, Writing
from duban_intake.nearness import Place


class MemoryStore:
    """The store behind the handlers, in dictionaries."""

    def __init__(self) -> None:
        self.receipts: dict[UUID, Receipt] = {}
        self.refusals: dict[tuple[UUID, bytes], RefusedArrival] = {}
        self.places: dict[UUID, Place] = {}
        self._turn = asyncio.Lock()

    async def receipt(self, key: UUID) -> Receipt | None:
        return self.receipts.get(key)

    @asynccontextmanager
    async def turn(self, jurisdictions: Collection[str]) -> AsyncIterator[MemoryTurn]:
        async with self._turn:
            yield MemoryTurn(self)


class MemoryTurn:
    """One transaction: a turn writes once, at its end, so there is nothing to roll back."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        return {key: self._store.receipts[key] for key in keys if key in self._store.receipts}

    async def places(self, cells: Collection[int], since_at: datetime) -> list[Place]:
        wanted = set(cells)
        return [place for place in self._store.places.values() if place.cell in wanted and place.latest_at >= since_at]

    async def write(self, writing: Writing) -> None:
        store = self._store
        free = {key: one for key, one in writing.receipts.items() if self._free(one, writing.revises)}
        if len(free) < len(writing.receipts) and not writing.revises:
            raise Unavailable("another member gave one of these reports its receipt; the batch is decided again")
        store.receipts |= free
        for one in writing.refusals:
            store.refusals.setdefault((one.arrival.key, one.arrival.digest), one)
        for closed in writing.closed:
            store.places.pop(closed, None)
        for key, place in writing.places.items():
            held = store.places.get(key)
            latest_at = max(held.latest_at, place.latest_at) if held else place.latest_at
            store.places[key] = replace(place, latest_at=latest_at)

    def _free(self, receipt: Receipt, revises: bool) -> bool:
        held = self._store.receipts.get(receipt.key)
        return held is None or (held.digest == receipt.digest and (revises or not held.final))
