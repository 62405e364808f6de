"""What the desk of proposals asks of its store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from duban_console.accounts.log import AccountAct
from duban_console.policies.proposal import PolicyProposal


class ProposalChange(Protocol):
    """A change of one proposal, with its line in the log of accounts: both stand, or neither."""

    async def held(self, id_: UUID) -> PolicyProposal | None:
        """The proposal, which nobody else changes until this change is over."""

    async def waiting(self, ref: str) -> PolicyProposal | None:
        """The proposal of the pack ``ref`` that waits."""

    async def put(self, proposal: PolicyProposal) -> None:
        """Write it in the place of what stands under its id."""

    async def append(self, act: AccountAct) -> None:
        """Write a line at the end of the log of accounts."""


class ProposalStore(Protocol):
    """Where proposals are kept."""

    async def proposal(self, id_: UUID) -> PolicyProposal | None:
        """The proposal."""

    async def proposals(self, most: int) -> list[PolicyProposal]:
        """Those that wait, the oldest first."""

    def change(self) -> AbstractAsyncContextManager[ProposalChange]:
        """A change of the store."""
