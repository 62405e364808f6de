"""The first page: where somebody's work begins, by what they are."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban_console.pages.labels import ROLES
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits, first_page_of, roles_of


def serve_home(app: FastAPI, parts: PageParts) -> None:
    """Add the route to ``app``."""

    @app.get("/")
    async def home(request: Request, asks: Visits) -> Response:
        """Go on to where a day's work begins; else say what somebody is here."""
        if (first := first_page_of(roles_of(asks.known), parts.met)) is not None:
            return RedirectResponse(first, 303)
        roles = dict.fromkeys(parts.look.say(request, ROLES[each.role]) for each in asks.known.account.appointments)
        return parts.page(request, asks, "home.html", roles=list(roles))
