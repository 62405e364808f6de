"""The routes of the gateway: reports in, and what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from duban.clock import Clock
from duban.errors import Fault
from duban.io.faults import FAULTS, Faulty, answer_faults
from duban.messages import struct
from duban.messages.envelope import Message, Record, encode
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban_intake.body import JSON
from duban_intake.domain import Receipt, ReportOutcome, digest, own_problem
from duban_intake.gateway.request import STRUCTURED, Handed, read, submission_schema
from duban_intake.vault.answers import answer_refusals, reached
from duban_intake.vault.contact import Bound
from duban_intake.vault.desk import Vault
from duban_intake.vault.seal import Keyring

_PATH: Final = "/v1/reports"
_FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": Faulty, "description": "The contact contradicts the one that came with this report"},
    410: {"model": Faulty, "description": "The contact of this report has been destroyed"},
    501: {"model": Faulty, "description": "Contacts are not taken: no vault key is set"},
}

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
    code: str | None = Field(
        None, description="The reporter's receipt: it shows that the report is theirs. Kept nowhere; tell it them now"
    )


class Became(BaseModel):
    """What became of a report."""

    source: str
    id: str
    outcome: ReportOutcome
    received_at: AwareDatetime
    problem_id: UUID | None = None
    code: str | None = None
    reason: str | None = None


_BODIES: Final = {
    "requestBody": {
        "required": True,
        "description": "Plain JSON; or a CloudEvent, in binary mode with `ce-` headers or structured, whose data is "
        "the report without `id`, `source` and `time`",
        "content": {
            JSON: {"schema": submission_schema(), "example": EXAMPLE},
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
    vault: Vault,
) -> FastAPI:
    """The application: ``put`` returns when the broker has a record, ``check`` raises RecordTooLarge."""
    app = FastAPI(title="Duban intake", version="1", description="Reports over HTTP.", responses=FAULTS)
    answer_faults(app, max_body)
    answer_refusals(app)

    @app.post(_PATH, status_code=202, response_model=Accepted, responses=_FAULTS, openapi_extra=_BODIES)
    async def submit(request: Request) -> JSONResponse:
        """Hand in a report. The same source and id may be sent again at any time; the report counts once."""
        handed = read(request.headers, await request.body(), clock.now())
        message, code = claimed(handed, vault.keyring)
        record = encode(message)
        check(record)
        if handed.contact is not None:
            # Sealed before the report goes out: a report that is known to have a contact has it.
            bound = Bound(message.source, message.id, message.jurisdiction, digest(message.data))
            await reached(vault.keep(bound, handed.contact), "the contact cannot be sealed now; nothing was taken")
        await put(record)
        url = f"{_PATH}/{quote(message.source, safe='')}/{quote(message.id, safe='')}"
        accepted = Accepted(
            source=message.source,
            id=message.id,
            problem_id=own_problem(message.source, message.id),
            status_url=str(request.base_url).rstrip("/") + url,
            code=code,
        )
        return JSONResponse(accepted.model_dump(mode="json", exclude_none=True), 202, headers={"Location": url})

    @app.get(_PATH + "/{source:path}/{id}", responses={404: {"model": Faulty}})
    async def became(source: str, id: str, request: Request) -> Became:  # noqa: A002 the name in the contract
        """What became of a report: accepted, attached to a problem it repeats, or refused with the reason."""
        source, id = _named(request)  # noqa: A001
        receipt = await reached(receipts.receipt(own_problem(source, id)), "the receipts cannot be read now")
        if receipt is None:
            say = (
                f"no receipt for {id} of {source}: intake has not come to it yet, it was never sent, it was refused so "
                "long ago that this is forgotten, or it is no report and lies in the dead letters of intake, with the "
                "reason"
            )
            raise Fault(404, "unknown_report", say)
        return Became(
            source=receipt.source,
            id=receipt.id,
            outcome=receipt.outcome,
            received_at=receipt.received_at,
            problem_id=receipt.problem_id,
            code=receipt.code,
            reason=receipt.reason,
        )

    return app


def claimed(handed: Handed, keyring: Keyring | None) -> tuple[Message[Report], str | None]:
    """The report under the handle of a claim code, and the code; as it is without secret or key, or with a handle."""
    message = handed.message
    if keyring is None or handed.told is None or message.data.reporter.handle is not None:
        return message, None
    code = keyring.code(message.source, message.id, handed.told)
    reporter = struct.replace(message.data.reporter, handle=handle_of(code))
    return struct.replace(message, data=struct.replace(message.data, reporter=reporter)), code


def _named(request: Request) -> tuple[str, str]:
    """Source and id, from the path as it was sent: the last segment is the id, and %2F in either is no separator."""
    sent = request.scope["raw_path"].decode("latin-1").partition(f"{_PATH}/")[2]
    source, _, report_id = sent.rpartition("/")
    return unquote(source), unquote(report_id)
