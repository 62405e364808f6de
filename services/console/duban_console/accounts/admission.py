"""Who comes in: by name and password, by the token of a session, by the key of a system."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from duban.clock import Clock
from duban.io.rate_limits import RateKind, RateLimits
from duban.refusal import Refusal
from duban_console.accounts.account import Account, folded_name
from duban_console.accounts.calendar_door import CalendarDoor
from duban_console.accounts.journal import AccessJournal
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.passwords import Passwords, password_flaw
from duban_console.accounts.rows import (
    BY_TIME,
    AccountRefused,
    AccountStore,
    NotThere,
    Transaction,
    Unusable,
    end_key,
    end_session,
    end_sessions,
    known,
    refuse,
)
from duban_console.accounts.screen_door import ScreenDoor
from duban_console.accounts.session import (
    KEY_BEGINNING,
    SESSION_BEGINNING,
    AccountSession,
    Principal,
    Scope,
    Terms,
    new_token,
    token_hash,
)

#: How exactly it is known when a token was last shown: not every request writes.
_SEEN_EVERY: Final = timedelta(minutes=1)
_LONGEST_AGENT: Final = 200
#: The same for every way to fail, so that nobody learns which names there are, or which part was wrong.
_NOT_SIGNED_IN: Final = Refusal(
    "not_signed_in",
    "name, password or code is wrong, or there were too many tries: check them, and wait a quarter of an hour after "
    "several; an administrator gives a new password by `duban account reset`",
)
#: What whoever knows the password is told.
_TOLD: Final = {
    "code_needed": Refusal("code_needed", "the second factor is missing: give the code that your device shows now"),
    "password_to_change": Refusal(
        "password_to_change", "somebody else knows this password: give a new one with it, which takes its place"
    ),
}
_NO_TOKEN: Final = Refusal("no_session", "nobody is signed in by this token: it has ended or never was; sign in anew")


class Admission:
    """Lets in whoever may come in; each step raises AccountRefused where nobody may, Fault where it is too often."""

    def __init__(
        self,
        store: AccountStore,
        clock: Clock,
        passwords: Passwords | None = None,
        terms: Terms | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords or Passwords()
        self.terms = terms or Terms()
        self._limits = limits or RateLimits({})
        self.journal = AccessJournal(store, clock)
        self.calendars = CalendarDoor(store, clock)
        self.screens = ScreenDoor(store, clock)

    async def sign_in(
        self,
        name: str,
        password: str,
        code: str | None = None,
        *,
        new: str | None = None,
        address: str = "",
        agent: str = "",
    ) -> tuple[str, AccountSession]:
        """The token of a session that begins now; ``new`` takes the place of a password that somebody else has given.

        Raises:
            AccountRefused: ``not_signed_in``; or the password is right, and ``code_needed``, ``password_to_change``.
            Fault: 429, there were too many by this name; 503, too many sign in.
        """
        name = folded_name(name)
        before = await self._compared(name, password)
        renewed = await self._renewed(name, password, new) if before is not None and new is not None else None
        async with self._store.transaction() as store:
            at = self._clock.now()
            outcome = await self._shown(store, name, before, at, code, renewed, address)
            if isinstance(outcome, Account):
                if renewed is not None:
                    await store.append(AccountAct(AccountActKind.PASSWORD_SET, at, name, name, address))
                    await end_sessions(store, name, at, name, "the password was set anew")
                return await self.begin(store, outcome, at, address, agent)
        raise AccountRefused(outcome)

    async def prove(self, name: str, password: str, code: str | None = None, *, address: str = "") -> None:
        """Return where who is signed in as ``name`` has shown anew by what they sign in; counted as a sign-in is.

        Raises:
            AccountRefused, Fault: as :meth:`sign_in` does.
        """
        name = folded_name(name)
        before = await self._compared(name, password)
        async with self._store.transaction() as store:
            outcome = await self._shown(store, name, before, self._clock.now(), code, None, address)
        if isinstance(outcome, Refusal):
            raise AccountRefused(outcome)

    async def principal(self, token: str, address: str = "") -> Principal:
        """Who shows ``token``, of a session or a key.

        Raises:
            AccountRefused: ``no_session``: it has ended, or never was.
            Fault: 429, they ask too often.
        """
        hash_, at = token_hash(token), self._clock.now()
        of_token = self._of_key if token.startswith(KEY_BEGINNING) else self._of_session
        return self.counted(await of_token(hash_, at, address))

    def counted(self, principal: Principal) -> Principal:
        """``principal``, who asks once more.

        Raises:
            Fault: 429, they ask too often.
        """
        self._limits.take(RateKind.REQUEST, principal.account.name)
        return principal

    async def rotate(self, token: str) -> str:
        """A token in the place of ``token``, which holds no more; the session goes on."""
        fresh = new_token(SESSION_BEGINNING)
        async with self._store.transaction() as store:
            session = await store.session(token_hash(token))
            if session is None or self._clock.now() >= session.ends_at(self.terms):
                raise AccountRefused(_NO_TOKEN)
            await store.put_session(replace(session, hash=token_hash(fresh)))
        return fresh

    async def sign_out(self, token: str, address: str = "") -> None:
        """End the session of ``token``; one that has ended stays so."""
        async with self._store.transaction() as store:
            session = await store.session(token_hash(token))
            if session is not None:
                await end_session(store, session, self._clock.now(), session.account, "signed out", address)

    async def sessions(self, name: str) -> list[AccountSession]:
        """Who is signed in as ``name`` now, the oldest first."""
        account, at = await known(self._store, name), self._clock.now()
        every = await self._store.sessions(account.name)
        return [session for session in every if at < session.ends_at(self.terms)]

    async def end_session(self, name: str, id_: UUID, by: str) -> None:
        """End one session of ``name``."""
        async with self._store.transaction() as store:
            sessions = {session.id: session for session in await store.sessions(folded_name(name))}
            if id_ not in sessions:
                refuse("unknown_session", f"{name} has no session {id_}: it has ended, or is another's", NotThere)
            await end_session(store, sessions[id_], self._clock.now(), by, "ended")

    async def _compared(self, name: str, password: str) -> Account | None:
        """The account of ``name``, if ``password`` is its; counted whether it is or not."""
        self._limits.take(RateKind.SIGN_IN, name)
        account = await self._store.account(name)
        fits = await self._passwords.fits(password, account.password if account else None)
        return account if fits else None

    async def _shown(
        self,
        store: Transaction,
        name: str,
        compared: Account | None,
        at: datetime,
        code: str | None,
        renewed: str | None,
        address: str,
    ) -> Account | Refusal:
        """The account after somebody has shown who they are; or why they have not, which is written down."""
        account = await store.account(name)
        why: str | None = "no_account"
        if account is not None:
            # Another may have set it anew while the hash was made.
            fits = compared is not None and account.password == compared.password
            account, why = _judged(account, at, code, renewed, fits=fits)
            await store.put_account(account)
            if why is None:
                return account
        whose = "" if account is None else account.name
        act = AccountAct(AccountActKind.SIGN_IN_REFUSED, at, whose, whose, address, why or "")
        for line in self.journal.lines(act, act.detail):
            await store.append(line)
        return _TOLD.get(why or "", _NOT_SIGNED_IN)

    async def _renewed(self, name: str, password: str, new: str) -> str:
        if new == password:
            refuse("weak_password", "the new password is the old one, which somebody may know: take another", Unusable)
        if (why := password_flaw(new, name)) is not None:
            raise Unusable(why)
        return await self._passwords.hash(new)

    async def begin(
        self, store: Transaction, account: Account, at: datetime, address: str, agent: str
    ) -> tuple[str, AccountSession]:
        """The token of a session of ``account``, which has shown who it is."""
        for session in await store.sessions(account.name):
            if at >= session.ends_at(self.terms):
                await end_session(store, session, at, BY_TIME, BY_TIME)
        token = new_token(SESSION_BEGINNING)
        begun = AccountSession(uuid4(), account.name, token_hash(token), address, agent[:_LONGEST_AGENT], at, at)
        await store.put_session(begun)
        detail = "with a second factor" if account.has_factor else ""
        detail = f"by {account.identity.issuer}" if account.identity else detail
        await store.append(AccountAct(AccountActKind.SIGNED_IN, at, account.name, account.name, address, detail))
        return token, begun

    async def _of_session(self, hash_: str, at: datetime, address: str) -> Principal:
        session = await self._store.session(hash_)
        if session is None:
            raise AccountRefused(_NO_TOKEN)
        if at >= session.ends_at(self.terms):
            async with self._store.transaction() as store:
                if await store.session(hash_) is not None:
                    await end_session(store, session, at, BY_TIME, BY_TIME, address)
            raise AccountRefused(_NO_TOKEN)
        account = await self._let_in(session.account)
        if at - session.seen_at >= _SEEN_EVERY:
            async with self._store.transaction() as store:
                # It may have ended meanwhile, or been seen by another process.
                if (standing := await store.session(hash_)) is not None:
                    await store.put_session(replace(standing, seen_at=max(at, standing.seen_at)))
        return Principal(account, Scope.ACT, str(session.id))

    async def _of_key(self, hash_: str, at: datetime, address: str) -> Principal:
        key = await self._store.key(hash_)
        if key is None:
            raise AccountRefused(_NO_TOKEN)
        if at >= key.ends_at:
            async with self._store.transaction() as store:
                if await store.key(hash_) is not None:
                    await end_key(store, key, at, BY_TIME, BY_TIME, address)
            raise AccountRefused(_NO_TOKEN)
        account = await self._let_in(key.account)
        if key.used_at is None or at - key.used_at >= _SEEN_EVERY:
            async with self._store.transaction() as store:
                if await store.key(hash_) is not None:
                    await store.put_key(replace(key, used_at=at))
        return Principal(account, key.scope, key.id)

    async def _let_in(self, name: str) -> Account:
        account = await self._store.account(name)
        if account is None or account.off_at is not None:
            raise AccountRefused(_NO_TOKEN)
        return account


def _judged(
    account: Account, at: datetime, code: str | None, renewed: str | None, *, fits: bool
) -> tuple[Account, str | None]:
    """The account after somebody tried to sign in, and why nobody is signed in, in one word, if so."""
    if account.off_at is not None or account.barred(at):
        return account, "off" if account.off_at is not None else "barred"
    if not fits:
        return account.failed(at), "wrong_password"
    if account.is_initial and renewed is None:
        return account, "password_to_change"
    after = account if renewed is None else replace(account, password=renewed, is_initial=False)
    if account.factor is not None and account.has_factor:
        if code is None:
            return account, "code_needed"
        factor = account.factor.shown(code, at)
        if factor is None:
            return account.failed(at), "wrong_code"
        after = replace(after, factor=factor)
    return after.welcomed(), None
