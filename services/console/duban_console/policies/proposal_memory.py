"""Proposals in memory, for tests; their lines go into the accounts in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from duban_console.accounts.log import AccountAct
from duban_console.accounts.rows import AccountStore
from duban_console.policies.proposal import PolicyProposal, ProposalState


class MemoryProposals:
    """The store."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts
        self._by_id: dict[UUID, PolicyProposal] = {}
        self._turn = asyncio.Lock()

    async def proposal(self, id_: UUID) -> PolicyProposal | None:
        return self._by_id.get(id_)

    async def proposals(self, most: int) -> list[PolicyProposal]:
        waiting = [each for each in self._by_id.values() if each.state is ProposalState.WAITING]
        return sorted(waiting, key=lambda each: (each.proposed_at, each.id))[:most]

    @asynccontextmanager
    async def change(self) -> AsyncIterator[MemoryProposalChange]:
        async with self._turn:
            change = MemoryProposalChange(dict(self._by_id))
            yield change
            async with self._accounts.transaction() as store:
                for act in change.acts:
                    await store.append(act)
            self._by_id = change.by_id


class MemoryProposalChange:
    """A copy that takes the place of what was there when the change ends well."""

    def __init__(self, by_id: dict[UUID, PolicyProposal]) -> None:
        self.by_id = by_id
        self.acts: list[AccountAct] = []

    async def held(self, id_: UUID) -> PolicyProposal | None:
        return self.by_id.get(id_)

    async def waiting(self, ref: str) -> PolicyProposal | None:
        waiting = (each for each in self.by_id.values() if each.ref == ref and each.state is ProposalState.WAITING)
        return next(waiting, None)

    async def put(self, proposal: PolicyProposal) -> None:
        self.by_id[proposal.id] = proposal

    async def append(self, act: AccountAct) -> None:
        self.acts.append(act)
