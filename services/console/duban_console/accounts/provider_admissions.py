"""From what a provider claims of somebody to an account with its appointments, as a file of the city says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from duban.errors import SettingsError
from duban.messages.form import form_faults
from duban.messages.struct import flaw_of, from_data
from duban.policy.plain_data import Unreadable, plain_data
from duban.refusal import Refusal
from duban_console.accounts.account import Appointment, Role, folded_name, in_order, name_flaw, reserved
from duban_console.accounts.session import Scope

ProviderClaims: TypeAlias = Mapping[str, Any]
Word = Annotated[str, Field(min_length=1, max_length=200)]

_LONGEST_FULL_NAME: Final = 100
_ANY_NAME: Final = "x"


class _InFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimTold(_InFile):
    """What the claim says that is named here; where it has words for others, those alone are taken."""

    claim: Word
    words: dict[Word, Word] = {}

    def texts(self, claims: ProviderClaims) -> tuple[str, ...]:
        """What it says of somebody, in our words."""
        texts = texts_of(claims, self.claim)
        return tuple(self.words[text] for text in texts if text in self.words) if self.words else texts


class AppointmentTold(_InFile):
    """An appointment; its city and its unit stand here, or in a claim, which may name several."""

    role: Role
    jurisdiction: Word | ClaimTold | None = None
    unit: Word | ClaimTold | None = None

    @model_validator(mode="after")
    def _can_be(self) -> AppointmentTold:
        parts = (_ANY_NAME if isinstance(part, ClaimTold) else part for part in (self.jurisdiction, self.unit))
        if isinstance(flaw := _appointment(self.role, *parts), str):
            raise ValueError(flaw)
        return self

    def appointments(self, claims: ProviderClaims) -> list[Appointment] | str:
        """Those that somebody has by ``claims``, or why that cannot be said."""
        cities, units = _texts(self.jurisdiction, claims), _texts(self.unit, claims)
        for part, texts in ((self.jurisdiction, cities), (self.unit, units)):
            if isinstance(part, ClaimTold) and not texts:
                return f"the claim {part.claim} says nothing that the mapping takes, which {self.role} needs"
        appointments: list[Appointment] = []
        for city, unit in product(cities, units):
            appointment = _appointment(self.role, city, unit)
            if isinstance(appointment, str):
                return appointment
            appointments.append(appointment)
        return appointments


class AdmissionTold(_InFile):
    """Whoever is claimed to be all that stands under ``when`` has the appointments."""

    when: Annotated[dict[Word, Word], Field(min_length=1)]
    appointments: Annotated[tuple[AppointmentTold, ...], Field(min_length=1)]

    def fits(self, claims: ProviderClaims) -> bool:
        """Whether each claim says that word, alone or among others."""
        return all(word in texts_of(claims, claim) for claim, word in self.when.items())


class SystemAdmissionTold(AdmissionTold):
    """Likewise of a system, whose tokens count as a key with that scope does."""

    scope: Scope = Scope.READ


class PeopleTold(_InFile):
    """Who of the people comes in: every admission that fits counts."""

    name: Word = "preferred_username"
    full_name: Word = "name"
    admit: Annotated[tuple[AdmissionTold, ...], Field(min_length=1)]


class SystemsTold(_InFile):
    """Which systems come in: the first admission that fits counts."""

    name: Word = "client_id"
    admit: Annotated[tuple[SystemAdmissionTold, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whom the mapping lets in, by which name, as what."""

    name: str
    full_name: str
    appointments: tuple[Appointment, ...]
    scope: Scope = Scope.ACT


class ClaimMapping(_InFile):
    """The file."""

    people: PeopleTold | None = None
    systems: SystemsTold | None = None

    def person(self, claims: ProviderClaims) -> Admitted | Refusal:
        """As what the person comes in of whom that is claimed, or why not."""
        people = self.people
        fitting = [rule for rule in people.admit if rule.fits(claims)] if people else []
        if people is None or not fitting:
            return Refusal("not_let_in", "nothing in the mapping of claims fits you: an administrator sees to that")
        return _admitted(claims, fitting, people.name, people.full_name, Scope.ACT)

    def system(self, claims: ProviderClaims) -> Admitted | Refusal:
        """As what the system comes in that shows a token which claims that, or why not.

        A token that is about somebody else than the system to which it was given, as that of a person is who has
        signed in there, counts only where the mapping names whom it is about.
        """
        systems = self.systems
        fitting = [rule for rule in systems.admit if rule.fits(claims)] if systems else []
        if systems is None or not fitting:
            return Refusal("not_let_in", "nothing in the mapping of claims fits this system")
        if claims.get("sub") != claims.get("client_id") and "sub" not in fitting[0].when:
            say = "the token is about another than the system that it was given to: the mapping names no such `sub`"
            return Refusal("not_of_system", say)
        return _admitted(claims, fitting[:1], systems.name, systems.name, fitting[0].scope)


def claim_mapping(text: str, file: str) -> ClaimMapping:
    """The mapping that ``text`` says, in YAML.

    Raises:
        SettingsError: naming ``file``, the place in it and what is wrong there.
    """
    try:
        return ClaimMapping.model_validate(plain_data(text))
    except Unreadable as error:
        raise SettingsError(f"{file}: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"{file}: {form_faults(error, ClaimMapping)[0]}") from None


def texts_of(claims: ProviderClaims, name: str) -> tuple[str, ...]:
    """What the claim ``name`` says, as texts; a dot in it leads into what it holds, unless a claim is called so."""
    inside: Any = claims
    for step in (name,) if name in claims else name.split("."):
        inside = inside.get(step) if isinstance(inside, Mapping) else None
    every = inside if isinstance(inside, list) else [inside]
    return tuple(text for each in every if (text := _text(each)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else ""


def _texts(part: str | ClaimTold | None, claims: ProviderClaims) -> tuple[str | None, ...]:
    return part.texts(claims) if isinstance(part, ClaimTold) else (part,)


def _appointment(role: Role, jurisdiction: str | None, unit: str | None) -> Appointment | str:
    """The appointment, or why there can be none such."""
    fields = {"role": role.value, "jurisdiction": jurisdiction, "unit": unit}
    try:
        return from_data(fields, Appointment)
    except msgspec.ValidationError as error:
        return str(flaw_of(error, Appointment))


def _admitted(
    claims: ProviderClaims,
    fitting: list[AdmissionTold] | list[SystemAdmissionTold],
    name: str,
    full_name: str,
    scope: Scope,
) -> Admitted | Refusal:
    called = next(iter(texts_of(claims, name)), "")
    if (flaw := name_flaw(called)) is not None:
        return Refusal("bad_name", f"the claim {name} says {called[:64]!r}, which {flaw}")
    appointments: list[Appointment] = []
    for rule in fitting:
        for entry in rule.appointments:
            outcome = entry.appointments(claims)
            if isinstance(outcome, str):
                return Refusal("not_let_in", outcome)
            appointments += outcome
    name_here = folded_name(called)
    if (why := reserved(name_here, appointments)) is not None:
        return why
    whole = "".join(letter for letter in next(iter(texts_of(claims, full_name)), called) if letter.isprintable())
    return Admitted(name_here, whole.strip()[:_LONGEST_FULL_NAME] or called, in_order(appointments), scope)
