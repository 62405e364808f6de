"""Accounts on pages: appointments in words, and the roles and places that can be given. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from duban.messages.struct import Unfit
from duban_console.accounts.account import EVERY, OF_INSTALLATION, Account, Appointment, Role
from duban_console.pages.labels import ROLES
from duban_console.pages.record_words import RecordWords


@dataclass(frozen=True, slots=True)
class PlaceGroup:
    """A city, and the places in it for which somebody is appointed: itself, and each unit, as sent and as called."""

    city: str
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AppointmentView:
    """An appointment, as it is sent and in words."""

    key: str
    role: str
    place: str


def place_groups(cities: Sequence[str], words: Callable[[str], RecordWords]) -> list[PlaceGroup]:
    """What can be chosen as the place of an appointment, in each of ``cities``."""
    groups = []
    for city in cities:
        spoken = words(city)
        title = spoken.city or city
        units = spoken.rules.pack.units if spoken.rules is not None else ()
        named = sorted((spoken.text(unit.title), f"{city}:{unit.id}") for unit in units)
        groups.append(PlaceGroup(title, ((city, title), *((key, unit) for unit, key in named))))
    return groups


def appointment_of(role: str, place: str, groups: Iterable[PlaceGroup]) -> Appointment:
    """What was chosen.

    Raises:
        Unfit: the role and the place do not go together; its field says what to change.
    """
    if role not in ROLES:
        raise Unfit("no_role", f"{role} is no role")
    if place and not any(place == key for group in groups for key, _ in group.places):
        raise Unfit("unknown_place", f"{place} is no place of a published pack")
    city, _, unit = place.partition(":")
    return Appointment(role=Role(role), jurisdiction=city or None, unit=unit or None)


def appointment_views(
    account: Account, words: Callable[[str], RecordWords], say: Callable[[str], str]
) -> list[AppointmentView]:
    """The appointments of ``account``."""
    return [_view(each, words, say) for each in account.appointments]


def _view(appointment: Appointment, words: Callable[[str], RecordWords], say: Callable[[str], str]) -> AppointmentView:
    role, city = say(ROLES[appointment.role]), appointment.jurisdiction
    if appointment.role in OF_INSTALLATION:
        place = say("the whole installation")
    elif city == EVERY or city is None:
        place = say("every city")
    else:
        spoken = words(city)
        place = " · ".join(part for part in (spoken.city or city, spoken.unit(appointment.unit)) if part)
    return AppointmentView(str(appointment), role, place)
