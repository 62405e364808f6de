"""Of which unit a page is that shows how people are told, and which units are there for who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi import Request

from duban.errors import Fault
from duban_console.accounts.access import OF_CONTACTS, may_for
from duban_console.api.asker import Asker, address_of
from duban_console.pages.cities import chosen_city, cities_of, units_in
from duban_console.pages.parts import PageParts, at_hand
from duban_console.pages.unit_contacts import UnitContacts

if TYPE_CHECKING:
    from starlette.datastructures import FormData


def units_of(asks: Asker, parts: PageParts, city: str) -> list[str]:
    """The units of ``city`` whose contacts are there for who asks: first those that they act for."""
    rules = parts.library.current(city, parts.clock.now())
    theirs = (unit for unit in rules.units if may_for(asks.known, *OF_CONTACTS, city, unit) is None) if rules else ()
    return list(dict.fromkeys([*units_in(asks.known.account.appointments, city), *theirs]))


def unit_of_address(request: Request, asks: Asker, parts: PageParts) -> UnitContacts | None:
    """The unit that the address of a page names, else the first of who asks; None where they act for none.

    Raises:
        Fault: 404, it is none of theirs.
    """
    if parts.contact_desk is None:
        return None
    city = chosen_city(cities_of(asks.known, parts.library.jurisdictions), request.query_params.get("city"))
    own = units_in(asks.known.account.appointments, city) if city is not None else []
    unit = request.query_params.get("unit") or next(iter(own), None)
    return unit_given(request, asks, parts, {"city": city, "unit": unit}) if city and unit else None


def unit_given(request: Request, asks: Asker, parts: PageParts, given: Mapping[str, str]) -> UnitContacts:
    """The unit that a form names.

    Raises:
        Fault: 404, it is none of theirs; 501, nothing is known of contacts here.
    """
    desk = at_hand(parts.contact_desk, "no_contacts", "this server follows no contacts")
    city, unit = given.get("city", ""), given.get("unit", "")
    contacts = UnitContacts(desk, parts.admission, asks.known, city, unit, address_of(request))
    rules = parts.library.current(city, parts.clock.now())
    if rules is None or unit not in rules.units or not (contacts.is_ours or contacts.keeps):
        raise Fault(404, "unknown_unit", "you act for no such unit here")
    return contacts


def texts_in(form: FormData) -> dict[str, str]:
    """The fields of ``form`` that hold texts."""
    return {name: value for name, value in form.items() if isinstance(value, str)}
