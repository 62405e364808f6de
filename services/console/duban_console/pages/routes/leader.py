"""What a leader sponsors, as a wall chart (挂图作战) counted back to each milestone; and units beside each other."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response

from duban.policy.model.assessment import Period
from duban_console.accounts.account import Role
from duban_console.desk.sight import Sight
from duban_console.pages.cities import units_in
from duban_console.pages.comparison_view import (
    PERIODS,
    beginning,
    lamps_diagram,
    name_of,
    open_diagram,
    times_diagram,
    week_ends,
)
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

_ON_PAGE: Final = 100


def serve_leader(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/leader")
    async def leader(request: Request, asks: Visits) -> Response:
        """The open problems that a leader has taken, each with its plan."""
        city, appointments = parts.city(request, asks), asks.known.account.appointments
        words = parts.city_words(request, city)
        leading = [each for each in appointments if each.role is Role.LEADER]
        own = units_in(leading, city) or units_in(appointments, city)
        sponsor = request.query_params.get("sponsor", "").strip().replace("\0", "") or next(iter(own), "")
        sight, now = Sight.of(asks.known), parts.clock.now()
        page = await parts.desk.sponsored(sight, city, sponsor, now=now, near=parts.near, limit=_ON_PAGE)
        return parts.page(
            request, asks, "leader.html", page=page, sponsor=sponsor, city=city, words=words,
            units=words.rules.pack.units if words.rules is not None else (), words_of=parts.words_of(request), now=now,
        )  # fmt: skip

    @app.get("/comparison")
    async def comparison(request: Request, asks: Visits) -> Response:
        """What units received, closed and have left, and how long they took, in figures and drawn."""
        city = parts.city(request, asks)
        words = parts.city_words(request, city)
        asked_for = request.query_params.get("period")
        period = next((each for each in PERIODS if each.value == asked_for), Period.MONTHLY)
        sight, now = Sight.of(asks.known), parts.clock.now()
        zone = words.zone
        from_at = beginning(period, now, zone)
        figures = await parts.desk.comparison(sight, city, from_at=from_at, before=now, now=now)
        weeks = await parts.desk.lamps_by_week(sight, city, week_ends(now, zone))
        diagrams = [
            lamps_diagram(weeks, words) if weeks else None,
            open_diagram(figures, words),
            times_diagram(figures, words),
        ]
        return parts.page(
            request, asks, "comparison.html", figures=[(name_of(each, words), each) for each in figures], words=words,
            diagrams=[diagram for diagram in diagrams if diagram is not None], periods=PERIODS, period=period,
            from_at=from_at, city=city, now=now,
        )  # fmt: skip
