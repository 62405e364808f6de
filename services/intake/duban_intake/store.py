"""Receipts and places in PostgreSQL: one transaction a batch, rows read and written as arrays."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from duban.errors import Unavailable
from duban.messages.report import Location, SealedField
from duban.messages.sealed import WrappedKey
from duban_intake.domain import Ending, Receipt, ReportOutcome
from duban_intake.handlers import Writing
from duban_intake.nearness import Place
from duban_intake.report_seal import ReportKey, Why

SCHEMA: Final = "intake"
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

#: Members that work on one jurisdiction take turns, or two neighbours in two of their batches would miss each other.
_TURN = "select pg_advisory_xact_lock(hashtextextended('duban intake ' || one, 0)) from unnest($1::text[]) as one"
_RECEIPTS = """
    select source, id, key, digest, received_at, outcome, problem_id, code, reason, handle
    from intake.receipts where key = any($1::uuid[])
"""
_PLACES = """
    select problem_id, jurisdiction, category, latitude, longitude, cell, latest_at,
        coalesce(earliest_at, latest_at) as earliest_at, matter
    from intake.places where cell = any($1::bigint[]) and latest_at >= $2
"""
#: A receipt is final unless it is a refusal that is decided again, or the router's answer changes it.
_WRITE_RECEIPTS = """
    with written as (
        insert into intake.receipts as held
            (source, id, key, digest, received_at, outcome, problem_id, code, reason, handle)
        select * from unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::text[],
            $7::uuid[], $8::text[], $9::text[], $10::text[])
        on conflict (key) do update set
            received_at = excluded.received_at, outcome = excluded.outcome, problem_id = excluded.problem_id,
            code = excluded.code, reason = excluded.reason
        where held.digest = excluded.digest and (held.problem_id is null or $11)
        returning 1
    )
    select count(*) from written
"""
_WRITE_REFUSALS = """
    insert into intake.refusals (key, digest, refused_at, code, reason)
    select * from unnest($1::uuid[], $2::bytea[], $3::timestamptz[], $4::text[], $5::text[])
    on conflict (key, digest) do nothing
"""
_WRITE_PLACES = """
    insert into intake.places
        (problem_id, jurisdiction, category, latitude, longitude, cell, latest_at, earliest_at, matter)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::bigint[],
        $7::timestamptz[], $8::timestamptz[], $9::text[])
    on conflict (problem_id) do update set
        category = excluded.category, matter = excluded.matter, cell = excluded.cell,
        latest_at = greatest(places.latest_at, excluded.latest_at),
        earliest_at = least(coalesce(places.earliest_at, places.latest_at), excluded.earliest_at)
"""
_VERSIONS = "select problem_id, version from intake.turns where problem_id = any($1::uuid[])"
_WRITE_VERSIONS = """
    insert into intake.turns as held (problem_id, version) select * from unnest($1::uuid[], $2::int[])
    on conflict (problem_id) do update set version = excluded.version, at = now()
    where held.version < excluded.version
"""
_ENDINGS = "select told, times, at from intake.endings where source = $1 and told = any($2::text[])"
_END = """
    insert into intake.endings as held (source, told, at) select $1, told, $3 from unnest($2::text[]) as told
    on conflict (source, told) do update set times = held.times + 1, at = excluded.at
"""
_ASK_ERASURE = """
    with asked as (
        insert into intake.erasure_requests (key, source, id, asked_at) values ($1, $2, $3, $4)
        on conflict (key) do nothing returning asked_at
    )
    select asked_at from asked union all select asked_at from intake.erasure_requests where key = $1 limit 1
"""
_REPORT_KEYS = """
    select key, source, id, problem_id, fields, kept_at, key_id, wrapped, erased_at, why
    from intake.report_keys where key = any($1::uuid[])
"""
_WRITE_KEYS = """
    insert into intake.report_keys (key, source, id, problem_id, fields, kept_at, key_id, wrapped)
    select key, source, id, problem_id, string_to_array(fields, ' '), kept_at, key_id, wrapped
    from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::bytea[])
        as fresh (key, source, id, problem_id, fields, kept_at, key_id, wrapped)
    on conflict (key) do nothing
