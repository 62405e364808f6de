"""The desk of rosters: what a file of accounts changes, and all of it done at once, or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from duban.clock import Clock
from duban.refusal import Refusal
from duban_console.accounts.account import Account, Role, folded_name
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.passwords import Passwords, new_password
from duban_console.accounts.roster import Roster, RosterEntry
from duban_console.accounts.rows import AccountRefused, AccountStore, Transaction


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What a file changes of one account: it is new, or has other appointments; ``before`` is how it stands."""

    entry: RosterEntry
    before: Account | None

    @property
    def is_new(self) -> bool:
        """Whether the account is added."""
        return self.before is None

    @property
    def is_none(self) -> bool:
        """Whether it stands as it is."""
        return self.before is not None and set(self.before.appointments) == set(self.entry.appointments)


class RosterDesk:
    """Each step raises AccountRefused where it is not done; then nothing is."""

    def __init__(self, store: AccountStore, clock: Clock, passwords: Passwords | None = None) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords or Passwords()

    async def changes(self, roster: Roster) -> list[RosterChange]:
        """What ``roster`` would change, in its order."""
        return _changes(roster, await self._store.accounts())

    async def apply(self, roster: Roster, by: str, keep: Callable[[Mapping[str, str]], None]) -> list[RosterChange]:
        """Do all of it; ``keep`` is given the password that was made for each new person, before anything stands.

        Whatever it raises, nothing is done.
        """
        new = [change.entry for change in await self.changes(roster) if change.is_new and not change.entry.system]
        # Hashed before the transaction, while which nobody else could sign in.
        made = {folded_name(entry.name): new_password() for entry in new}
        hashes = {password: await self._passwords.hash(password) for password in made.values()}
        async with self._store.transaction() as transaction:
            desk = AccountDesk(_Joined(transaction), self._clock, _Hashed(hashes))
            changes = _changes(roster, await transaction.accounts())
            for change in sorted(changes, key=_first_who_keeps):
                entry = change.entry
                if change.is_none:
                    continue
                if not change.is_new:
                    await desk.appoint(entry.name, entry.appointments, by=by)
                    continue
                password = None if entry.system else made.get(folded_name(entry.name))
                if password is None and not entry.system:
                    say = f"{entry.name} went while its password was made: do it once more"
                    raise AccountRefused(Refusal("changed_meanwhile", say))
                await desk.add(
                    entry.name, entry.full_name, entry.appointments, by=by, is_system=entry.system, password=password
                )
            added = {folded_name(change.entry.name) for change in changes if change.is_new}
            keep({name: password for name, password in made.items() if name in added})
        return changes


def _changes(roster: Roster, accounts: list[Account]) -> list[RosterChange]:
    standing = {account.name: account for account in accounts}
    changes = [RosterChange(entry, standing.get(folded_name(entry.name))) for entry in roster.accounts]
    for change in changes:
        if change.before is not None and change.before.is_system is not change.entry.system:
            kind = "a system" if change.before.is_system else "a person"
            say = f"{change.before.name} is {kind}, which does not change: turn it off, and add another"
            raise AccountRefused(Refusal("other_kind", say))
    return changes


def _first_who_keeps(change: RosterChange) -> bool:
    """Administrators first: one is there before another is taken."""
    return all(appointment.role is not Role.ADMINISTRATOR for appointment in change.entry.appointments)


class _Hashed(Passwords):
    """The hashes of passwords that were made before."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        super().__init__()
        self._hashes = hashes

    async def hash(self, password: str) -> str:
        return self._hashes[password]


class _Joined:
    """A store whose every transaction is the one that is open."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        yield self._transaction
