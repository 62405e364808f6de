"""Wall screens that nobody signs in at: by an address of its own each shows the board of a city, and nothing else."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import FastAPI, Form, Path, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.language import language_of
from duban_console.accounts.account import Account, Appointment, Role
from duban_console.accounts.labels import SCREEN_REFUSALS
from duban_console.accounts.rows import AccountRefused
from duban_console.accounts.session import Principal, Scope, WallScreen
from duban_console.api.asker import Asker, address_of
from duban_console.desk.sight import Sight
from duban_console.ledger import asking
from duban_console.pages.labels import LAMP_SIGNS, LAMPS
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.wall import board, board_state, followed
from duban_console.pages.visitor import Visits

PATH: Final = "/wall/screens"
_Secret = Annotated[str, Path(max_length=100)]


def serve_screens(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""
    _serve_keeping(app, parts)
    _serve_showing(app, parts)


def _serve_keeping(app: FastAPI, parts: PageParts) -> None:
    screens = parts.admission.screens

    @app.get(PATH)
    async def kept(request: Request, asks: Visits) -> Response:
        """The screens of a city, and a form for another one."""
        return await _kept_page(request, asks, parts, _city(request, asks, parts))

    @app.post(PATH)
    async def make(request: Request, asks: Visits, place: Annotated[str, Form(max_length=500)] = "") -> Response:
        """Make an address for a screen, which is shown this once."""
        city = _city(request, asks, parts)
        try:
            secret = await screens.make(city, place, by=asks.known.account.name, address=address_of(request))
        except AccountRefused as refused:
            return await _kept_page(request, asks, parts, city, code=refused.code, place=place)
        url = f"{parts.browser.origin(request)}/screen/{secret}"
        return await _kept_page(request, asks, parts, city, url=url)

    @app.post(f"{PATH}/{{id}}")
    async def end(request: Request, asks: Visits) -> Response:
        """Have a screen show nothing more."""
        city, id_ = _city(request, asks, parts), request.path_params["id"]
        try:
            await screens.end(city, id_, by=asks.known.account.name, address=address_of(request))
        except AccountRefused as refused:
            raise Fault(404, refused.code, str(refused), "id") from None
        return RedirectResponse(f"{PATH}?city={quote(city, safe='')}", 303)


def _serve_showing(app: FastAPI, parts: PageParts) -> None:
    async def sight_by(secret: str) -> tuple[WallScreen, Sight]:
        async with asking():
            screen = await parts.admission.screens.screen(secret)
        return screen, Sight.of(_onlooker(screen))

    async def come_in(secret: str) -> tuple[WallScreen, Sight]:
        """The screen that begins to show, counted as an account is; 404 where there is none."""
        try:
            screen, sight = await sight_by(secret)
        except AccountRefused as refused:
            raise Fault(404, refused.code, str(refused)) from None
        parts.admission.counted(_onlooker(screen))
        return screen, sight

    @app.get("/screen/{secret}")
    async def shown(request: Request, _: Visits, secret: _Secret) -> Response:
        """The board of the city whose screen has this address."""
        screen, sight = await come_in(secret)
        state = await board_state(request, sight, parts, screen.jurisdiction)
        return parts.look.page(
            request, "wall.html", city=screen.jurisdiction, stream=f"/screen/{secret}/stream", keeps=False,
            lamps=LAMPS, lamp_signs=LAMP_SIGNS, **state,
        )  # fmt: skip

    @app.get("/screen/{secret}/stream")
    async def stream(request: Request, _: Visits, secret: _Secret) -> Response:
        """The same board, sent anew whenever anything on it has changed, and that the address was ended."""
        screen, _sight = await come_in(secret)

        async def state() -> str:
            try:
                _screen, sight = await sight_by(secret)
            except AccountRefused:
                return parts.look.fragment(language_of(request), "screen_ended.html")
            return await board(request, sight, parts, screen.jurisdiction)

        return followed(request, parts, state)


def _onlooker(screen: WallScreen) -> Principal:
    """Whoever passes by ``screen``: they see no more than a citizen does who looks on."""
    appointment = Appointment(role=Role.SOCIAL_SUPERVISOR, jurisdiction=screen.jurisdiction)
    account = Account(f"screen {screen.id}", screen.place, screen.made_at, appointments=(appointment,))
    return Principal(account, Scope.READ, screen.id)


def _city(request: Request, asks: Asker, parts: PageParts) -> str:
    """The city whose screens are kept.

    Raises:
        Fault: 404, it is none of theirs; 403, they keep none there.
    """
    city = parts.city(request, asks)
    asks.must("keep_screens", jurisdiction=city)
    return city


async def _kept_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    city: str,
    *,
    url: str = "",
    code: str = "",
    place: str = "",
) -> Response:
    return parts.page(
        request, asks, "screens.html", 400 if code else 200, city=city, url=url, place=place,
        screens=await parts.admission.screens.screens(city), words=parts.city_words(request, city),
        flaw=parts.look.say(request, SCREEN_REFUSALS[code]) if code else "",
    )  # fmt: skip
