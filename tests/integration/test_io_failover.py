"""A pool whose URL names several servers: it finds the one to write to, and leaves one that turned read-only."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from duban.errors import Unavailable
from duban.io.availability import dependency
from duban.io.postgres import AnotherHistory, Lineage, answers, connect, connect_pool, servers
from duban.io.settings import Settings
from duban_local.children import free_port
from duban_local.postgres import Database
from tests.base_backup import asked, reload, set_to
from tests.conftest import Migrated, Stack, eventually
from tests.standby import promoted, standby_of

pytestmark = pytest.mark.stack
_WRITE = "update router.anchors set member = member"


@pytest.fixture
async def standby(stack: Stack, migrated: Migrated) -> AsyncIterator[Database]:
    """A standby of the server of this run, after the database of this test was made."""
    if stack.server is None:
        pytest.skip("the database runs elsewhere: what stands by it is not ours")
    # Beside the server's own folder, which its account may pass.
    with TemporaryDirectory(prefix="standby-", dir=stack.folder) as folder:
        async with standby_of(stack.server, Path(folder) / "postgres") as standby:
            yield standby


def naming(url: str, *ports: int) -> str:
    """``url`` with a server on each of ``ports``, of which one is wanted that may be written to."""
    parts = urlsplit(url)
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://{parts.username}:{parts.password}@{hosts}{parts.path}?target_session_attrs=read-write"


@asynccontextmanager
async def pool_of(url: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings.load(database=url, pool_size=2), "router")
    try:
        yield pool
    finally:
        pool.terminate()


async def port_of(pool: asyncpg.Pool[asyncpg.Record]) -> object:
    return await pool.fetchval("select inet_server_port()")


async def refused(pool: asyncpg.Pool[asyncpg.Record], server: Database) -> AsyncIterator[Exception]:
    """What is said to one who writes to ``server``, until nobody writes to it."""
    for _ in range(400):
        try:
            await pool.execute(_WRITE)
            if await port_of(pool) != server.port:
                return
            await asyncio.sleep(0.05)  # a connection that was there before hears of it in its own time
        except asyncpg.ReadOnlySQLTransactionError as error:
            yield error
        except asyncpg.TargetServerAttributeNotMatched:
            return
    pytest.fail("it takes writes still")


async def test_a_pool_finds_the_server_that_may_be_written_to_and_leaves_it_when_it_turns_read_only(
    stack: Stack, migrated: Migrated, standby: Database
) -> None:
    primary = stack.server
    assert primary is not None
    url = migrated.url_of("router")
    async with pool_of(naming(url, free_port(), standby.port, primary.port)) as pool:
        assert await port_of(pool) == primary.port, "one server is away, the next one only follows"
        await pool.execute(_WRITE)
    async with pool_of(naming(url, primary.port, standby.port)) as pool:
        assert await port_of(pool) == primary.port
        await promoted(standby)
        try:
            await set_to(primary, default_transaction_read_only="on")
            refusals = [error async for error in refused(pool, primary)]
            assert 0 < len(refusals) <= 2, "each connection is refused once, and is given up then"
            assert {dependency(error) for error in refusals} == {"database"}, "it is waited for as if it were away"
            assert await port_of(pool) == standby.port
            assert await answers(pool)
        finally:
            await asked(primary, "alter system reset default_transaction_read_only")
            await reload(primary)


async def test_where_no_server_may_be_written_to_it_is_waited_for(
    stack: Stack, migrated: Migrated, standby: Database
) -> None:
    primary = stack.server
    assert primary is not None
    async with pool_of(naming(migrated.url_of("router"), primary.port, standby.port)) as pool:
        await set_to(primary, default_transaction_read_only="on")
        try:
            assert len([error async for error in refused(pool, primary)]) == 1
            assert not await answers(pool)
        finally:
            await asked(primary, "alter system reset default_transaction_read_only")
            await reload(primary)
        await eventually(lambda: answers(pool))
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched) as raised:
        await connect(naming(migrated.url_of("router"), free_port(), standby.port))
    assert dependency(raised.value) == "database"


async def test_a_server_that_is_silent_keeps_nobody_from_the_next(stack: Stack, migrated: Migrated) -> None:
    if stack.server is None:
        pytest.skip("the database runs elsewhere, on a port that is not ours to name")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, and never says a word
        # Each has a second: the one that answers is named so often as a slow machine may need it.
        url = naming(migrated.url_of("router"), silent.getsockname()[1], *[stack.server.port] * 29)
        began = time.monotonic()
        connection = await connect(url, timeout=30.0)
        assert time.monotonic() - began > 0.9, "it had its share of the time"
        assert await connection.fetchval("select inet_server_port()") == stack.server.port
        await connection.close()


async def test_a_machine_that_vanishes_is_given_up_by_the_kernel(stack: Stack, migrated: Migrated) -> None:
    """Within half a minute, both while it is waited for and while it is sent to."""
    if stack.server is None:
        pytest.skip("the database runs elsewhere")
    async with pool_of(migrated.url_of("router")) as pool:
        held: Any = await pool.acquire()
        line = held._con._transport.get_extra_info("socket")
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        idle, between, count, unsent = (line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options)
        assert idle + between * count < 30
        assert 0 < unsent < 30_000


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://one/duban", ["postgresql://one/duban"]),
        (
            "postgresql://r:p%2C@one:1,two:2/duban?sslmode=verify-full",
            [
                "postgresql://r:p%2C@one:1/duban?sslmode=verify-full",
                "postgresql://r:p%2C@two:2/duban?sslmode=verify-full",
            ],
        ),
        ("postgresql://%2Ftmp%2Fa:1,[::1]:2/duban", ["postgresql://%2Ftmp%2Fa:1/duban", "postgresql://[::1]:2/duban"]),
        ("postgresql:///duban?host=one,two", ["postgresql:///duban?host=one,two"]),
    ],
)
def test_a_url_names_its_servers_in_order(url: str, each: list[str]) -> None:
    assert servers(url) == each


async def test_who_was_connected_before_a_promotion_is_not_after_it(
    stack: Stack, migrated: Migrated, standby: Database
) -> None:
    """What it remembers may be of a history that is not there: it ends, and one that begins anew is let in."""
    assert stack.server is not None
    lineage = Lineage()
    known, other = (
        Settings.load(database=naming(migrated.url_of("router"), one.port)) for one in (stack.server, standby)
    )
    before = await connect_pool(known, "router", lineage=lineage)
    before.terminate()
    watch = asyncio.create_task(lineage.watch())
    await promoted(standby)
    with pytest.raises(Unavailable, match="timeline"):
        await connect_pool(other, "router", lineage=lineage)
    with pytest.raises(AnotherHistory):
        await asyncio.wait_for(watch, 30)
    afresh = await connect_pool(other, "router", lineage=Lineage())
    assert await port_of(afresh) == standby.port
    afresh.terminate()
