"""What a browser keeps for the API, and when it is believed: cookies, and protection from pages of other sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from duban.errors import Fault
from duban.io.hosts import Hosts
from duban.refusal import Refusal
from duban_console.accounts.admission import Admission
from duban_console.oidc.round_trip import LENGTH

#: The page on which people say who they are.
SIGN_IN_PAGE: Final = "/sign-in"
#: Methods that change nothing, so that it does not matter who has had the browser ask.
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
#: What a browser says of a request that a page of ours has made, or nobody but its user.
_OURS: Final = ("same-origin", "none")
_LOOPBACK: Final = Hosts("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie for this host alone, that no script reads, and that another site's page has sent only by leading here.

    Lax, not Strict: whoever follows a link from a notice, or comes back from the provider, is signed in on the page to
    which they come. What changes anything is refused to other sites by :func:`cross_site`.
    """

    name: str
    is_secure: bool
    length: timedelta | None = None

    def read(self, request: Request) -> str | None:
        """What the browser has kept."""
        return request.cookies.get(self.name) or None

    def set(self, response: Response, value: str) -> None:
        """Have the browser keep ``value``, until it is closed or for as long as the cookie holds."""
        age = None if self.length is None else int(self.length.total_seconds())
        response.set_cookie(
            self.name, value, max_age=age, path="/", secure=self.is_secure, httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        """Have the browser keep it no more."""
        response.delete_cookie(self.name, path="/", secure=self.is_secure, httponly=True, samesite="lax")

    def cleared(self) -> dict[str, str]:
        """The header that does so."""
        response = Response()
        self.clear(response)
        return {"set-cookie": response.headers["set-cookie"]}


class Browser:
    """Browsers as they speak to the API at ``url``; without one, by loopback."""

    def __init__(self, url: str | None = None) -> None:
        self._origin = url
        # A browser keeps what is called so only from https, for this host, and for no part of it.
        is_secure = url is not None and url.startswith("https:")
        prefix = "__Host-" if is_secure else ""
        self.session = Cookie(f"{prefix}duban", is_secure)
        self.trip = Cookie(f"{prefix}duban-sign-in", is_secure, LENGTH)

    def check(self, request: Request) -> None:
        """Return if ``request`` may use the cookie of a session, or be given one.

        Raises:
            Fault: 403, a page of another site has had the browser send it; 400, the browser would send the cookie in
                the clear over a network.
        """
        host = request.headers.get("host", "")
        if self._origin is None and _LOOPBACK.refusal(host) is not None:
            say = f"cookies are kept by loopback alone, and this comes to {host[:100]}: set DUBAN_API_URL"
            raise Fault(400, "no_cookies", say, "host")
        if (why := cross_site(request.method, request.headers, self.origin(request))) is not None:
            raise Fault(403, why.code, why.reason)

    def origin(self, request: Request) -> str:
        """By which address this server is called; where none is set, as ``request`` calls it."""
        return self._origin or f"{request.url.scheme}://{request.headers.get('host', '')}"

    async def keep(self, token: str, request: Request, response: Response, admission: Admission, address: str) -> None:
        """Have the browser keep ``token``; whatever session it had before ends, for somebody else may know that."""
        if (before := self.session.read(request)) is not None:
            await admission.sign_out(before, address)
        self.session.set(response, token)


def cross_site(method: str, headers: Mapping[str, str], ours: str) -> Refusal | None:
    """Why a request is not taken that a cookie speaks for, at the server whose origin is ``ours``.

    A browser sends the cookie along whoever has had it ask; it says who that was in Sec-Fetch-Site, or by plain http,
    and if it is an old one, in Origin.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if method in _SAFE or site in _OURS:
        return None
    if site is not None:
        return _refusal(f"a page of another site ({site[:20]})")
    if origin is None:
        return Refusal(
            "no_origin",
            "nothing says which page this comes from: a program shows its token as Authorization: Bearer TOKEN, "
            "a browser sends Origin",
        )
    return None if _normal(origin) == _normal(ours) else _refusal(f"a page of {origin[:100]}")


def _refusal(who: str) -> Refusal:
    return Refusal("cross_site", f"{who} has had the browser send this, and only pages of this server may")


def _normal(origin: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an origin, as far as it is one."""
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port
