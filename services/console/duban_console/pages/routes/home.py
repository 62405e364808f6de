"""The first page: where somebody's work begins, by what they are."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from duban_console.pages.labels import ROLES
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits


def serve_home(app: FastAPI, parts: PageParts) -> None:
    """Add the route to ``app``."""

    @app.get("/")
    async def home(request: Request, asks: Visits) -> Response:
        """What somebody finds first."""
        roles = dict.fromkeys(parts.look.say(request, ROLES[each.role]) for each in asks.known.account.appointments)
        return parts.page(request, asks, "home.html", roles=list(roles))
