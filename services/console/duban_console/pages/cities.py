"""Of which city a page is: that which is asked for, of those in which somebody has anything to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duban_console.accounts.account import EVERY, OF_INSTALLATION, Appointment
from duban_console.accounts.session import Principal


def cities_of(principal: Principal, known: Sequence[str]) -> list[str]:
    """The cities in which ``principal`` is appointed; all that are ``known``, for who is for the installation."""
    appointments = principal.account.appointments
    if any(each.role in OF_INSTALLATION or each.jurisdiction == EVERY for each in appointments):
        return list(known)
    return sorted({each.jurisdiction for each in appointments if each.jurisdiction})


def chosen_city(cities: Sequence[str], name: str | None) -> str | None:
    """The city ``name``, else the first; None where it is none of theirs, or there is none."""
    if name:
        return name if name in cities else None
    return cities[0] if cities else None


def units_in(appointments: Iterable[Appointment], city: str) -> list[str]:
    """The units for which somebody is appointed in ``city``."""
    return list(dict.fromkeys(each.unit for each in appointments if each.jurisdiction == city and each.unit))
