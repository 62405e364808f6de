"""What was reported and what became of it: a list, a page each, and the same for programs."""

from __future__ import annotations

from typing import Final, Literal

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.language import TAGS, language_of
from duban_intake.gateway.open311.requests import STATES, request_id
from duban_intake.site.open_data import csv_table, geojson, rss
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.site.views import PublicView

State = Literal["open", "closed", "all"]
Form = Literal["geojson", "csv", "rss"]
_TYPES: Final[dict[Form, str]] = {
    "geojson": "application/geo+json", "csv": "text/csv; charset=utf-8", "rss": "application/rss+xml; charset=utf-8",
}  # fmt: skip
#: So long everybody may keep what programs read: the ledger is asked seldom, however many read along.
_KEPT: Final = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
_LATEST: Final = 10


def serve_problems(app: FastAPI, parts: SiteParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/")
    async def cities(request: Request) -> Response:
        """The cities that have pages here; where there is one, its own."""
        sites = parts.sites
        if len(sites) == 1:
            return RedirectResponse(f"{PATH}/{next(iter(sites))}", 303)
        named = [(site, parts.office(request, site)) for site in sites.values()]
        return parts.look.page(request, "cities.html", sites=named, path=PATH)

    @app.get(PATH + "/{city}")
    async def city(request: Request, city: str) -> Response:
        """Where the public of a city begins."""
        site = parts.site(city)
        latest = [parts.view(request, site, each) for each in (await parts.problems(site))[:_LATEST]]
        return parts.page(request, site, "city.html", problems=latest)

    @app.get(PATH + "/{city}/problems")
    async def problems(request: Request, city: str, state: State = "open", category: str = "") -> Response:
        """What was reported in the last 90 days."""
        site = parts.site(city)
        views = await seen(request, city, state, category)
        return parts.page(request, site, "problems.html", problems=views, state=state, category=category)

    @app.get(PATH + "/{city}/problems.{form}")
    async def table(request: Request, city: str, form: Form, state: State = "all", category: str = "") -> Response:
        """The same for programs."""
        site = parts.site(city)
        views = await seen(request, city, state, category)
        match form:
            case "geojson":
                body = orjson.dumps(geojson(views))
            case "csv":
                body = csv_table(views).encode()
            case "rss":
                url = f"{str(request.base_url).rstrip('/')}{PATH}/{city}/problems"
                body = rss(views, parts.office(request, site), url, TAGS[language_of(request)])
        return Response(body, media_type=_TYPES[form], headers=_KEPT)

    @app.get(PATH + "/{city}/problems/{id}")
    async def problem(request: Request, city: str, id: str) -> Response:  # noqa: A002 the name in the path
        """One of them."""
        site, key = parts.site(city), request_id(id)
        problems = await parts.problems(site, ids=[key]) if key else []
        if not problems:
            raise Fault(404, "unknown_path", "nothing that the public reported has this number")
        return parts.page(request, site, "problem.html", problem=parts.view(request, site, problems[0]))

    async def seen(request: Request, city: str, state: State, category: str) -> list[PublicView]:
        site = parts.site(city)
        categories = [category] if category in site.rules.categories else None
        return [parts.view(request, site, each) for each in await parts.problems(site, STATES.get(state), categories)]
