"""Who comes to a server that keeps no accounts itself: the API is asked, by the token that is shown.

    app.state.doorkeeper = Doorkeeper(client_of(settings.vault_accounts))
    Opener = Annotated[Caller, Depends(who_may("open_vault"))]       # a parameter of a route

Each request asks anew, so that an account that was turned off a moment ago is let in nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn

import httpx2
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from duban.errors import Fault, Unavailable
from duban.io.faults import Faulty
from duban.io.trust import trust

_log = structlog.get_logger(__name__)

_ME: Final = "v1/me"
#: Seconds that the API has to say who comes, from beginning to end.
_PATIENCE: Final = 5.0
#: What the API says of whoever shows the token, and not of us.
_OF_THE_TOKEN: Final = (401, 403, 429)
_BEARER: Final = HTTPBearer(
    auto_error=False, description="The token of a session (POST /v1/sessions of the API), or the key of a system"
)
#: What a route that asks who comes may answer, for the documentation of the server.
ADMISSION: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Faulty, "description": "Nobody is known by this"},
    403: {"model": Faulty, "description": "The account may not do this; the message says what is missing"},
    429: {"model": Faulty, "description": "The account asks too often; go on when `Retry-After` says"},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who comes, as the API knows them: the account, whether it is a system's, and what it may do at all."""

    account: str
    is_system: bool
    deeds: frozenset[str]


class Doorkeeper:
    """Asks the API at the other end of ``client`` who comes; keeps no answer."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def admitted(self, token: str | None, deed: str, *, a_person: bool = False) -> Caller:
        """Who shows ``token``, and may do ``deed``; with ``a_person``, no system may.

        Raises:
            Fault: 401, nobody is known by ``token``; 403, with what is missing.
            Unavailable: the API cannot be asked.
        """
        if token is None:
            say = "nobody is signed in: send the token of a session of the API as Authorization: Bearer TOKEN"
            raise Fault(401, "no_token", say)
        caller = await self._caller(token)
        if a_person and caller.is_system:
            _refuse(caller, deed, "no_person", f"{caller.account} is a system, and {deed} is for people")
        if deed not in caller.deeds:
            say = (
                f"{caller.account} may not do {deed}: docs/access.md says which role may, and an administrator appoints"
            )
            _refuse(caller, deed, "no_role", say)
        return caller

    async def _caller(self, token: str) -> Caller:
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._client.get(_ME, headers={"authorization": f"Bearer {token}"})
        except (httpx2.HTTPError, TimeoutError) as error:
            why = f"the API, which knows the accounts, does not answer ({type(error).__name__})"
            raise Unavailable(why) from error
        if answer.status_code in _OF_THE_TOKEN:
            raise _passed_on(answer)
        try:
            me = _Me.model_validate_json(answer.content if answer.is_success else b"")
        except ValidationError:
            why = f"what stands in the place of the API answers {answer.status_code}, and nothing that says who comes"
            raise Unavailable(why) from None
        return Caller(me.account, me.system, frozenset(me.deeds))


class _Me(BaseModel):
    """What is needed of the answer of ``GET /v1/me``."""

    account: str
    system: bool
    deeds: list[str]


def who_may(deed: str, *, a_person: bool = False) -> Callable[..., Awaitable[Caller]]:
    """A dependency of FastAPI: whoever comes and may do ``deed``; see :meth:`Doorkeeper.admitted`."""

    async def caller(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
    ) -> Caller:
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        return await doorkeeper.admitted(shown.credentials if shown else None, deed, a_person=a_person)

    return caller


def client_of(url: str) -> httpx2.AsyncClient:
    """A client of the API at ``url``, which follows no redirection and heeds no proxy: it carries people's tokens."""
    return httpx2.AsyncClient(
        base_url=url, verify=trust(), timeout=_PATIENCE, follow_redirects=False, trust_env=False,
        headers={"user-agent": "duban"},
    )  # fmt: skip


def _passed_on(answer: httpx2.Response) -> Fault:
    """What the API says of a token, in its own words."""
    try:
        error = Faulty.model_validate_json(answer.content).error
    except ValidationError:
        return Fault(answer.status_code, "not_admitted", f"the API answers {answer.status_code} to this token")
    retry = answer.headers.get("retry-after", "")
    return Fault(answer.status_code, error.code, error.message, error.field, int(retry) if retry.isdigit() else None)


def _refuse(caller: Caller, deed: str, code: str, reason: str) -> NoReturn:
    # Whoever tries doors that are not theirs leaves a trace.
    _log.warning("not admitted", account=caller.account, deed=deed, code=code)
    raise Fault(403, code, reason)
