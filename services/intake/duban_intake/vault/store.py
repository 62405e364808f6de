"""The vault in PostgreSQL: sealed contacts, and a log that the database itself keeps from being changed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from duban.io.act_log import ActLog
from duban_intake.report_seal import Why
from duban_intake.store import Connection
from duban_intake.vault.chain import Line, fields_of
from duban_intake.vault.contact import Bound
from duban_intake.vault.custody import Act
from duban_intake.vault.desk import Erasure, ErasureRequest, Held, OverdueReport, PersonalClass
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
#: The hash of the report goes too, or its text could be tried out: another takes its place.
_ERASE_CONTACT = """
    update intake.vault_contacts
    set key_id = null, fingerprint = null, wrapped = null, sealed = null, forgotten_at = $2, digest = $3
    where key = $1 and forgotten_at is null
    returning key
"""
_ERASE_TEXT = """
    update intake.report_keys set key_id = null, wrapped = null, erased_at = $2, why = $3
    where key = $1 and erased_at is null
    returning key
"""
_ERASE_DIGESTS = (
    "update intake.vault_contacts set digest = $2 where key = $1",
    "update intake.receipts set digest = $2 where key = $1",
)
_UNSPOKEN = "delete from intake.report_files where key = $1 returning sha256"
#: Of a file that other reports speak of nothing is destroyed.
_ERASE_FILES = """
    update intake.file_keys as held set key_id = null, wrapped = null, erased_at = $2
    where erased_at is null and sha256 = any($1::text[])
        and not exists (select from intake.report_files as other where other.sha256 = held.sha256)
    returning sha256
"""
#: What was done, or could not be done as it is gone, is due no more.
_SETTLED = """
    update intake.report_keys set
        contact_until = case when 'contact' = any($2::text[]) then null else contact_until end,
        content_until = case when 'content' = any($2::text[]) then null else content_until end,
        evidence_until = case when 'evidence' = any($2::text[]) then null else evidence_until end
    where key = $1
"""
_DUE = """
    select source, id, contact_until <= $1 as contact, content_until <= $1 as content,
        evidence_until <= $1 as evidence
    from intake.report_keys
    where key > $2 and (contact_until is not null or content_until is not null or evidence_until is not null)
        and least(contact_until, content_until, evidence_until) <= $1
    order by key limit $3
"""
_REQUESTS = "select source, id, asked_at from intake.erasure_requests order by asked_at, key"
_DONE = "delete from intake.erasure_requests where key = $1"
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

    async def requests(self) -> list[ErasureRequest]:
        return [ErasureRequest(**row) for row in await self._pool.fetch(_REQUESTS)]

    async def due(self, at: datetime, after: UUID, limit: int) -> list[OverdueReport]:
        rows = await self._pool.fetch(_DUE, at, after, limit)
        return [
            OverdueReport(row["source"], row["id"], tuple(name for name in PersonalClass if row[name])) for row in rows
        ]

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

    async def erase(self, key: UUID, at: datetime, why: Why, classes: Collection[PersonalClass]) -> Erasure:
        nothing, done = os.urandom(32), []
        files: list[str] = []
        if PersonalClass.CONTACT in classes and await self._connection.fetchval(_ERASE_CONTACT, key, at, nothing):
            done.append(PersonalClass.CONTACT)
        if PersonalClass.CONTENT in classes and await self._connection.fetchval(_ERASE_TEXT, key, at, why):
            done.append(PersonalClass.CONTENT)
            for digest in _ERASE_DIGESTS:
                await self._connection.execute(digest, key, nothing)
        if PersonalClass.EVIDENCE in classes:
            spoken = [row["sha256"] for row in await self._connection.fetch(_UNSPOKEN, key)]
            files = [row["sha256"] for row in await self._connection.fetch(_ERASE_FILES, spoken, at)]
            done += [PersonalClass.EVIDENCE] if files else []
        await self._connection.execute(_SETTLED, key, list(classes))
        if why is Why.REQUEST:
            await self._connection.execute(_DONE, key)
        return Erasure(tuple(done), tuple(files))


def _held(row: asyncpg.Record | None) -> Held:
    assert row is not None
    source, id_, jurisdiction, digest, kept_at, key_id, fingerprint, wrapped, sealed, forgotten_at = row
    bound = Bound(source, id_, jurisdiction, digest)
    return Held(
        bound, kept_at, Sealed(key_id, fingerprint, wrapped, sealed) if forgotten_at is None else None, forgotten_at
    )
