"""The site's pages, over what they are given: the look, the door of reports, and what everybody may read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.types import Scope

from duban.io.faults import BodyLimit
from duban.io.http import GuardedAnswers
from duban.pages.look import PageLook
from duban.pages.maps import CityMap
from duban.pages.mishap_page import show_mishaps
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.site.exposures import ExposureBoard
from duban_intake.site.parts import SiteParts
from duban_intake.site.publications import PublicationShelf
from duban_intake.site.reporter_ledger import ReporterLedger
from duban_intake.site.routes.board import serve_board
from duban_intake.site.routes.follow import serve_follow
from duban_intake.site.routes.problems import serve_problems
from duban_intake.site.routes.publications import serve_publications
from duban_intake.site.routes.report import MOST_PHOTOS, serve_report

_HERE: Final = Path(__file__).parent
#: Room for what stands around photos in a form.
_AROUND: Final = 1_000_000


def site_look(maps: Mapping[str, CityMap]) -> PageLook:
    """The look of the site's pages; ``maps``: those of cities, by the ids of these."""
    return PageLook([_HERE], maps=maps)


def create_site(
    look: PageLook,
    door: ReportDoor,
    face: PublicFace,
    board: ExposureBoard,
    reporters: ReporterLedger,
    shelf: PublicationShelf,
    max_body: int,
) -> FastAPI:
    """The pages; a body holds at most ``max_body`` bytes, and one with photos as much as these may have."""
    app = FastAPI(title="Duban", openapi_url=None, docs_url=None, redoc_url=None)
    parts = SiteParts(look, door, face, reporters)
    parts.look.serve(app)
    usual = BodyLimit(max_body)
    most = door.reception.desk.most_bytes * MOST_PHOTOS if door.reception is not None else max_body
    with_photos = BodyLimit(most + _AROUND, "DUBAN_EVIDENCE_MAX_BYTES", "send fewer photos")

    def limit_of(scope: Scope) -> BodyLimit:
        return with_photos if scope["path"].endswith("/report") else usual

    show_mishaps(app, parts.look, limit_of)
    app.add_middleware(GuardedAnswers)
    serve_problems(app, parts)
    serve_report(app, parts)
    serve_follow(app, parts)
    serve_board(app, parts, board)
    serve_publications(app, parts, shelf)
    return app
