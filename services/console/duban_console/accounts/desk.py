"""The desk of accounts: adds them, appoints, turns off and on, gives passwords, sees to second factors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from duban.clock import Clock
from duban.messages.log_chain import Audit
from duban_console.accounts.account import (
    Account,
    Appointment,
    folded_name,
    in_order,
    listed,
    lost_administrator,
    name_flaw,
    reserved,
)
from duban_console.accounts.log import AccountAct, AccountActKind, AccountLine, log_audit
from duban_console.accounts.passwords import Passwords, new_password, password_flaw
from duban_console.accounts.rows import (
    AccountRefused,
    AccountRows,
    AccountStore,
    Transaction,
    Unusable,
    appoint,
    end_sessions,
    known,
    refuse,
)
from duban_console.accounts.second_factor import new_factor


@dataclass(frozen=True, slots=True)
class Given:
    """An account, and the password that was made for it, which is shown this once."""

    account: Account
    password: str | None = None


class AccountDesk:
    """Each step raises AccountRefused where it is not done. ``by`` is who does it, as the log will say."""

    def __init__(self, store: AccountStore, clock: Clock, passwords: Passwords | None = None) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords or Passwords()

    async def add(
        self,
        name: str,
        full_name: str,
        appointments: Sequence[Appointment] = (),
        *,
        by: str,
        is_system: bool = False,
        password: str | None = None,
    ) -> Given:
        """A new account; that of a person has ``password``, or one that is made, to be changed at first sign-in."""
        if (flaw := name_flaw(name)) is not None:
            refuse("bad_name", f"{name!r} {flaw}", Unusable)
        name = folded_name(name)
        if (why := reserved(name, appointments)) is not None:
            raise Unusable(why)
        made, hash_ = (None, None) if is_system else await self._initial(name, password)
        async with self._store.transaction() as store:
            if await store.account(name) is not None:
                refuse("name_taken", f"{name} is there already: `duban account ls` shows it, `apply` changes it")
            now, meant = self._clock.now(), in_order(appointments)
            account = Account(name, full_name, now, is_system, meant, hash_, is_initial=hash_ is not None)
            await store.put_account(account)
            kind = "a system; " if is_system else ""
            await self._log(store, AccountActKind.ACCOUNT_ADDED, by, name, kind + listed(meant))
        return Given(account, made)

    async def appoint(self, name: str, appointments: Sequence[Appointment], *, by: str) -> Account:
        """Give ``name`` those appointments and no others; where one is taken, its sessions end."""
        meant = in_order(appointments)
        if (why := reserved(folded_name(name), meant)) is not None:
            raise Unusable(why)
        async with self._store.transaction() as store:
            account = await _local(store, name, "its appointments follow the claims: change them at the provider")
            await _keep_administrator(store, account, replace(account, appointments=meant))
            return await appoint(store, account, meant, self._clock.now(), by)

    async def turn_off(self, name: str, *, by: str) -> Account:
        """Let nobody in as ``name``: sessions end, keys do not hold. Its name stays its own."""
        now = self._clock.now()
        async with self._store.transaction() as store:
            before, after = await self._changed(
                store, name, lambda account: replace(account, off_at=account.off_at or now)
            )
            if before.off_at is None:
                await self._log(store, AccountActKind.TURNED_OFF, by, after.name)
                await end_sessions(store, after.name, now, by, "the account was turned off")
        return after

    async def turn_on(self, name: str, *, by: str) -> Account:
        """Let ``name`` in again, with the password, second factor and keys that it had."""
        async with self._store.transaction() as store:
            before, after = await self._changed(store, name, lambda account: replace(account, off_at=None))
            if before.off_at is not None:
                await self._log(store, AccountActKind.TURNED_ON, by, after.name)
        return after

    async def reset_password(self, name: str, *, by: str, password: str | None = None) -> Given:
        """A password in the place of the one that was forgotten, to be changed at the next sign-in; sessions end."""
        person = await _person(self._store, name)
        made, hash_ = await self._initial(person.name, password)
        async with self._store.transaction() as store:
            person = await _person(store, name)
            after = replace(person, password=hash_, is_initial=True).welcomed()
            await store.put_account(after)
            await self._log(store, AccountActKind.PASSWORD_SET, by, after.name)
            await end_sessions(store, after.name, self._clock.now(), by, "the password was set anew")
        return Given(after, made)

    async def begin_factor(self, name: str, *, by: str) -> str:
        """What an authenticator app reads of a new second factor, which counts once a code of it was shown."""
        if not self._store.seals:
            say = "no second factor is begun where its secret would lie readable: give a key file in DUBAN_ACCOUNTS_KEY"
            refuse("no_accounts_key", say)
        factor = new_factor()
        async with self._store.transaction() as store:
            person = await _person(store, name)
            if person.has_factor:
                say = f"{person.name} has a second factor; `duban account reset {person.name} --factor` takes it away"
                refuse("has_factor", say)
            await store.put_account(replace(person, factor=factor))
            await self._log(store, AccountActKind.FACTOR_BEGUN, by, person.name)
        return factor.uri(person.name)

    async def confirm_factor(self, name: str, code: str, *, by: str) -> tuple[str, ...]:
        """Recovery codes, each of which stands once for a code of the second factor, which counts from now on."""
        async with self._store.transaction() as store:
            person = await _person(store, name)
            if person.factor is None or person.has_factor:
                say = f"no second factor of {person.name} waits for its first code: begin one, `duban account factor`"
                refuse("no_factor_begun", say)
            factor = person.factor.shown(code, self._clock.now())
            if factor is None:
                refuse("wrong_code", "the code is wrong: check the clock of the device, and take the next one")
            factor, codes = factor.confirmed()
            await store.put_account(replace(person, factor=factor))
            await self._log(store, AccountActKind.FACTOR_CONFIRMED, by, person.name)
        return codes

    async def take_factor(self, name: str, *, by: str) -> Account:
        """Let ``name`` in without the second factor that was lost; sessions end."""
        async with self._store.transaction() as store:
            person = await _person(store, name)
            if person.factor is None:
                refuse("no_factor", f"{person.name} has no second factor")
            after = replace(person, factor=None)
            await store.put_account(after)
            await self._log(store, AccountActKind.FACTOR_TAKEN, by, person.name)
            await end_sessions(store, person.name, self._clock.now(), by, "its second factor was taken")
        return after

    async def account(self, name: str) -> Account:
        """The account of that name, however it is written; NotThere where there is none."""
        return await known(self._store, name)

    async def accounts(self) -> list[Account]:
        """Every account, by name."""
        return await self._store.accounts()

    async def log(self, latest: int | None = None) -> list[AccountLine]:
        """Every line of the log, in order, or so many of the ``latest``."""
        return await self._store.log(latest)

    async def verify(self, noted: Iterable[str] = ()) -> Audit:
        """Whether the log is whole, and holds each head that was ``noted`` earlier."""
        return log_audit(await self._store.log(), noted)

    async def _changed(
        self, store: Transaction, name: str, change: Callable[[Account], Account]
    ) -> tuple[Account, Account]:
        """The account before and after ``change``, which does not take the last administrator away."""
        account = await known(store, name)
        after = change(account)
        await _keep_administrator(store, account, after)
        await store.put_account(after)
        return account, after

    async def _initial(self, name: str, password: str | None) -> tuple[str | None, str]:
        """The password if it was made here and has to be shown, and its hash."""
        if password is None:
            made = new_password()
            return made, await self._passwords.hash(made)
        if (why := password_flaw(password, name)) is not None:
            raise Unusable(why)
        return None, await self._passwords.hash(password)

    async def _log(self, store: Transaction, kind: AccountActKind, by: str, account: str, detail: str = "") -> None:
        await store.append(AccountAct(kind, self._clock.now(), by, account, detail=detail))


async def _keep_administrator(store: AccountRows, account: Account, after: Account) -> None:
    every = await store.accounts()
    why = lost_administrator(every, [after if other.name == account.name else other for other in every])
    if why is not None:
        raise AccountRefused(why)


async def _local(store: AccountRows, name: str, otherwise: str) -> Account:
    account = await known(store, name)
    if account.identity is not None:
        refuse("of_provider", f"{account.name} is an account of {account.identity.issuer}: {otherwise}")
    return account


async def _person(store: AccountRows, name: str) -> Account:
    account = await _local(store, name, "password and second factor are the provider's to ask for")
    if account.is_system:
        refuse("is_system", f"{account.name} is a system: it has keys, `duban key ls`, and no password")
    return account
