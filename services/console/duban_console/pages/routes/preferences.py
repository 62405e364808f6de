"""How what is due reaches somebody: the calendar that they subscribe to."""

from __future__ import annotations

from functools import cache
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.language import language_of
from duban.pages.words import PageLanguage, msgid
from duban_console.accounts.account import Account
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Principal, Scope
from duban_console.api.asker import Asker, address_of
from duban_console.desk.reader import MOST
from duban_console.desk.sight import Sight
from duban_console.pages.calendar_view import MEDIA_TYPE, DueEntry, calendar_of
from duban_console.pages.cities import cities_of, units_in
from duban_console.pages.parts import PageParts
from duban_console.pages.record_words import RecordWords
from duban_console.pages.visitor import Visits

PATH: Final = "/preferences"
_TITLE: Final = msgid("Due by Duban")
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
        return await _preferences(request, asks, parts, url)

    @app.post(f"{PATH}/calendar/end")
    async def end(request: Request, asks: Visits) -> Response:
        """Have one's calendar read nothing more."""
        await parts.admission.calendars.end(asks.known.account.name, address_of(request))
        return RedirectResponse(PATH, 303)

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


async def _preferences(request: Request, asks: Asker, parts: PageParts, address: str = "") -> Response:
    account = asks.known.account
    feed = await parts.admission.calendars.feed(account.name)
    return parts.page(request, asks, "preferences.html", feed=feed, address=address, acts=_acts(account))


def _acts(account: Account) -> bool:
    """Whether somebody acts for a unit, so that anything may be due for them."""
    return any(each.unit for each in account.appointments)


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
