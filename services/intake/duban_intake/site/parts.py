"""What the routes of the site are made from, and how one of them shows a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse

from duban.errors import Fault
from duban.messages.report import Location
from duban.moves import Status
from duban.pages.language import language_of
from duban.pages.look import PageLink, PageLook
from duban.pages.words import msgid
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.requests import MOST_DAYS, PublicProblem, RequestFilter
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.site.city import CitySite, city_sites
from duban_intake.site.reporter_ledger import ReporterLedger
from duban_intake.site.views import PublicView, public_view, words_in

#: Where the pages of a city begin.
PATH: Final = "/city"
#: What can be done on the pages of a city, by its path.
_WAYS: Final = (
    ("/report", msgid("Report something")),
    ("/follow", msgid("Follow my report")),
    ("/problems", msgid("What was reported")),
    ("/board", msgid("Exposure board")),
    ("/publications", msgid("Publications")),
)


@dataclass(frozen=True, slots=True)
class SiteParts:
    """The look, the door of reports, and what the ledger shows everybody, and who reported."""

    look: PageLook
    door: ReportDoor
    face: PublicFace
    reporters: ReporterLedger

    @property
    def sites(self) -> Mapping[str, CitySite]:
        """The cities that have pages."""
        return city_sites(self.door.registry, self.face.library, self.door.clock.now())

    def site(self, city: str) -> CitySite:
        """The site of ``city``.

        Raises:
            Fault: 404, it has none.
        """
        site = self.sites.get(city)
        if site is None:
            raise Fault(404, "unknown_path", f"{city} has no pages here")
        return site

    def page(self, request: Request, site: CitySite, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page of ``site``."""
        base = f"{PATH}/{site.id}"
        links = [
            PageLink(base + path, self.look.say(request, label), request.url.path.startswith(base + path))
            for path, label in _WAYS
        ]
        around: dict[str, Any] = {"site": site, "base": base, "office": self.office(request, site)}
        words = words_in(language_of(request))
        return self.look.page(request, template, status, links=links, words=words, **around, **shown)

    def office(self, request: Request, site: CitySite) -> str:
        """Whose pages these are."""
        office = site.rules.units.get(site.rules.pack.office)
        return words_in(language_of(request))(office.title) if office else site.id

    def view(
        self, request: Request, site: CitySite, problem: PublicProblem, origin: Location | None = None
    ) -> PublicView:
        """``problem`` for who reads ``request``."""
        rules = self.face.library.rules(problem.pack) or site.rules
        return public_view(problem, rules, language_of(request), origin)

    async def problems(
        self,
        site: CitySite,
        statuses: Sequence[Status] | None = None,
        categories: Sequence[str] | None = None,
        ids: Sequence[UUID] | None = None,
    ) -> list[PublicProblem]:
        """What was reported by the public of the city in the last 90 days, the latest first; or by ``ids``, whenever.

        Raises:
            Unavailable: the ledger cannot be asked now.
        """
        until = self.door.clock.now()
        only = RequestFilter(
            tuple(ids) if ids is not None else None, until - timedelta(days=MOST_DAYS), until,
            tuple(categories) if categories is not None else None, tuple(statuses) if statuses is not None else None,
        )  # fmt: skip
        return await self.face.ledger.problems(site.id, site.public_names, only)
