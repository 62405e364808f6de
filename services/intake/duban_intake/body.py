"""The bodies of requests to a server of intake: what is wrong with one, and what a document says of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ValidationError

from duban.errors import Fault
from duban.messages import struct
from duban.messages.envelope import Payload
from duban.messages.form import form_faults
from duban.messages.struct import Sort, flaw_of

JSON: Final = "application/json"

#: What to do about a flaw, by its sort.
_ADVICE: Final[dict[Sort, str]] = {
    "missing": "add it",
    "unknown": "remove it, or put it under attributes; who reported goes under contact only",
    "zone": "give the time zone, as in 2026-03-01T08:00:00+08:00",
    "long": "shorten it",
    "pattern": "remove control characters; names also begin neither with a space nor with @",
}
#: The sorts by pydantic's names for them.
_SORTS: Final[dict[str, Sort]] = {
    "missing": "missing",
    "extra_forbidden": "unknown",
    "string_too_long": "long",
    "string_pattern_mismatch": "pattern",
}


def malformed(error: ValidationError) -> Fault:
    """The first fault of a body, with what to do about it and without what was sent."""
    first: Any = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Fault(400, "not_json", f"the body is no JSON: {first['ctx']['error']}; send one JSON object in UTF-8")
    fault = form_faults(error)[0]
    advice = _ADVICE.get(_SORTS.get(fault.sort, "other"))
    return Fault(400, "invalid", f"{fault.what}; {advice or 'correct it'}", fault.path or None)


def misread(error: msgspec.DecodeError | RecursionError, model: type[Payload], shown: Callable[[str], str]) -> Fault:
    """The same of a body that is a message; ``shown``: the path of a field as it may be told."""
    flaw = flaw_of(error, model)
    if flaw.sort == "not_json":
        return Fault(400, "not_json", f"the body {flaw.what}; send one JSON object in UTF-8")
    where = shown(".".join(flaw.place)) or None
    return Fault(400, "invalid", f"{flaw.what}; {_ADVICE.get(flaw.sort) or 'correct it'}", where)


def body_schema(body: type[BaseModel] | type[Payload]) -> dict[str, Any]:
    """The JSON Schema of ``body`` in one piece: in the document, a reference to its definitions would lead nowhere."""
    if issubclass(body, BaseModel):
        schema = body.model_json_schema()
        definitions = schema.pop("$defs", {})
    else:
        (schema,), definitions = struct.schemas((body,), "#/$defs/{name}")

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(entry) for entry in part]
        if not isinstance(part, dict):
            return part
        beside = {name: whole(entry) for name, entry in part.items() if name != "$ref"}
        if "$ref" not in part:
            return beside
        return {**whole(definitions[part["$ref"].removeprefix("#/$defs/")]), **beside}

    pieces: dict[str, Any] = whole(schema)
    return pieces
