"""One suite over the shelf of saved views, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from pydantic import SecretStr

from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban_console.accounts.account import Account
from duban_console.accounts.store import SCHEMA, PostgresAccounts
from duban_console.desk.views import MOST_VIEWS, MemoryViews, PostgresViews, SavedView, ViewShelf
from tests.conftest import Migrated
from tests.desk import AT, CITY

LI, WANG = Account("li.na", "李娜", AT), Account("wang.wei", "王伟", AT)


@pytest.fixture
async def pool(migrated: Migrated) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA)
    async with PostgresAccounts(pool).transaction() as accounts:
        for account in (LI, WANG):
            await accounts.put_account(account)
    yield pool
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def shelf(request: pytest.FixtureRequest) -> ViewShelf:
    return MemoryViews() if request.param == "memory" else PostgresViews(request.getfixturevalue("pool"))


async def test_a_view_is_its_owners_in_its_city_and_a_name_stands_once(shelf: ViewShelf) -> None:
    for name, query in (("逾期", "lamp=red"), ("b", "closed=no"), ("逾期", "lamp=red&unit=water")):
        assert await shelf.save(LI.name, CITY, SavedView(name, query), AT)
    assert await shelf.save(LI.name, "elsewhere", SavedView("c", "lamp=none"), AT)
    mine = [SavedView("b", "closed=no"), SavedView("逾期", "lamp=red&unit=water")]
    assert await shelf.views(LI.name, CITY) == mine
    assert await shelf.views(WANG.name, CITY) == []
    await shelf.remove(WANG.name, CITY, "b")
    assert await shelf.views(LI.name, CITY) == mine
    await shelf.remove(LI.name, CITY, "b")
    assert await shelf.views(LI.name, CITY) == mine[1:]


async def test_nobody_keeps_more_than_so_many_and_each_may_still_be_changed(shelf: ViewShelf) -> None:
    for number in range(MOST_VIEWS):
        assert await shelf.save(LI.name, CITY, SavedView(f"{number:02}", ""), AT)
    assert not await shelf.save(LI.name, CITY, SavedView("one more", ""), AT)
    assert await shelf.save(LI.name, CITY, SavedView("07", "lamp=red"), AT)
    assert len(await shelf.views(LI.name, CITY)) == MOST_VIEWS
    assert await shelf.save(WANG.name, CITY, SavedView("one more", ""), AT)


@pytest.mark.stack
async def test_who_is_turned_off_has_no_views_any_more(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    shelf = PostgresViews(pool)
    for account in (LI, WANG):
        assert await shelf.save(account.name, CITY, SavedView("of Zhang San", "text=张三"), AT)
    async with PostgresAccounts(pool).transaction() as accounts:
        await accounts.put_account(replace(LI, off_at=AT))
    assert await shelf.views(LI.name, CITY) == []
    assert len(await shelf.views(WANG.name, CITY)) == 1
