"""A reporter asks by the code of the receipt to have the report erased; a custodian sees to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

from fastapi import Body, FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from duban.clock import Clock
from duban.errors import Fault
from duban.io.faults import Faulty
from duban.messages.handle import handle_of
from duban_intake.domain import MOST_CHARACTERS, Receipt, own_problem
from duban_intake.vault.answers import reached

PATH: Final = "/v1/erasures"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {404: {"model": Faulty, "description": "No report has this code"}}
_Identity = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern=r"^[^\x00]*$")]


class AskedErasures(Protocol):
    """The receipts, and what is asked to be erased."""

    async def receipt(self, key: UUID) -> Receipt | None:
        """The receipt under ``key``."""

    async def ask_erasure(self, receipt: Receipt, at: datetime) -> datetime:
        """Note that the report of ``receipt`` is to be erased; since when that is asked."""


class ToErase(BaseModel):
    """A report, and the code that its reporter was told; in a body, so that it stands in no address and no log."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    source: _Identity
    id: _Identity
    code: str = Field(max_length=60)


class NotedErasure(BaseModel):
    """It is noted, since then; a custodian sees to it, and the export of the report says when it was done."""

    source: str
    id: str
    asked_at: AwareDatetime


def serve_erasures(app: FastAPI, store: AskedErasures, clock: Clock) -> None:
    """Add the route to ``app``."""

    @app.post(PATH, status_code=202, responses=_ANSWERS)
    async def ask(of: Annotated[ToErase, Body()]) -> NotedErasure:
        """Ask to have a report erased: contact, what is sealed of it, its files. Once more is the same request."""
        try:
            handle = handle_of(of.code)
        except ValueError as error:
            raise Fault(400, "invalid", str(error), "code") from None
        receipt = await reached(store.receipt(own_problem(of.source, of.id)), "the receipts cannot be read now")
        if receipt is None or receipt.handle != handle:
            say = "no report of this source and id has this code: it came without a secret, or before codes were noted"
            raise Fault(404, "unknown_report", say)
        asked_at = await reached(store.ask_erasure(receipt, clock.now()), "the request cannot be noted now")
        return NotedErasure(source=of.source, id=of.id, asked_at=asked_at)
