"""The ledger (台账): chosen from, page by page, and taken along as a file."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.texts import is_blank, printable
from duban_console.assessment.papers.table_book import table_csv, table_xlsx
from duban_console.desk.reader import MOST, LedgerEntry
from duban_console.desk.sight import Sight
from duban_console.desk.views import LONGEST_NAME, MOST_VIEWS, SavedView
from duban_console.ledger import BadCursor
from duban_console.pages.desk_labels import ORDERS, VIEWS
from duban_console.pages.ledger_view import CHOOSING, STATUSES, LedgerChoice, choice_in, columns, rows, view_of
from duban_console.pages.parts import PageParts
from duban_console.pages.record_words import RecordWords
from duban_console.pages.visitor import Visits

#: So many problems stand on a page, and so many at most in a file.
_ON_PAGE: Final = 50
MOST_IN_FILE: Final = 20_000
_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
ViewName = Annotated[str, Form(max_length=LONGEST_NAME)]


def serve_ledger(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/ledger")
    async def ledger(request: Request, asks: Visits) -> Response:
        """Problems, by what is chosen."""
        city = parts.city(request, asks)
        words = parts.city_words(request, city)
        choice, sight, now = choice_in(request.query_params, city, words.zone), Sight.of(asks.known), parts.clock.now()
        try:
            page = await parts.desk.ledger(
                sight, choice.filters, now=now, near=choice.near or parts.near, order=choice.order, limit=_ON_PAGE,
                cursor=request.query_params.get("cursor"),
            )  # fmt: skip
        except BadCursor as error:
            raise Fault(400, "invalid", str(error), "cursor") from None
        saved = await parts.views.views(asks.known.account.name, city)
        counts = await parts.desk.lamps(sight, choice.filters, now=now, near=choice.near or parts.near)
        return parts.page(
            request, asks, "ledger.html", page=page, words=words, words_of=parts.words_of(request), city=city, now=now,
            counts=counts, query=urlencode(choice.sent),
            sent={name: choice.sent.get(name, "") for name in CHOOSING}, is_chosen=bool(choice.sent.keys() - {"city"}),
            statuses=STATUSES, orders=ORDERS, views=VIEWS, saved=saved, view=view_of(choice),
            with_lamp=_with_lamp(choice), usually_near=words.length(parts.near), freshness=await parts.desk.freshness(),
        )  # fmt: skip

    @app.post("/ledger/views")
    async def save(request: Request, asks: Visits, name: ViewName = "") -> Response:
        """Keep what the address chooses as a view of who asks, and show it."""
        city = parts.city(request, asks)
        if is_blank(name):
            raise Fault(400, "invalid", "a view has a name", "name")
        choice = choice_in(request.query_params, city, parts.city_words(request, city).zone)
        view = SavedView(printable(name.strip()), view_of(choice))
        if not await parts.views.save(asks.known.account.name, city, view, parts.clock.now()):
            raise Fault(409, "too_many", f"these would be more than {MOST_VIEWS} views: remove one first")
        return _to_view(city, view.query)

    @app.post("/ledger/views/removal")
    async def remove(request: Request, asks: Visits, name: ViewName = "") -> Response:
        """Keep a view of who asks no more."""
        city = parts.city(request, asks)
        await parts.views.remove(asks.known.account.name, city, name)
        return _to_view(city)

    @app.get("/ledger/{form}")
    async def file(request: Request, asks: Visits) -> Response:
        """The same as a workbook or as CSV, whole."""
        form = request.path_params["form"]
        if form not in _TYPES:
            raise Fault(404, "unknown_path", "the ledger is taken along as xlsx or csv")
        city = parts.city(request, asks)
        words = parts.city_words(request, city)
        choice = choice_in(request.query_params, city, words.zone)
        entries = await _all(parts, Sight.of(asks.known), choice)
        words_of = parts.words_of(request)
        named: dict[str, RecordWords] = {entry.pack: words_of(entry.pack) for entry in entries}
        title = words.say("Ledger") + f" {words.city} {words.instant(parts.clock.now())}"
        write = table_xlsx if form == "xlsx" else table_csv
        content = await to_thread.run_sync(write, title, columns(words), rows(entries, named))
        day = parts.clock.now().astimezone(words.zone).date()
        headers = {"Content-Disposition": f'attachment; filename="ledger-{day}.{form}"'}
        return Response(content, media_type=_TYPES[form], headers=headers)


def _to_view(city: str, query: str = "") -> Response:
    """On to the ledger of ``city``, chosen from by ``query``."""
    return RedirectResponse(f"/ledger?{urlencode({'city': city})}{'&' if query else ''}{query}", 303)


async def _all(parts: PageParts, sight: Sight, choice: LedgerChoice) -> list[LedgerEntry]:
    """Every problem that is choice.

    Raises:
        Fault: 413, there are too many for one file.
    """
    entries: list[LedgerEntry] = []
    cursor, now = None, parts.clock.now()
    while True:
        page = await parts.desk.ledger(
            sight, choice.filters, now=now, near=choice.near or parts.near, order=choice.order, limit=MOST,
            cursor=cursor,
        )  # fmt: skip
        entries += page.entries
        cursor = page.cursor
        if cursor is None:
            return entries
        if len(entries) >= MOST_IN_FILE:
            raise Fault(413, "too_many", f"these are more than {MOST_IN_FILE} problems: choose fewer")


def _with_lamp(choice: LedgerChoice) -> dict[str, str]:
    """The same choice with each lamp, as addresses."""
    sent = {name: value for name, value in choice.sent.items() if name not in ("lamp", "closed")}
    return {lamp: urlencode({**sent, "lamp": lamp}) for lamp in ("red", "yellow", "green", "none")}
