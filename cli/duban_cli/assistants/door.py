"""The door of the server over HTTP: whoever the API knows by their key comes in, and no page of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx2
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from duban.io.faults import answer
from duban.io.http import GuardedAnswers
from duban_cli.assistants.api import bearer_token
from duban_cli.identity import words_in

_PATIENCE: Final = 30.0
_NO_KEY: Final = "nobody is known: send a key, or the token of a session, as Authorization: Bearer KEY"
_FOREIGN: Final = "a page in a browser asks; assistants do not send an Origin"


def http_app(server: MCPServer[Any], client: httpx2.AsyncClient, max_body: int) -> ASGIApp:
    """``server`` over streamable HTTP at ``/mcp``, for whom the API behind ``client`` knows; nothing is kept."""
    app = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=max_body,
        # Which host a request may name, says what serves this; who may come in, the door.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return GuardedAnswers(KeyDoor(app, client))


@dataclass(frozen=True, slots=True)
class KeyDoor:
    """Lets a request through to ``app`` whose key the API behind ``client`` knows; asked for each, nothing is kept."""

    app: ASGIApp
    client: httpx2.AsyncClient

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        reply = await self._refusal(Headers(scope=scope)) or self.app
        await reply(scope, receive, send)

    async def _refusal(self, headers: Headers) -> ASGIApp | None:
        if "origin" in headers:
            return answer(403, "foreign_page", _FOREIGN)
        token = bearer_token(headers.get("authorization"))
        if token is None:
            return answer(401, "no_token", _NO_KEY)
        try:
            known = await self.client.get("/v1/me", headers={"authorization": f"Bearer {token}"}, timeout=_PATIENCE)
        except httpx2.TransportError as error:
            return answer(503, "unavailable", f"the API does not answer ({type(error).__name__}); try again")
        if known.is_success:
            return None
        return answer(known.status_code, "not_known", words_in(known) or f"the API answers {known.status_code}")
