"""The accounts that an engine on one machine begins with: an administrator, and for a trial one of each role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from duban.io.settings import Settings
from duban_cli.accounts_desk import account_store
from duban_console.accounts.account import LOCAL, OF_INSTALLATION, WITHOUT_UNIT, Account, Appointment, Role
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.passwords import Passwords, new_password
from duban_console.accounts.rows import end_sessions

if TYPE_CHECKING:
    from duban.clock import Clock
    from duban.policy import PolicyPack
    from duban_console.accounts.desk import Given
    from duban_console.accounts.rows import AccountStore
    from duban_local.children import Say

_ADMINISTRATOR: Final = "admin"
#: One for each role, and a second custodian, for the vault opens to two alone.
_NAMES: Final[Mapping[str, Role]] = {
    "demo-office": Role.OFFICE, "demo-desk": Role.DESK, "demo-clerk": Role.CLERK, "demo-head": Role.HEAD,
    "demo-leader": Role.LEADER, "demo-supervisor": Role.SUPERVISOR, "demo-inspector": Role.INSPECTOR,
    "demo-social-supervisor": Role.SOCIAL_SUPERVISOR, "demo-custodian-1": Role.CUSTODIAN,
    "demo-custodian-2": Role.CUSTODIAN, "demo-operator": Role.OPERATOR, "demo-auditor": Role.AUDITOR,
    "demo-administrator": Role.ADMINISTRATOR,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """The accounts of a trial, and the one password of them all."""

    names: tuple[str, ...]
    password: str = field(repr=False)


def tell(trial: Trial, url: str, say: Say) -> None:
    """Say at which address whoever tries out a role signs in, by which name, and with the password of them all."""
    from duban_console.pages.visitor import PageNeed, first_page_of

    met = list(PageNeed)
    for name, role in _NAMES.items():
        say("accounts", f"{role.value:<17} {name:<23} {url}{first_page_of({role}, met) or '/'}")
    say("accounts", f"the password of them all, for this trial: {trial.password}")


async def first_administrator(database: str) -> Given | None:
    """An administrator, with the password that was made; None where somebody keeps the accounts already."""
    async with account_store(_at(database)) as (store, clock):
        accounts = await store.accounts()
        if any(account.administers or account.name == _ADMINISTRATOR for account in accounts):
            return None
        desk = AccountDesk(store, clock)
        return await desk.add(_ADMINISTRATOR, "Administrator", [Appointment(role=Role.ADMINISTRATOR)], by=LOCAL)


async def trial_accounts(database: str, packs: Iterable[PolicyPack]) -> Trial:
    """An account of each role, appointed in the city of each of ``packs``; all with a password of this hour."""
    newest = {pack.jurisdiction: pack for pack in sorted(packs, key=lambda pack: (pack.id, pack.version))}
    async with account_store(_at(database)) as (store, clock):
        return await tried(store, clock, list(newest.values()), Passwords())


async def tried(store: AccountStore, clock: Clock, packs: Sequence[PolicyPack], passwords: Passwords) -> Trial:
    """Have the accounts of a trial in ``store``; what earlier ones are signed in to ends."""
    trial, at = Trial(tuple(_NAMES), new_password()), clock.now()
    known = await passwords.hash(trial.password)
    async with store.transaction() as transaction:
        for name, role in _NAMES.items():
            is_there = await transaction.account(name) is not None
            full_name = name.removeprefix("demo-").replace("-", " ")
            account = Account(name, full_name, at, appointments=_appointments(role, packs), password=known)
            await transaction.put_account(account)
            kind = AccountActKind.PASSWORD_SET if is_there else AccountActKind.ACCOUNT_ADDED
            await transaction.append(AccountAct(kind, at, LOCAL, name, detail="for a trial"))
            await end_sessions(transaction, name, at, LOCAL, "another trial began")
    return trial


def _appointments(role: Role, packs: Sequence[PolicyPack]) -> tuple[Appointment, ...]:
    if role in OF_INSTALLATION:
        return (Appointment(role=role),)
    return tuple(Appointment(role=role, jurisdiction=pack.jurisdiction, unit=_unit(role, pack)) for pack in packs)


def _unit(role: Role, pack: PolicyPack) -> str | None:
    """For which unit of the city somebody has ``role``: where the pack names none for it, for the office."""
    if role in WITHOUT_UNIT:
        return None
    if role is Role.DESK:
        return pack.fallback.unit
    if role in (Role.CLERK, Role.HEAD):
        leads = (line.lead for line in pack.responsibility_list if not line.lead.startswith("@"))
        return next(leads, pack.fallback.unit)
    return next((unit.id for unit in pack.units if role in unit.roles), pack.office)


def _at(database: str) -> Settings:
    return Settings(database=SecretStr(database), pool_size=1)