"""
_WRITE_FILES = """
    insert into intake.report_files (key, sha256) select * from unnest($1::uuid[], $2::text[]) on conflict do nothing
"""
#: A file that is spoken of again is looked at again, for a copy may lie in the store that is not sealed yet; one that
#: was erased begins anew.
_WRITE_FILE_KEYS = """
    insert into intake.file_keys as held (sha256, key_id, wrapped)
    select distinct on (sha256) * from unnest($1::text[], $2::text[], $3::bytea[]) as fresh (sha256, key_id, wrapped)
    order by sha256
    on conflict (sha256) do update set
        key_id = coalesce(held.key_id, excluded.key_id), wrapped = coalesce(held.wrapped, excluded.wrapped),
        sealed_at = null, erased_at = null, removed_at = null
"""
_MOVE_KEYS = """
    update intake.report_keys as held set problem_id = moved.problem_id
    from unnest($1::uuid[], $2::uuid[]) as moved (key, problem_id) where held.key = moved.key
"""
_WRITE_TERMS = """
    update intake.report_keys as held
    set contact_until = term.contact, content_until = term.content, evidence_until = term.evidence
    from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[])
        as term (problem_id, contact, content, evidence)
    where held.problem_id = term.problem_id
"""
_REMOVE_PLACES = "delete from intake.places where problem_id = any($1::uuid[])"


class PostgresStore:
    """The store behind the handlers, in the schema ``intake``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def receipt(self, key: UUID) -> Receipt | None:
        row = await self._pool.fetchrow(_RECEIPTS, [key])
        return _receipt(row) if row else None

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        """The receipts that were given under ``keys``."""
        return {row["key"]: _receipt(row) for row in await self._pool.fetch(_RECEIPTS, list(keys))}

    async def endings(self, source: str, ids: Collection[str]) -> dict[str, Ending]:
        """Of what ``source`` told of under ``ids``: what has ended."""
        rows = await self._pool.fetch(_ENDINGS, source, list(ids))
        return {row["told"]: Ending(row["times"], row["at"]) for row in rows}

    async def end(self, source: str, ids: Collection[str], at: datetime) -> None:
        """Note that what ``source`` told of under each of ``ids`` is over, once more."""
        await self._pool.execute(_END, source, sorted(set(ids)), at)

    async def ask_erasure(self, receipt: Receipt, at: datetime) -> datetime:
        """Note that the report of ``receipt`` is to be erased; since when that is asked."""
        asked_at: datetime = await self._pool.fetchval(_ASK_ERASURE, receipt.key, receipt.source, receipt.id, at)
        return asked_at

    @asynccontextmanager
    async def transaction(self, jurisdictions: Collection[str]) -> AsyncIterator[PostgresTransaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            # In order: two members that want the same jurisdictions never wait for each other in a circle.
            await connection.execute(_TURN, sorted(set(jurisdictions)))
            yield PostgresTransaction(connection)


class PostgresTransaction:
    """One transaction, while nobody else decides for the same jurisdictions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        rows = await self._connection.fetch(_RECEIPTS, list(keys))
        return {row["key"]: _receipt(row) for row in rows}

    async def places(self, cells: Collection[int], since_at: datetime) -> list[Place]:
        rows = await self._connection.fetch(_PLACES, list(cells), since_at) if cells else []
        return [
            Place(
                row["problem_id"],
                row["jurisdiction"],
                row["category"],
                Location(latitude=row["latitude"], longitude=row["longitude"]),
                row["cell"],
                row["latest_at"],
                row["earliest_at"],
                row["matter"],
            )
            for row in rows
        ]

    async def versions(self, ids: Collection[UUID]) -> dict[UUID, int]:
        rows = await self._connection.fetch(_VERSIONS, list(ids)) if ids else []
        return {row["problem_id"]: row["version"] for row in rows}

    async def report_keys(self, keys: Collection[UUID]) -> dict[UUID, ReportKey]:
        rows = await self._connection.fetch(_REPORT_KEYS, list(keys))
        return {row["key"]: report_key_of(row) for row in rows}

    async def write(self, writing: Writing) -> None:
        if writing.receipts:
            receipts = list(writing.receipts.values())
            written = await self._connection.fetchval(_WRITE_RECEIPTS, *_columns(receipts), writing.revises)
            if written != len(receipts) and not writing.revises:
                raise Unavailable("another member gave one of these reports its receipt; the batch is decided again")
        if writing.refusals:
            await self._connection.execute(
                _WRITE_REFUSALS,
                [refusal.arrival.key for refusal in writing.refusals],
                [refusal.arrival.digest for refusal in writing.refusals],
                [refusal.arrival.at for refusal in writing.refusals],
                [refusal.why.code for refusal in writing.refusals],
                [refusal.why.reason for refusal in writing.refusals],
            )
        if writing.keys:
            await self._connection.execute(_WRITE_KEYS, *_key_columns(list(writing.keys.values())))
        if writing.files:
            spoken = [(key, sha256, wrapped) for key, of in writing.files.items() for sha256, wrapped in of.items()]
            files = [sha256 for _, sha256, _ in spoken]
            await self._connection.execute(_WRITE_FILES, [key for key, _, _ in spoken], files)
            key_ids, wrapped = [held.key_id for *_, held in spoken], [held.wrapped for *_, held in spoken]
            await self._connection.execute(_WRITE_FILE_KEYS, files, key_ids, wrapped)
        if writing.moved:
            await self._connection.execute(_MOVE_KEYS, list(writing.moved), list(writing.moved.values()))
        if writing.terms:
            of_each = list(writing.terms.values())
            until = ([getattr(term, name) for term in of_each] for name in ("contact", "content", "evidence"))
            await self._connection.execute(_WRITE_TERMS, list(writing.terms), *until)
        if writing.versions:
            versions = writing.versions
            await self._connection.execute(_WRITE_VERSIONS, list(versions), list(versions.values()))
        if writing.closed:
            await self._connection.execute(_REMOVE_PLACES, list(writing.closed))
        if writing.places:
            await self._connection.execute(_WRITE_PLACES, *_place_columns(list(writing.places.values())))


def _receipt(row: asyncpg.Record) -> Receipt:
    source, id_, key, digest, received_at, outcome, problem_id, code, reason, handle = row
    return Receipt(source, id_, key, digest, received_at, ReportOutcome(outcome), problem_id, code, reason, handle)


def report_key_of(row: asyncpg.Record) -> ReportKey:
    """The key of a report in a row of its table."""
    key, source, id_, problem_id, fields, kept_at, key_id, wrapped, erased_at, why = row
    return ReportKey(
        key,
        source,
        id_,
        problem_id,
        tuple(map(SealedField, fields)),
        kept_at,
        None if wrapped is None else WrappedKey(key_id, wrapped),
        erased_at,
        None if why is None else Why(why),
    )


def _key_columns(keys: Sequence[ReportKey]) -> tuple[list[object], ...]:
    held = [(key, key.wrapped) for key in keys if key.wrapped is not None]
    return (
        [key.key for key, _ in held],
        [key.source for key, _ in held],
        [key.id for key, _ in held],
        [key.problem_id for key, _ in held],
        [" ".join(key.fields) for key, _ in held],
        [key.kept_at for key, _ in held],
        [wrapped.key_id for _, wrapped in held],
        [wrapped.wrapped for _, wrapped in held],
    )


def _columns(receipts: Sequence[Receipt]) -> tuple[list[object], ...]:
    return (
        [receipt.source for receipt in receipts],
        [receipt.id for receipt in receipts],
        [receipt.key for receipt in receipts],
        [receipt.digest for receipt in receipts],
        [receipt.received_at for receipt in receipts],
        [receipt.outcome for receipt in receipts],
        [receipt.problem_id for receipt in receipts],
        [receipt.code for receipt in receipts],
        [receipt.reason for receipt in receipts],
        [receipt.handle for receipt in receipts],
    )


def _place_columns(places: Sequence[Place]) -> tuple[list[object], ...]:
    return (
        [place.problem_id for place in places],
        [place.jurisdiction for place in places],
        [place.category for place in places],
        [place.location.latitude for place in places],
        [place.location.longitude for place in places],
        [place.cell for place in places],
        [place.latest_at for place in places],
        [place.earliest_at for place in places],
        [place.matter for place in places],
    )
