"""One suite over the shelf of issues, in memory and in PostgreSQL, whose role may change nothing of what was signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban_console.accounts.account import Account
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.memory import MemoryAccounts
from duban_console.accounts.rows import AccountStore
from duban_console.accounts.store import SCHEMA, PostgresAccounts
from duban_console.issues.issue import Issue
from duban_console.issues.memory import MemoryIssues
from duban_console.issues.shelf import IssueShelf, PostgresIssues
from tests.conftest import Migrated
from tests.desk import AT, CITY

LI = Account("li.na", "李娜", AT)
ISSUE = Issue(
    id=UUID(int=7), jurisdiction=CITY, bulletin="state", title="2022年3月通报", number="绵督〔2022〕3号",
    pack="small@1", period="monthly", first=date(2022, 3, 1), last=date(2022, 3, 31), as_of=AT, language="zh",
    document='{"rows":[{"unit":"水务局"}]}', sha256="0" * 64, recipients=("water", "north"), public=True,
    signed_by=LI.name, signer=LI.full_name, signed_for="office", signed_at=AT,
)  # fmt: skip
SIGNED = AccountAct(AccountActKind.BULLETIN_SIGNED, AT, LI.name, LI.name, "10.0.0.7", "of March")
SENT = replace(SIGNED, kind=AccountActKind.BULLETIN_SENT)


@pytest.fixture
async def pool(migrated: Migrated) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA)
    async with PostgresAccounts(pool).transaction() as accounts:
        await accounts.put_account(LI)
    yield pool
    await pool.close()


@dataclass(frozen=True)
class Given:
    """A shelf, and the accounts in whose log it writes."""

    shelf: IssueShelf
    accounts: AccountStore

    async def acts(self) -> list[AccountAct]:
        return [line.act for line in await self.accounts.log() if line.act in (SIGNED, SENT)]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def given(request: pytest.FixtureRequest) -> Given:
    if request.param == "memory":
        accounts = MemoryAccounts()
        return Given(MemoryIssues(accounts), accounts)
    pool = request.getfixturevalue("pool")
    return Given(PostgresIssues(pool), PostgresAccounts(pool))


@pytest.fixture
def shelf(given: Given) -> IssueShelf:
    return given.shelf


async def test_what_was_signed_stands_as_it_is_and_was_sent_once(given: Given) -> None:
    shelf = given.shelf
    assert await shelf.issue(ISSUE.id) is None
    assert await shelf.put(ISSUE, SIGNED)
    assert not await shelf.put(replace(ISSUE, document="{}", sha256="1" * 64), SIGNED)
    assert await shelf.issue(ISSUE.id) == ISSUE
    later = AT + timedelta(hours=1)
    for at in (later, later + timedelta(days=1)):
        await shelf.mark_sent(ISSUE.id, LI.name, at, SENT)
    assert await shelf.issue(ISSUE.id) == replace(ISSUE, sent_by=LI.name, sent_at=later)
    assert await given.acts() == [SIGNED, SENT]


@pytest.mark.stack
async def test_what_cannot_stand_in_the_log_is_not_signed(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    shelf = PostgresIssues(pool)
    with pytest.raises(TypeError):
        await shelf.put(ISSUE, replace(SIGNED, detail="\ud800"))
    assert await shelf.issue(ISSUE.id) is None


async def test_the_newest_of_a_city_come_first(shelf: IssueShelf) -> None:
    newer = replace(ISSUE, id=UUID(int=8), signed_at=AT + timedelta(seconds=1), public=False)
    for issue in (ISSUE, newer, replace(ISSUE, id=UUID(int=9), jurisdiction="elsewhere")):
        assert await shelf.put(issue, SIGNED)
    assert await shelf.issues(CITY) == [newer, ISSUE]


@pytest.mark.stack
async def test_the_database_lets_the_service_change_nothing_of_it_and_the_gateway_read_what_is_public(
    pool: asyncpg.Pool[asyncpg.Record], migrated: Migrated
) -> None:
    shelf = PostgresIssues(pool)
    secret = replace(ISSUE, id=UUID(int=8), public=False)
    for issue in (ISSUE, secret):
        assert await shelf.put(issue, SIGNED)
    for change in ("update console.issues set document = '{}'", "delete from console.issues"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(change)
    gateway = await asyncpg.connect(migrated.url_of("gateway"))
    published = "select id, document from console.published_issues"
    assert await gateway.fetch(published) == []
    for issue in (ISSUE, secret):
        await shelf.mark_sent(issue.id, LI.name, AT, SENT)
    assert [tuple(row) for row in await gateway.fetch(published)] == [(ISSUE.id, ISSUE.document)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await gateway.fetch("select * from console.issues")
    await gateway.close()
