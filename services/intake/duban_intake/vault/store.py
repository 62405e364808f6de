"""The vault in PostgreSQL: sealed contacts, and a log that the database itself keeps from being changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from duban.io.act_log import ActLog
from duban_intake.store import Connection
from duban_intake.vault.chain import Line, fields_of
from duban_intake.vault.contact import Bound
from duban_intake.vault.custody import Act
from duban_intake.vault.desk import Held
from duban_intake.vault.seal import Sealed

_KEEP = """
    insert into intake.vault_contacts
        (key, source, id, jurisdiction, digest, kept_at, key_id, fingerprint, wrapped, sealed)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (key) do nothing
"""
_HELD = """
    select source, id, jurisdiction, digest, kept_at, key_id, fingerprint, wrapped, sealed, forgotten_at
    from intake.vault_contacts where key = $1
"""
_ACCEPTED = "select digest from intake.receipts where key = $1"
_FORGET = """
    update intake.vault_contacts
    set key_id = null, fingerprint = null, wrapped = null, sealed = null, forgotten_at = $2 where key = $1
"""
_LOG: Final = ActLog("intake.vault_log", Line)
_UNDER = "where body::jsonb ->> 'ask' = $1"


class PostgresVault:
    """The store behind the vault, in the schema ``intake``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def keep(self, held: Held) -> Held:
        assert held.sealed is not None
        bound, sealed = held.bound, held.sealed
        async with self._pool.acquire() as connection:
            await connection.execute(
                _KEEP,
                held.key,
                bound.source,
                bound.id,
                bound.jurisdiction,
                bound.digest,
                held.kept_at,
                sealed.key_id,
                sealed.fingerprint,
                sealed.wrapped,
                sealed.body,
            )
            return _held(await connection.fetchrow(_HELD, held.key))

    async def log(self) -> list[Line]:
        return await _LOG.lines(self._pool)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[PostgresSession]:
        async with self._pool.acquire() as connection, connection.transaction():
            await _LOG.take_turn(connection)
            yield PostgresSession(connection)


class PostgresSession:
    """One transaction, while nobody else writes the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def held(self, key: UUID) -> Held | None:
        row = await self._connection.fetchrow(_HELD, key)
        return _held(row) if row else None

    async def accepted(self, key: UUID) -> bytes | None:
        digest: bytes | None = await self._connection.fetchval(_ACCEPTED, key)
        return digest

    async def history(self, ask: UUID) -> list[Act]:
        return [line.act for line in await _LOG.lines(self._connection, _UNDER, str(ask))]

    async def append(self, act: Act) -> Line:
        return await _LOG.append(self._connection, fields_of(act))

    async def forget(self, key: UUID, at: datetime) -> None:
        await self._connection.execute(_FORGET, key, at)


def _held(row: asyncpg.Record | None) -> Held:
    assert row is not None
    source, id_, jurisdiction, digest, kept_at, key_id, fingerprint, wrapped, sealed, forgotten_at = row
    bound = Bound(source, id_, jurisdiction, digest)
    return Held(
        bound, kept_at, Sealed(key_id, fingerprint, wrapped, sealed) if forgotten_at is None else None, forgotten_at
    )
