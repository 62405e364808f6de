"""The routes of sign-in by the provider of the city: to it, and back."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault, Unavailable
from duban.io.faults import Faulty
from duban.refusal import Refusal
from duban.texts import is_own_path
from duban_console.accounts.admission import Admission
from duban_console.accounts.provider_door import NotLetIn
from duban_console.accounts.rows import AccountRefused
from duban_console.api.asker import address_of
from duban_console.api.browser import SIGN_IN_PAGE, Browser
from duban_console.oidc.round_trip import RoundTrip, new_trip, trip_in
from duban_console.oidc.settings import CALLBACK, PATH
from duban_console.oidc.sign_on import SignOn

_HOME: Final = "/v1/me"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    303: {"description": "The browser goes on there"},
    401: {"model": Faulty, "description": "The provider does not say who this is, or not so that it is believed"},
    403: {"model": Faulty, "description": "The provider knows who this is, and they do not come in here"},
    404: {"model": Faulty, "description": "This API knows no provider"},
}
_PORT: Final = (
    "For a program on the machine of whoever signs in: where on its loopback the browser comes back to, with a query "
    f"that the program brings to `{CALLBACK}` itself"
)
_LOST: Final = f"sign-in is begun by GET {PATH} in the same browser, and lasts ten minutes: begin again"


def serve_oidc(app: FastAPI, admission: Admission, sign_on: SignOn | None, browser: Browser) -> None:
    """Add the routes to ``app``."""

    def known() -> SignOn:
        if sign_on is None:
            raise Fault(404, "no_provider", "this API knows no provider of sign-in: DUBAN_OIDC_ISSUER")
        return sign_on

    @app.get(PATH, status_code=303, response_class=Response, responses=_ANSWERS, tags=["sessions"])
    async def begin(
        request: Request,
        to: Annotated[str, Query(max_length=500, description="The path of this server to go to in the end")] = _HOME,
        port: Annotated[int | None, Query(ge=1, le=65_535, description=_PORT)] = None,
    ) -> Response:
        """Go to the provider to sign in; from there the browser comes back, and goes on to `to`."""
        sign_on = known()
        if not is_own_path(to):
            raise Fault(400, "not_ours", "is no path of this server: it begins with one slash, as /v1/me does", "to")
        trip = new_trip(sign_on.clock.now(), to, port)
        try:
            answer = RedirectResponse(await sign_on.provider.sign_in_url(trip), 303)
        except Unavailable as away:
            return _shown(request, away, to)
        browser.trip.set(answer, trip.written())
        return answer

    @app.get(CALLBACK, status_code=303, response_class=Response, responses=_ANSWERS, tags=["sessions"])
    async def callback(
        request: Request,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str | None, Query(max_length=4000)] = None,
        error: Annotated[str | None, Query(max_length=200)] = None,
        iss: Annotated[str | None, Query(max_length=1000)] = None,
    ) -> Response:
        """Come back from the provider; a session begins, in a cookie. Where none does, a page says so to people."""
        sign_on, to = known(), _HOME
        try:
            trip = _brought_back(request, state, browser, sign_on.clock.now())
            to = trip.to
            return await signed_in(request, sign_on, trip, code, error, iss)
        except (Fault, Unavailable) as refused:
            return _shown(request, refused, to)

    async def signed_in(
        request: Request, sign_on: SignOn, trip: RoundTrip, code: str | None, error: str | None, iss: str | None
    ) -> Response:
        address = address_of(request)
        try:
            await sign_on.provider.check_sender(iss)
            if code is None:
                reason = "".join(letter for letter in error or "it sends no code" if letter.isprintable())
                raise AccountRefused(Refusal("provider_refused", f"the provider has signed nobody in: {reason}"))
            token, _ = await sign_on.sign_in(code, trip, address, request.headers.get("user-agent", ""))
        except NotLetIn as refused:
            raise Fault(403, refused.code, str(refused), headers=browser.trip.cleared()) from None
        except AccountRefused as refused:
            raise Fault(401, refused.code, str(refused), headers=browser.trip.cleared()) from None
        answer = RedirectResponse(f"{sign_on.url}{trip.to}", 303)
        browser.trip.clear(answer)
        await browser.keep(token, request, answer, admission, address)
        return answer


def _shown(request: Request, refused: Fault | Unavailable, to: str) -> Response:
    """The page that says why nobody is signed in, to who reads pages; to a program ``refused`` itself, raised."""
    if "text/html" not in request.headers.get("accept", ""):
        raise refused
    code = refused.code if isinstance(refused, Fault) else "unavailable"
    answer = RedirectResponse(f"{SIGN_IN_PAGE}?{urlencode({'refused': code, 'to': '/' if to == _HOME else to})}", 303)
    answer.headers.update(refused.headers if isinstance(refused, Fault) else {})
    return answer


def _brought_back(request: Request, state: str, browser: Browser, at: datetime) -> RoundTrip:
    """The sign-in that this very browser has begun, and not long ago."""
    trip = trip_in(browser.trip.read(request) or "")
    if trip is None or not trip.lasts(at):
        raise Fault(400, "no_sign_in_begun", f"no sign-in is under way: {_LOST}", headers=browser.trip.cleared())
    if not compare_digest(state.encode(), trip.state.encode()):
        say = f"this answers another sign-in than the one that is under way: {_LOST}"
        raise Fault(400, "wrong_state", say, "state", headers=browser.trip.cleared())
    return trip
