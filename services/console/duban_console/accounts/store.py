"""The store of accounts in PostgreSQL, in the schema ``console``; the database keeps the log from being changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from duban.errors import SettingsError
from duban.io.act_log import ActLog
from duban.messages.struct import from_json, replace, to_json
from duban.seal import Unsealable
from duban_console.accounts.account import Account, Appointment, ProviderIdentity
from duban_console.accounts.factor_seal import FactorSeal, is_sealed, opened_if_held
from duban_console.accounts.log import AccountAct, AccountLine
from duban_console.accounts.second_factor import SecondFactor
from duban_console.accounts.session import AccountKey, AccountSession, CalendarFeed, Scope, WallScreen

_log = structlog.get_logger(__name__)

SCHEMA: Final = "console"
MIGRATIONS: Final = "duban_console.migrations"

_LOG: Final = ActLog("console.account_log", AccountLine)
_LATEST: Final = "where number > (select coalesce(max(number), 0) - $1 from console.account_log)"
_ACCOUNTS: Final = """
    select name, full_name, made_at, is_system, appointments, password, is_initial, factor, failures, barred_until,
        off_at, issuer, subject
    from console.accounts
"""
_PUT_ACCOUNT: Final = """
    insert into console.accounts
        (name, full_name, made_at, is_system, appointments, password, is_initial, factor, failures, barred_until,
         off_at, issuer, subject)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    on conflict (name) do update set
        (full_name, appointments, password, is_initial, factor, failures, barred_until, off_at) =
        (excluded.full_name, excluded.appointments, excluded.password, excluded.is_initial, excluded.factor,
         excluded.failures, excluded.barred_until, excluded.off_at)
