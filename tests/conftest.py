"""Fixtures over the real broker and database, started once a run; each test gets its own topics and database."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from httpx2._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings

# Clients that are told nothing else wait a minute, not five seconds, for a server on a slow machine.
DEFAULT_TIMEOUT_CONFIG.connect = DEFAULT_TIMEOUT_CONFIG.read = DEFAULT_TIMEOUT_CONFIG.write = 60.0

# How fast an example is says something of the machine, and nothing of the law.
settings.register_profile("duban", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("duban")

if TYPE_CHECKING:
    from duban.io.retention import Forgets
    from duban_local.postgres import Database

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the broker (``host:port``) and the database (URL of a superuser) of this run are.

    ``server`` is the embedded database; without it, everybody comes in as the superuser. ``folder`` is that of the
    embedded stack.
    """

    kafka: str
    database: str
    server: Database | None = None
    folder: Path | None = None

    def superuser_url(self, database: str) -> str:
        """The URL of who may do everything in ``database``."""
        return f"{self.database.rpartition('/')[0]}/{database}"

    def owner_url(self, database: str) -> str:
        """The URL of the owner of every schema."""
        return self.server.owner_url(database) if self.server else self.superuser_url(database)

    def url_of(self, name: str, database: str) -> str:
        """The URL by which the process ``name`` comes into ``database``."""
        return self.server.url_of(name, database) if self.server else self.superuser_url(database)

    @asynccontextmanager
    async def created(self, template: str | None = None) -> AsyncIterator[str]:
        """The name of a database, empty or a copy of ``template``, which is gone afterwards."""
        name = f"test_{uuid4().hex[:12]}"
        admin = await asyncpg.connect(self.database)
        try:
            if self.server:
                await self.server.create_database(name, template)
            else:
                await admin.execute(f"create database {name} template {template or 'template1'}")
            yield name
            await admin.execute(f"drop database {name} with (force)")
        finally:
            await admin.close()


@dataclass(frozen=True, slots=True)
class Migrated:
    """A database with every schema; the services come in by their roles, and a test plants faults as the superuser."""

    superuser: str
    owner: str
    url_of: Callable[[str], str]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The embedded stack, or the one that DUBAN_KAFKA and DUBAN_DATABASE name together."""
    kafka, database = os.environ.get("DUBAN_KAFKA"), os.environ.get("DUBAN_DATABASE")
    if kafka and database:
        yield Stack(kafka, database)
        return
    from duban_local.stack import running_stack

    # Not below pytest's own folder: each session closes that to other users, and the database runs as one.
    with TemporaryDirectory(prefix="duban-tests-") as folder, running_stack(Path(folder)) as found:
        yield Stack(found.kafka, found.superuser, found.server, found.folder)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[str]:
    """The superuser's URL of a database of this test's own, empty."""
    async with stack.created() as name:
        yield stack.superuser_url(name)


@pytest.fixture(scope="session")
async def template(stack: Stack) -> AsyncIterator[str]:
    """The name of a database with every schema, to be copied."""
    from duban_cli.schemas import migrate_all

    async with stack.created() as name:
        await migrate_all(stack.owner_url(name))
        yield name


@pytest.fixture
async def migrated(stack: Stack, template: str) -> AsyncIterator[Migrated]:
    """A database of this test's own with every schema."""
    async with stack.created(template) as name:
        yield Migrated(stack.superuser_url(name), stack.owner_url(name), lambda who: stack.url_of(who, name))


@pytest.fixture
async def topic(stack: Stack) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """A function ``await topic("commands", 3, **{"max.message.bytes": "2000"})`` that creates a topic of its own.

    With ``exact=True`` the topic has the name given.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    made: list[str] = []

    async def make(name: str, partitions: int = 1, *, exact: bool = False, **config: str) -> str:
        unique = name if exact else f"test.{name}.{next(_numbers)}.{uuid4().hex[:8]}"
        configs: dict[str, Any] = {"message.timestamp.type": "LogAppendTime", **config}
        await admin.create_topics([NewTopic(unique, partitions, 1, topic_configs=configs)])
        made.append(unique)
        return unique

    try:
        yield make
    finally:
        if made:
            await admin.delete_topics(made)
        await admin.close()


async def eventually(holds: Callable[[], bool | Awaitable[bool]], within: float = 60.0) -> None:
    """Return as soon as ``holds`` does; fail if it still does not ``within`` seconds."""
    until = time.monotonic() + within
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        if time.monotonic() > until:
            pytest.fail(f"not within {within} s")
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def unused_tcp_port_factory() -> Callable[[], int]:
    """Ports that nobody else is given; those of pytest-asyncio may be taken before somebody listens there."""
    from duban_local.children import free_port

    return free_port


@pytest.fixture
def unused_tcp_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    """One of them."""
    return unused_tcp_port_factory()


async def fetchval(url: str, sql: str) -> object:
    """The first value that ``sql`` finds in the database at ``url``."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def walked(table: Forgets, age: timedelta, page: int = 10) -> int:
    """How many are forgotten from one end of ``table`` to the other, ``page`` keys at a time."""
    after: UUID | None = UUID(int=0)
    forgotten = 0
    while after is not None:
        after, gone = await table.forget(age, after, page)
        forgotten += gone
    return forgotten


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., Awaitable[None]]:
    return eventually
