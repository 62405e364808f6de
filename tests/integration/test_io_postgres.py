"""Migrations over a real database: once, in order, and never another content under the same number."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from duban.errors import MigrationError, SettingsError
from duban.io.availability import dependency
from duban.io.migrations import migrate, require
from duban.io.postgres import answers, connect_pool
from duban.io.settings import Settings
from tests.conftest import Migrated, Stack, eventually

pytestmark = pytest.mark.stack
Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Package]:
    """A function ``package(a="create …")`` that makes an importable package of numbered files, in the order given."""
    made: list[Path] = []

    def make(**files: str) -> str:
        folder = tmp_path / f"sql_{uuid4().hex}"
        folder.mkdir()
        (folder / "__init__.py").touch()
        for number, (name, sql) in enumerate(files.items(), 1):
            (folder / f"{number:04}_{name}.sql").write_text(sql)
        made.append(folder)
        return folder.name

    sys.path.insert(0, str(tmp_path))
    yield make
    sys.path.remove(str(tmp_path))


async def column(database: str, sql: str) -> list[object]:
    connection = await asyncpg.connect(database)
    try:
        return [row[0] for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def test_each_file_is_applied_once_and_in_order(database: str, package: Package) -> None:
    first = package(tables="create table t (n int)", rows="insert into t values (1); insert into t values (2)")
    assert [str(one) for one in (await migrate(database, "router", first)).applied] == ["0001_tables", "0002_rows"]
    assert (await migrate(database, "router", first)).applied == []
    assert await column(database, "select n from router.t order by n") == [1, 2]
    assert await column(database, "select number from router.migrations order by 1") == [1, 2]


async def test_an_applied_file_that_changed_is_refused_and_nothing_is_applied(database: str, package: Package) -> None:
    await migrate(database, "router", package(tables="create table t (n int)"))
    with pytest.raises(MigrationError, match=r"router: 0001_tables\.sql has changed since it was applied"):
        await migrate(database, "router", package(tables="create table t (n bigint)", more="create table u ()"))
    assert await column(database, "select number from router.migrations") == [1]


async def test_a_database_ahead_is_left_alone(database: str, package: Package) -> None:
    await migrate(database, "router", package(tables="create table t (n int)", more="create table u ()"))
    older = package(tables="create table t (n int)")
    assert (await migrate(database, "router", older)).applied == []
    await require(database, "router", older)


async def test_who_needs_a_migration_that_is_missing_is_told_its_name_and_changes_nothing(
    database: str, package: Package
) -> None:
    tables, more = "create table t (n int)", "create table u ()"
    whole = package(tables=tables, more=more)
    with pytest.raises(MigrationError, match="router: the database lacks 0001_tables, 0002_more: run `duban migrate`"):
        await require(database, "router", whole)
    assert await column(database, "select 1 from pg_namespace where nspname = 'router'") == []
    await migrate(database, "router", package(tables=tables))
    with pytest.raises(MigrationError, match="router: the database lacks 0002_more: run"):
        await require(database, "router", whole)
    await migrate(database, "router", whole)
    await require(database, "router", whole)
    with pytest.raises(MigrationError, match=r"0001_tables\.sql has changed"):
        await require(database, "router", package(tables="create table t (n bigint)"))


async def test_a_schema_that_was_made_for_its_owner_is_taken_as_it_is(
    stack: Stack, database: str, package: Package
) -> None:
    """By who may make no schema, as a role with the least rights."""
    if stack.server is None:
        pytest.skip("the database runs elsewhere: its roles are not ours")
    owner, tables = f"{database}?role=duban_router", package(tables="create table t (n int)")
    with pytest.raises(MigrationError, match="schema router: permission denied for database"):
        await migrate(owner, "router", tables)
    await column(database, "create schema router authorization duban_router")
    assert len((await migrate(owner, "router", tables)).applied) == 1


async def test_where_a_role_is_not_there_nothing_is_granted_and_that_is_told(
    database: str, package: Package, tmp_path: Path
) -> None:
    name = package(tables="create table t (n int)")
    (tmp_path / name / "grants.sql").write_text("grant select on t to public; grant select on t to nobody_here")
    assert (await migrate(database, "router", name)).ungranted == 'role "nobody_here" does not exist'
    assert await column(database, "select 1 from pg_class where relname = 't' and relacl is not null") == []
    (tmp_path / name / "grants.sql").write_text("grant select on t to public")
    assert (await migrate(database, "router", name)).ungranted is None
    assert await column(database, "select 1 from pg_class where relname = 't' and relacl is not null") == [1]


async def test_a_file_that_fails_leaves_nothing_behind(database: str, package: Package) -> None:
    broken = package(tables="create table t (n int); create tabel u ()")
    with pytest.raises(MigrationError, match=r"0001_tables\.sql: .*tabel"):
        await migrate(database, "router", broken)
    assert await column(database, "select number from router.migrations") == []
    assert await column(database, "select 1 from pg_tables where tablename = 't'") == []


async def test_members_that_start_together_apply_once(database: str, package: Package) -> None:
    name = package(tables="create table t (n int)", rows="insert into t values (1)")
    done = await asyncio.gather(*(migrate(database, "router", name) for _ in range(5)))
    assert sorted(len(migrated.applied) for migrated in done) == [0, 0, 0, 0, 2]
    assert await column(database, "select n from router.t") == [1]


async def test_numbers_have_no_gap(database: str, package: Package, tmp_path: Path) -> None:
    name = package(a="select 1")
    (tmp_path / name / "0003_c.sql").write_text("select 3")
    with pytest.raises(MigrationError, match=r"without a gap or a double, not \[1, 3\]"):
        await migrate(database, "router", name)


async def test_a_pool_looks_at_the_schema_of_its_service(database: str, package: Package) -> None:
    await migrate(database, "router", package(tables="create table t (n int); insert into t values (7)"))
    pool = await connect_pool(Settings(database=database), "router")
    assert await pool.fetchval("select n from t") == 7
    assert await pool.fetchval("select current_setting('application_name')") == "duban-router"
    assert await answers(pool)
    await pool.close()
    assert not await answers(pool)


async def test_a_schema_that_would_have_to_be_quoted_is_refused() -> None:
    with pytest.raises(SettingsError, match="small letters"):
        await connect_pool(Settings(), 'x"; drop table t; --')


@pytest.mark.parametrize("gap", [0.0, 0.01, 0.1, 0.3])
async def test_a_connection_that_the_server_ends_before_its_socket_closes_is_a_dependency_that_is_away(
    migrated: Migrated, gap: float
) -> None:
    """A restart or a failover, seen through a proxy that passes the end on half a second late."""
    tried = asyncio.Event()
    async with _late_proxy(migrated.url_of("router"), tried) as through:
        pool = await asyncpg.create_pool(through, min_size=1, max_size=1)
        admin = await asyncpg.connect(migrated.superuser)
        try:
            backend = await pool.fetchval("select pg_backend_pid()")
            await admin.execute("select pg_terminate_backend($1)", backend)
            await asyncio.sleep(gap)
            tried.set()
            errors = [await _failing(pool) for _ in range(3)]
            assert [(error, dependency(error)) for error in errors if error and dependency(error) != "database"] == []
            assert any(errors)

            async def connects_anew() -> bool:
                return await _failing(pool) is None

            await eventually(connects_anew)
        finally:
            await admin.close()
            pool.terminate()


async def _failing(pool: asyncpg.Pool[asyncpg.Record]) -> Exception | None:
    """What a transaction raises, as every handler has one for its batch."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select 1")
    except Exception as error:
        return error
    return None


@asynccontextmanager
async def _late_proxy(database: str, tried: asyncio.Event) -> AsyncIterator[str]:
    """The URL of ``database`` through a proxy whose client hears of a closed connection half a second late.

    That is, half a second after it was ``tried``, however late the machine comes to that.
    """
    parts = urlsplit(database)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        if seconds:
            await tried.wait()
        await asyncio.sleep(seconds)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(pipe(reader, server_writer, 0), pipe(server_reader, writer, 0.5))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))
    finally:
        server.close()
