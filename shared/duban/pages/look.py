"""The look of all pages: templates with one layout, in the language of who reads, under one content security policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from babel.support import Translations
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from duban.pages.assets import PATH, Assets
from duban.pages.language import TAGS, keep_language, language_of, translations
from duban.pages.maps import CityMap
from duban.pages.words import LANGUAGES, PageLanguage
from duban.texts import is_own_path

_HERE: Final = Path(__file__).parent
#: A page runs the scripts of this server alone, and no line of script or style that stands in it.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; worker-src 'self'"
)
#: ``same-origin``: with less, a browser would not even say to this server which page a form came from.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class PageLink:
    """A way to another page, as it stands at the top of each: where, how it is called, whether one is there."""

    href: str
    label: str
    is_here: bool = False


class PageLook:
    """Shows pages from the templates in ``rooms``, each a folder with ``templates``, ``static`` and ``catalogues``.

    The shared room comes last: a room may show a template of the same name in its own way. ``is_secure``: pages are
    reached by https alone. ``maps``: those of cities, by the ids of these.
    """

    def __init__(
        self, rooms: Sequence[Path], *, is_secure: bool = False, maps: Mapping[str, CityMap] = MappingProxyType({})
    ) -> None:
        folders = [*rooms, _HERE]
        self._is_secure = is_secure
        self._maps = maps
        statics = [room / "static" for room in folders if (room / "static").is_dir()]
        self.assets = Assets(statics, {each.name: each.body for each in maps.values()})
        catalogues = [room / "catalogues" for room in folders]
        self._translations = {language: translations(catalogues, language) for language in LANGUAGES}
        self._environments = {language: self._environment(folders, language) for language in LANGUAGES}

    def _environment(self, rooms: Sequence[Path], language: PageLanguage) -> Environment:
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(room / "templates") for room in rooms]), autoescape=True,
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
        )  # fmt: skip
        environment.install_gettext_translations(self._translations[language], newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {"asset": self.assets.url, "language": language, "language_tag": TAGS[language]}
        environment.globals["map_of"] = self._maps.get
        return environment

    def translations(self, language: PageLanguage) -> Translations:
        """What is said in ``language``."""
        return self._translations[language]

    def say(self, request: Request, text: str) -> str:
        """``text``, which is English, in the language of ``request``."""
        return str(self._translations[language_of(request)].ugettext(text))

    def fragment(self, language: PageLanguage, template: str, **shown: Any) -> str:
        """A piece of a page."""
        return self._environments[language].get_template(template).render(**shown)

    def page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        links: Sequence[PageLink] = (),
        reader: str | None = None,
        **shown: Any,
    ) -> HTMLResponse:
        """A page: ``links`` are where its ``reader``, who is signed in, may go from here."""
        around = {"links": links, "reader": reader, "way_back": self.way_back(request)}
        html = self.fragment(language_of(request), template, **around, **shown)
        return HTMLResponse(html, status, headers=dict(HEADERS))

    @staticmethod
    def way_back(request: Request) -> str:
        """What leads back to the page of ``request`` from where it is appended to; to none that a form was sent to."""
        if request.method != "GET" or request.url.path == "/":
            return ""
        return "?to=" + quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""), safe="")

    def serve(self, app: FastAPI) -> None:
        """Add to ``app`` what every page needs: its static files, and the choice of a language."""

        @app.get(f"{PATH}/{{digest}}/{{name}}", include_in_schema=False)
        async def asset(request: Request) -> Response:
            return self.assets.answer(request)

        @app.get("/language/{language}", include_in_schema=False)
        async def choose(language: PageLanguage, to: str = "/") -> Response:
            answer = RedirectResponse(to if is_own_path(to) else "/", 303)
            keep_language(answer, language, is_secure=self._is_secure)
            return answer
