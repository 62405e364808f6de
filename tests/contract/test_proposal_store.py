"""One suite over the stores of proposals, in memory and in PostgreSQL: held while decided, with the line in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from duban.clock import DrivenClock
from duban.errors import PackError
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.policy import PublishedCalendar, load_pack
from duban.policy.library import Library
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.store import SCHEMA, PostgresAccounts
from duban_console.packs.publication import Contradiction
from duban_console.policies.proposal import PolicyProposal, ProposalState
from duban_console.policies.proposal_memory import MemoryProposals
from duban_console.policies.proposal_rows import ProposalStore
from duban_console.policies.proposal_store import PostgresProposals
from duban_console.policies.proposals import ProposalDesk, ProposalRefused
from tests.accounts import AT, CLERK, Room
from tests.conftest import Migrated
from tests.given import SMALL, small_rules
from tests.page_town import TownPacks

DRAFT: Final = SMALL.read_text("utf-8").replace("version: 1", "version: 2", 1).replace("hours: 72", "hours: 48", 1)


@dataclass
class Given:
    """A store with its accounts, and a desk over it that publishes into a library."""

    store: ProposalStore
    room: Room
    packs: TownPacks
    desk: ProposalDesk

    async def people(self) -> None:
        """Three people, who are there once."""
        for name in ("li.na", "wang", "chen"):
            if await self.room.store.account(name) is None:
                await self.room.person(name, CLERK)

    async def proposed(self) -> PolicyProposal:
        await self.people()
        return await self.desk.propose(load_pack(DRAFT, "draft"), DRAFT, "too long", "li.na", "10.0.0.1")


def given_of(store: ProposalStore, room: Room) -> Given:
    rules, clock = small_rules(), DrivenClock(AT)
    packs = TownPacks(Library.of([rules.pack, PublishedCalendar(notice=rules.calendar.notice)]))
    return Given(store, room, packs, ProposalDesk(store, packs, clock, clock))


@pytest.fixture
async def postgres_given(migrated: Migrated) -> AsyncIterator[Given]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA)
    yield given_of(PostgresProposals(pool), Room(PostgresAccounts(pool), DrivenClock(AT), migrated.superuser))
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def given(request: pytest.FixtureRequest) -> Given:
    if request.param == "memory":
        accounts = MemoryAccounts()
        return given_of(MemoryProposals(accounts), Room(accounts, DrivenClock(AT)))
    postgres: Given = request.getfixturevalue("postgres_given")
    return postgres


async def code_of(step: Coroutine[Any, Any, PolicyProposal]) -> str:
    with pytest.raises(ProposalRefused) as refused:
        await step
    return refused.value.code


async def policy_acts(given: Given) -> list[tuple[str, str, str]]:
    return [act for act in await given.room.acts() if act[0].startswith("policy_")]


async def test_it_is_written_as_it_was_proposed_and_decided(given: Given) -> None:
    proposal = await given.proposed()
    assert await given.store.proposal(proposal.id) == proposal
    assert await given.store.proposals(5) == [proposal]
    decided = await given.desk.approve(proposal.id, "wang", "10.0.0.2")
    assert decided == replace(proposal, state=ProposalState.PUBLISHED, decided_by="wang", decided_at=AT)
    assert await given.store.proposal(proposal.id) == decided
    assert await given.store.proposals(5) == []
    assert given.packs.published == ["small@2"]
    assert await policy_acts(given) == [("policy_proposed", "li.na", "li.na"), ("policy_published", "wang", "li.na")]
    assert (await given.room.desk.verify()).broken is None


async def test_it_is_refused_or_withdrawn_and_may_be_proposed_anew(given: Given) -> None:
    first = await given.proposed()
    assert await code_of(given.proposed()) == "waits_already"
    assert (await given.desk.refuse(first.id, "wang", "", "not yet")).why == "not yet"
    second = await given.proposed()
    assert await code_of(given.desk.withdraw(second.id, "wang", "")) == "not_own"
    assert (await given.desk.withdraw(second.id, "li.na", "")).state is ProposalState.WITHDRAWN
    assert await code_of(given.desk.approve(second.id, "wang", "")) == "decided"
    assert await code_of(given.desk.approve(UUID(int=0), "wang", "")) == "unknown_proposal"
    assert given.packs.published == []


async def test_of_two_who_decide_at_once_one_does(given: Given) -> None:
    proposal = await given.proposed()
    steps = (
        given.desk.approve(proposal.id, "wang", ""),
        given.desk.refuse(proposal.id, "chen", "", "not yet"),
        given.desk.approve(proposal.id, "chen", ""),
    )
    came = await asyncio.gather(*steps, return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["PolicyProposal", "ProposalRefused", "ProposalRefused"]
    assert len(await policy_acts(given)) == 2


async def test_of_two_drafts_of_one_pack_one_waits(given: Given) -> None:
    await given.people()
    came = await asyncio.gather(given.proposed(), given.proposed(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["PolicyProposal", "ProposalRefused"]


async def test_where_it_cannot_be_published_nothing_is_written(given: Given) -> None:
    proposal = await given.proposed()
    for error in (Contradiction("differs"), PackError("draft", "time", "cannot be carried")):
        given.packs.fault = error
        assert await code_of(given.desk.approve(proposal.id, "wang", "")) == "unpublishable"
    given.packs.fault = None
    assert await given.store.proposal(proposal.id) == proposal
    assert [act[0] for act in await policy_acts(given)] == ["policy_proposed"]
    assert await code_of(given.desk.approve(proposal.id, "li.na", "")) == "own_proposal"


@pytest.mark.stack
async def test_the_table_itself_lets_nobody_decide_on_their_own(postgres_given: Given) -> None:
    proposal = await postgres_given.proposed()
    own = proposal.decided(ProposalState.PUBLISHED, "li.na", AT + timedelta(minutes=1))
    with pytest.raises(asyncpg.CheckViolationError):
        async with postgres_given.store.change() as change:
            await change.put(own)
    assert await postgres_given.store.proposal(proposal.id) == proposal
