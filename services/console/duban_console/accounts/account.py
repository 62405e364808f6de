"""An account: who somebody is, which roles they have for which unit, and by what they are known. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from duban.messages.commands import ENGINE
from duban.messages.report import Name
from duban.messages.struct import Frozen, Unfit
from duban.refusal import Refusal
from duban_console.accounts.second_factor import SecondFactor

#: How an account is named: what a person types, and what stands in the log.
ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
#: Failures in a row before the next one bars the account for a while, which then doubles each time.
PATIENCE: Final = 5
#: In the place of a city and of a unit: every one. Only the embedded stack appoints so, for its own command line.
EVERY: Final = "*"
#: That command line, which acts for whoever runs it on the machine of the stack.
LOCAL: Final = "local"
_FIRST_BAR: Final = timedelta(seconds=30)
_LONGEST_BAR: Final = timedelta(minutes=15)


class Role(StrEnum):
    """What somebody does in a city, by the words of its policy, or for the installation as a whole."""

    OFFICE = "office"  #: registers, dispatches and strikes off (归口登记、交办、销号)
    DESK = "desk"  #: takes what the responsibility list does not route
    CLERK = "unit_clerk"  #: handles what a unit has in hand
    HEAD = "unit_head"  #: answers for a unit, and decides for it
    LEADER = "leader"  #: takes problems as their sponsor (领导包案)
    SUPERVISOR = "supervisor"  #: verifies and supervises, and handles nothing
    INSPECTOR = "inspector"  #: checks on the spot what was drawn or struck off
    SOCIAL_SUPERVISOR = "social_supervisor"  #: a citizen who looks on (社会监督员)
    CUSTODIAN = "custodian"  #: opens the vault, together with another
    OPERATOR = "operator"  #: keeps the engine running
    AUDITOR = "auditor"  #: looks at what was done, and changes nothing
    ADMINISTRATOR = "administrator"  #: keeps the accounts


#: Roles for the installation as a whole, in no city and for no unit.
OF_INSTALLATION: Final = frozenset({Role.CUSTODIAN, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR})
#: Roles in a city that need no unit.
WITHOUT_UNIT: Final = frozenset({Role.SOCIAL_SUPERVISOR})


class Appointment(Frozen, order=True):
    """A role that somebody has: in which city and for which of its units, unless it is for the whole installation."""

    role: Role
    jurisdiction: Name | None = None
    unit: Name | None = None

    def __post_init__(self) -> None:
        if self.role in OF_INSTALLATION and (self.jurisdiction or self.unit):
            raise Unfit("role", f"{self.role} is for the whole installation: leave jurisdiction and unit out")
        if self.role not in OF_INSTALLATION and not self.jurisdiction:
            raise Unfit("jurisdiction", f"is missing: {self.role} is a role in a city")
        if self.unit == ENGINE:
            raise Unfit("unit", f"{ENGINE} is the engine itself, for which nobody acts")
        if self.role not in OF_INSTALLATION | WITHOUT_UNIT and not self.unit:
            raise Unfit("unit", f"is missing: {self.role} acts for a unit of the pack")
        if EVERY in (self.jurisdiction, self.unit) and self.jurisdiction != self.unit:
            raise Unfit("unit", f"{EVERY} stands for every unit of every city, in both places or in none")

    @property
    def everywhere(self) -> bool:
        """Whether it is for every unit of every city."""
        return self.unit == EVERY

    def __str__(self) -> str:
        return ":".join(part for part in (self.role.value, self.jurisdiction, self.unit) if part)


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """By what a provider of sign-in knows somebody: itself, and the name that it gives to nobody else."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a system; ``password`` is a hash, and ``is_initial`` says that somebody else knows what it is of.

    One with an ``identity`` is the provider's: it has no password, and its appointments follow what the provider says.
    """

    name: str
    full_name: str
    made_at: datetime
    is_system: bool = False
    appointments: tuple[Appointment, ...] = ()
    password: str | None = None
    is_initial: bool = False
    factor: SecondFactor | None = None
    failures: int = 0
    barred_until: datetime | None = None
    off_at: datetime | None = None
    identity: ProviderIdentity | None = None

    @property
    def has_factor(self) -> bool:
        """Whether a second factor is asked for."""
        return self.factor is not None and self.factor.is_confirmed

    @property
    def administers(self) -> bool:
        """Whether it can keep the accounts now."""
        return self.off_at is None and any(appointment.role is Role.ADMINISTRATOR for appointment in self.appointments)

    def acts_as(self, person: str | None) -> str | None:
        """Who the ledger says has acted, where a command says ``person`` or nobody; None where that is another.

        The command line of the embedded stack is whoever has its key, so it says which account of the machine that is.
        """
        if self.name == LOCAL and self.is_system and person is not None and person.startswith(f"{LOCAL}:"):
            return person
        return self.name if person in (None, self.name, self.full_name) else None

    def barred(self, at: datetime) -> bool:
        """Whether no password is looked at, because too many were wrong."""
        return self.barred_until is not None and at < self.barred_until

    def failed(self, at: datetime) -> Account:
        """The account after one more failure: from the fifth in a row on, barred for twice as long each time."""
        failures = self.failures + 1
        if failures < PATIENCE:
            return replace(self, failures=failures)
        doublings = min(failures - PATIENCE, 10)
        return replace(self, failures=failures, barred_until=at + min(_FIRST_BAR * 2**doublings, _LONGEST_BAR))

    def welcomed(self) -> Account:
        """The account after a sign-in that went well."""
        return replace(self, failures=0, barred_until=None)


def folded_name(name: str) -> str:
    """``name`` as one account: capitals, width and outer white space make no difference."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def name_flaw(name: str) -> str | None:
    """Why no account can be named ``name``, if it cannot."""
    if ACCOUNT_NAME.fullmatch(folded_name(name)):
        return None
    return "is no name of an account: up to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or a digit"


def reserved(name: str, appointments: Iterable[Appointment]) -> Refusal | None:
    """Why nobody gives ``appointments`` to the account ``name``, if they are those of the embedded stack alone."""
    if name == LOCAL:
        return Refusal(
            "reserved_name", f"{LOCAL} is the command line of an engine by `duban up`, which makes it itself"
        )
    if any(appointment.everywhere for appointment in appointments):
        say = f"{EVERY} is for the command line of an engine by `duban up` alone: name the city and the unit"
        return Refusal("reserved_unit", say)
    return None


def in_order(appointments: Iterable[Appointment]) -> tuple[Appointment, ...]:
    """Each of ``appointments`` once, as they stand in an account."""
    return tuple(sorted(set(appointments), key=str))


def listed(appointments: Iterable[Appointment]) -> str:
    """``appointments`` as the log names them."""
    return ", ".join(map(str, appointments)) or "no appointment"


def lost_administrator(before: Iterable[Account], after: Iterable[Account]) -> Refusal | None:
    """Why accounts may not become ``after``, if nobody could keep them any more who could ``before``."""
    keepers = [account.name for account in before if account.administers]
    if not keepers or any(account.administers for account in after):
        return None
    say = f"{keepers[0]} is the last administrator: make another one first"
    return Refusal("last_administrator", say)
