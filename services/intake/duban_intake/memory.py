"""The store in memory, for tests and the simulator; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban.errors import Unavailable
from duban.messages.sealed import WrappedKey
from duban_intake.domain import Receipt
from duban_intake.handlers import RefusedArrival, Writing
from duban_intake.nearness import Place
from duban_intake.report_seal import ReportKey, ReportTerms


class MemoryStore:
    """The store behind the handlers, in dictionaries."""

    def __init__(self) -> None:
        self.receipts: dict[UUID, Receipt] = {}
        self.refusals: dict[tuple[UUID, bytes], RefusedArrival] = {}
        self.places: dict[UUID, Place] = {}
        self.versions: dict[UUID, int] = {}
        self.keys: dict[UUID, ReportKey] = {}
        self.files: dict[str, WrappedKey | None] = {}
        self.speaking: set[tuple[UUID, str]] = set()
        self.terms: dict[UUID, ReportTerms] = {}
        self._cells: defaultdict[int, set[UUID]] = defaultdict(set)
        self._turn = asyncio.Lock()

    def places_in(self, cells: Collection[int]) -> list[Place]:
        """The places that lie in ``cells``."""
        return [
            self.places[problem_id] for cell in set(cells) if cell in self._cells for problem_id in self._cells[cell]
        ]

    def put(self, place: Place) -> None:
        """Add ``place``, or take it as it is now; when its reports were seen only widens."""
        held = self.places.get(place.problem_id)
        if held is not None:
            self.remove(held.problem_id)
            place = place.with_report(held.latest_at).with_report(held.earliest_at)
        self.places[place.problem_id] = place
        self._cells[place.cell].add(place.problem_id)

    def remove(self, problem_id: UUID) -> None:
        """Forget the place of a problem, if it has one."""
        held = self.places.pop(problem_id, None)
        if held is not None:
            self._cells[held.cell].discard(problem_id)
            if not self._cells[held.cell]:
                del self._cells[held.cell]

    async def receipt(self, key: UUID) -> Receipt | None:
        return self.receipts.get(key)

    @asynccontextmanager
    async def transaction(self, jurisdictions: Collection[str]) -> AsyncIterator[MemoryTransaction]:
        async with self._turn:
            yield MemoryTransaction(self)


class MemoryTransaction:
    """One transaction: it writes once, at its end, so there is nothing to roll back."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        return {key: self._store.receipts[key] for key in keys if key in self._store.receipts}

    async def places(self, cells: Collection[int], since_at: datetime) -> list[Place]:
        return [place for place in self._store.places_in(cells) if place.latest_at >= since_at]

    async def versions(self, ids: Collection[UUID]) -> dict[UUID, int]:
        return {id_: self._store.versions[id_] for id_ in ids if id_ in self._store.versions}

    async def report_keys(self, keys: Collection[UUID]) -> dict[UUID, ReportKey]:
        return {key: self._store.keys[key] for key in keys if key in self._store.keys}

    async def write(self, writing: Writing) -> None:
        store = self._store
        free = {key: receipt for key, receipt in writing.receipts.items() if self._free(receipt, writing.revises)}
        if len(free) < len(writing.receipts) and not writing.revises:
            raise Unavailable("another member gave one of these reports its receipt; the batch is decided again")
        store.receipts |= free
        store.versions |= writing.versions
        for key, held in writing.keys.items():
            store.keys.setdefault(key, held)
        for key, files in writing.files.items():
            for sha256, wrapped in files.items():
                store.speaking.add((key, sha256))
                store.files[sha256] = store.files.get(sha256) or wrapped
        for key, problem_id in writing.moved.items():
            if (moved := store.keys.get(key)) is not None:
                store.keys[key] = replace(moved, problem_id=problem_id)
        for key, held in store.keys.items():
            if held.problem_id in writing.terms:
                store.terms[key] = writing.terms[held.problem_id]
        for refusal in writing.refusals:
            store.refusals.setdefault((refusal.arrival.key, refusal.arrival.digest), refusal)
        for closed in writing.closed:
            store.remove(closed)
        for place in writing.places.values():
            store.put(place)

    def _free(self, receipt: Receipt, revises: bool) -> bool:
        held = self._store.receipts.get(receipt.key)
        return held is None or (held.digest == receipt.digest and (revises or not held.final))
