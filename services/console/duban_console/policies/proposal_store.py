"""Proposals in PostgreSQL, in the schema ``console``, beside the log of accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg

from duban.io.act_log import ActLog
from duban_console.accounts.log import AccountAct, AccountLine
from duban_console.ledger import asking
from duban_console.policies.proposal import PolicyProposal, ProposalState

_LOG: Final = ActLog("console.account_log", AccountLine)
_PROPOSALS: Final = """
    select id, ref, jurisdiction, text, reason, proposed_by, proposed_at, state, decided_by, decided_at, why
    from console.policy_proposals
"""
#: Two who propose at once come one after the other.
_TURN: Final = "select pg_advisory_xact_lock(hashtextextended('duban policy proposals', 0))"
_PUT: Final = """
    insert into console.policy_proposals
        (id, ref, jurisdiction, text, reason, proposed_by, proposed_at, state, decided_by, decided_at, why)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict (id) do update set
        (state, decided_by, decided_at, why) = (excluded.state, excluded.decided_by, excluded.decided_at, excluded.why)
"""


class PostgresProposals:
    """The store."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def proposal(self, id_: UUID) -> PolicyProposal | None:
        async with asking():
            return _proposal(await self._pool.fetchrow(f"{_PROPOSALS} where id = $1", id_))

    async def proposals(self, most: int) -> list[PolicyProposal]:
        async with asking():
            rows = await self._pool.fetch(
                f"{_PROPOSALS} where state = 'waiting' order by proposed_at, id limit $1", most
            )
        return [proposal for row in rows if (proposal := _proposal(row)) is not None]

    @asynccontextmanager
    async def change(self) -> AsyncIterator[PostgresProposalChange]:
        async with asking(), self._pool.acquire() as connection, connection.transaction():
            yield PostgresProposalChange(connection)


class PostgresProposalChange:
    """A transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def held(self, id_: UUID) -> PolicyProposal | None:
        return _proposal(await self._connection.fetchrow(f"{_PROPOSALS} where id = $1 for update", id_))

    async def waiting(self, ref: str) -> PolicyProposal | None:
        await self._connection.execute(_TURN)
        where = f"{_PROPOSALS} where ref = $1 and state = 'waiting'"
        return _proposal(await self._connection.fetchrow(where, ref))

    async def put(self, proposal: PolicyProposal) -> None:
        await self._connection.execute(
            _PUT, proposal.id, proposal.ref, proposal.jurisdiction, proposal.text, proposal.reason,
            proposal.proposed_by, proposal.proposed_at, proposal.state, proposal.decided_by, proposal.decided_at,
            proposal.why,
        )  # fmt: skip

    async def append(self, act: AccountAct) -> None:
        await _LOG.take_turn(self._connection)  # last, so that nobody who signs in waits for a broker
        await _LOG.append(self._connection, act.fields())


def _proposal(row: asyncpg.Record | None) -> PolicyProposal | None:
    return None if row is None else PolicyProposal(**{**row, "state": ProposalState(row["state"])})
