"""What the desks of accounts ask of their store, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import NoReturn, Protocol
from uuid import UUID

from duban.errors import DubanError
from duban.refusal import Refusal
from duban_console.accounts.account import Account, Appointment, ProviderIdentity, folded_name, in_order, listed
from duban_console.accounts.log import AccountAct, AccountActKind, AccountLine
from duban_console.accounts.session import AccountKey, AccountSession, CalendarFeed, WallScreen

#: Who ends what nobody ended.
BY_TIME = "time"


class AccountRefused(DubanError):
    """What is not done with an account: ``code``, a short stable word, and a sentence with what to do."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.reason)
        self.code = why.code


class NotThere(AccountRefused):
    """There is no such account, session or key."""


class Unusable(AccountRefused):
    """What was given can be no name or no password."""


class AccountRows(Protocol):
    """What stands in the store, to be read."""

    @property
    def seals(self) -> bool:
        """Whether the secret of a second factor lies sealed here."""

    async def account(self, name: str) -> Account | None:
        """The account of that name."""

    async def account_of(self, identity: ProviderIdentity) -> Account | None:
        """The account of whom a provider knows so."""

    async def accounts(self) -> list[Account]:
        """Every account, by name."""

    async def sessions(self, account: str) -> list[AccountSession]:
        """Every session of ``account``, the oldest first."""

    async def session(self, hash_: str) -> AccountSession | None:
        """The session whose token has that hash."""

    async def keys(self) -> list[AccountKey]:
        """Every key, by account, the oldest first."""

    async def key(self, hash_: str) -> AccountKey | None:
        """The key that has that hash."""

    async def feed(self, account: str) -> CalendarFeed | None:
        """What the calendar of ``account`` reads, if anything."""

    async def feed_by(self, hash_: str) -> CalendarFeed | None:
        """The feed whose secret has that hash."""

    async def screens(self, jurisdiction: str) -> list[WallScreen]:
        """The screens of ``jurisdiction``, the oldest first."""

    async def screen(self, hash_: str) -> WallScreen | None:
        """The screen whose secret has that hash."""

    async def log(self, latest: int | None = None) -> list[AccountLine]:
        """The log, in order; of it no more than so many of its ``latest`` lines."""


class Transaction(AccountRows, Protocol):
    """A change of the store while nobody else changes it: everything in it stands, or nothing."""

    async def put_account(self, account: Account) -> None:
        """Write ``account`` in the place of what stands under its name."""

    async def put_session(self, session: AccountSession) -> None:
        """Write ``session`` in the place of what stands under its id."""

    async def end_session(self, id_: UUID) -> None:
        """Have the session no more."""

    async def put_key(self, key: AccountKey) -> None:
        """Write ``key`` in the place of what stands under its hash."""

    async def end_key(self, hash_: str) -> None:
        """Have the key no more."""

    async def put_feed(self, feed: CalendarFeed) -> None:
        """Write ``feed`` in the place of what its account has."""

    async def end_feed(self, account: str) -> None:
        """Have the feed of ``account`` no more."""

    async def put_screen(self, screen: WallScreen) -> None:
        """Write ``screen`` in the place of what stands under its hash."""

    async def end_screen(self, hash_: str) -> None:
        """Have the screen no more."""

    async def append(self, act: AccountAct) -> AccountLine:
        """Write ``act`` at the end of the log."""


class AccountStore(AccountRows, Protocol):
    """What the desks remember."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A change of the store."""


async def known(store: AccountRows, name: str) -> Account:
    """The account of that name, however it is written."""
    account = await store.account(folded_name(name))
    if account is None:
        refuse("unknown_account", f"there is no account {name}: `duban account ls` shows them", NotThere)
    return account


async def end_session(
    store: Transaction, session: AccountSession, at: datetime, by: str, why: str, address: str = ""
) -> None:
    """End ``session``, with its line."""
    await store.end_session(session.id)
    await store.append(AccountAct(AccountActKind.SESSION_ENDED, at, by, session.account, address, why))


async def end_key(store: Transaction, key: AccountKey, at: datetime, by: str, why: str, address: str = "") -> None:
    """End ``key``, with its line."""
    await store.end_key(key.hash)
    await store.append(AccountAct(AccountActKind.KEY_ENDED, at, by, key.account, address, f"{key.id}: {why}"))


async def end_sessions(store: Transaction, account: str, at: datetime, by: str, why: str) -> None:
    """End every session of ``account``, each with its line."""
    for session in await store.sessions(account):
        await end_session(store, session, at, by, why)


async def appoint(store: Transaction, account: Account, meant: Iterable[Appointment], at: datetime, by: str) -> Account:
    """Write ``account`` with those appointments and no others; where one is taken, its sessions end."""
    after = replace(account, appointments=in_order(meant))
    await store.put_account(after)
    gained = [appointment for appointment in after.appointments if appointment not in account.appointments]
    lost = [appointment for appointment in account.appointments if appointment not in after.appointments]
    changes = [f"{word} {listed(some)}" for word, some in (("given", gained), ("taken", lost)) if some]
    if changes:
        detail = "; ".join(changes)
        await store.append(AccountAct(AccountActKind.APPOINTMENTS_SET, at, by, account.name, detail=detail))
    if lost:
        await end_sessions(store, account.name, at, by, "an appointment was taken")
    return after


def refuse(code: str, reason: str, kind: type[AccountRefused] = AccountRefused) -> NoReturn:
    """Raise the refusal."""
    raise kind(Refusal(code, reason))
