"""Base backups of an embedded PostgreSQL, by its own tools, and a server that runs on one."""

from __future__ import annotations

from pathlib import Path
from secrets import token_urlsafe

import asyncpg

from duban_local.children import LOOPBACK, spawn
from duban_local.postgres import Database
from tests.conftest import eventually

#: Who takes copies.
NAME = "duban_copies"


async def asked(server: Database, sql: str) -> object:
    """The first value of ``sql``, asked of ``server`` as its superuser; each statement by itself."""
    connection = await asyncpg.connect(server.superuser_url())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def takes_writes(server: Database) -> bool:
    """Whether it does, and follows nobody and recovers no more."""
    return await asked(server, "select pg_is_in_recovery()") is False


async def set_to(server: Database, **settings: str) -> None:
    """Have ``server`` run with ``settings`` from now on, which need no restart."""
    for name, value in settings.items():
        await asked(server, f"alter system set {name} = '{value}'")
    await reload(server)


async def reload(server: Database) -> None:
    """Have ``server`` read its files anew, and wait until it has: for whoever connects then."""
    before = await asked(server, "select pg_conf_load_time()")
    await asked(server, "select pg_reload_conf()")

    async def read() -> bool:
        return await asked(server, "select pg_conf_load_time()") != before

    await eventually(read)


async def let_copies(primary: Database) -> str:
    """Let :data:`NAME` take copies of ``primary`` over TCP, until that is started again; the password."""
    password = token_urlsafe(16)
    verb = "alter" if await asked(primary, f"select 1 from pg_roles where rolname = '{NAME}'") else "create"
    await asked(primary, f"{verb} role {NAME} login replication password '{password}'")
    with (primary.folder / "pg_hba.conf").open("a", encoding="utf-8") as doors:
        doors.write(f"host replication {NAME} {LOOPBACK}/32 scram-sha-256\n")
    await reload(primary)
    return password


async def copied(primary: Database, folder: Path, *words: str, port: int = 0) -> Database:
    """A server that is to run on a base backup of ``primary`` in ``folder``; ``words``: more of pg_basebackup's own."""
    password = await let_copies(primary)
    copy = Database(folder, port, log=folder.parent / f"{folder.name}.log", say=lambda _, line: None)
    copy._prepare()
    place = f"host={LOOPBACK} port={primary.port} user={NAME} password={password} application_name={folder.name}"
    argv: list[str | Path] = [
        primary._bin / "pg_basebackup", "-d", place, "-D", copy.folder, "--checkpoint=fast", "--no-sync", *words,
    ]  # fmt: skip
    child = spawn("pg_basebackup", argv, copy.log, account=copy._account)
    assert await child.completed() == 0, child.last_line()
    copy._has_roles = True  # and their passwords: they are the primary's
    copy._passwords = primary._passwords
    return copy
