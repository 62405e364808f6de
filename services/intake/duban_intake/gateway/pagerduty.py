"""The route of PagerDuty's Events API: its key stands in the body, and its clients look for the key of the event."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from duban.errors import Fault
from duban.io.faults import What
from duban_intake.channels.kinds import KINDS
from duban_intake.channels.pagerduty import PAGERDUTY, event_in
from duban_intake.gateway.door import ReportDoor

_EVENT: Final = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "properties": {
        "routing_key": {"type": "string", "description": "The key of the source"},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "payload": {"type": "object"},
    },
}
_BODY: Final = {"requestBody": {"required": True, "content": {"application/json": {"schema": _EVENT}}}}


class Processed(BaseModel):
    """The broker has the event."""

    status: str = "success"
    message: str = "Event processed"
    dedup_key: str


class InvalidEvent(BaseModel):
    """A fault, in the words of this protocol and in our own."""

    status: str = "invalid event"
    message: str
    errors: list[str]
    error: What


def serve_pagerduty(app: FastAPI, door: ReportDoor, faults: dict[int | str, dict[str, Any]]) -> None:
    """Give ``app`` the route ``/v2/enqueue``."""
    responses = {status: {**fault, "model": InvalidEvent} for status, fault in {400: {}, **faults}.items()}

    @app.post("/v2/enqueue", status_code=202, responses=responses, openapi_extra=_BODY)
    async def enqueue(request: Request) -> Processed:
        """Hand in an event of PagerDuty's Events API v2; the ``routing_key`` is the key of the source."""
        try:
            return Processed(dedup_key=await _heard(request, door))
        except Fault as fault:
            raise EventFault(fault) from None

    @app.exception_handler(EventFault)
    async def refused(_: Request, error: EventFault) -> JSONResponse:
        fault = error.fault
        place = f"{fault.field}: " if fault.field else ""
        body = InvalidEvent(
            message=f"Event object is invalid: {fault}" if fault.status == 400 else str(fault),
            errors=[f"{place}{fault}"],
            error=What(code=fault.code, field=fault.field, message=str(fault)),
        )
        headers = None if fault.retry is None else {"Retry-After": str(fault.retry)}
        return JSONResponse(body.model_dump(exclude_none=True), fault.status, headers=headers)


class EventFault(Exception):
    """A fault on its way into the form of this protocol."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


async def _heard(request: Request, door: ReportDoor) -> str:
    """Hand in what ``request`` says; the key of its event."""
    event = event_in(await request.body())
    key = event.get("routing_key")
    if not isinstance(key, str) or not key:
        raise Fault(401, "no_key", "is missing; it is the key that `duban source add` has shown", "routing_key")
    source = door.speaker(request, key)
    if KINDS.get(source.kind) is not PAGERDUTY:
        raise Fault(422, "unusable_source", f"{source.name} is no source of the kind pagerduty; register one")
    with door.journal.watching(source):
        handed_in = await door.hear(source, await door.body(request, source), str(request.base_url))
    return event.get("dedup_key") or (handed_in.accepted or handed_in.noted)[0].id
