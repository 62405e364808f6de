"""The door for whom a provider of sign-in knows: an account is made at the first sign-in, and follows the claims."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Final

from duban.clock import Clock
from duban.refusal import Refusal
from duban_console.accounts.account import Account, ProviderIdentity, listed
from duban_console.accounts.admission import Admission
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.provider_admissions import Admitted, ClaimMapping, ProviderClaims
from duban_console.accounts.rows import AccountRefused, AccountStore, Transaction, appoint
from duban_console.accounts.session import AccountSession, Principal, token_hash

#: Who does what follows from claims.
BY_PROVIDER: Final = "provider"
#: Tokens of systems that are remembered, so that each is written down once and not with every request.
_MOST_TOKENS: Final = 10_000
_ID_LENGTH: Final = 12


class NotLetIn(AccountRefused):
    """The provider knows them, and they do not come in here."""


class ProviderDoor:
    """Lets in whom the provider knows and the mapping lets in; each step raises NotLetIn where it does not."""

    def __init__(self, store: AccountStore, clock: Clock, sessions: Admission, mapping: ClaimMapping) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._mapping = mapping
        self._known: OrderedDict[str, None] = OrderedDict()

    async def sign_in(
        self, identity: ProviderIdentity, claims: ProviderClaims, *, address: str = "", agent: str = ""
    ) -> tuple[str, AccountSession]:
        """The token of a session that begins now, of the person of whom the provider claims that."""
        ruling = self._mapping.person(claims)
        async with self._store.transaction() as store:
            at = self._clock.now()
            outcome = await self._followed(store, identity, ruling, at, is_system=False)
            if isinstance(outcome, Account):
                return await self._sessions.begin(store, outcome, at, address, agent)
            await _write_refusal(store, identity, outcome, at, address)
        raise NotLetIn(outcome)

    async def principal(
        self, identity: ProviderIdentity, claims: ProviderClaims, token: str, address: str = ""
    ) -> Principal:
        """Who shows ``token``, a system of which the provider claims that."""
        ruling, hash_ = self._mapping.system(claims), token_hash(token)
        outcome: Account | Refusal | None = await self._store.account_of(identity)
        if hash_ not in self._known or not isinstance(outcome, Account) or not _stands(outcome, ruling):
            outcome = await self._shown(identity, ruling, address, is_new=hash_ not in self._known)
            self._remember(hash_)
        if isinstance(outcome, Refusal):
            raise NotLetIn(outcome)
        assert isinstance(ruling, Admitted)
        return self._sessions.counted(Principal(outcome, ruling.scope, hash_[:_ID_LENGTH]))

    async def write_refusal(self, why: str, address: str = "") -> None:
        """Have it in the log that somebody came from the provider who could not show who they are."""
        async with self._store.transaction() as store:
            act = AccountAct(AccountActKind.SIGN_IN_REFUSED, self._clock.now(), "", "", address, why)
            await store.append(act)

    async def _shown(
        self, identity: ProviderIdentity, ruling: Admitted | Refusal, address: str, *, is_new: bool
    ) -> Account | Refusal:
        """The account of a system that shows a token, with a line for the token if ``is_new``."""
        async with self._store.transaction() as store:
            at = self._clock.now()
            outcome = await self._followed(store, identity, ruling, at, is_system=True)
            if is_new and isinstance(outcome, Account):
                name, detail = outcome.name, f"by a token of {identity.issuer}"
                await store.append(AccountAct(AccountActKind.SIGNED_IN, at, name, name, address, detail))
            elif is_new and isinstance(outcome, Refusal):
                await _write_refusal(store, identity, outcome, at, address)
        return outcome

    async def _followed(
        self,
        store: Transaction,
        identity: ProviderIdentity,
        ruling: Admitted | Refusal,
        at: datetime,
        *,
        is_system: bool,
    ) -> Account | Refusal:
        """The account of ``identity`` as the claims have it now, or why nobody comes in by it.

        What the claims take away is taken, whether somebody comes in or not.
        """
        account = await store.account_of(identity)
        if account is None:
            return (
                ruling if isinstance(ruling, Refusal) else await _made(store, identity, ruling, at, is_system=is_system)
            )
        if account.is_system is not is_system:
            kind = "a system" if account.is_system else "a person"
            return Refusal("other_kind", f"{account.name} is {kind}, which does not change")
        meant = () if isinstance(ruling, Refusal) else ruling.appointments
        if not isinstance(ruling, Refusal):
            account = replace(account, full_name=ruling.full_name)
        account = await appoint(store, account, meant, at, BY_PROVIDER)
        if account.off_at is not None:
            return Refusal("off", f"the account {account.name} was turned off here: an administrator turns it on")
        return ruling if isinstance(ruling, Refusal) else account

    def _remember(self, hash_: str) -> None:
        self._known[hash_] = None
        if len(self._known) > _MOST_TOKENS:
            self._known.popitem(last=False)


async def _made(
    store: Transaction, identity: ProviderIdentity, ruling: Admitted, at: datetime, *, is_system: bool
) -> Account | Refusal:
    if await store.account(ruling.name) is not None:
        say = f"there is an account {ruling.name} here that is another's: an administrator sees to that"
        return Refusal("name_taken", say)
    account = Account(ruling.name, ruling.full_name, at, is_system, ruling.appointments, identity=identity)
    await store.put_account(account)
    detail = f"{'a system' if is_system else 'a person'} of {identity.issuer}; {listed(account.appointments)}"
    await store.append(AccountAct(AccountActKind.ACCOUNT_ADDED, at, BY_PROVIDER, account.name, detail=detail))
    return account


async def _write_refusal(
    store: Transaction, identity: ProviderIdentity, why: Refusal, at: datetime, address: str
) -> None:
    """With the account where there is one, else with the name that the provider gives to nobody else."""
    account = await store.account_of(identity)
    name = account.name if account else ""
    whom = "" if account else f", {identity.subject}"
    detail = f"{why.code} by {identity.issuer}{whom}"
    await store.append(AccountAct(AccountActKind.SIGN_IN_REFUSED, at, name, name, address, detail))


def _stands(account: Account, ruling: Admitted | Refusal) -> bool:
    return (
        isinstance(ruling, Admitted)
        and account.off_at is None
        and account.is_system
        and (account.appointments, account.full_name) == (ruling.appointments, ruling.full_name)
    )
