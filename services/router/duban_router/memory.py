"""The ledger in memory: for the simulator and for tests, held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from duban_router.handlers import Conflict, Line, Outcome, Standing, Writing


class MemoryLedger:
    """The ledger behind :class:`duban_router.handlers.CommandHandler`, in dictionaries."""

    def __init__(self) -> None:
        self._standings: dict[UUID, Standing] = {}
        self._outcomes: dict[UUID, Outcome] = {}
        self._lines: defaultdict[UUID, list[Line]] = defaultdict(list)
        self._allocated: dict[tuple[str, int], int] = {}

    async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
        return {id_: self._standings[id_] for id_ in ids if id_ in self._standings}

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        return {key: self._outcomes[key] for key in keys if key in self._outcomes}

    async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
        return {id_: self._lines[id_][:version] for id_, version in until.items() if id_ in self._lines}

    async def allocated(self, register: str, year: int) -> int:
        return self._allocated.get((register, year), 0)

    async def write(self, writing: Writing, allocated_before: dict[tuple[str, int], int]) -> None:
        if any(self._allocated.get(register, 0) != allocated_before[register] for register in writing.allocated):
            raise Conflict("register")
        if any(self._standings[id_].record.version != version for id_, version in writing.rests_on.items()):
            raise Conflict("ledger")
        if any(line.event.version <= len(self._lines[line.event.problem_id]) for line in writing.lines):
            raise Conflict("ledger")
        if any(outcome.key in self._outcomes for outcome in writing.outcomes):
            raise Conflict("ledger")
        for line in writing.lines:
            self._lines[line.event.problem_id].append(line)
        self._outcomes |= {outcome.key: outcome for outcome in writing.outcomes}
        self._standings |= writing.standings
        self._allocated |= writing.allocated
