"""How somebody is told: their contact and that of their unit, and the calendar of what is due."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.language import language_of
from duban.pages.words import PageLanguage, msgid
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Principal, Scope
from duban_console.api.asker import Asker, address_of
from duban_console.desk.reader import MOST
from duban_console.desk.sight import Sight
from duban_console.pages.calendar_view import MEDIA_TYPE, DueEntry, calendar_of
from duban_console.pages.cities import cities_of, units_in
from duban_console.pages.contact_view import CHANNELS, HINTS, OUTCOMES, ContactCard
from duban_console.pages.parts import PageParts
from duban_console.pages.record_words import RecordWords
from duban_console.pages.unit_choice import texts_in, unit_given, unit_of_address, units_of
from duban_console.pages.unit_contacts import UnitContacts
from duban_console.pages.visitor import Visits

PATH: Final = "/preferences"
_TITLE: Final = msgid("Due by Duban")
#: What was done, as the page says it afterwards, and whether it was.
DONE: Final[Mapping[str, tuple[str, bool]]] = {
    "changed": (msgid("It is as you said from now on."), True),
    "tried": (msgid("A trial was sent: what came of it stands beside each way."), True),
    "soon": (msgid("It was tried a moment ago: wait a minute."), False),
}
#: Most limits of one unit in a calendar, those that end soonest.
_MOST_LIMITS: Final = 2_000


def serve_preferences(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH)
    async def preferences(request: Request, asks: Visits) -> Response:
        """How what is due reaches who asks."""
        return await _preferences(request, asks, parts)

    @app.post(f"{PATH}/calendar")
    async def renew(request: Request, asks: Visits) -> Response:
        """Make an address for one's calendar, shown this once; an earlier one holds no more."""
        secret = await parts.admission.calendars.renew(asks.known.account.name, address_of(request))
        url = f"{parts.browser.origin(request)}/calendar/{secret}/{language_of(request)}.ics"
        return await _preferences(request, asks, parts, address=url)

    @app.post(f"{PATH}/calendar/end")
    async def end(request: Request, asks: Visits) -> Response:
        """Have one's calendar read nothing more."""
        await parts.admission.calendars.end(asks.known.account.name, address_of(request))
        return RedirectResponse(PATH, 303)

    @app.post(f"{PATH}/contact")
    async def change(request: Request, asks: Visits) -> Response:
        """Say how one is told, or one's unit."""
        given = await _form(request)
        unit = unit_given(request, asks, parts, given)
        do = given.get("do")
        flawed = await (unit.add(given) if do == "add" else unit.change(given, gone=do == "remove"))
        if flawed is not None:
            return await _preferences(request, asks, parts, unit, flawed=flawed)
        return _back(unit, "changed")

    @app.post(f"{PATH}/trial")
    async def trial(request: Request, asks: Visits) -> Response:
        """Have a notice sent by each way of a contact."""
        given = await _form(request)
        unit = unit_given(request, asks, parts, given)
        return _back(unit, "tried" if await unit.test(given.get("person", "")) else "soon")

    @app.get("/calendar/{secret}/{language}.ics")
    async def calendar(request: Request, _: Visits, secret: str, language: PageLanguage) -> Response:
        """What is due for whose calendar has this address."""
        try:
            owner = await parts.admission.calendars.owner(secret)
        except AccountRefused as refused:
            raise Fault(404, refused.code, str(refused)) from None
        principal = parts.admission.counted(Principal(owner, Scope.READ, "calendar"))
        say = parts.look.translations(language).ugettext
        words = cache(lambda pack: RecordWords(language, say, parts.library.rules(pack)))
        limits, origin = await _limits(parts, principal), parts.browser.origin(request)
        content = calendar_of(owner.name, say(_TITLE), limits, words, origin, parts.clock.now())
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=MEDIA_TYPE, headers=headers)


async def _preferences(
    request: Request,
    asks: Asker,
    parts: PageParts,
    unit: UnitContacts | None = None,
    *,
    address: str = "",
    flawed: ContactCard | None = None,
) -> Response:
    feed = await parts.admission.calendars.feed(asks.known.account.name)
    unit = unit or unit_of_address(request, asks, parts)
    rota = parts.contact_desk.rota(unit.city, unit.unit) if parts.contact_desk and unit is not None else None
    now = parts.clock.now()
    words = parts.city_words(request, unit.city) if unit is not None else None
    return parts.page(
        request, asks, "preferences.html", 400 if flawed is not None else 200, feed=feed, address=address,
        acts=any(each.unit for each in asks.known.account.appointments), unit=unit, words=words, rota=rota,
        units=units_of(asks, parts, unit.city) if unit is not None else [],
        cards=await unit.cards(flawed) if unit is not None else [],
        on_call=rota.stint(now) if rota is not None else None, now=now,
        channels=CHANNELS, hints=HINTS, outcomes=OUTCOMES, done=DONE.get(request.query_params.get("done", "")),
    )  # fmt: skip


async def _form(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=30, max_part_size=10_000) as form:
        return texts_in(form)


def _back(unit: UnitContacts, done: str) -> Response:
    return RedirectResponse(f"{PATH}?{urlencode({'city': unit.city, 'unit': unit.unit, 'done': done})}", 303)


async def _limits(parts: PageParts, principal: Principal) -> list[DueEntry]:
    """What the units of ``principal`` owe by a date, of each the soonest first."""
    limits: list[DueEntry] = []
    for city in cities_of(principal, parts.library.jurisdictions):
        for unit in units_in(principal.account.appointments, city):
            limits += await _of_unit(parts, Sight.of(principal), city, unit)
    return limits


async def _of_unit(parts: PageParts, sight: Sight, city: str, unit: str) -> list[DueEntry]:
    limits: list[DueEntry] = []
    cursor: str | None = None
    while len(limits) < _MOST_LIMITS:
        page = await parts.desk.mine(sight, city, unit, now=parts.clock.now(), limit=MOST, cursor=cursor)
        due = [DueEntry(unit, entry, entry.due_at) for entry in page.entries if entry.due_at is not None]
        limits += due
        cursor = page.cursor
        if cursor is None or len(due) < len(page.entries):  # what has no limit comes last
            break
    return limits
