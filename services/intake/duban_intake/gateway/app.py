"""The routes of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field
from starlette.exceptions import HTTPException

from duban.clock import Clock
from duban.errors import RecordTooLarge, Unavailable
from duban.io.waiting import is_unavailable
from duban.messages.envelope import Record, encode
from duban_intake.domain import Outcome, Receipt, own_problem
from duban_intake.gateway.reading import JSON, STRUCTURED, Fault, Submission, read

_log = structlog.get_logger(__name__)
_PATH: Final = "/v1/reports"
_RETRY: Final = {"Retry-After": "5"}

EXAMPLE: Final = {
    "source": "example-city/hotline",
    "id": "2026-000123",
    "jurisdiction": "example-city",
    "channel": "hotline",
    "category": "river",
    "title": "Black, foul-smelling water below the bridge",
    "location": {"latitude": 30.27, "longitude": 120.15},
    "observed_at": "2026-03-01T08:00:00+08:00",
}


class Asked(Protocol):
    """What the gateway needs of the receipts."""

    async def receipt(self, key: UUID) -> Receipt | None: ...


class Accepted(BaseModel):
    """The broker has the report. ``problem_id`` is the problem it opens, unless it repeats one that is open."""

    source: str
    id: str
    problem_id: UUID
    status: str = "accepted"
    status_url: str = Field(description="Where to ask what became of the report")


class Became(BaseModel):
    """What became of a report."""

    source: str
    id: str
    outcome: Outcome
    received_at: AwareDatetime
    problem_id: UUID | None = None
    code: str | None = None
    reason: str | None = None


class What(BaseModel):
    """A short stable word, the field where there is one, and a sentence with what to do."""

    code: str
    field: str | None = None
    message: str


class Faulty(BaseModel):
    """The body of every answer that is not a success."""

    error: What


_FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Faulty, "description": "The report cannot be read; the field is named"},
    413: {"model": Faulty, "description": "The body is too large"},
    415: {"model": Faulty, "description": "The content type is not taken"},
    503: {"model": Faulty, "description": "The broker is away; send the same report again"},
}
_BODIES: Final = {
    "requestBody": {
        "required": True,
        "description": "Plain JSON; or a CloudEvent, in binary mode with `ce-` headers or structured, whose data is "
        "the report without `id`, `source` and `time`",
        "content": {
            JSON: {"schema": Submission.model_json_schema(), "example": EXAMPLE},
            STRUCTURED: {"schema": {"type": "object"}},
        },
    }
}


def create_app(
    put: Callable[[Record], Awaitable[None]],
    check: Callable[[Record], None],
    receipts: Asked,
    clock: Clock,
    max_body: int,
) -> FastAPI:
    """The application: ``put`` returns when the broker has a record, ``check`` raises RecordTooLarge."""
    app = FastAPI(title="Duban intake", version="1", description="Reports over HTTP.")
    _answer_faults(app)

    @app.post(_PATH, status_code=202, response_model=Accepted, responses=_FAULTS, openapi_extra=_BODIES)
    async def submit(request: Request) -> JSONResponse:
        """Hand in a report. The same source and id may be sent again at any time; the report counts once."""
        message = read(request.headers, await _body(request, max_body), clock.now())
        record = encode(message)
        check(record)
        await put(record)
        url = f"{_PATH}/{quote(message.source, safe='')}/{quote(message.id, safe='')}"
        accepted = Accepted(
            source=message.source,
            id=message.id,
            problem_id=own_problem(message.source, message.id),
            status_url=str(request.base_url).rstrip("/") + url,
        )
        return JSONResponse(accepted.model_dump(mode="json"), 202, headers={"Location": url})

    @app.get(_PATH + "/{source:path}/{id}", responses={404: {"model": Faulty}, 503: _FAULTS[503]})
    async def became(source: str, id: str, request: Request) -> Became:  # noqa: A002 the name in the contract
        """What became of a report: accepted, attached to a problem it repeats, or refused with the reason."""
        source, id = _named(request)  # noqa: A001
        found = await _asked(receipts, own_problem(source, id))
        if found is None:
            say = f"no receipt for {id} of {source}: intake has not come to it yet, or it was never sent"
            raise Fault(404, "unknown_report", say)
        return Became(
            source=found.source,
            id=found.id,
            outcome=found.outcome,
            received_at=found.received_at,
            problem_id=found.problem_id,
            code=found.code,
            reason=found.reason,
        )

    return app


def _named(request: Request) -> tuple[str, str]:
    """Source and id, from the path as it was sent: the last segment is the id, and %2F in either is no separator."""
    sent = request.scope["raw_path"].decode("latin-1").partition(f"{_PATH}/")[2]
    source, _, report_id = sent.rpartition("/")
    return unquote(source), unquote(report_id)


async def _body(request: Request, most: int) -> bytes:
    """The body, read no further than ``most`` bytes, whatever its length is said to be."""
    say = f"the body is larger than {most} bytes; send evidence as links, with its SHA-256"
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > most:
        raise Fault(413, "too_large", say)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Fault(413, "too_large", say)
    return bytes(body)


def _answer_faults(app: FastAPI) -> None:
    """One shape for every answer that is not a success."""

    @app.exception_handler(Fault)
    async def ours(_: Request, fault: Fault) -> JSONResponse:
        return _faulty(fault.status, fault.code, str(fault), fault.field)

    @app.exception_handler(RecordTooLarge)
    async def too_large(_: Request, error: RecordTooLarge) -> JSONResponse:
        return _faulty(413, "too_large", str(error))

    @app.exception_handler(HTTPException)
    async def routed(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "unknown_path", 405: "wrong_method"}.get(error.status_code, "invalid")
        return _faulty(error.status_code, code, f"{error.detail}; the paths stand in /docs")

    @app.exception_handler(Unavailable)
    async def away(_: Request, error: Unavailable) -> JSONResponse:
        return _faulty(503, "unavailable", f"{error}; send the same again")

    @app.exception_handler(Exception)
    async def other(_: Request, error: Exception) -> JSONResponse:
        _log.error("request failed", exc_info=error)
        return _faulty(500, "internal", "the request broke the gateway; its log says how")


async def _asked(receipts: Asked, key: UUID) -> Receipt | None:
    try:
        return await receipts.receipt(key)
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable("the receipts cannot be read now") from error
        raise


def _faulty(status: int, code: str, message: str, field: str | None = None) -> JSONResponse:
    body = Faulty(error=What(code=code, field=field, message=message)).model_dump(exclude_none=True)
    return JSONResponse(body, status, headers=_RETRY if status == 503 else None)
