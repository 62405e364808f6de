"""Who may touch what in the embedded database: no stranger anything, each process what it needs, nobody the history."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from duban_cli.schemas import SCHEMAS, migrate_all
from duban_local import roles
from duban_local.children import free_port
from duban_local.postgres import Database
from duban_local.stack import silent
from tests.commanding import command_on, lines
from tests.conftest import Migrated, Stack, fetchval

pytestmark = pytest.mark.stack

NOBODY = 65534


@pytest.fixture
def server(stack: Stack) -> Database:
    if stack.server is None:
        pytest.skip("the database runs elsewhere: its roles are not ours")
    return stack.server


@pytest.mark.parametrize(
    ("user", "refused"),
    [
        ("postgres", "rejects connection"),
        ("postgres:guessed", "rejects connection"),
        ("duban_owner:guessed", "password authentication failed"),
        ("duban_router:guessed", "password authentication failed"),
    ],
)
async def test_over_tcp_no_stranger_comes_in_and_the_superuser_not_at_all(
    server: Database, user: str, refused: str
) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match=refused):
        await asyncpg.connect(f"postgresql://{user}@127.0.0.1:{server.port}/postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_account_reaches_neither_the_socket_nor_the_data(stack: Stack, server: Database) -> None:
    for place in (_socket_of(stack.database), server.folder / "PG_VERSION", server.folder.parent / "stack.json"):
        assert place.exists()
        assert subprocess.run(["/usr/bin/test", "-e", place], user=NOBODY, group=NOBODY).returncode == 1


async def test_the_folders_of_the_stack_are_closed(server: Database) -> None:
    home = server.folder.parent
    # As root the server runs as an account of its own, which passes through the folder above.
    assert stat.S_IMODE(home.stat().st_mode) == (0o710 if os.geteuid() == 0 else 0o700)
    assert {place.name: stat.S_IMODE(place.stat().st_mode) for place in home.iterdir() if place.is_dir()} == (
        dict.fromkeys(("kafka", "logs", "postgres", "socket"), 0o700)
    )


async def test_where_the_path_to_the_socket_would_be_too_long_it_lies_elsewhere_and_as_private(tmp_path: Path) -> None:
    server = Database(tmp_path / ("x" * 80) / "postgres", 0, log=tmp_path / "log", say=silent)
    await server.start()
    try:
        assert await fetchval(server.superuser_url(), "select current_user") == "postgres"
        socket = _socket_of(server.superuser_url())
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    finally:
        await server.stop()
    assert not socket.parent.exists()


#: What each role may not do: change what has happened, lift what guards it, or look into what is another's.
FORBIDDEN = {
    "router": [
        "update router.events set body = ''",
        "delete from router.events",
        "truncate router.events",
        "alter table router.events disable trigger user",
        "alter table router.events disable trigger events_stand",
        "drop trigger events_stand on router.events",
        "drop function router.history_stands cascade",
        "alter table router.events owner to duban_router",
        "drop table router.events",
        "update router.outcomes set refused = null",
        "delete from router.records",
        "update router.records set id = gen_random_uuid()",
        "insert into router.migrations (number, name, sha256) values (99, 'x', 'x')",
        "create table router.more (n int)",
        "create schema more",
        "set session_replication_role = replica",
        "set role duban_owner",
        "create temporary table t (n int)",
        "copy (select 1) to program 'true'",
        "select from intake.vault_log",
        "select from intake.receipts",
        "select from escalation.deadlines",
    ],
    "gateway": [
        "select from intake.vault_log",
        "update intake.vault_contacts set sealed = ''",
        "delete from intake.vault_contacts",
        "update intake.receipts set outcome = 'refused'",
        "select from intake.report_keys",
        "select from router.records",
        "select from router.published_records",
        "select from router.published_events",
        "select from router.published_outcomes",
        "select from console.issues",
    ],
    "vault": [
        "update intake.vault_log set body = ''",
        "delete from intake.vault_log",
        "truncate intake.vault_log",
        "alter table intake.vault_log disable trigger user",
        "update intake.vault_contacts set source = ''",
        "update intake.receipts set outcome = 'refused'",
        "update intake.report_keys set fields = '{}'",
        "delete from intake.report_keys",
        "insert into intake.report_keys default values",
        "delete from intake.vault_contacts",
        "select source from intake.receipts",
        "select from intake.anchors",
        "select from router.records",
    ],
    "intake": [
        "select from intake.vault_contacts",
        "select body from intake.vault_log",
        "update intake.vault_log set hash = ''",
        "update intake.refusals set reason = ''",
        "update intake.report_keys set wrapped = ''",
        "delete from intake.report_keys",
        "select from router.published_records",
    ],
    "escalation": [
        "delete from escalation.measures_taken",
        "update escalation.measures_taken set at = now()",
        "select from router.records",
        "select from intake.receipts",
    ],
    "console": [
        "update console.account_log set body = ''",
        "delete from console.account_log",
        "truncate console.account_log",
        "alter table console.account_log disable trigger user",
        "delete from console.accounts",
        "select from intake.vault_log",
        "select from intake.vault_contacts",
        "select from router.records",
    ],
    "reader": [
        "select from console.accounts",
        "select from console.sessions",
        "select from router.events",
        "update router.published_records set state = ''",
        "delete from router.published_events",
        "select from router.migrations",
        "select from intake.receipts",
        "select from intake.report_keys",
        "select from escalation.published_measures",
    ],
}


async def test_no_role_may_do_more_than_its_own_and_migrating_takes_away_what_was_granted_beside_the_files(
    server: Database, migrated: Migrated
) -> None:
    allowed = []
    for name in roles.NAMES:
        connection = await asyncpg.connect(migrated.url_of(name))
        for statement in FORBIDDEN[name]:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            allowed.append(f"{name}: {statement}")
        await connection.close()
    assert allowed == []

    may = "select has_table_privilege('duban_router', 'router.events', 'delete')"
    await fetchval(migrated.superuser, "grant delete on router.events to duban_router")
    assert await fetchval(migrated.superuser, may)
    done = await migrate_all(migrated.owner)
    assert [(migrated.applied, migrated.ungranted) for migrated in done.values()] == [([], None)] * len(SCHEMAS)
    assert not await fetchval(migrated.superuser, may)


async def test_data_from_before_there_was_an_owner_become_its_own(server: Database, database: str) -> None:
    await migrate_all(database)  # as the superuser, who owned it all then
    connection = await asyncpg.connect(database)
    await roles.open_to_owner(connection, database.rpartition("/")[2])
    owners = await connection.fetch(
        "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = 'router'::regnamespace"
        " union select pg_get_userbyid(proowner) from pg_proc where pronamespace = 'router'::regnamespace"
        " union select pg_get_userbyid(nspowner) from pg_namespace where nspname = any($1)",
        list(SCHEMAS),
    )
    await connection.close()
    assert [row[0] for row in owners] == ["duban_owner"]
    done = await migrate_all(f"{database}?role=duban_owner")
    assert [migrated.ungranted for migrated in done.values()] == [None] * len(SCHEMAS)


async def test_a_service_whose_database_lacks_a_migration_names_it_and_starts_after_duban_migrate(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Awaitable[None]]
) -> None:
    async with stack.created() as name:
        url = stack.url_of("router", name)
        process, _ = await _router(stack, url)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        error = json.loads(out.splitlines()[-1])["error"]
        assert process.returncode == 1
        assert error.startswith("MigrationError: router: the database lacks 0001_ledger, 0002_problems_by_number, ")
        assert error.endswith(": run `duban migrate` as its owner, then start again")

        duban = command_on(Stack(stack.kafka, stack.owner_url(name)), monkeypatch)
        planned = lines(await duban("migrate", "--dry-run", "--json"))
        assert lines(await duban("migrate", "--check", "--json", code=1)) == planned
        done = lines(await duban("migrate", "--json"))
        assert [one["schema"] for one in done] == list(SCHEMAS)
        assert done == [one | {"dry_run": False} for one in planned]
        assert done[1]["applied"][0] == "0001_ledger"
        assert (await duban("migrate")).stdout == ""
        await duban("migrate", "--check")
        monkeypatch.setenv("DUBAN_DATABASE", f"postgresql://nobody@127.0.0.1:{free_port()}/duban")
        away = await duban("migrate", "--wait", "0.3", code=5)
        assert away.stderr.count("the database is away") > 0

        process, port = await _router(stack, url)

        async def started() -> bool:
            assert process.returncode is None
            try:
                async with httpx2.AsyncClient(timeout=60) as client:
                    checks = (await client.get(f"http://127.0.0.1:{port}/readyz")).json()["checks"]
            except httpx2.TransportError:
                return False
            return bool(checks.get("database"))

        await eventually(started)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def _router(stack: Stack, url: str) -> tuple[asyncio.subprocess.Process, int]:
    """The router as a process, and the port of its health."""
    port = free_port()
    told = {"DUBAN_KAFKA": stack.kafka, "DUBAN_DATABASE": url, "DUBAN_HEALTH_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "duban_router", env={**os.environ, **told}, stdout=asyncio.subprocess.PIPE
    )
    return process, port


def _socket_of(url: str) -> Path:
    """The socket that ``url`` leads to."""
    host, _, port = urlsplit(url).netloc.partition("@")[2].rpartition(":")
    return Path(host.replace("%2F", "/")) / f".s.PGSQL.{port}"
