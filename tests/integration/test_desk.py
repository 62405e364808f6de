"""The desk on the real stack: it follows the ledger, survives what kills it, and is the same when it is made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from duban.errors import Unavailable
from duban.io.postgres import connect_pool
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.messages.report import Filed, Report
from duban_cli.system import System, running
from duban_console.accounts.store import SCHEMA
from duban_console.desk.queries import PostgresDesk
from duban_console.desk.reader import LedgerFilters
from duban_console.desk.rebuild import rebuild
from duban_console.desk.store import PLANNER, TABLES, PostgresDeskStore
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.desk import OFFICE
from tests.given import ROOT, SMALL

pytestmark = pytest.mark.stack

CITY = "smallville"


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[System]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "api"], publish=packs) as system:
        yield system


@pytest.fixture
async def pool(engine: System) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings(database=SecretStr(engine.accounts)), SCHEMA, planner=PLANNER)
    yield pool
    await pool.close()


@pytest.fixture
async def publisher(engine: System) -> AsyncIterator[Publisher]:
    publisher = Publisher(engine.settings, "test")
    await publisher.start()
    yield publisher
    await publisher.stop()


def registrations(count: int) -> list[tuple[UUID, do.Command]]:
    """Commands that register as many problems."""
    commands: list[tuple[UUID, do.Command]] = []
    for number in range(count):
        id_ = uuid4()
        report = Report(jurisdiction=CITY, channel="hotline", title=f"foul water {number}", category="river")
        filed = Filed(source="test", id=str(id_), received_at=datetime.now(UTC), report=report)
        commands.append((id_, do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)))
    return commands


async def send(publisher: Publisher, commands: Sequence[tuple[UUID, do.Command]]) -> None:
    now = datetime.now(UTC)
    await publisher.publish(
        [encode(Message(str(uuid4()), "test", str(id_), now, CITY, str(id_), command)) for id_, command in commands]
    )


async def standing(pool: asyncpg.Pool[asyncpg.Record]) -> dict[str, list[str]]:
    """Every row of the read model that says something, as a text; of days those on which anything has changed."""
    telling = {"desk_days": "where change <> 0"}
    return {
        table: [
            row[0]
            for row in await pool.fetch(f"select t::text from console.{table} as t {telling.get(table, '')} order by 1")
        ]
        for table in TABLES
    }


async def keeps_up(engine: System, pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Return when every record stands in the read model as the ledger has it."""
    router = await asyncpg.connect(engine.database)

    async def equal() -> bool:
        ledger = await router.fetch("select id, version from router.published_records order by id")
        desk = await pool.fetch("select id, version from console.desk_records order by id")
        return list(map(tuple, ledger)) == list(map(tuple, desk))

    try:
        await eventually(equal, within=180)
    finally:
        await router.close()


async def test_it_follows_the_ledger_and_loses_nothing_when_it_is_killed(
    engine: System, pool: asyncpg.Pool[asyncpg.Record], publisher: Publisher
) -> None:
    commands = registrations(400)
    await send(publisher, commands)
    await eventually(lambda: pool.fetchval("select count(*) > 50 from console.desk_records"), within=180)
    await engine.kill("api")
    acknowledgements = [(id_, do.Acknowledge(actor=do.Actor(unit="water"))) for id_, _ in commands]
    await send(publisher, acknowledgements)
    underway = "select count(*) = 400 from console.desk_records where status = 'underway'"
    await eventually(lambda: pool.fetchval(underway), within=180)
    await keeps_up(engine, pool)
    desk = PostgresDesk(pool)
    counts = await desk.lamps(OFFICE, LedgerFilters(CITY), now=datetime.now(UTC))
    assert counts.open == 400
    assert not await pool.fetchval("select count(*) from console.desk_turns where answered_at is null")
    # Each is counted under some lamp from some midnight on, once.
    assert await pool.fetchval("select sum(change) from console.desk_days where unit = 'water'") == 400


async def test_made_anew_it_is_the_same_and_goes_on(
    engine: System, pool: asyncpg.Pool[asyncpg.Record], publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeps_up(engine, pool)
    before = await standing(pool)
    await pool.execute("update console.desk_records set title = 'spoiled'; delete from console.desk_turns")
    duban: Run = command_on(engine, monkeypatch, DUBAN_DATABASE=engine.accounts)
    [told] = lines(await duban("desk", "rebuild", "--json"))
    assert told["events"] >= len(before["desk_records"])
    assert told["unreadable"] == 0
    assert await standing(pool) == before
    [(id_, register)] = registrations(1)
    await send(publisher, [(id_, register)])
    there = "select count(*) = 1 from console.desk_records where id = $1 and title = 'foul water 0'"
    await eventually(lambda: pool.fetchval(there, id_), within=180)


async def test_a_rebuild_that_died_leaves_it_closed_until_the_next_one(
    engine: System, pool: asyncpg.Pool[asyncpg.Record], publisher: Publisher
) -> None:
    class PlugPulledError(Exception):
        """Somebody has pulled the plug."""

    def pull(_: int) -> None:
        raise PlugPulledError

    underway = await pool.fetch("select id from console.desk_records where status = 'underway' limit 100")
    note = do.Progress(actor=do.Actor(unit="water"), note="on it")
    await send(publisher, [(row["id"], note) for row in underway])
    await keeps_up(engine, pool)
    settings = engine.settings
    async with pool.acquire() as connection:
        with pytest.raises(PlugPulledError):
            await rebuild(settings, connection, pull)
    assert (await PostgresDesk(pool).freshness()).rebuilding
    with pytest.raises(Unavailable):
        async with PostgresDeskStore(pool).transaction({0}):
            pass
    async with pool.acquire() as connection:
        await rebuild(settings, connection)
    assert not (await PostgresDesk(pool).freshness()).rebuilding
    await keeps_up(engine, pool)
