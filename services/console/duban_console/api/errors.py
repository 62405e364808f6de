"""Every fault in the one shape of the API, and bodies that are too large turned away before they are read."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duban.errors import RecordTooLarge, Unavailable
from duban.io.backoff import is_unavailable
from duban_console.action import field_of
from duban_console.api.responses import ApiFault, Fault, Faulty, as_json

_log = structlog.get_logger(__name__)
_RETRY = {"Retry-After": "1"}


def answer_faults(app: FastAPI) -> None:
    """Give ``app`` one answer for each kind of fault, in the shape of :class:`Faulty`."""

    @app.exception_handler(ApiFault)
    async def ours(_: Request, fault: ApiFault) -> JSONResponse:
        return _answer(fault)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(_malformed(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def routed(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "unknown_path", 405: "wrong_method", 413: "too_large"}.get(error.status_code, "invalid")
        headers = dict(error.headers) if error.headers else None
        return _answer(ApiFault(error.status_code, code, str(error.detail), headers=headers))

    @app.exception_handler(RecordTooLarge)
    async def too_large(_: Request, error: RecordTooLarge) -> JSONResponse:
        return _answer(ApiFault(413, "too_large", str(error)))

    @app.exception_handler(Exception)
    async def other(_: Request, error: Exception) -> JSONResponse:
        if is_unavailable(error):
            return _answer(_away(error))
        _log.error("request failed", exc_info=error)
        return _answer(ApiFault(500, "internal", "the request broke the server; the log says how"))

    # Starlette raises an error again after a handler for Exception; a dependency that is away is no such fault.
    @app.exception_handler(Unavailable)
    async def away(_: Request, error: Unavailable) -> JSONResponse:
        return _answer(_away(error))


def _away(error: Exception) -> ApiFault:
    return ApiFault(503, "unavailable", f"{error}; the same request may succeed later", headers=_RETRY)


def _malformed(fault: dict[str, Any]) -> ApiFault:
    """The first fault of a request, with the field named as the client wrote it."""
    place = tuple(fault["loc"])
    if fault["type"] == "json_invalid":
        why = fault.get("ctx", {}).get("error", fault["msg"])
        return ApiFault(400, "not_json", f"the body is no JSON: {why}")
    where, inner = place[0], place[1:]
    field = field_of(fault["type"], inner) if where == "body" else ".".join(map(str, inner))
    return ApiFault(400, "invalid", str(fault["msg"]).removeprefix("Value error, "), field)


def _answer(fault: ApiFault) -> JSONResponse:
    return JSONResponse(as_json(Faulty(error=Fault.model_validate(fault.fault))), fault.status, headers=fault.headers)


def limit_bodies(app: FastAPI, most: int) -> None:
    """Answer 413 to a body of more than ``most`` bytes, whether or not it says its length, and 415 to one not in JSON.

    A page in a browser may send text or forms to this machine without asking first, but nothing that says it is JSON.
    """
    app.add_middleware(_Limited, most=most)


class _Limited:
    """Counts what arrives; a body that says its length is turned away before any of it is read."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        said = headers.get(b"content-length", b"0")
        if said.isdigit() and int(said) > self._most:
            await _answer(ApiFault(413, "too_large", self._words))(scope, receive, send)
            return
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if scope["method"] == "POST" and kind != b"application/json":
            words = "send the action as JSON, with the header content-type: application/json"
            await _answer(ApiFault(415, "unsupported_type", words, "content-type"))(scope, receive, send)
            return
        await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._most:
                # FastAPI makes a 400 of any other exception that comes out of reading a body.
                raise HTTPException(413, self._words)
            return message

        return counted

    @property
    def _words(self) -> str:
        return f"the body is larger than {self._most} bytes; send less, or raise DUBAN_MAX_BODY"
