"""Sign-in by the provider of a city, from the command line: a browser on this machine goes there, and comes back here.

As RFC 8252 has it: the command line listens on loopback for one answer, and what makes that worth something never
leaves it, a cookie of the API.
"""

from __future__ import annotations

import asyncio
import webbrowser
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from rich.markup import escape

from duban.errors import Unavailable
from duban_cli.identity import http_client, words_in
from duban_cli.output import ExitCode, err, fail

if TYPE_CHECKING:
    import httpx2

_BEGIN: Final = "/v1/sessions/oidc"
_CALLBACK: Final = f"{_BEGIN}/callback"
#: As the API calls the cookie of a session, by https and by plain http.
_COOKIES: Final = ("__Host-duban", "duban")
#: Seconds in which somebody signs in, which is as long as the API waits.
_PATIENCE: Final = 600.0
_SOON: Final = 5.0
_LONGEST_REQUEST: Final = 16_384


async def provider_token(url: str) -> str:
    """The token of a session at the API at ``url``, once somebody has signed in at the provider in a browser.

    Ends the command where nobody does, or the API does not let them in.
    """
    import httpx2

    async with http_client(url) as client, _Answer() as answer:
        try:
            begun = await client.get(_BEGIN, params={"port": answer.port})
            place = _led_on(begun)
            answer.state = parse_qs(urlsplit(place).query).get("state", [""])[0]
            err().print(f"sign in here, in a browser on this machine:\n  {escape(place)}", soft_wrap=True)
            opening = asyncio.create_task(asyncio.to_thread(webbrowser.open, place))
            query = await answer.arrived()
            opening.cancel()
            _led_on(await client.get(f"{_CALLBACK}?{query}"))
        except httpx2.TransportError as error:
            raise Unavailable(f"the API does not answer at {url} ({type(error).__name__})") from error
        tokens = [token for name in _COOKIES if (token := client.cookies.get(name))]
    if not tokens:
        fail(ExitCode.FAILURE, f"the API at {url} has signed somebody in and gives no session: is it of this release?")
    return tokens[0]


def _led_on(answer: httpx2.Response) -> str:
    """Where ``answer`` leads on; ends the command, with the API's words, where it does not."""
    if not answer.is_redirect:
        code = ExitCode.UNAVAILABLE if answer.is_server_error else ExitCode.CONFLICT
        fail(code, words_in(answer) or f"the API answers {answer.status_code}")
    return str(answer.headers["location"])


class _Answer:
    """The one answer that a browser brings back to loopback; whatever else comes there is sent away."""

    def __init__(self) -> None:
        self.state = ""
        self.port = 0
        self._query: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> _Answer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_REQUEST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def arrived(self) -> str:
        """The query that it comes with."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._query
        except TimeoutError:
            fail(ExitCode.CONFLICT, "nobody has signed in for ten minutes: begin again")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SOON):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._told(head.split(b"\r\n", 1)[0].decode("ascii", "replace")))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    def _told(self, request: str) -> bytes:
        """What the browser is shown that asks so."""
        method, _, rest = request.partition(" ")
        target = urlsplit(rest.partition(" ")[0])
        state = parse_qs(target.query).get("state", [""])[0]
        is_ours = method == "GET" and target.path == "/callback" and self.state != ""
        if not is_ours or not compare_digest(state.encode(), self.state.encode()):
            return _page(HTTPStatus.NOT_FOUND, "This is not the sign-in that duban waits for.")
        if not self._query.done():
            self._query.set_result(target.query)
        return _page(HTTPStatus.OK, "duban goes on with this sign-in. You may close this page.")


def _page(status: HTTPStatus, words: str) -> bytes:
    body = words.encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
