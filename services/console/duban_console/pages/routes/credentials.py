"""By what one signs in oneself: the password, and the second factor."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

import segno
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from duban_console.accounts.labels import CREDENTIAL_REFUSALS
from duban_console.accounts.rows import AccountRefused
from duban_console.api.asker import Asker, address_of
from duban_console.api.browser import SIGN_IN_PAGE
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

PASSWORD: Final = "/account/password"  # noqa: S105 - a path
FACTOR: Final = "/account/factor"
_GROUP: Final = 4
_Word = Annotated[str, Form(max_length=256)]


def serve_credentials(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""
    _serve_password(app, parts)
    _serve_factor(app, parts)


def _serve_password(app: FastAPI, parts: PageParts) -> None:
    @app.get(PASSWORD)
    async def password_form(request: Request, asks: Visits) -> Response:
        """Where one changes one's password."""
        return _password_page(request, asks, parts)

    @app.post(PASSWORD)
    async def change(
        request: Request, asks: Visits, password: _Word = "", new: _Word = "", again: _Word = "", code: _Word = ""
    ) -> Response:
        """Change one's password; every session ends, and one for this browser begins anew."""
        door, address = parts.admission, address_of(request)
        if not _has_password(asks):
            return _password_page(request, asks, parts, "of_provider", 409)
        if new != again:
            return _password_page(request, asks, parts, "unequal", 400)
        try:
            token, _session = await door.sign_in(
                asks.known.account.name, password, code.strip() or None, new=new, address=address,
                agent=request.headers.get("user-agent", ""),
            )  # fmt: skip
        except AccountRefused as refused:
            return _password_page(request, asks, parts, refused.code, 400)
        answer = RedirectResponse("/account?done=password", 303)
        await parts.browser.keep(token, request, answer, door, address)
        return answer


def _serve_factor(app: FastAPI, parts: PageParts) -> None:
    accounts = parts.account_desks.accounts

    @app.get(FACTOR)
    async def factor(request: Request, asks: Visits) -> Response:
        """One's second factor: whether there is one, and what can be done about it."""
        return _factor_page(request, asks, parts)

    @app.post(FACTOR)
    async def begin(request: Request, asks: Visits) -> Response:
        """Begin a second factor, whose secret is shown; it counts once confirmed."""
        name = asks.known.account.name
        try:
            uri = await accounts.begin_factor(name, by=name)
        except AccountRefused as refused:
            return _factor_page(request, asks, parts, refused.code, 409)
        return _factor_page(request, asks, parts, uri=uri, waits=True)

    @app.post(f"{FACTOR}/confirmation")
    async def confirm(request: Request, asks: Visits, password: _Word = "", code: _Word = "") -> Response:
        """Have it count: by a first code of it, and the password; recovery codes are shown this once."""
        account, uri = asks.known.account, ""
        try:
            await parts.admission.prove(account.name, password, address=address_of(request))
            # Whoever knows the password as well may see the secret once more that they have just been shown.
            uri = account.factor.uri(account.name) if account.factor is not None else ""
            codes = await accounts.confirm_factor(account.name, code, by=account.name)
        except AccountRefused as refused:
            return _factor_page(request, asks, parts, refused.code, 400, uri=uri)
        return _factor_page(request, asks, parts, codes=codes)

    @app.post(f"{FACTOR}/end")
    async def end(request: Request, asks: Visits, password: _Word = "", code: _Word = "") -> Response:
        """Have no second factor any more: by the password and a code of it, or a recovery code; sessions end."""
        name = asks.known.account.name
        try:
            await parts.admission.prove(name, password, code.strip() or None, address=address_of(request))
            await accounts.take_factor(name, by=name)
        except AccountRefused as refused:
            return _factor_page(request, asks, parts, refused.code, 400)
        return RedirectResponse(f"{SIGN_IN_PAGE}?to={FACTOR}", 303)


def _has_password(asks: Asker) -> bool:
    """Whether whoever asks signs in here by a password: a provider keeps that of its accounts, a system has keys."""
    account = asks.known.account
    return account.identity is None and not account.is_system


def _flaw(request: Request, parts: PageParts, code: str) -> dict[str, Any]:
    """What is wrong, and beside which field that stands."""
    field, words = CREDENTIAL_REFUSALS.get(code, CREDENTIAL_REFUSALS["not_signed_in"])
    return {"flaw": parts.look.say(request, words) if code else "", "flawed": field if code else ""}


def _password_page(request: Request, asks: Asker, parts: PageParts, code: str = "", status: int = 200) -> Response:
    return parts.page(
        request, asks, "password.html", status, account=asks.known.account, has_password=_has_password(asks),
        **_flaw(request, parts, code),
    )  # fmt: skip


def _factor_page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    code: str = "",
    status: int = 200,
    *,
    uri: str = "",
    waits: bool = False,
    codes: tuple[str, ...] = (),
) -> Response:
    """``uri``: what an authenticator app reads of a factor that ``waits`` for its first code; ``codes``: to recover."""
    account = asks.known.account
    is_waiting = waits or (account.factor is not None and not account.has_factor)
    return parts.page(
        request, asks, "factor.html", status, account=account, has_password=_has_password(asks), uri=uri,
        secret=_secret_of(uri), picture=_picture_of(uri), waits=is_waiting, codes=codes, **_flaw(request, parts, code),
    )  # fmt: skip


def _picture_of(uri: str) -> Markup:
    """``uri`` as a QR code for the camera of a phone: black on white, whatever the page is drawn in."""
    return Markup(segno.make(uri, micro=False).svg_inline(scale=5, light="#fff") if uri else "")  # noqa: S704


def _secret_of(uri: str) -> str:
    """The secret in ``uri``, in groups as a person types it."""
    [secret] = parse_qs(urlsplit(uri).query).get("secret", [""])
    return " ".join(secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP))
