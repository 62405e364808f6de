"""Who is on call: the turns of each unit, how a rota is made and ended, and how a turn is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.pages.words import msgid
from duban_console.api.asker import Asker
from duban_console.pages.parts import PageParts, at_hand
from duban_console.pages.rota_view import HINTS, MOST_PERSONS, RotaDraft
from duban_console.pages.unit_choice import texts_in, unit_given, unit_of_address, units_of
from duban_console.pages.unit_contacts import UnitContacts
from duban_console.pages.unit_rota import UnitRota
from duban_console.pages.visitor import Visits

PATH: Final = "/rota"
#: What was done, as the page says it afterwards.
DONE: Final[Mapping[str, str]] = {
    "changed": msgid("It is as you said from now on."),
    "ended": msgid("The rota has ended: nobody of the unit is on call."),
    "relieved": msgid("It is handed over."),
}
#: Fields of a form beside the persons in it.
_FIELDS: Final = 20


def serve_rota(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH)
    async def rota(request: Request, asks: Visits) -> Response:
        """Who is on call, of each unit and by turns of one."""
        at_hand(parts.contact_desk, "no_contacts", "this server follows no contacts")
        unit = unit_of_address(request, asks, parts)
        return _page(request, asks, parts, _rota(request, parts, unit) if unit is not None else None)

    @app.post(PATH)
    async def change(request: Request, asks: Visits) -> Response:
        """Make a rota, or change it."""
        async with request.form(max_files=0, max_fields=_FIELDS + MOST_PERSONS, max_part_size=10_000) as form:
            given, persons = texts_in(form), [each for each in form.getlist("person") if isinstance(each, str)]
        unit = _rota(request, parts, unit_given(request, asks, parts, given))
        flawed = await unit.change(given, persons)
        return _back(unit, "changed") if flawed is None else _page(request, asks, parts, unit, draft=flawed)

    @app.post(f"{PATH}/end")
    async def end(request: Request, asks: Visits) -> Response:
        """Have nobody of a unit be on call."""
        given = await _form(request)
        unit = _rota(request, parts, unit_given(request, asks, parts, given))
        flawed = await unit.end(given)
        return _back(unit, "ended") if flawed is None else _page(request, asks, parts, unit, draft=flawed)

    @app.post(f"{PATH}/relief")
    async def relief(request: Request, asks: Visits) -> Response:
        """Hand over a turn."""
        given = await _form(request)
        unit = _rota(request, parts, unit_given(request, asks, parts, given))
        flawed = await unit.hand_over(given)
        return _back(unit, "relieved") if flawed is None else _page(request, asks, parts, unit, relief=flawed)


async def _form(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=_FIELDS, max_part_size=10_000) as form:
        return texts_in(form)


def _rota(request: Request, parts: PageParts, unit: UnitContacts) -> UnitRota:
    return UnitRota(unit, parts.clock.now(), parts.city_words(request, unit.city).zone)


def _page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    unit: UnitRota | None,
    *,
    draft: RotaDraft | None = None,
    relief: RotaDraft | None = None,
) -> Response:
    if unit is None:
        return parts.page(request, asks, "rota.html", unit=None)
    city = unit.contacts.city
    every = units_of(asks, parts, city)
    rotas = [(each, rota) for each in every if (rota := unit.contacts.desk.rota(city, each)) is not None]
    return parts.page(
        request, asks, "rota.html", 200 if draft is None and relief is None else 400, unit=unit,
        words=parts.city_words(request, city), units=every, rota=unit.standing, turns=unit.turns(),
        others=[(each, rota.turns(unit.at, 2)) for each, rota in rotas] if len(every) > 1 else [],
        draft=draft or unit.draft(), relief=relief or RotaDraft({}), hints=HINTS, is_flawed=draft is not None,
        done=DONE.get(request.query_params.get("done", "")),
    )  # fmt: skip


def _back(unit: UnitRota, done: str) -> Response:
    query = urlencode({"city": unit.contacts.city, "unit": unit.contacts.unit, "done": done})
    return RedirectResponse(f"{PATH}?{query}", 303)
