"""From a request to a report, or to a fault that names the field and says what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote

from pydantic import AwareDatetime, Field, ValidationError

from duban.errors import Undecodable
from duban.messages.envelope import Message, decode
from duban.messages.report import Report
from duban_intake.domain import MOST_CHARACTERS, submitted, unusable_identity

JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
_NEVER: Final = datetime.fromtimestamp(0, UTC)
_PLACE = re.compile(r"^(?P<field>[\w.]+|\(root\)): (?P<what>.*)$", re.DOTALL)
_Identity = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]

#: What to do about a fault of validation, by pydantic's name for it.
_ADVICE: Final = {
    "missing": "add it",
    "extra_forbidden": "no such field: remove it, or put it under attributes",
    "timezone_aware": "give the time zone, as in 2026-03-01T08:00:00+08:00",
    "string_too_long": "shorten it",
    "too_long": "shorten it",
    "string_pattern_mismatch": "remove control characters; names also begin neither with a space nor with @",
}


class Submission(Report):
    """A report as plain JSON: its fields, with the id and the source that make it unique for ever."""

    source: _Identity = Field(description="Who sends: a name or URI that no other producer uses")
    id: _Identity = Field(description="The report's id at its source; the same id sent again is the same report")
    time: AwareDatetime | None = Field(None, description="When the source sent it; it counts from when it is accepted")


class Fault(Exception):
    """A request that is not taken: the status, a short stable word, the field, and what to do."""

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field


def read(headers: Mapping[str, str], body: bytes, now: datetime) -> Message[Report]:
    """The report in a request; ``headers`` by lower-case name. A report that states no time is stated at ``now``.

    Raises:
        Fault: 400 or 415.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, STRUCTURED):
        say = f"content-type {kind or '(none)'} is not taken; send {JSON}, or {STRUCTURED} for a structured CloudEvent"
        raise Fault(415, "unsupported_type", say, "content-type")
    is_event = kind == STRUCTURED or any(name.startswith("ce-") for name in headers)
    message = _event(headers, kind, body) if is_event else _plain(body)
    refusal = unusable_identity(message.source, message.id)
    if refusal is not None:
        field, _, what = refusal.reason.partition(": ")
        raise Fault(400, refusal.code, what, field)
    at = now if message.time == _NEVER else message.time
    return submitted(message.source, message.id, message.data, at)


def _plain(body: bytes) -> Message[Report]:
    try:
        given = Submission.model_validate_json(body)
    except ValidationError as error:
        raise _malformed(error) from None
    report = Report.model_construct(**{name: getattr(given, name) for name in Report.model_fields})
    return submitted(given.source, given.id, report, given.time or _NEVER)


def _malformed(error: ValidationError) -> Fault:
    """The first fault of a body, with what to do about it."""
    fault: Any = error.errors(include_url=False, include_input=False)[0]
    if fault["type"] == "json_invalid":
        return Fault(400, "not_json", f"the body is no JSON: {fault['ctx']['error']}; send one JSON object in UTF-8")
    field = ".".join(map(str, fault["loc"])) or None
    advice = _ADVICE.get(fault["type"])
    return Fault(400, "invalid", f"{fault['msg']}; {advice}" if advice else f"{fault['msg']}; correct it", field)


def _event(headers: Mapping[str, str], kind: str, body: bytes) -> Message[Report]:
    """A CloudEvent; over HTTP the values of ``ce-`` headers are percent-encoded."""
    attributes = [
        (f"ce_{name[3:]}", unquote(value).encode(errors="replace"))
        for name, value in headers.items()
        if name.startswith("ce-")
    ]
    try:
        return decode(None, body, [*attributes, ("content-type", kind.encode())], {Report.TYPE: Report})
    except Undecodable as error:
        place = _PLACE.match(error.detail) if error.code == "invalid" else None
        if place is None:
            raise Fault(400, error.code, f"{error.detail}; correct it and send again") from None
        raise Fault(400, error.code, f"{place['what']}; correct it and send again", place["field"]) from None
