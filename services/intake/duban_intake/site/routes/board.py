"""The exposure board: against whom which measures were taken before everybody's eyes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import FastAPI, Request, Response

from duban.pages.language import language_of
from duban_intake.site.exposures import ExposureBoard
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.site.views import words_in

#: So far back the board goes.
DAYS: Final = 90


def serve_board(app: FastAPI, parts: SiteParts, board: ExposureBoard) -> None:
    """Add the route to ``app``."""

    @app.get(PATH + "/{city}/board")
    async def exposed(request: Request, city: str) -> Response:
        """The measures of the last 90 days, the latest first."""
        site = parts.site(city)
        say = words_in(language_of(request))
        since = parts.door.clock.now() - timedelta(days=DAYS)
        lines = []
        for exposure in await board.exposures(city, since):
            measure, unit = exposure.titles(site.rules)
            lines.append({
                "number": exposure.number,
                "measure": say(measure) if measure else exposure.measure,
                "unit": say(unit) if unit else exposure.owner,
                "at": exposure.at.astimezone(site.rules.zone),
                "ended_at": exposure.ended_at.astimezone(site.rules.zone) if exposure.ended_at else None,
            })  # fmt: skip
        return parts.page(request, site, "board.html", lines=lines, days=DAYS)
