"""The routes of the vault, for custodians: ask, approve or refuse, open, forget, and the log of all that.

Who acts is who is signed in at the API, which is asked for each request; what a body says of that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from duban.errors import Fault
from duban.io.doorkeeper import ADMISSION, Caller, Doorkeeper, who_may
from duban.io.faults import FAULTS, Faulty, answer_faults, only_json
from duban.io.http import GuardedAnswers
from duban_intake.body import JSON, body_schema, malformed
from duban_intake.domain import MOST_CHARACTERS
from duban_intake.vault.answers import answer_refusals, reached
from duban_intake.vault.chain import Audit, Line
from duban_intake.vault.contact import Contact
from duban_intake.vault.custody import ActKind
from duban_intake.vault.desk import PersonalClass, Vault

B = TypeVar("B", bound=BaseModel)
_PATH: Final = "/v1/vault"
_AWAY: Final = "the vault cannot be reached now"

_Identity = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
_Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]

#: Who comes, by what they want; custody is for people alone, as whoever holds a key of a system may be a custodian too.
_Asker = Annotated[Caller, Depends(who_may("ask_vault", a_person=True))]
_Approver = Annotated[Caller, Depends(who_may("approve_vault", a_person=True))]
_Refuser = Annotated[Caller, Depends(who_may("refuse_vault", a_person=True))]
_Opener = Annotated[Caller, Depends(who_may("open_vault", a_person=True))]
_Forgetter = Annotated[Caller, Depends(who_may("forget_contact", a_person=True))]
_Reader = Depends(who_may("see_vault_log"))


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _says_not_who(cls, body: Any) -> Any:
        if isinstance(body, dict) and "by" in body:
            raise ValueError("says who acts under `by`: that is who is signed in")
        return body


class About(_Said):
    """A report, and why something is wanted of the vault about it."""

    source: _Identity
    id: _Identity
    reason: _Reason


class Nothing(_Said):
    """There is nothing to say."""


class Because(_Said):
    """Why."""

    reason: _Reason


class Logged(BaseModel):
    """One line of the log: the act by the same names as in the vault, and the hashes that chain it."""

    number: int
    kind: ActKind
    at: AwareDatetime
    by: str
    source: str
    id: str
    ask: UUID | None
    reason: str
    previous: str
    hash: str


class OpenedContact(BaseModel):
    """The line of the log, and what was sealed."""

    logged: Logged
    contact: Contact


class Erased(BaseModel):
    """The line of the log, and of which classes the keys are destroyed; what has no key of its own stays."""

    logged: Logged
    classes: list[PersonalClass]
    files: list[str] = Field(description="The SHA-256 of the files of which nothing can be read any more")


class Requested(BaseModel):
    """A report that its reporter asks to have erased."""

    source: str
    id: str
    asked_at: AwareDatetime


class Requests(BaseModel):
    """What reporters ask to have erased and no custodian has seen to, the oldest first."""

    requests: list[Requested]


class Log(BaseModel):
    """Every line of the log, in order."""

    lines: list[Logged]


class LogVerification(BaseModel):
    """Whether the log is whole; note ``head`` elsewhere, and give it the next time."""

    whole: bool
    lines: int
    head: str
    broken: int | None = Field(description="The first line that is wrong")
    reason: str | None


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {status: {"model": Faulty} for status in (404, 409, 410, 501)}


def create_app(vault: Vault, doorkeeper: Doorkeeper, max_body: int) -> FastAPI:
    """The application over ``vault``; ``doorkeeper`` says who comes."""
    app = FastAPI(
        title="Duban vault",
        version="2",
        description="Who reported, for custodians alone.",
        responses={**FAULTS, **ADMISSION},
        dependencies=[Depends(only_json)],
    )
    app.state.doorkeeper = doorkeeper
    answer_faults(app, max_body)
    app.add_middleware(GuardedAnswers)
    answer_refusals(app)

    async def said(request: Request, body: type[B]) -> B:
        try:
            return body.model_validate_json(await request.body())
        except ValidationError as error:
            raise malformed(error) from None

    @app.post(f"{_PATH}/asks", status_code=201, response_model=Logged, **_described(About))
    async def ask(request: Request, caller: _Asker) -> JSONResponse:
        """Ask to open the contact of a report; another custodian has to approve."""
        of = await said(request, About)
        return _answer(_logged(await reached(vault.ask(of.source, of.id, caller.account, of.reason), _AWAY)))

    @app.post(_PATH + "/asks/{ask}/approval", status_code=201, response_model=Logged, **_described(Nothing))
    async def approve(ask: str, request: Request, caller: _Approver) -> JSONResponse:
        """Agree to an ask; never who asked."""
        await said(request, Nothing)
        return _answer(_logged(await reached(vault.approve(_id(ask), caller.account), _AWAY)))

    @app.post(_PATH + "/asks/{ask}/refusal", status_code=201, response_model=Logged, **_described(Because))
    async def refuse(ask: str, request: Request, caller: _Refuser) -> JSONResponse:
        """End an ask before it is opened."""
        of = await said(request, Because)
        return _answer(_logged(await reached(vault.refuse(_id(ask), caller.account, of.reason), _AWAY)))

    @app.post(_PATH + "/asks/{ask}/opening", status_code=201, response_model=OpenedContact, **_described(Nothing))
    async def open_(ask: str, request: Request, caller: _Opener) -> JSONResponse:
        """The contact, once, to who asked, while the approval holds."""
        await said(request, Nothing)
        line, contact = await reached(vault.open(_id(ask), caller.account), _AWAY)
        return _answer(OpenedContact(logged=_logged(line), contact=contact))

    @app.post(f"{_PATH}/forgotten", status_code=201, response_model=Logged, **_described(About))
    async def forget(request: Request, caller: _Forgetter) -> JSONResponse:
        """Destroy the data key of a report's contact, for ever; the log stays."""
        of = await said(request, About)
        return _answer(_logged(await reached(vault.forget(of.source, of.id, caller.account, of.reason), _AWAY)))

    @app.post(f"{_PATH}/erasures", status_code=201, response_model=Erased, **_described(About))
    async def erase(request: Request, caller: _Forgetter) -> JSONResponse:
        """Destroy every key of a report, for ever: contact, what it says, its files; the log stays."""
        of = await said(request, About)
        line, erasure = await reached(vault.erase(of.source, of.id, caller.account, of.reason), _AWAY)
        return _answer(Erased(logged=_logged(line), classes=list(erasure.classes), files=list(erasure.files)))

    @app.get(f"{_PATH}/requests", dependencies=[_Reader])
    async def requests() -> Requests:
        """What reporters ask to have erased."""
        pending = await reached(vault.requests(), _AWAY)
        return Requests(requests=[Requested(**asdict(request)) for request in pending])

    @app.get(f"{_PATH}/log", dependencies=[_Reader])
    async def log() -> Log:
        """Who asked, approved, refused, opened and forgot what."""
        return Log(lines=[_logged(line) for line in await reached(vault.log(), _AWAY)])

    @app.get(f"{_PATH}/verification", dependencies=[_Reader])
    async def verify(
        head: Annotated[list[str] | None, Query(description="A head noted earlier")] = None,
    ) -> LogVerification:
        """Whether the log is whole."""
        return _verified(await reached(vault.verify(head or ()), _AWAY))

    return app


def _described(body: type[BaseModel]) -> Mapping[str, Any]:
    """What the documentation says of a route that reads ``body``."""
    content = {"content": {JSON: {"schema": body_schema(body)}}, "required": True}
    return {"responses": _ANSWERS, "openapi_extra": {"requestBody": content}}


def _id(ask: str) -> UUID:
    try:
        return UUID(ask)
    except ValueError:
        raise Fault(404, "unknown_ask", "asks are known by a UUID; `duban vault log` lists them") from None


def _logged(line: Line) -> Logged:
    return Logged(number=line.number, **asdict(line.act), previous=line.previous, hash=line.hash)


def _verified(audit: Audit) -> LogVerification:
    return LogVerification(
        whole=audit.broken is None,
        lines=audit.lines,
        head=audit.head,
        broken=audit.broken,
        reason=audit.reason,
    )


def _answer(answer: BaseModel) -> JSONResponse:
    return JSONResponse(answer.model_dump(mode="json", exclude_none=True), 201)