"""
_REMOVE_VIEWS: Final = "delete from console.saved_views where account = $1"
_SESSIONS: Final = "select id, account, hash, address, agent, begun_at, seen_at from console.sessions"
_PUT_SESSION: Final = """
    insert into console.sessions (id, account, hash, address, agent, begun_at, seen_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (id) do update set (hash, seen_at) = (excluded.hash, excluded.seen_at)
"""
_KEYS: Final = "select hash, account, scope, made_at, ends_at, used_at from console.keys"
_PUT_KEY: Final = """
    insert into console.keys (hash, account, scope, made_at, ends_at, used_at) values ($1, $2, $3, $4, $5, $6)
    on conflict (hash) do update set used_at = excluded.used_at
"""
_FEED: Final = "select account, hash, made_at, read_at from console.calendar_feeds"
_PUT_FEED: Final = """
    insert into console.calendar_feeds (account, hash, made_at, read_at) values ($1, $2, $3, $4)
    on conflict (account) do update set (hash, made_at, read_at) = (excluded.hash, excluded.made_at, excluded.read_at)
"""
_SCREENS: Final = "select hash, jurisdiction, place, made_by, made_at, seen_at from console.wall_screens"
_PUT_SCREEN: Final = """
    insert into console.wall_screens (hash, jurisdiction, place, made_by, made_at, seen_at)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (hash) do update set seen_at = excluded.seen_at
"""


class PostgresRows:
    """What stands in the store, as a pool or one connection sees it."""

    def __init__(self, where: Any, seal: FactorSeal | None = None) -> None:
        self._where = where
        self._seal = seal

    @property
    def seals(self) -> bool:
        """Whether the secret of a second factor lies sealed here."""
        return self._seal is not None

    async def account(self, name: str) -> Account | None:
        row = await self._where.fetchrow(f"{_ACCOUNTS} where name = $1", name)
        return _account(row, self._seal) if row else None

    async def account_of(self, identity: ProviderIdentity) -> Account | None:
        where = f"{_ACCOUNTS} where issuer = $1 and subject = $2"
        row = await self._where.fetchrow(where, identity.issuer, identity.subject)
        return _account(row, self._seal) if row else None

    async def accounts(self) -> list[Account]:
        rows = await self._where.fetch(f'{_ACCOUNTS} order by name collate "C"')
        return [_account(row, self._seal) for row in rows]

    async def sessions(self, account: str) -> list[AccountSession]:
        rows = await self._where.fetch(f"{_SESSIONS} where account = $1 order by begun_at, id", account)
        return [AccountSession(*row) for row in rows]

    async def session(self, hash_: str) -> AccountSession | None:
        row = await self._where.fetchrow(f"{_SESSIONS} where hash = $1", hash_)
        return AccountSession(*row) if row else None

    async def keys(self) -> list[AccountKey]:
        rows = await self._where.fetch(f'{_KEYS} order by account collate "C", made_at, hash')
        return [_key(row) for row in rows]

    async def key(self, hash_: str) -> AccountKey | None:
        row = await self._where.fetchrow(f"{_KEYS} where hash = $1", hash_)
        return _key(row) if row else None

    async def feed(self, account: str) -> CalendarFeed | None:
        row = await self._where.fetchrow(f"{_FEED} where account = $1", account)
        return CalendarFeed(*row) if row else None

    async def feed_by(self, hash_: str) -> CalendarFeed | None:
        row = await self._where.fetchrow(f"{_FEED} where hash = $1", hash_)
        return CalendarFeed(*row) if row else None

    async def screens(self, jurisdiction: str) -> list[WallScreen]:
        rows = await self._where.fetch(f"{_SCREENS} where jurisdiction = $1 order by made_at, hash", jurisdiction)
        return [WallScreen(*row) for row in rows]

    async def screen(self, hash_: str) -> WallScreen | None:
        row = await self._where.fetchrow(f"{_SCREENS} where hash = $1", hash_)
        return WallScreen(*row) if row else None

    async def log(self, latest: int | None = None) -> list[AccountLine]:
        return await (_LOG.lines(self._where) if latest is None else _LOG.lines(self._where, _LATEST, latest))


class PostgresTransaction(PostgresRows):
    """One transaction, while nobody else changes accounts."""

    async def put_account(self, account: Account) -> None:
        await self._where.execute(
            _PUT_ACCOUNT,
            account.name,
            account.full_name,
            account.made_at,
            account.is_system,
            to_json(account.appointments).decode(),
            account.password,
            account.is_initial,
            _lying(account, self._seal),
            account.failures,
            account.barred_until,
            account.off_at,
            account.identity.issuer if account.identity else None,
            account.identity.subject if account.identity else None,
        )
        if account.off_at is not None:
            await self._where.execute(_REMOVE_VIEWS, account.name)

    async def factors(self) -> list[tuple[str, SecondFactor]]:
        """The second factors as they lie, by account."""
        rows = await self._where.fetch("select name, factor from console.accounts where factor is not null")
        return [(row["name"], from_json(row["factor"], SecondFactor)) for row in rows]

    async def put_session(self, session: AccountSession) -> None:
        await self._where.execute(
            _PUT_SESSION,
            session.id,
            session.account,
            session.hash,
            session.address,
            session.agent,
            session.begun_at,
            session.seen_at,
        )

    async def end_session(self, id_: UUID) -> None:
        await self._where.execute("delete from console.sessions where id = $1", id_)

    async def put_key(self, key: AccountKey) -> None:
        await self._where.execute(_PUT_KEY, key.hash, key.account, key.scope, key.made_at, key.ends_at, key.used_at)

    async def end_key(self, hash_: str) -> None:
        await self._where.execute("delete from console.keys where hash = $1", hash_)

    async def put_feed(self, feed: CalendarFeed) -> None:
        await self._where.execute(_PUT_FEED, feed.account, feed.hash, feed.made_at, feed.read_at)

    async def end_feed(self, account: str) -> None:
        await self._where.execute("delete from console.calendar_feeds where account = $1", account)

    async def put_screen(self, screen: WallScreen) -> None:
        await self._where.execute(
            _PUT_SCREEN,
            screen.hash,
            screen.jurisdiction,
            screen.place,
            screen.made_by,
            screen.made_at,
            screen.seen_at,
        )

    async def end_screen(self, hash_: str) -> None:
        await self._where.execute("delete from console.wall_screens where hash = $1", hash_)

    async def append(self, act: AccountAct) -> AccountLine:
        return await _LOG.append(self._where, act.fields())


class PostgresAccounts(PostgresRows):
    """The store."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], seal: FactorSeal | None = None) -> None:
        super().__init__(pool, seal)
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with self._pool.acquire() as connection, connection.transaction():
            await _LOG.take_turn(connection)
            yield PostgresTransaction(connection, self._seal)

    async def seal_anew(self) -> None:
        """Have the first key seal every second factor that lies readable, or that another key has sealed.

        Raises:
            SettingsError: one is sealed by a key that is not held.
        """
        async with self.transaction() as store:
            for name, factor in await store.factors():
                if self._seal is None:
                    if is_sealed(factor.secret):
                        raise SettingsError(f"the second factor of {name} is sealed: give its key, DUBAN_ACCOUNTS_KEY")
                    _log.warning("second factors lie readable in the database", cure="DUBAN_ACCOUNTS_KEY")
                    return
                try:
                    self._seal.opened(name, factor.secret)
                except Unsealable as error:
                    raise SettingsError(f"the second factor of {name}: {error}") from None
                if not self._seal.is_current(factor.secret) and (account := await store.account(name)) is not None:
                    await store.put_account(account)


def _account(row: asyncpg.Record, seal: FactorSeal | None) -> Account:
    fields = dict(row)
    appointments = from_json(fields.pop("appointments"), tuple[Appointment, ...])
    lying, issuer, subject = fields.pop("factor"), fields.pop("issuer"), fields.pop("subject")
    factor = from_json(lying, SecondFactor) if lying else None
    if factor is not None:
        factor = replace(factor, secret=opened_if_held(seal, fields["name"], factor.secret))
    identity = ProviderIdentity(issuer, subject) if issuer else None
    return Account(**fields, appointments=appointments, factor=factor, identity=identity)


def _lying(account: Account, seal: FactorSeal | None) -> str | None:
    """The second factor as it lies in the row, its secret sealed where there is a key."""
    factor = account.factor
    if factor is not None and seal is not None:
        factor = replace(factor, secret=seal.sealed(account.name, factor.secret))
    return to_json(factor).decode() if factor else None


def _key(row: asyncpg.Record) -> AccountKey:
    hash_, account, scope, made_at, ends_at, used_at = row
    return AccountKey(hash_, account, Scope(scope), made_at, ends_at, used_at)
