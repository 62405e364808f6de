"""The desk of accounts, as the commands come to it: straight to the database, as the role that keeps the accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from duban_cli.connection import accounts_key, console_settings, database

if TYPE_CHECKING:
    from duban.clock import Clock
    from duban.io.settings import Settings
    from duban_console.accounts.desk import AccountDesk
    from duban_console.accounts.key_desk import KeyDesk
    from duban_console.accounts.roster_desk import RosterDesk
    from duban_console.accounts.rows import AccountStore


@asynccontextmanager
async def desk() -> AsyncIterator[AccountDesk]:
    """The desk over the accounts in the database."""
    from duban_console.accounts.desk import AccountDesk

    async with account_store(console_settings()) as (store, clock):
        yield AccountDesk(store, clock)


@asynccontextmanager
async def roster_desk() -> AsyncIterator[RosterDesk]:
    """The desk over files of accounts."""
    from duban_console.accounts.roster_desk import RosterDesk

    async with account_store(console_settings()) as (store, clock):
        yield RosterDesk(store, clock)


@asynccontextmanager
async def key_desk() -> AsyncIterator[KeyDesk]:
    """The desk over the keys in the database."""
    from duban_console.accounts.key_desk import KeyDesk

    async with account_store(console_settings()) as (store, clock):
        yield KeyDesk(store, clock)


def ourselves() -> str:
    """Who the log says did it: the account of this machine under which the command runs."""
    from duban_local.accounts import our_name

    return f"local:{our_name()}"


@asynccontextmanager
async def account_store(known: Settings) -> AsyncIterator[tuple[AccountStore, Clock]]:
    """The accounts in the database, and the clock on the wall, whatever clock drives the story of a demo."""
    from duban.clock import SystemClock
    from duban.io.migrations import require
    from duban_console.accounts.factor_seal import FactorSeal
    from duban_console.accounts.store import MIGRATIONS, SCHEMA, PostgresAccounts

    async with database(known) as pool:
        await require(known.database.get_secret_value(), SCHEMA, MIGRATIONS)
        key = accounts_key()
        yield PostgresAccounts(pool, FactorSeal.load(key) if key else None), SystemClock()
