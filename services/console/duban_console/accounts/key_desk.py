"""The desk of keys: makes those of systems, has one take the place of another, revokes them."""

from __future__ import annotations

from datetime import timedelta

from duban.clock import Clock
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.rows import BY_TIME, AccountStore, NotThere, Transaction, end_key, known, refuse
from duban_console.accounts.session import KEY_BEGINNING, MOST_KEYS, AccountKey, Scope, new_token, token_hash


class KeyDesk:
    """Each step raises AccountRefused where it is not done. ``by`` is who does it, as the log will say."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def add(self, name: str, scope: Scope, length: timedelta, *, by: str) -> tuple[str, AccountKey]:
        """A key of the system ``name``, shown this once, which holds for ``length``."""
        async with self._store.transaction() as store:
            held = await self._held(store, name)
            if len(held) >= MOST_KEYS:
                say = f"{name} has {MOST_KEYS} keys that hold: revoke one, or `duban key rotate {name}`"
                refuse("too_many_keys", say)
            return await self._made(store, name, scope, length, by)

    async def rotate(self, name: str, *, by: str, length: timedelta | None = None) -> tuple[str, AccountKey]:
        """A key like the newest of ``name``, which holds on beside it until the next rotation; older ones end."""
        async with self._store.transaction() as store:
            held = await self._held(store, name)
            if not held:
                refuse("no_key", f"{name} has no key that holds: `duban key add {name}` makes one")
            *older, newest = held
            for key in older:
                await end_key(store, key, self._clock.now(), by, "replaced")
            return await self._made(store, name, newest.scope, length or newest.ends_at - newest.made_at, by)

    async def revoke(self, id_: str, *, by: str) -> AccountKey:
        """Have the key no more whose id begins with ``id_``."""
        async with self._store.transaction() as store:
            matching = [key for key in await store.keys() if id_ and key.id.startswith(id_.lower())]
            if not matching:
                refuse("unknown_key", f"there is no key {id_}: `duban key ls` shows them", NotThere)
            if len(matching) > 1:
                refuse("ambiguous_key", f"{len(matching)} keys begin with {id_}: give more of it")
            await end_key(store, matching[0], self._clock.now(), by, "revoked")
        return matching[0]

    async def keys(self) -> list[AccountKey]:
        """Every key, by account, the oldest first."""
        return await self._store.keys()

    async def _held(self, store: Transaction, name: str) -> list[AccountKey]:
        """The keys of the system ``name`` that hold, the oldest first; those that time has ended are put away."""
        account = await known(store, name)
        if not account.is_system:
            refuse("is_person", f"{account.name} is a person, who signs in: keys are for accounts with --system")
        if account.identity is not None:
            refuse("of_provider", f"{account.name} is a system of {account.identity.issuer}: it shows tokens of that")
        at, held = self._clock.now(), []
        for key in await store.keys():
            if key.account == account.name and at < key.ends_at:
                held.append(key)
            elif key.account == account.name:
                await end_key(store, key, at, BY_TIME, BY_TIME)
        return held

    async def _made(
        self, store: Transaction, name: str, scope: Scope, length: timedelta, by: str
    ) -> tuple[str, AccountKey]:
        token, at = new_token(KEY_BEGINNING), self._clock.now()
        account = await known(store, name)
        key = AccountKey(token_hash(token), account.name, scope, at, at + length)
        await store.put_key(key)
        detail = f"{key.id} to {scope}, until {key.ends_at:%Y-%m-%d}"
        await store.append(AccountAct(AccountActKind.KEY_MADE, at, by, key.account, detail=detail))
        return token, key
