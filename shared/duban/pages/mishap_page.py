"""What people are shown where no page can be: in their language, with what they can do about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from duban.errors import Fault, RecordTooLarge, Unavailable
from duban.io.availability import is_unavailable
from duban.io.faults import BodyLimit, LimitedBodies, fault_answer
from duban.io.metrics import FAULTS as ANSWERED
from duban.pages.look import PageLook
from duban.pages.words import msgid

_log = structlog.get_logger(__name__)
#: By the status of an answer: what it is called, and what whoever reads it can do.
_WORDS: Final = {
    400: (msgid("This could not be read"), msgid("Go back, look at what you entered, and send it again.")),
    401: (msgid("Nobody is signed in"), msgid("Sign in, and come back to this page.")),
    403: (msgid("This is not for you"), msgid("If your work needs it, ask whoever keeps the accounts.")),
    404: (msgid("There is no such page"), msgid("It is not there, or not there for you. Look at the address.")),
    405: (msgid("There is no such page"), msgid("It is not there, or not there for you. Look at the address.")),
    409: (msgid("This cannot be done"), msgid("Something stands in its way; what it is stands below.")),
    413: (msgid("This is too large"), msgid("Send a smaller file, or fewer at a time.")),
    429: (msgid("Too much at once"), msgid("Wait a minute, and go on then.")),
    500: (msgid("Something broke"), msgid("It is written down. Try again; if it stays so, tell the operator.")),
    501: (msgid("This is not set up here"), msgid("Tell the operator what you wanted to do.")),
    503: (
        msgid("A part of the engine is away"),
        msgid("Nothing was lost and nothing was done. Try again in a moment."),
    ),
}


def show_mishaps(
    app: FastAPI, look: PageLook, limit_of: Callable[[Scope], BodyLimit], *, sign_in: str | None = None
) -> None:
    """Have ``app`` show each fault as a page, that of a body beyond ``limit_of`` it among them.

    With ``sign_in`` whoever is known by nothing goes there, and comes back.
    """

    shown = partial(_shown, look)

    def too_large(limit: BodyLimit) -> ASGIApp:
        async def reply(scope: Scope, receive: Receive, send: Send) -> None:
            page = shown(Request(scope), 413, "too_large", f"> {limit.most} bytes")
            await page(scope, receive, send)

        return reply

    app.add_middleware(LimitedBodies, limit_of=limit_of, too_large=too_large)

    @app.exception_handler(Fault)
    async def refused(request: Request, fault: Fault) -> Response:
        if fault.status == 401 and sign_in is not None:
            return RedirectResponse(f"{sign_in}{look.way_back(request)}", 303)
        return _refused(look, request, fault)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        # An address that names no id that there could be is one of no page.
        is_of_path = any(flaw["loc"][:1] == ("path",) for flaw in error.errors())
        return shown(request, 404, "unknown_path") if is_of_path else shown(request, 400, "invalid")

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> Response:
        return shown(request, error.status_code, "unknown_path" if error.status_code == 404 else "invalid")

    @app.exception_handler(RecordTooLarge)
    async def beyond_the_topic(request: Request, error: RecordTooLarge) -> Response:
        return shown(request, 413, "too_large", str(error))

    @app.exception_handler(Unavailable)
    async def away(request: Request, error: Unavailable) -> Response:
        return shown(request, 503, "unavailable")

    @app.exception_handler(Exception)
    async def other(request: Request, error: Exception) -> Response:
        if is_unavailable(error):
            return shown(request, 503, "unavailable")
        _log.error("request failed", exc_info=error)
        return shown(request, 500, "internal")


def answer_of(look: PageLook, fault: Fault) -> ASGIApp:
    """What answers with ``fault`` before any page is asked: as a page to who reads pages, and as JSON to a program."""

    async def reply(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        reads = "text/html" in request.headers.get("accept", "")
        answer: ASGIApp = _refused(look, request, fault) if reads else fault_answer(fault)
        await answer(scope, receive, send)

    return reply


def _refused(look: PageLook, request: Request, fault: Fault) -> HTMLResponse:
    answer = _shown(look, request, fault.status, fault.code, str(fault))
    answer.headers.update({**fault.headers, **({} if fault.retry is None else {"Retry-After": str(fault.retry)})})
    return answer


def _shown(look: PageLook, request: Request, status: int, code: str, message: str = "") -> HTMLResponse:
    ANSWERED.labels(str(status), code).inc()
    heading, advice = (look.say(request, text) for text in _WORDS.get(status, _WORDS[500 if status > 500 else 400]))
    return look.page(
        request, "mishap.html", status, heading=heading, advice=advice, message=message, fault=f"{status} {code}"
    )
