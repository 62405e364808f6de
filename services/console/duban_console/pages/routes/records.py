"""The page of one record: what it is, what is due, what may be done now, and its history; and what is done there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault, Unavailable
from duban.messages.records import AnyRecord, Problem
from duban.messages.report import Evidence
from duban_console.accounts.facets import Facet
from duban_console.action import ACTIONS, action_message, parsed
from duban_console.api.answer import shown_to
from duban_console.api.asker import Asker
from duban_console.api.responses import SOURCE, EventLine, event_line
from duban_console.desk.reader import MapPoint
from duban_console.desk.sight import Sight
from duban_console.ledger import Outcome, WaitingReport
from duban_console.pages.forms import ActForm, act_form
from duban_console.pages.labels import ACTIONS as ACTION_LABELS
from duban_console.pages.offers import offers
from duban_console.pages.parts import PageParts
from duban_console.pages.record_view import BAR_WIDTH, record_view
from duban_console.pages.sent_form import MOST_FILES, WAIT, NotTaken, SentForm, is_id
from duban_console.pages.story import story
from duban_console.pages.visitor import Visits

_MOST_WAITING: Final = 50
#: So far around a problem others are shown on its page.
NEARBY_METRES: Final = 500
_MOST_NEARBY: Final = 11


def serve_records(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/records/{id}")
    async def record(request: Request, asks: Visits) -> Response:
        """A record, of whatever kind."""
        return await _record_page(request, asks, parts, await parts.found(_id(request), asks))

    @app.post("/records/{id}/acts/{action}")
    async def act(request: Request, asks: Visits) -> Response:
        """Do something to it; what the router says to that stands on the page."""
        action = request.path_params["action"]
        if action not in ACTIONS:
            raise Fault(404, "unknown_path", f"{action} is no action")
        record = await parts.found(_id(request), asks, action)
        async with request.form(max_files=MOST_FILES, max_fields=200, max_part_size=100_000) as form:
            return await _Act(request, asks, parts, record, SentForm(form)).done()

    @app.get("/find")
    async def find(request: Request, asks: Visits, name: str = "") -> Response:
        """The record that bears this number or id."""
        name = name.strip().replace("\0", "")[:120]
        ids = [UUID(name)] if is_id(name) else await parts.ledger.numbered(name)
        records = [each for id_ in ids if (each := await parts.ledger.record(id_)) is not None]
        seen = [each for each in records if asks.sees(f"see_{each.kind}", each)]
        if len(seen) == 1:
            return RedirectResponse(f"/records/{seen[0].id}", 303)
        shown, _ = shown_to(asks, seen)
        return parts.page(request, asks, "found.html", name=name, records=shown)


@dataclass(frozen=True, slots=True)
class _Act:
    """One action as it was sent in a form, on its way to the router and back to the page."""

    request: Request
    asks: Asker
    parts: PageParts
    record: AnyRecord
    sent: SentForm

    async def done(self) -> Response:
        """Go on to the record where it was done, or is being decided; else the page with why not."""
        offered = await act_forms(self.request, self.asks, self.parts, self.record)
        chosen = next((each for each in offered if each.offer.key == self.sent.key), None)
        if chosen is None or chosen.offer.action != self.request.path_params["action"]:
            # It was open when the page was made: somebody else has acted meanwhile.
            return await self._again(None, 409, moved=True)
        words = self.parts.words(self.request, self.record.pack)
        came = await self.sent.tried(chosen, words, self.asks, self.parts.reception, self._decided)
        if isinstance(came, NotTaken):
            return await self._again(came.form, came.status)
        state = "done" if came is not None else "sent"
        return RedirectResponse(f"/records/{self.record.id}?{state}={chosen.offer.action}", 303)

    async def _decided(self, body: dict[str, Any]) -> Outcome | None:
        command, _ = parsed(body, texts=True)
        message = action_message(
            self.asks.acting(body["action"], command, self.record), id_=self.sent.command, problem_id=self.record.id,
            jurisdiction=self.record.jurisdiction, source=SOURCE, at=self.parts.clock.now(),
        )  # fmt: skip
        return await self.parts.door.decided(message, WAIT)

    async def _again(self, form: ActForm | None, status: int, *, moved: bool = False) -> Response:
        record = await self.parts.found(self.record.id, self.asks)
        brought = self.sent.brought if form is not None else ()
        return await _record_page(
            self.request, self.asks, self.parts, record, status, refusal=form, brought=brought, moved=moved
        )


async def _record_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    record: AnyRecord,
    status: int = 200,
    *,
    refusal: ActForm | None = None,
    brought: Sequence[Evidence] = (),
    moved: bool = False,
) -> Response:
    words = parts.words(request, record.pack)
    shown, shut = shown_to(asks, record, of=record)
    forms = await act_forms(request, asks, parts, record)
    wanted_act = request.query_params.get("act", "")
    forms = [replace(each, is_open=each.offer.action == wanted_act) for each in forms]
    forms = [refusal if refusal is not None and each.offer.key == refusal.offer.key else each for each in forms]
    if refusal is not None and refusal not in forms:
        forms.insert(0, refusal)
    return parts.page(
        request, asks, "record.html", status, view=record_view(shown, parts.clock.now(), words, parts.near),
        story=list(reversed(story(await _history(record, asks, parts), shown, words))), forms=forms, words=words,
        commands={form.offer.key: str(uuid4()) for form in forms}, brought=brought, moved=moved, bar_width=BAR_WIDTH,
        is_masked=bool(shut - {Facet.REPORTER}), has_pack=words.rules is not None,
        has_history=asks.sees("see_history", record), done=request.query_params.get("done", ""),
        sent=request.query_params.get("sent", ""), actions=ACTION_LABELS, city=record.jurisdiction,
        nearby=await _nearby(shown, asks, parts),
    )  # fmt: skip


async def _nearby(shown: AnyRecord, asks: Asker, parts: PageParts) -> list[MapPoint]:
    """What is open around the place of a problem, as far as who asks sees both; none while the desk is away."""
    place = shown.location if isinstance(shown, Problem) else None
    if place is None or parts.desk_reader is None:
        return []
    try:
        points = await parts.desk_reader.nearby(
            Sight.of(asks.known), shown.jurisdiction, place.latitude, place.longitude, NEARBY_METRES,
            now=parts.clock.now(), near=parts.near, limit=_MOST_NEARBY,
        )  # fmt: skip
    except Unavailable:
        return []
    return [point for point in points if point.id != shown.id]


async def act_forms(request: Request, asks: Asker, parts: PageParts, record: AnyRecord) -> list[ActForm]:
    """The forms of what may be done to ``record`` now, by who asks."""
    words = parts.words(request, record.pack)
    if words.rules is None:
        return []
    offered = offers(asks.known, record, words.rules)
    waiting: list[WaitingReport] = []
    if isinstance(record, Problem) and any(offer.action == "reply" for offer in offered):
        waiting = await parts.ledger.unanswered(record.id, _MOST_WAITING)
    return [act_form(offer, record, words, waiting) for offer in offered]


async def _history(record: AnyRecord, asks: Asker, parts: PageParts) -> list[EventLine]:
    if not asks.sees("see_history", record):
        return []
    whole = await parts.ledger.history(record.id)
    lines = [event_line(line) for line in whole.lines] if whole is not None else []
    shown, _ = shown_to(asks, lines, deed="see_history", of=record)
    return shown


def _id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["id"])
    except ValueError:
        raise Fault(404, "unknown_path", "this address names no record") from None
