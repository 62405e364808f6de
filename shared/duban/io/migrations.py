"""Migrations: numbered SQL files in a package, each applied once, in order, in a transaction of its own.

Files are named ``0001_words_with_underscores.sql``. An applied file never changes again: write the next one. Old and
new releases run side by side, so migrations only add; what nobody uses any more goes in a later release.

Beside them may lie ``grants.sql``: what each role may do, granted anew after every migration. A service compares and
changes nothing; who owns the schema migrates (``duban migrate``).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import asyncpg
import structlog

from duban.errors import MigrationError
from duban.io.postgres import checked, connect

_log = structlog.get_logger(__name__)
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
#: Classes of SQLSTATE that no waiting cures: the file asks for what cannot be, or refuses by itself.
_OF_THE_FILE = ("0A", "22", "23", "2B", "42", "P0")
_GRANTS = "grants.sql"
_CREATE = """
    create table {schema}.migrations (
        number int primary key,
        name text not null,
        sha256 text not null,
        applied_at timestamptz not null default now()
    )
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its words, its SQL."""

    number: int
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"

    @property
    def sha256(self) -> str:
        """The fingerprint under which it was applied."""
        return sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done: the migrations ``applied``, and ``ungranted``, why nobody was granted anything, if so."""

    applied: Sequence[Migration]
    ungranted: str | None


async def require(database: str, schema: str, package: str) -> None:
    """Return if ``schema`` holds every migration that ``package`` carries; changes nothing.

    A database ahead of the package is as good, with a warning: a newer release has been here.

    Raises:
        MigrationError: naming what is missing or has changed, and what to run.
    """
    missing, ahead = await _compared(database, schema, package)
    if ahead:
        _log.warning("database is ahead", schema=schema, migrations=ahead)
    if missing:
        names = ", ".join(str(migration) for migration in missing)
        raise MigrationError(
            f"{schema}: the database lacks {names}: run `duban migrate` as its owner, then start again"
        )


async def pending(database: str, schema: str, package: str) -> list[Migration]:
    """The migrations of ``package`` that ``schema`` lacks, in order; changes nothing.

    Raises:
        MigrationError: an applied file has changed, the package is ill-numbered, or the schema may not be looked at.
    """
    return (await _compared(database, schema, package))[0]


async def migrate(database: str, schema: str, package: str) -> Migrated:
    """Bring ``schema`` to the state that ``package`` carries, creating it if need be, and grant what its roles may do.

    Those who migrate together wait for each other. A database ahead of the package is left alone: a newer release has
    been here, and its migrations only add. Where a role is not there nothing is granted: then
    whoever migrates is whom the services run as, too.

    Raises:
        MigrationError: an applied file has changed, fails, or the package is ill-numbered.
    """
    carried = carried_by(package)
    async with _connected(database) as connection:
        # Held by the session, so it outlives the transactions and falls with the connection.
        await connection.execute("select pg_advisory_lock(hashtext('duban-migrations'), hashtext($1))", checked(schema))
        with _explained(f"schema {schema}"):
            applied = await _applied(connection, schema)
            if applied is None:
                # Whoever owns a schema that was made for it need not have the right to make schemas.
                if not await connection.fetchval("select to_regnamespace($1) is not null", schema):
                    await connection.execute(f"create schema if not exists {schema}")
                await connection.execute(_CREATE.format(schema=schema))
        missing = _pending(carried, applied or {}, schema)
        for migration in missing:
            await _apply(connection, schema, migration)
        return Migrated(missing, await _grant(connection, schema, package))


def carried_by(package: str) -> list[Migration]:
    """The migrations in ``package``, in order.

    Raises:
        MigrationError: numbers that do not run 1, 2, 3 …, or a file that is not named as it should.
    """
    migrations = []
    for entry in files(package).iterdir():
        if entry.name.endswith(".sql") and entry.name != _GRANTS:
            match = _FILE.fullmatch(entry.name)
            if match is None:
                raise MigrationError(f"{package}/{entry.name}: name it NNNN_words_with_underscores.sql")
            migrations.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    migrations.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(migrations) + 1)):
        raise MigrationError(f"{package}: numbers must run from 1 without a gap or a double, not {numbers}")
    return migrations


async def _compared(database: str, schema: str, package: str) -> tuple[list[Migration], int]:
    """What ``schema`` lacks, and how many migrations of a newer release it holds."""
    carried = carried_by(package)
    async with _connected(database) as connection:
        with _explained(f"{checked(schema)}.migrations"):
            applied = await _applied(connection, schema) or {}
    return _pending(carried, applied, schema), max(0, len(applied) - len(carried))


@asynccontextmanager
async def _connected(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await connect(database, server_settings={"application_name": "duban-migrate"})
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say of what a file asks that cannot be, or may not be, as no waiting cures it."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if not (error.sqlstate or "").startswith(_OF_THE_FILE):
            raise
        may_not = isinstance(error, asyncpg.InsufficientPrivilegeError)
        hint = "`duban migrate` as the owner of the schema does it" if may_not else error.hint
        raise MigrationError(f"{what}: {error}{f' ({hint})' if hint else ''}") from error


async def _applied(connection: asyncpg.Connection[asyncpg.Record], schema: str) -> dict[int, str] | None:
    """The fingerprint of each migration that was applied; None where there has never been any."""
    try:
        rows = await connection.fetch(f"select number, sha256 from {schema}.migrations")  # noqa: S608 - checked
    except asyncpg.UndefinedTableError:
        return None
    return {row["number"]: row["sha256"] for row in rows}


def _pending(carried: Sequence[Migration], applied: dict[int, str], schema: str) -> list[Migration]:
    for migration in carried:
        if applied.get(migration.number, migration.sha256) != migration.sha256:
            raise MigrationError(
                f"{schema}: {migration}.sql has changed since it was applied; "
                "restore the file and put the change into a new one"
            )
    return [migration for migration in carried if migration.number not in applied]


async def _apply(connection: asyncpg.Connection[asyncpg.Record], schema: str, migration: Migration) -> None:
    with _explained(f"{schema}: {migration}.sql"):
        async with connection.transaction():
            await connection.execute(f"set local search_path to {schema}")
            await connection.execute(migration.sql)
            await connection.execute(
                f"insert into {schema}.migrations (number, name, sha256) values ($1, $2, $3)",  # noqa: S608 - checked
                migration.number,
                migration.name,
                migration.sha256,
            )


async def _grant(connection: asyncpg.Connection[asyncpg.Record], schema: str, package: str) -> str | None:
    """Run the package's grants, all or none; why they were not, if a role that they name is not there."""
    grants = files(package) / _GRANTS
    if not grants.is_file():
        return None
    with _explained(f"{schema}: {_GRANTS}"):
        try:
            async with connection.transaction():
                await connection.execute(f"set local search_path to {schema}")
                await connection.execute(grants.read_text(encoding="utf-8"))
        except asyncpg.UndefinedObjectError as error:
            return str(error)
    return None
