"""The routes of the gateway: reports in, and what became of them."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from duban.errors import Fault
from duban.io.evidence.form_files import room_for_files
from duban.io.evidence.reception import taking
from duban.io.evidence.tus import UploadDoor, serve_uploads
from duban.io.faults import FAULTS, Faulty, answer_faults
from duban.io.http import GuardedAnswers
from duban.messages.sources import RegisteredSource
from duban_intake.body import JSON
from duban_intake.channels.sms import SmsMapping
from duban_intake.domain import own_problem
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.erasure import serve_erasures
from duban_intake.gateway.evidence import FORM, body_limit, form_in
from duban_intake.gateway.open311.routes import PublicFace, serve_open311
from duban_intake.gateway.pagerduty import serve_pagerduty
from duban_intake.gateway.request import BATCH, STRUCTURED, Handed, content_type, read, read_batch, submission_schema
from duban_intake.gateway.responses import REPORTS_PATH, Accepted, BadItem, Became, HandedIn
from duban_intake.gateway.tables import serve_tables
from duban_intake.vault.answers import answer_refusals, reached

#: What is asked by programs; beside it stand the pages for people.
OF_API: Final = ("/v1", "/v2", "/open311", "/docs", "/redoc", "/openapi.json")
_FAULTS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Faulty, "description": "No key, or one that is no source's"},
    403: {"model": Faulty, "description": "The source is off, or the report is not its own to hand in"},
    409: {
        "model": Faulty,
        "description": "The contact contradicts the one that came with this report, or its evidence is not there",
    },
    410: {"model": Faulty, "description": "The contact of this report has been destroyed"},
    429: {"model": Faulty, "description": "The source hands in more than its rate; go on when `Retry-After` says"},
    422: {"model": Faulty, "description": "A file is infected"},
    501: {
        "model": Faulty,
        "description": "Contacts are not taken: no vault key is set; or files: no evidence store is",
    },
}

_LANGUAGES: Final[dict[int | str, dict[str, Any]]] = {
    422: {"model": Faulty, "description": "The source speaks no language that is known here"},
}
_ANY_BODY: Final = {"requestBody": {"required": True, "description": "As the kind of the source says", "content": {
    "*/*": {"schema": {}}}}}  # fmt: skip
_ASKING: Final[dict[int | str, dict[str, Any]]] = {
    401: _FAULTS[401],
    403: _FAULTS[403],
    404: {"model": Faulty, "description": "No receipt; the message says what that may mean"},
}

_CONSENTING: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "`WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`, where `WebHook-Request-Origin` asks"},
    401: _FAULTS[401],
    403: _FAULTS[403],
}

_TAKEN: Final = Accepted | HandedIn

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


_FORM: Final = {
    "type": "object",
    "required": ["report"],
    "properties": {
        "report": {"type": "string", "description": "The report as plain JSON"},
        "evidence": {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 50},
    },
}
_BODIES: Final = {
    "requestBody": {
        "required": True,
        "description": "Plain JSON; or a CloudEvent, in binary mode with `ce-` headers or structured, whose data is "
        "the report without `id`, `source` and `time`; or a form with the report and its files",
        "content": {
            JSON: {"schema": submission_schema(), "example": EXAMPLE},
            STRUCTURED: {"schema": {"type": "object"}},
            BATCH: {"schema": {"type": "array", "items": {"type": "object"}}},
            FORM: {"schema": _FORM},
        },
    }
}


def create_app(door: ReportDoor, face: PublicFace, max_body: int) -> FastAPI:
    """The application, whose reports go through ``door``; ``face``: what it shows everybody."""
    app = FastAPI(title="Duban intake", version="1", description="Reports over HTTP.", responses=FAULTS)
    app.add_middleware(GuardedAnswers)
    answer_faults(app, max_body, partial(body_limit, door.reception, max_body))
    answer_refusals(app)

    @app.post(REPORTS_PATH, status_code=202, response_model=_TAKEN, responses=_FAULTS, openapi_extra=_BODIES)
    async def submit(request: Request) -> JSONResponse:
        """Hand in a report, or a batch of CloudEvents, of which each good one is taken and each bad one named.

        The same source and id may be sent again at any time; the report counts once.
        """
        source = door.speaker(request)
        with door.journal.watching(source):
            url = str(request.base_url)
            if content_type(request.headers) == FORM:
                handed = await _with_files(door, request, source, max_body)
                accepted = await door.hand_in(source, handed, url)
                return _accepted(accepted)
            body = await door.body(request, source)
            if content_type(request.headers) == BATCH:
                good, flawed = read_batch(body, door.clock.now(), source)
                bad = [BadItem(item=item, field=fault.field or "(item)", message=str(fault)) for item, fault in flawed]
                return JSONResponse((await door.hand_in_all(source, good, bad, url)).model_dump(mode="json"), 202)
            accepted = await door.hand_in(source, read(request.headers, body, door.clock.now(), source), url)
        return _accepted(accepted)

    @app.post(
        "/v1/sources/{name:path}",
        status_code=202,
        response_model=HandedIn,
        responses=_FAULTS | _LANGUAGES,
        openapi_extra=_ANY_BODY,
    )
    async def hear(name: str, request: Request) -> Any:
        """Hand in reports in the language of a source: each good item is taken, each bad one named with its field.

        A gateway of short messages hears what its mapping has as the answer.
        """
        source, body = await door.signed(request, name)
        with door.journal.watching(source):
            handed_in = await door.hear(source, body, str(request.base_url))
        mapping = door.dialect(source)[1]
        if isinstance(mapping, SmsMapping) and mapping.answer is not None:
            return Response(mapping.answer.body, 200, media_type=mapping.answer.type)
        return handed_in

    @app.options(REPORTS_PATH, response_class=Response, responses=_CONSENTING)
    async def may_send(request: Request) -> Response:
        """Whether a sender of CloudEvents may send here, and how much a minute: its handshake against abuse."""
        return Response(headers=door.consent(request))

    @app.options("/v1/sources/{name:path}", response_class=Response, responses=_CONSENTING)
    async def may_send_as(name: str, request: Request) -> Response:
        """The same for a sender in the language of a source."""
        return Response(headers=door.consent(request, name))

    serve_erasures(app, door.receipts, door.clock)
    serve_pagerduty(app, door, _FAULTS | _LANGUAGES)
    serve_open311(app, door, face)
    serve_uploads(app, UploadDoor(door.reception, door.uploads))
    serve_tables(app, door, face.library, _FAULTS | _LANGUAGES)

    @app.get(REPORTS_PATH + "/{source:path}/{id}", responses=_ASKING)
    async def became(source: str, id: str, request: Request) -> Became:  # noqa: A002 the name in the contract
        """What became of a report: accepted, attached to a problem it repeats, or refused with the reason."""
        source, id = _named(request)  # noqa: A001
        door.registry.permit(door.speaker(request), source)
        receipt = await reached(door.receipts.receipt(own_problem(source, id)), "the receipts cannot be read now")
        if receipt is None:
            say = (
                f"no receipt for {id} of {source}: intake has not come to it yet, it was never sent, it was refused so "
                "long ago that this is forgotten, or it is no report and lies in the dead letters of intake, with the "
                "reason"
            )
            raise Fault(404, "unknown_report", say)
        ended = await reached(door.receipts.endings(source, [id]), "the receipts cannot be read now")
        return Became(
            source=receipt.source,
            id=receipt.id,
            outcome=receipt.outcome,
            received_at=receipt.received_at,
            problem_id=receipt.problem_id,
            code=receipt.code,
            reason=receipt.reason,
            ended_at=ended[id].at if id in ended else None,
        )

    return app


async def _with_files(door: ReportDoor, request: Request, source: RegisteredSource, most: int) -> Handed:
    """What a form hands in: the report is looked at before its files go into the store, and goes after them."""
    reception = taking(door.reception)
    door.hold_back(source)
    with room_for_files(reception) as folder:
        form = await form_in(request, folder, most)
        door.heard(source, form.report)
        headers, now = {"content-type": JSON}, door.clock.now()
        read(headers, form.report, now, source)
        return read(headers, await form.sealed(reception.desk), now, source)


def _accepted(accepted: Accepted) -> JSONResponse:
    headers = {"Location": urlsplit(accepted.status_url).path}
    return JSONResponse(accepted.model_dump(mode="json", exclude_none=True), 202, headers=headers)


def _named(request: Request) -> tuple[str, str]:
    """Source and id, from the path as it was sent: the last segment is the id, and %2F in either is no separator."""
    sent = request.scope["raw_path"].decode("latin-1").partition(f"{REPORTS_PATH}/")[2]
    source, _, report_id = sent.rpartition("/")
    return unquote(source), unquote(report_id)
