"""What an HTTP server answers that is no success: one shape for every fault, an oversized body among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from duban.errors import Fault, RecordTooLarge, Unavailable
from duban.io.availability import is_unavailable
from duban.io.metrics import FAULTS as ANSWERED

_log = structlog.get_logger(__name__)
_JSON: Final = "application/json"
#: As long as a service of ours waits at most before it tries a dependency again.
_RETRY: Final = {"Retry-After": "5"}
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="duban"'}
_UNREADABLE: Final = "the body is no JSON that can be read: it nests too deep, is no UTF-8, or has too long a number"
_ROUTED: Final = {404: "unknown_path", 405: "wrong_method"}


class What(BaseModel):
    """A short stable word, the field where there is one, and a sentence with what to do."""

    code: str
    field: str | None = None
    message: str


class Faulty(BaseModel):
    """The body of every answer that is not a success."""

    error: What


#: What any route may answer, for the documentation of the server.
FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Faulty, "description": "The request cannot be read; the field is named"},
    408: {"model": Faulty, "description": "The request took too long to arrive"},
    413: {"model": Faulty, "description": "The body is too large"},
    415: {"model": Faulty, "description": "The content type is not taken"},
    421: {"model": Faulty, "description": "The host that the request names is not the server's"},
    429: {"model": Faulty, "description": "More is asked a minute than is taken; go on when `Retry-After` says"},
    503: {"model": Faulty, "description": "The broker or the database is away; send the same again"},
    "default": {"model": Faulty, "description": "Any other fault"},
}


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The most bytes of a body, the setting that says so, and what its sender can do about it."""

    most: int
    setting: str = "DUBAN_MAX_BODY"
    otherwise: str = "send evidence as links, with its SHA-256"


#: The limit of a request that has one of its own; None where that of all others holds.
OwnLimit: TypeAlias = Callable[[Scope], BodyLimit | None]


def answer_faults(app: FastAPI, most: int, own: OwnLimit = lambda _: None) -> None:
    """Give ``app`` one answer to each kind of fault, and to a body of more than ``most`` bytes, or than its ``own``."""
    usual = BodyLimit(most)

    def limit_of(scope: Scope) -> BodyLimit:
        return own(scope) or usual

    app.add_middleware(LimitedBodies, limit_of=limit_of, too_large=_too_large)

    @app.exception_handler(Fault)
    async def refused(_: Request, fault: Fault) -> JSONResponse:
        return fault_answer(fault)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return _malformed(error.errors()[0])

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 413:
            return _too_large(limit_of(request.scope))
        if error.status_code == 400:  # FastAPI's, of a body that the reader of JSON gave up on
            return answer(400, "not_json", _UNREADABLE)
        code = _ROUTED.get(error.status_code, "invalid")
        return answer(error.status_code, code, f"{error.detail}; the paths stand in /docs", headers=error.headers)

    @app.exception_handler(RecordTooLarge)
    async def beyond_the_topic(_: Request, error: RecordTooLarge) -> JSONResponse:
        return answer(413, "too_large", str(error))

    @app.exception_handler(ClientDisconnect)
    async def hung_up(_: Request, error: ClientDisconnect) -> JSONResponse:
        return answer(400, "hung_up", "the client hung up before its request had arrived")  # which nobody hears

    # Starlette raises an error again after a handler for Exception; a dependency that is away is no such fault.
    @app.exception_handler(Unavailable)
    async def away(_: Request, error: Unavailable) -> JSONResponse:
        return _away(error)

    @app.exception_handler(Exception)
    async def other(_: Request, error: Exception) -> JSONResponse:
        if is_unavailable(error):
            return _away(error)
        _log.error("request failed", exc_info=error)
        return answer(500, "internal", "the request broke the server; its log says how")


def fault_answer(fault: Fault) -> JSONResponse:
    """``fault`` as an answer."""
    retry = {} if fault.retry is None else {"Retry-After": str(fault.retry)}
    headers = {**fault.headers, **retry, **(_CHALLENGE if fault.status == 401 else {})}
    return answer(fault.status, fault.code, str(fault), fault.field, headers)


def answer(
    status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A fault in the one shape, and counted."""
    ANSWERED.labels(str(status), code).inc()
    body = Faulty(error=What(code=code, field=field or None, message=message))
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=headers)


async def only_json(request: Request) -> None:
    """Refuse a body that is not said to be JSON; also a dependency of FastAPI.

    A page in a browser may send text or forms to this machine without asking first, but nothing that says it is JSON,
    and nothing that has a header of its own, as the uploads of tus do.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != _JSON and "tus-resumable" not in request.headers:
        say = f"content-type {kind or '(none)'} is not taken; send {_JSON}"
        raise Fault(415, "unsupported_type", say, "content-type")


def _malformed(fault: dict[str, Any]) -> JSONResponse:
    """The first fault of a request, with the field named as the client wrote it."""
    _, *place = fault["loc"]
    if fault["type"] == "json_invalid":
        return answer(400, "not_json", f"the body is no JSON: {fault.get('ctx', {}).get('error', fault['msg'])}")
    what = "is missing, and needed" if fault["type"] == "missing" else str(fault["msg"]).removeprefix("Value error, ")
    return answer(400, "invalid", what, ".".join(map(str, place)))


def _away(error: Exception) -> JSONResponse:
    return answer(503, "unavailable", f"{error}; send the same again later", headers=_RETRY)


def _too_large(limit: BodyLimit) -> JSONResponse:
    say = f"the body is larger than the {limit.most} bytes of {limit.setting}; {limit.otherwise}"
    return answer(413, "too_large", say)


class LimitedBodies:
    """Counts what arrives. Starlette answers in plain text where the length was said before; this answers first."""

    def __init__(
        self, app: ASGIApp, limit_of: Callable[[Scope], BodyLimit], too_large: Callable[[BodyLimit], ASGIApp]
    ) -> None:
        self._app = app
        self._limit_of = limit_of
        self._too_large = too_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit, length = self._limit_of(scope), Headers(scope=scope).get("content-length", "")
        within = RequestBodyLimitMiddleware(self._app, limit.most)
        reply = self._too_large(limit) if length.isdigit() and int(length) > limit.most else within
        await reply(scope, receive, send)
