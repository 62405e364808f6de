"""Migrations: numbered SQL files in a package, each applied once, in order, in a transaction of its own.

Files are named ``0001_words_with_underscores.sql``. An applied file never changes again: write the next one. Old and
new releases run side by side, so migrations only add; what nobody uses any more goes in a later release.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import asyncpg
import structlog

from duban.errors import MigrationError
from duban.io.postgres import checked

_log = structlog.get_logger(__name__)
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
#: Classes of SQLSTATE that no waiting cures: the file asks for what cannot be, or refuses by itself.
_OF_THE_FILE = ("0A", "22", "23", "2B", "42", "P0")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its words, its SQL."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The fingerprint under which it was applied."""
        return sha256(self.sql.encode()).hexdigest()


async def migrate(database: str, schema: str, package: str) -> Sequence[Migration]:
    """Bring ``schema`` to the state that ``package`` carries, creating it if need be; the migrations applied now.

    Members that start together wait for each other. A database ahead of the package is left alone, with a warning:
    a newer release has been here, and its migrations only add.

    Raises:
        MigrationError: an applied file has changed, is missing between others, or the package is ill-numbered.
    """
    checked(schema)
    carried = carried_by(package)
    connection = await asyncpg.connect(database, timeout=10.0, server_settings={"application_name": "duban-migrate"})
    try:
        # Held by the session, so it outlives the transactions and falls with the connection.
        await connection.execute("select pg_advisory_lock(hashtext('duban-migrations'), hashtext($1))", schema)
        applied = await _applied(connection, schema)
        pending = _pending(carried, applied, schema)
        for migration in pending:
            await _apply(connection, schema, migration)
        return pending
    finally:
        await connection.close()


def carried_by(package: str) -> list[Migration]:
    """The migrations in ``package``, in order.

    Raises:
        MigrationError: numbers that do not run 1, 2, 3 …, or a file that is not named as it should.
    """
    migrations = []
    for entry in files(package).iterdir():
        if entry.name.endswith(".sql"):
            match = _FILE.fullmatch(entry.name)
            if match is None:
                raise MigrationError(f"{package}/{entry.name}: name it NNNN_words_with_underscores.sql")
            migrations.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    migrations.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(migrations) + 1)):
        raise MigrationError(f"{package}: numbers must run from 1 without a gap or a double, not {numbers}")
    return migrations


async def _applied(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> dict[int, str]:
    await connection.execute(
        f"""
        create schema if not exists {schema};
        create table if not exists {schema}.migrations (
            number int primary key,
            name text not null,
            sha256 text not null,
            applied_at timestamptz not null default now()
        )
        """
    )
    rows = await connection.fetch(f"select number, sha256 from {schema}.migrations")  # noqa: S608 - checked
    return {row["number"]: row["sha256"] for row in rows}


def _pending(carried: Sequence[Migration], applied: dict[int, str], schema: str) -> list[Migration]:
    for migration in carried:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"{schema}: {migration.number:04}_{migration.name}.sql has changed since it was applied; "
                "restore the file and put the change into a new one"
            )
    if len(applied) > len(carried):
        _log.warning("database is ahead", schema=schema, applied=max(applied), carried=len(carried))
    return [migration for migration in carried if migration.number not in applied]


async def _apply(connection: asyncpg.Connection[asyncpg.Record], schema: str, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local search_path to {schema}")
            await connection.execute(migration.sql)
            await connection.execute(
                f"insert into {schema}.migrations (number, name, sha256) values ($1, $2, $3)",  # noqa: S608 - checked
                migration.number,
                migration.name,
                migration.sha256,
            )
    except asyncpg.PostgresError as error:
        if not (error.sqlstate or "").startswith(_OF_THE_FILE):
            raise
        hint = f" ({error.hint})" if error.hint else ""
        raise MigrationError(f"{schema}: {migration.number:04}_{migration.name}.sql: {error}{hint}") from error
    _log.info("migration applied", schema=schema, number=migration.number, name=migration.name)
