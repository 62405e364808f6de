"""The command line of the embedded stack: an account that may act for every unit, and the key by which it is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from duban.clock import Clock
from duban_console.accounts.account import EVERY, LOCAL, Account, Appointment, Role, listed
from duban_console.accounts.key_desk import KeyDesk
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.rows import AccountStore
from duban_console.accounts.session import AccountKey, Scope, token_hash

#: What it may: the office of every city may every act, here for every unit; and whoever has the machine may look on.
APPOINTMENTS: Final = (Appointment(role=Role.AUDITOR), Appointment(role=Role.OFFICE, jurisdiction=EVERY, unit=EVERY))
_LENGTH: Final = timedelta(days=30)
#: So long before its end another takes its place; it holds on beside that.
_BEFORE: Final = timedelta(days=10)


class LocalKeys:
    """Makes the account and its keys. ``by`` is whose doing it is, as the log will say."""

    def __init__(self, store: AccountStore, clock: Clock, by: str) -> None:
        self._store = store
        self._clock = clock
        self._by = by
        self._keys = KeyDesk(store, clock)

    async def renewed(self, held: str | None) -> str:
        """The key ``held``, as long as it holds well; else a new one, beside which it holds on while it does."""
        await self._have_account()
        at = self._clock.now()
        keys = [key for key in await self._store.keys() if key.account == LOCAL and at < key.ends_at]
        if held is not None and any(_is(key, held) and at < key.ends_at - _BEFORE for key in keys):
            return held
        if keys:
            return (await self._keys.rotate(LOCAL, by=self._by, length=_LENGTH))[0]
        return (await self._keys.add(LOCAL, Scope.ACT, _LENGTH, by=self._by))[0]

    async def _have_account(self) -> None:
        """Have the account with its appointments; one that was turned off stays off."""
        async with self._store.transaction() as store:
            if await store.account(LOCAL) is not None:
                return
            at = self._clock.now()
            await store.put_account(Account(LOCAL, "the command line", at, is_system=True, appointments=APPOINTMENTS))
            detail = listed(APPOINTMENTS)
            await store.append(AccountAct(AccountActKind.ACCOUNT_ADDED, at, self._by, LOCAL, detail=detail))


def _is(key: AccountKey, token: str) -> bool:
    return key.hash == token_hash(token)
