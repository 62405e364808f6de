"""The ledger in memory: for the simulator and for tests, held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from uuid import UUID

from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Filing, Reported
from duban_router.ledger import MOST_COUNTED, Conflict, Line, Outcome, Register, Standing, Writing


class MemoryLedger:
    """The ledger behind :class:`duban_router.handlers.CommandHandler`, in dictionaries."""

    def __init__(self) -> None:
        self._standings: dict[UUID, Standing] = {}
        self._outcomes: dict[UUID, Outcome] = {}
        self._lines: defaultdict[UUID, list[Line]] = defaultdict(list)
        self._allocated: dict[Register, int] = {}
        self._turn = asyncio.Lock()
        self._unanswered: defaultdict[Reported, set[Filing]] = defaultdict(set)
        self._precedents: defaultdict[Count, list[Precedent]] = defaultdict(list)

    async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
        return {id_: self._standings[id_] for id_ in ids if id_ in self._standings}

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        """What came of the commands ``keys``, those that have been decided."""
        return {key: self._outcomes[key] for key in keys if key in self._outcomes}

    async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
        return {id_: self._lines[id_][:version] for id_, version in until.items() if id_ in self._lines}

    @asynccontextmanager
    async def transaction(
        self, registers: Collection[Register], counts: Collection[Count] = ()
    ) -> AsyncIterator[MemoryTransaction]:
        async with self._turn if registers or counts else nullcontext():
            yield MemoryTransaction(self, self.allocated(registers), counts)

    def unanswered(self, reports: Sequence[Reported]) -> list[Filing]:
        """Those of ``reports`` that wait for a reply."""
        return [filing for reported in set(reports) for filing in self._unanswered.get(reported, ())]

    def precedents(self, counts: Collection[Count]) -> list[Precedent]:
        """What stands under ``counts``, of each the latest."""
        return [
            precedent
            for count in counts
            for precedent in sorted(self._precedents.get(count, ()), key=lambda known: known.at)[-MOST_COUNTED:]
        ]

    def allocated(self, registers: Collection[Register]) -> dict[Register, int]:
        """How much of each register has been given out."""
        return {register: self._allocated.get(register, 0) for register in registers}

    async def write(self, writing: Writing) -> None:
        """Add all of ``writing``, or raise :class:`Conflict` and add nothing."""
        if any(self._version(id_) != version for id_, version in writing.rests_on.items()):
            raise Conflict
        if any(line.event.version <= len(self._lines[line.event.problem_id]) for line in writing.lines):
            raise Conflict
        if any(outcome.key in self._outcomes for outcome in writing.outcomes):
            raise Conflict
        for line in writing.lines:
            self._lines[line.event.problem_id].append(line)
        self._outcomes |= {outcome.key: outcome for outcome in writing.outcomes}
        self._standings |= writing.standings
        self._allocated |= writing.allocated
        for filing, waits in writing.unanswered.items():
            (self._unanswered[filing[:3]].add if waits else self._unanswered[filing[:3]].remove)(filing)
        for precedent in writing.precedents:
            self._precedents[precedent.under].append(precedent)

    def _version(self, id_: UUID) -> int:
        standing = self._standings.get(id_)
        return standing.record.version if standing else 0


class MemoryTransaction:
    """One transaction: it writes once, at its end, so there is nothing to roll back."""

    def __init__(self, ledger: MemoryLedger, allocated: Mapping[Register, int], counts: Collection[Count] = ()) -> None:
        self._ledger = ledger
        self._counts = counts
        self.allocated = allocated

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        return await self._ledger.outcomes(keys)

    async def unanswered(self, reports: Sequence[Reported]) -> list[Filing]:
        return self._ledger.unanswered(reports)

    async def precedents(self) -> list[Precedent]:
        return self._ledger.precedents(self._counts)

    async def write(self, writing: Writing) -> None:
        await self._ledger.write(writing)
