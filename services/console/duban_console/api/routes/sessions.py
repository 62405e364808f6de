"""The routes of who is signed in: sign in and out, one's sessions, and who one is."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import FastAPI, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from duban.errors import Fault
from duban.io.faults import Faulty
from duban.messages.struct import NO_NUL, plain
from duban_console.accounts.access import DEEDS, Reach, deeds_of, may
from duban_console.accounts.admission import Admission
from duban_console.accounts.rows import AccountRefused, Unusable
from duban_console.accounts.session import AccountSession, Principal
from duban_console.api.asker import Asks, address_of
from duban_console.api.browser import Browser
from duban_console.oidc.sign_on import SignOn

PATH: Final = "/v1/sessions"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Faulty, "description": words}
    for status, words in {
        401: "Nobody is signed in by this",
        404: "There is no such session of yours",
    }.items()
}

Word = Annotated[str, Field(max_length=256)]


class SignIn(BaseModel):
    """Who somebody is; neither its representation nor its faults show any of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(max_length=256, pattern=NO_NUL)]
    password: Word = Field(repr=False)
    code: Word | None = Field(None, repr=False, description="Of the second factor, or a recovery code")
    new_password: Word | None = Field(None, repr=False, description="In the place of one that somebody else has given")
    cookie: bool = Field(False, description="Have the browser keep the token in a cookie, instead of showing it")


class SignedInSession(BaseModel):
    """A session, without its token."""

    id: UUID
    account: str
    address: str
    agent: str
    begun_at: AwareDatetime
    seen_at: AwareDatetime
    ends_at: AwareDatetime = Field(description="Unless something is asked before")


class NewSession(BaseModel):
    """The token, shown this once unless a cookie has it, and the session."""

    token: str | None = None
    session: SignedInSession


class SignedOut(BaseModel):
    """One's session here has ended; at the provider one is signed in until the browser goes there."""

    end_session_url: str


class Sessions(BaseModel):
    """Where one is signed in, the oldest first."""

    sessions: list[SignedInSession]


class MayAs(BaseModel):
    """What one may do by one appointment; without a city, in every one."""

    role: str
    jurisdiction: str | None = None
    unit: str | None = None
    deeds: dict[str, Reach] = Field(
        description="By deed, on which records: `own`, those of the unit or in which it joins; `city`; `all`"
    )


class Me(BaseModel):
    """Who asks: the account with its appointments, and what it may do at all."""

    account: str
    full_name: str
    system: bool
    scope: str
    appointments: list[dict[str, str]]
    deeds: list[str] = Field(description="What one may do at all")
    may: list[MayAs] = Field(description="The same by appointment: in which city and for which unit")


_SIGNED_OUT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": SignedOut, "description": "Ended here; there the browser ends its sign-in at the provider"},
}


def serve_sessions(app: FastAPI, door: Admission, sign_on: SignOn | None, browser: Browser) -> None:
    """Add the routes to ``app``."""

    def shown(session: AccountSession) -> SignedInSession:
        ends_at = session.ends_at(door.terms)
        return SignedInSession(
            id=session.id, account=session.account, address=session.address, agent=session.agent,
            begun_at=session.begun_at, seen_at=session.seen_at, ends_at=ends_at,
        )  # fmt: skip

    @app.post(PATH, status_code=201, response_model=NewSession, responses=_ANSWERS, tags=["sessions"])
    async def sign_in(who: SignIn, request: Request) -> JSONResponse:
        """Sign in; the token of the session goes with each request, as `Authorization: Bearer TOKEN` or in a cookie."""
        if who.cookie:
            browser.check(request)
        try:
            token, session = await door.sign_in(
                who.name, who.password, who.code, new=who.new_password, address=address_of(request),
                agent=request.headers.get("user-agent", ""),
            )  # fmt: skip
        except Unusable as refused:
            raise Fault(400, refused.code, str(refused), "new_password") from None
        except AccountRefused as refused:
            raise Fault(401, refused.code, str(refused)) from None
        if not who.cookie:
            return JSONResponse(NewSession(token=token, session=shown(session)).model_dump(mode="json"), 201)
        answer = JSONResponse(NewSession(session=shown(session)).model_dump(mode="json", exclude_none=True), 201)
        await browser.keep(token, request, answer, door, address_of(request))
        return answer

    @app.get(PATH, responses=_ANSWERS, tags=["sessions"])
    async def sessions(asks: Asks) -> Sessions:
        """Where one is signed in."""
        principal = asks.known
        return Sessions(sessions=[shown(session) for session in await door.sessions(principal.account.name)])

    @app.delete(PATH + "/{id}", status_code=204, responses={**_ANSWERS, **_SIGNED_OUT}, tags=["sessions"])
    async def end(id_: Annotated[str, Path(alias="id")], asks: Asks) -> Response:
        """End one of one's sessions; `current` is the one by which is asked.

        Where that was begun by the provider of the city, it says where the browser ends its sign-in there, too.
        """
        principal = asks.known
        chosen = principal.known_by if id_ == "current" else id_
        try:
            await door.end_session(principal.account.name, UUID(chosen), principal.account.name)
        except (AccountRefused, ValueError):
            raise Fault(404, "unknown_session", f"{id_} is no session of yours; GET {PATH} lists them", "id") from None
        return await _signed_out(principal, sign_on, browser) if chosen == principal.known_by else Response(None, 204)

    @app.get("/v1/me", responses=_ANSWERS, tags=["sessions"])
    async def me(asks: Asks) -> Me:
        """Who one is, for which units, and what one may do at all."""
        principal = asks.known
        account = principal.account
        return Me(
            account=account.name,
            full_name=account.full_name,
            system=account.is_system,
            scope=principal.scope,
            appointments=[plain(appointment) for appointment in account.appointments],
            deeds=[deed for deed in DEEDS if may(principal, deed) is None],
            may=[
                MayAs.model_validate({**plain(each), "deeds": deeds_of(each, principal.scope)})
                for each in account.appointments
            ],
        )


async def _signed_out(principal: Principal, sign_on: SignOn | None, browser: Browser) -> Response:
    """That one's session has ended; of an account of the provider, where the browser goes to end the one there."""
    is_of_provider = principal.account.identity is not None
    url = await sign_on.sign_out_url() if sign_on is not None and is_of_provider else None
    answer = JSONResponse(SignedOut(end_session_url=url).model_dump()) if url else Response(None, 204)
    browser.session.clear(answer)
    return answer
