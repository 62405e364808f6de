"""What waits for a person, and what is a unit's own: duties, parts, what it owes and what it was told.

A draft of a policy waits for whoever may agree to it; it is no record, has no limit, and stands before what has one.
"""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response

from duban.errors import Fault
from duban_console.desk.reader import Stake, Wait
from duban_console.desk.sight import Sight
from duban_console.ledger import BadCursor
from duban_console.pages.cities import units_in
from duban_console.pages.desk_labels import STAKES, WAITS
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.proposals import others_proposals
from duban_console.pages.visitor import Visits

_ON_PAGE: Final = 50
_CALLS: Final = 15
#: In the address: what every unit of the city may answer, not one alone.
_ALL: Final = "*"


def serve_inbox(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/inbox")
    async def inbox(request: Request, asks: Visits) -> Response:
        """What waits for who asks; by choice what waits for anybody in the city."""
        city = parts.city(request, asks)
        own = units_in(asks.known.account.appointments, city)
        unit = request.query_params.get("unit") or (own[0] if own else _ALL)
        if unit not in (*own, _ALL):
            raise Fault(404, "unknown_unit", "this is for another unit")
        sight, meant, now = Sight.of(asks.known), None if unit == _ALL else unit, parts.clock.now()
        waits = [wait for wait in Wait if wait.value == request.query_params.get("wait")]
        counts = await parts.desk.inbox_counts(sight, city, unit=meant)
        try:
            page = await parts.desk.inbox(
                sight, city, waits=waits, unit=meant, limit=_ON_PAGE, cursor=request.query_params.get("cursor")
            )
        except BadCursor as error:
            raise Fault(400, "invalid", str(error), "cursor") from None
        drafts = [each for each in await others_proposals(asks, parts.proposals) if each.jurisdiction == city]
        return parts.page(
            request, asks, "inbox.html", page=page, drafts=drafts, counts=counts, waits=WAITS,
            chosen=waits[0] if waits else None, city=city, unit=unit, own=own, every=_ALL,
            words=parts.city_words(request, city), now=now, near_at=now + parts.near,
            words_of=parts.words_of(request), freshness=await parts.desk.freshness(),
        )  # fmt: skip

    @app.get("/mine")
    async def mine(request: Request, asks: Visits) -> Response:
        """What a unit has in hand, joins in and owes, by when it is due; and what it was told."""
        city = parts.city(request, asks)
        own = units_in(asks.known.account.appointments, city)
        unit = request.query_params.get("unit") or next(iter(own), "")
        if unit not in own:
            raise Fault(404, "unknown_unit", "you act for no such unit here")
        sight, now = Sight.of(asks.known), parts.clock.now()
        stakes = [stake for stake in Stake if stake.value == request.query_params.get("stake")]
        try:
            page = await parts.desk.mine(
                sight, city, unit, now=now, near=parts.near, stakes=stakes, limit=_ON_PAGE,
                cursor=request.query_params.get("cursor"),
            )  # fmt: skip
        except BadCursor as error:
            raise Fault(400, "invalid", str(error), "cursor") from None
        calls = await parts.desk.calls(sight, city, unit, limit=_CALLS)
        return parts.page(
            request, asks, "mine.html", page=page, calls=calls, stakes=STAKES, chosen=stakes[0] if stakes else None,
            city=city, unit=unit, own=own, words=parts.city_words(request, city), words_of=parts.words_of(request),
            now=now, freshness=await parts.desk.freshness(),
        )  # fmt: skip
