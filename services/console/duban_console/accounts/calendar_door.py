"""The door for calendars: by a secret address of each account, what it owes is read, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from duban.clock import Clock
from duban.refusal import Refusal
from duban_console.accounts.account import Account
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.rows import AccountRefused, AccountStore, known
from duban_console.accounts.session import CALENDAR_BEGINNING, CalendarFeed, new_token, token_hash

#: How exactly it is known when a calendar was last read: calendars come again and again, and not each of them writes.
_READ_EVERY: Final = timedelta(hours=1)
_NO_FEED: Final = Refusal(
    "no_calendar", "no calendar has this address: it was ended or renewed, or never was; its owner makes another one"
)


class CalendarDoor:
    """Makes the address of somebody's calendar, ends it, and knows by it whose it is."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def feed(self, name: str) -> CalendarFeed | None:
        """What the calendar of ``name`` reads, if anything."""
        return await self._store.feed(name)

    async def renew(self, name: str, address: str = "") -> str:
        """A secret for the calendar of ``name``, shown this once; one that it had before holds no more."""
        token, at = new_token(CALENDAR_BEGINNING), self._clock.now()
        async with self._store.transaction() as store:
            account = await known(store, name)
            detail = "" if await store.feed(account.name) is None else "in the place of an earlier one"
            await store.put_feed(CalendarFeed(account.name, token_hash(token), at))
            await store.append(
                AccountAct(AccountActKind.CALENDAR_MADE, at, account.name, account.name, address, detail)
            )
        return token

    async def end(self, name: str, address: str = "") -> None:
        """Have the calendar of ``name`` read nothing more; one that has no address stays so."""
        async with self._store.transaction() as store:
            if await store.feed(name) is None:
                return
            await store.end_feed(name)
            await store.append(AccountAct(AccountActKind.CALENDAR_ENDED, self._clock.now(), name, name, address))

    async def owner(self, token: str) -> Account:
        """Whose calendar comes with ``token``.

        Raises:
            AccountRefused: ``no_calendar``: nobody's.
        """
        feed = await self._store.feed_by(token_hash(token))
        account = await self._store.account(feed.account) if feed is not None else None
        if feed is None or account is None or account.off_at is not None:
            raise AccountRefused(_NO_FEED)
        at = self._clock.now()
        if feed.read_at is None or at - feed.read_at >= _READ_EVERY:
            async with self._store.transaction() as store:
                # It may have been ended or renewed meanwhile.
                if (standing := await store.feed_by(feed.hash)) is not None:
                    await store.put_feed(replace(standing, read_at=at))
        return account
