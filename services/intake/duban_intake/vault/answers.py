"""How a server answers what the vault refuses, and what the database does not say."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from duban.errors import Unavailable
from duban.io.availability import is_unavailable
from duban.io.faults import answer
from duban.seal import Unsealable
from duban_intake.vault.desk import VaultRefused

T = TypeVar("T")
_log = structlog.get_logger(__name__)

#: How the refusals of the vault are answered; those that the order of steps forbids are conflicts.
_VAULT: Final = {
    "no_vault_key": 501,
    "unknown_ask": 404,
    "no_contact": 404,
    "nothing_kept": 404,
    "forgotten": 410,
}


async def reached(reply: Awaitable[T], what: str) -> T:
    """What the database answers.

    Raises:
        Unavailable: it is away; ``what`` says what cannot be done now.
    """
    try:
        return await reply
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(what) from error
        raise


def status_of(refused: VaultRefused) -> int:
    """The status by which it is answered that the vault has ``refused``."""
    return _VAULT.get(refused.code, 409)


def answer_refusals(app: FastAPI) -> None:
    """Give ``app`` an answer to each refusal of the vault."""

    @app.exception_handler(VaultRefused)
    async def not_by_the_vault(_: Request, error: VaultRefused) -> JSONResponse:
        # Whoever tries out contacts or asks leaves a trace; what was tried is not repeated.
        _log.warning("the vault refused", code=error.code)
        return answer(status_of(error), error.code, str(error))

    @app.exception_handler(Unsealable)
    async def sealed(_: Request, error: Unsealable) -> JSONResponse:
        _log.error("a sealed contact does not open", error=str(error))
        return answer(500, "unsealable", str(error))
