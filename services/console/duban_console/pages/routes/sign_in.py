"""Sign in, sign out, and one's own account."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.words import msgid
from duban.texts import is_own_path
from duban_console.accounts.rows import AccountRefused, Unusable
from duban_console.api.asker import Asker, address_of
from duban_console.api.browser import SIGN_IN_PAGE
from duban_console.oidc.settings import PATH as OIDC_PATH
from duban_console.pages.labels import ROLES
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

PATH: Final = SIGN_IN_PAGE
#: Beside which field it stands that nobody was signed in, and what it says.
_WORDS: Final = {
    "not_signed_in": ("password", msgid(
        "Name, password or code is wrong, or there were too many tries: check them, and wait a quarter of an hour "
        "after several."
    )),
    "code_needed": ("code", msgid("Give the code that your device shows now, and the password once more.")),
    "password_to_change": ("new_password", msgid(
        "Somebody else knows this password: choose a new one, and give the old one once more."
    )),
    "weak_password": ("new_password", msgid("Choose a longer password, that is not your name and not the old one.")),
}  # fmt: skip
_BEGIN_AGAIN: Final = msgid(
    "This sign-in was not begun in this browser, or took more than ten minutes: begin it again."
)
_NOT_APPOINTED: Final = msgid("The city knows you, and you have no account here yet: ask whoever keeps the accounts.")
#: What is said of a sign-in by the provider of the city from which somebody comes back without a session, and with
#: which status, as a program is answered there.
_REFUSALS: Final = {
    "no_sign_in_begun": (400, _BEGIN_AGAIN),
    "wrong_state": (400, _BEGIN_AGAIN),
    "wrong_nonce": (401, _BEGIN_AGAIN),
    "code_refused": (401, _BEGIN_AGAIN),
    "provider_refused": (401, msgid(
        "The sign-in of the city has signed nobody in: begin it again, or sign in below."
    )),
    "not_let_in": (403, _NOT_APPOINTED),
    "bad_name": (403, _NOT_APPOINTED),
    "name_taken": (403, msgid(
        "There is an account of your name here that is another's: ask whoever keeps the accounts."
    )),
    "off": (403, msgid("Your account was turned off here: ask whoever keeps the accounts.")),
    "unavailable": (503, msgid(
        "The sign-in of the city is away at this moment: try again later, or sign in below."
    )),
}  # fmt: skip
_NOT_BELIEVED: Final = (401, msgid(
    "What the sign-in of the city says of you was not believed: begin it again; if it stays so, tell the operator."
))  # fmt: skip
Word = Annotated[str, Form(max_length=256)]


def serve_sign_in(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    def form(
        request: Request, to: str, status: int = 200, code: str = "", name: str = "", refused: str = ""
    ) -> Response:
        field, flaw = _WORDS.get(code, ("password", msgid("This was not taken.")))
        answered, refusal = _REFUSALS.get(refused, _NOT_BELIEVED) if refused else (status, "")
        provider = f"{OIDC_PATH}?to={quote(to, safe='')}" if parts.sign_on is not None else None
        return parts.look.page(
            request, "sign_in.html", answered, flaw=parts.look.say(request, flaw) if code else "", field=field,
            asks_new=field == "new_password", provider=provider, name=name, to=to,
            refusal=parts.look.say(request, refusal) if refusal else "",
        )  # fmt: skip

    @app.get(PATH)
    async def asked(request: Request, _: Visits, to: str = "/", refused: str = "") -> Response:
        """Where somebody says who they are; ``refused`` is the word of a sign-in by the provider that failed."""
        return form(request, _own(to), refused=refused)

    @app.post(PATH)
    async def sign_in(
        request: Request,
        _: Visits,
        name: Word = "",
        password: Word = "",
        code: Word = "",
        new_password: Word = "",
        to: Annotated[str, Form(max_length=1000)] = "/",
    ) -> Response:
        """Sign in, and go on."""
        door, address = parts.admission, address_of(request)
        try:
            token, _session = await door.sign_in(
                name, password, code.strip() or None, new=new_password or None, address=address,
                agent=request.headers.get("user-agent", ""),
            )  # fmt: skip
        except Unusable:
            return form(request, _own(to), 400, "weak_password", name)
        except AccountRefused as refused:
            return form(request, _own(to), 401, refused.code, name)
        answer = RedirectResponse(_own(to), 303)
        await parts.browser.keep(token, request, answer, door, address)
        return answer

    @app.post("/sign-out")
    async def sign_out(request: Request, _: Visits) -> Response:
        """End the session of this browser; at the provider of the city too, where that began it."""
        goal = PATH
        if (token := parts.browser.session.read(request)) is not None:
            goal = await _provider_exit(parts, token, address_of(request)) or PATH
            await parts.admission.sign_out(token, address_of(request))
        answer = RedirectResponse(goal, 303)
        parts.browser.session.clear(answer)
        return answer

    @app.get("/account")
    async def account(request: Request, asks: Visits) -> Response:
        """Who one is here, and where one is signed in."""
        return await _account(request, asks, parts)

    @app.post("/account/sessions/{id}")
    async def end(request: Request, asks: Visits) -> Response:
        """End one of one's sessions."""
        name = asks.known.account.name
        try:
            await parts.admission.end_session(name, UUID(request.path_params["id"]), name)
        except (AccountRefused, ValueError):
            raise Fault(404, "unknown_session", "this session has ended already", "id") from None
        return RedirectResponse("/account", 303)


async def _account(request: Request, asks: Asker, parts: PageParts) -> Response:
    sessions = [
        (each, each.ends_at(parts.admission.terms), str(each.id) == asks.known.known_by)
        for each in await parts.admission.sessions(asks.known.account.name)
    ]
    appointments = [
        (parts.look.say(request, ROLES[each.role]), each.jurisdiction or "", each.unit or "")
        for each in asks.known.account.appointments
    ]
    return parts.page(
        request, asks, "account.html", account=asks.known.account, sessions=sessions, appointments=appointments,
        done=request.query_params.get("done", ""),
    )  # fmt: skip


async def _provider_exit(parts: PageParts, token: str, address: str) -> str | None:
    """Where the browser ends its sign-in at the provider; None where that did not begin the session."""
    if parts.sign_on is None:
        return None
    try:
        principal = await parts.admission.principal(token, address)
    except AccountRefused:
        return None
    return await parts.sign_on.sign_out_url() if principal.account.identity is not None else None


def _own(to: str) -> str:
    return to if is_own_path(to) else "/"
