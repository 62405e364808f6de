"""The wall screen: how a city stands, shown as it changes, by server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from duban.errors import Unavailable
from duban.pages.language import language_of
from duban.pages.look import HEADERS
from duban_console.accounts.access import may
from duban_console.desk.reader import HIDDEN, LedgerFilters
from duban_console.desk.sight import Sight
from duban_console.pages.comparison_view import lamps_diagram, week_ends
from duban_console.pages.labels import LAMP_SIGNS, LAMPS
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

#: So many problems stand on the screen: those that are due soonest.
_ON_SCREEN: Final = 10
#: How often it is looked whether anything is new, in seconds; and after how many such looks a browser begins anew, so
#: that it is looked again who it is.
_LOOK: Final = 2.0
_LOOKS: Final = 150


def serve_wall(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/wall")
    async def wall(request: Request, asks: Visits) -> Response:
        """How the city stands; by a script it follows what happens, without one it is loaded anew."""
        city = parts.city(request, asks)
        shown = await board_state(request, Sight.of(asks.known), parts, city)
        keeps = may(asks.known, "keep_screens", jurisdiction=city) is None
        return parts.page(
            request, asks, "wall.html", city=city, stream=f"/wall/stream?city={quote(city, safe='')}", keeps=keeps,
            **shown,
        )  # fmt: skip

    @app.get("/wall/stream")
    async def stream(request: Request, asks: Visits) -> Response:
        """The same screen, sent anew whenever anything on it has changed."""
        city = parts.city(request, asks)

        async def state() -> str:
            return await board(request, Sight.of(asks.known), parts, city)

        return followed(request, parts, state)


def followed(request: Request, parts: PageParts, state: Callable[[], Awaitable[str]]) -> Response:
    """What answers ``request`` with ``state`` as it changes."""

    async def goes_on() -> bool:
        return parts.listens() and not await request.is_disconnected()

    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(changes(state, goes_on), media_type="text/event-stream", headers=headers)


async def changes(
    state: Callable[[], Awaitable[str]],
    goes_on: Callable[[], Awaitable[bool]],
    *,
    looks: int = _LOOKS,
    seconds: float = _LOOK,
) -> AsyncIterator[str]:
    """Server-sent events: ``state`` whenever it has changed, and else what keeps the connection, for so many looks."""
    before = None
    for _ in range(looks):
        if not await goes_on():
            return
        try:
            html = await state()
        except Unavailable:
            yield ": away\n\n"
        else:
            yield (
                ": as it was\n\n" if html == before else "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
            )
            before = html
        await anyio.sleep(seconds)


async def board(request: Request, sight: Sight, parts: PageParts, city: str) -> str:
    """How ``city`` stands now, as ``sight`` has it: the piece of a page that changes."""
    shown = await board_state(request, sight, parts, city)
    return parts.look.fragment(language_of(request), "wall_state.html", lamps=LAMPS, lamp_signs=LAMP_SIGNS, **shown)


async def board_state(request: Request, sight: Sight, parts: PageParts, city: str) -> dict[str, Any]:
    """What stands on that piece."""
    now = parts.clock.now()
    words = parts.city_words(request, city)
    still_open = LedgerFilters(city, closed=False)
    page = await parts.desk.ledger(sight, still_open, now=now, near=parts.near, limit=_ON_SCREEN)
    weeks = await parts.desk.lamps_by_week(sight, city, week_ends(now, words.zone))
    return {
        "counts": await parts.desk.lamps(sight, LedgerFilters(city), now=now, near=parts.near),
        "page": page,
        "diagram": lamps_diagram(weeks, words) if weeks else None,
        "hidden": HIDDEN,
        "words": words,
        "words_of": parts.words_of(request),
        "now": now.replace(second=0, microsecond=0),
    }
