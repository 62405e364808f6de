"""The API as one person asks it for their assistant; what it refuses is told in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx2
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from duban.errors import DubanError
from duban_cli.identity import Credential, credential, words_in
from duban_console.api.answer import MASKED

#: Seconds for an answer: a bulletin of a large city takes long.
_PATIENCE: Final = 120.0
_BEARER: Final = "bearer "
_ANOTHER_KEY: Final = "send another key or token as Authorization: Bearer"


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """The document that the API answers with, and the facets that whoever asks does not see of it."""

    document: Any
    masked: list[str]


@dataclass(frozen=True, slots=True)
class PersonalApi:
    """The API at the base address of ``client``, asked by the token of ``who``."""

    client: httpx2.AsyncClient
    who: Credential

    async def ask(self, path: str, query: Mapping[str, Any] | None = None) -> ApiAnswer:
        """What stands at ``path``; parts of ``query`` that are None or empty are left out.

        Raises:
            ToolError: the API is away, or refuses, with what to do.
        """
        return self._read(await self._answer(path, query))

    async def ask_or_none(self, path: str, query: Mapping[str, Any] | None = None) -> ApiAnswer | None:
        """The same; None where nothing stands there, or nothing that is for who asks."""
        answer = await self._answer(path, query)
        return None if answer.status_code in (403, 404) else self._read(answer)

    def _read(self, answer: httpx2.Response) -> ApiAnswer:
        if not answer.is_success:
            cure = f": {self.who.cure}" if answer.status_code == 401 else ""
            raise ToolError(_words(answer) + cure)
        return ApiAnswer(answer.json(), [facet for facet in answer.headers.get(MASKED, "").split(", ") if facet])

    async def _answer(self, path: str, query: Mapping[str, Any] | None) -> httpx2.Response:
        params = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        headers = {"authorization": f"Bearer {self.who.token}"}
        try:
            return await self.client.get(path, params=params, headers=headers, timeout=_PATIENCE)
        except httpx2.TransportError as error:
            say = f"the API does not answer at {self.client.base_url} ({type(error).__name__})"
            raise ToolError(f"{say}: try again, or have somebody start it") from error


class Callers(Protocol):
    """Says for whom a call of a tool is."""

    def api(self, context: Context[Any, Any]) -> PersonalApi:
        """The API, as whoever calls."""
        ...


@dataclass(frozen=True, slots=True)
class SignedInCaller:
    """Who is signed in on this machine calls: over stdio nobody else can. Looked up anew for each call."""

    client: httpx2.AsyncClient
    url: str

    def api(self, context: Context[Any, Any]) -> PersonalApi:
        """The API, as who is signed in.

        Raises:
            ToolError: nobody is, any more.
        """
        try:
            return PersonalApi(self.client, credential(self.url))
        except DubanError as error:
            raise ToolError(str(error)) from None


@dataclass(frozen=True, slots=True)
class KeyedCallers:
    """Each call brings the key of whoever it is for; it is handed on to the API at ``url``, which knows it."""

    client: httpx2.AsyncClient
    url: str

    def api(self, context: Context[Any, Any]) -> PersonalApi:
        """The API, as whose key came with the call.

        Raises:
            ToolError: none came.
        """
        token = bearer_token((context.headers or {}).get("authorization"))
        if token is None:
            raise ToolError("no key came with the call: send it as Authorization: Bearer KEY")
        return PersonalApi(self.client, Credential(self.url, token, _ANOTHER_KEY))


def bearer_token(authorization: str | None) -> str | None:
    """The token in the header ``authorization``."""
    if authorization is None or not authorization.lower().startswith(_BEARER):
        return None
    return authorization[len(_BEARER) :].strip() or None


def _words(answer: httpx2.Response) -> str:
    return words_in(answer) or f"no server of ours: {answer.request.url} answers {answer.status_code}"
