"""Publications: the bulletins that were signed, sent, and are for everybody; each as a page and as CSV."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import FastAPI, Request, Response

from duban.errors import Fault
from duban.pages.language import language_of
from duban_intake.gateway.open311.requests import request_id
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.site.publications import PublicationShelf, PublicTable, PublishedIssue, csv_of
from duban_intake.site.views import words_in

#: So many lines stand on a page; the whole is in the file.
MOST_LINES: Final = 500
_KEPT: Final = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}


def serve_publications(app: FastAPI, parts: SiteParts, shelf: PublicationShelf) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH + "/{city}/publications")
    async def publications(request: Request, city: str) -> Response:
        """Which there are, the latest period first."""
        site = parts.site(city)
        return parts.page(request, site, "publications.html", publications=await shelf.publications(city))

    @app.get(PATH + "/{city}/publications/{id}.csv")
    async def file(city: str, id: str) -> Response:  # noqa: A002 the name in the path
        """One of them as a table."""
        _, table = await found(city, request_id(id))
        return Response(csv_of(table).encode(), media_type="text/csv; charset=utf-8", headers=_KEPT)

    @app.get(PATH + "/{city}/publications/{id}")
    async def one(request: Request, city: str, id: str) -> Response:  # noqa: A002 the name in the path
        """One of them."""
        site = parts.site(city)
        publication, table = await found(city, request_id(id))
        unit = site.rules.units.get(publication.signed_for)
        signer = words_in(language_of(request))(unit.title) if unit else publication.signed_for
        return parts.page(
            request, site, "publication.html", publication=publication, table=table, most=MOST_LINES, signer=signer,
            at=publication.sent_at.astimezone(site.rules.zone),
        )  # fmt: skip

    async def found(city: str, id_: UUID | None) -> tuple[PublishedIssue, PublicTable]:
        parts.site(city)
        publication = await shelf.publication(city, id_) if id_ else None
        if publication is None:
            raise Fault(404, "unknown_path", "no publication of the city has this id")
        return publication
