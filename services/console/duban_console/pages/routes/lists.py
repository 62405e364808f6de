"""Lists such as a blacklist: who stands on them, whether somebody does, and an entry by hand of their keepers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.messages.records import Listing
from duban.moves import Kind, Status
from duban.texts import is_blank
from duban_console.accounts.access import may
from duban_console.accounts.facets import unfilterable
from duban_console.action import action_message
from duban_console.api.answer import shown_to
from duban_console.api.asker import Asker
from duban_console.api.responses import SOURCE
from duban_console.api.routes.records import seen
from duban_console.ledger import BadCursor, Filters, Outcome
from duban_console.listings import Entry, NameCheck, entries_at, listed
from duban_console.pages.forms import ActForm
from duban_console.pages.list_view import DEED, entry_forms, entry_in, entry_words
from duban_console.pages.parts import PageParts
from duban_console.pages.sent_form import MOST_FILES, WAIT, NotTaken, SentForm
from duban_console.pages.visitor import Visits

_CHECK: Final = "check_name"
#: So many entries stand on one page.
_MOST: Final = 100
_LONGEST: Final = 120


def serve_lists(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/lists")
    async def lists(request: Request, asks: Visits) -> Response:
        """The entries of a city that are there for who asks; all of one name, where that is asked for."""
        return await _ListPage(request, asks, parts, parts.city(request, asks)).shown()

    @app.post("/lists")
    async def put(request: Request, asks: Visits) -> Response:
        """Put somebody on a list; what the router says to that stands on the page."""
        page = _ListPage(request, asks, parts, parts.city(request, asks))
        async with request.form(max_files=MOST_FILES, max_fields=100, max_part_size=100_000) as form:
            return await page.put(SentForm(form))


@dataclass(frozen=True, slots=True)
class _ListPage:
    """The page of the lists of ``city``."""

    request: Request
    asks: Asker
    parts: PageParts
    city: str

    async def shown(self, status: int = 200, refusal: ActForm | None = None, sent: SentForm | None = None) -> Response:
        """The page; where a form was not taken, with that."""
        query = self.request.query_params
        name = query.get("name", "").replace("\0", "").strip()[:_LONGEST]
        everything, list_ = query.get("all") == "on", query.get("list", "").replace("\0", "")[:_LONGEST] or None
        words = self.parts.city_words(self.request, self.city)
        check, cursor = None, None
        if is_blank(name):
            entries, cursor = await self._entries(list_, everything=everything)
            linked = {entry.id for entry in entries}
        else:
            check, linked = await self._check(name, list_, everything=everything)
            entries = list(check.entries)
        forms = entry_forms(self.asks.known, self.city, words)
        if refusal is not None:
            forms = [refusal if each.offer.key == refusal.offer.key else each for each in forms]
        chosen = {"city": self.city, "list": list_ or "", **({"all": "on"} if everything else {})}
        return self.parts.page(
            self.request, self.asks, "lists.html", status, city=self.city, words=words, name=name, list=list_,
            lists=words.rules.lists.values() if words.rules is not None else (), everything=everything, check=check,
            entries=[(entry, entry_words(entry, words), entry.id in linked) for entry in entries], forms=forms,
            more=urlencode({**chosen, "after": cursor}) if cursor else "", brought=sent.brought if sent else (),
            commands={form.offer.key: str(uuid4()) for form in forms}, state=query.get("state", ""),
            path="/lists?" + urlencode({"city": self.city}), sees_entries=self._may("see_listing"),
            checks_names=unfilterable(self.asks.known, _CHECK, "of", self.city) is None,
        )  # fmt: skip

    async def put(self, sent: SentForm) -> Response:
        """Go on to all entries of the name where it was put on, or is being decided; else the page with why not."""
        self.asks.must(DEED, jurisdiction=self.city)
        words = self.parts.city_words(self.request, self.city)
        forms = entry_forms(self.asks.known, self.city, words)
        chosen = next((each for each in forms if each.offer.key == sent.key), None)
        if chosen is None:
            raise Fault(409, "not_permitted", "this list is kept by another unit, or is not in the pack any more")

        async def decided(body: dict[str, Any]) -> Outcome | None:
            entry = entry_in(body, self.city)
            message = action_message(
                self.asks.acting(DEED, entry.command, jurisdiction=self.city), id_=sent.command,
                problem_id=entry.record_id(sent.command), jurisdiction=self.city, source=SOURCE,
                at=self.parts.clock.now(),
            )  # fmt: skip
            return await self.parts.door.decided(message, WAIT)

        came = await sent.tried(chosen, words, self.asks, self.parts.reception, decided)
        if isinstance(came, NotTaken):
            return await self.shown(came.status, came.form, sent)
        state = "done" if came is not None else "sent"
        of = {"name": sent.texts["of"][0], "all": "on"}
        return RedirectResponse("/lists?" + urlencode({"city": self.city, **of, "state": state}), 303)

    def _may(self, deed: str) -> bool:
        return may(self.asks.known, deed, jurisdiction=self.city) is None

    async def _check(self, name: str, list_: str | None, *, everything: bool) -> tuple[NameCheck, set[str]]:
        """Whether ``name`` stands on a list, and which of the entries are there to be opened."""
        self.asks.filters(_CHECK, self.city, {"of": name})
        of_name = self.asks.seen(_CHECK, await self.parts.ledger.listings(name, self.city, list_))
        check = listed(name, of_name, self.parts.clock.now(), everything=everything)
        shown, _ = shown_to(self.asks, check, deed=_CHECK)
        return shown, {str(each.id) for each in self.asks.seen("see_listing", of_name)}

    async def _entries(self, list_: str | None, *, everything: bool) -> tuple[list[Entry], str | None]:
        """The entries that are there for who asks, the oldest first, and where the next page begins."""
        if not self._may("see_listing"):
            return [], None
        statuses = () if everything else (Status.LISTED,)
        filters = Filters(Kind.LISTING, self.city, statuses, list_)
        try:
            page = await seen(self.parts.ledger, filters, _MOST, self.request.query_params.get("after"), self.asks)
        except BadCursor:
            raise Fault(400, "invalid", "this address names no page of the list: begin at the first one") from None
        shown, _ = shown_to(self.asks, page.records)
        listings = (each for each in shown if isinstance(each, Listing))
        return entries_at(listings, self.parts.clock.now(), everything=everything), page.cursor
