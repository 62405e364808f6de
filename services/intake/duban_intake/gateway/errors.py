"""How the gateway reads a body and answers what is not a success: one shape for every fault."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from duban.errors import RecordTooLarge, Unavailable
from duban.io.backoff import is_unavailable
from duban_intake.gateway.request import Fault
from duban_intake.vault.desk import VaultRefused
from duban_intake.vault.seal import Unsealable

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_RETRY: Final = {"Retry-After": "5"}

#: How the refusals of the vault are answered; those that the order of steps forbids are conflicts.
_VAULT: Final = {
    "no_vault_key": 501,
    "no_custodians": 501,
    "no_custodian": 403,
    "unknown_ask": 404,
    "no_contact": 404,
    "forgotten": 410,
}


class What(BaseModel):
    """A short stable word, the field where there is one, and a sentence with what to do."""

    code: str
    field: str | None = None
    message: str


class Faulty(BaseModel):
    """The body of every answer that is not a success."""

    error: What


FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Faulty, "description": "The request cannot be read; the field is named"},
    413: {"model": Faulty, "description": "The body is too large"},
    415: {"model": Faulty, "description": "The content type is not taken"},
    503: {"model": Faulty, "description": "The broker or the database is away; send the same again"},
}


async def body_of(request: Request, most: int) -> bytes:
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


async def reached(answer: Awaitable[T], what: str) -> T:
    """What the database answers.

    Raises:
        Unavailable: it is away; ``what`` says what cannot be done now.
    """
    try:
        return await answer
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(what) from error
        raise


def answer_faults(app: FastAPI) -> None:
    """One shape for every answer that is not a success."""

    @app.exception_handler(Fault)
    async def ours(_: Request, fault: Fault) -> JSONResponse:
        return _faulty(fault.status, fault.code, str(fault), fault.field)

    @app.exception_handler(VaultRefused)
    async def not_by_the_vault(_: Request, error: VaultRefused) -> JSONResponse:
        # Whoever tries out contacts or asks leaves a trace; what was tried is not repeated.
        _log.warning("the vault refused", code=error.code)
        return _faulty(_VAULT.get(error.code, 409), error.code, str(error))

    @app.exception_handler(Unsealable)
    async def sealed(_: Request, error: Unsealable) -> JSONResponse:
        _log.error("a sealed contact does not open", error=str(error))
        return _faulty(500, "unsealable", str(error))

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


def _faulty(status: int, code: str, message: str, field: str | None = None) -> JSONResponse:
    body = Faulty(error=What(code=code, field=field, message=message)).model_dump(exclude_none=True)
    return JSONResponse(body, status, headers=_RETRY if status == 503 else None)
