"""The bodies of requests to a server of intake: what is wrong with one, and what a document says of it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from duban.errors import Fault

JSON: Final = "application/json"

#: What to do about a fault of validation, by pydantic's name for it.
_ADVICE: Final = {
    "missing": "add it",
    "extra_forbidden": "no such field: remove it, or put it under attributes; who reported goes under contact only",
    "timezone_aware": "give the time zone, as in 2026-03-01T08:00:00+08:00",
    "string_too_long": "shorten it",
    "too_long": "shorten it",
    "string_pattern_mismatch": "remove control characters; names also begin neither with a space nor with @",
}


def malformed(error: ValidationError, shown: Callable[[str], str] = str) -> Fault:
    """The first fault of a body, with what to do about it and without what was sent.

    ``shown``: the path of a field as it may be told.
    """
    fault: Any = error.errors(include_url=False, include_input=False)[0]
    if fault["type"] == "json_invalid":
        return Fault(400, "not_json", f"the body is no JSON: {fault['ctx']['error']}; send one JSON object in UTF-8")
    where = shown(".".join(map(str, fault["loc"]))) or None
    advice = _ADVICE.get(fault["type"])
    message = fault["msg"].removeprefix("Value error, ")
    return Fault(400, "invalid", f"{message}; {advice or 'correct it'}", where)


def body_schema(body: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of ``body`` in one piece: in the document, a reference to its definitions would lead nowhere."""
    schema = body.model_json_schema()
    definitions = schema.pop("$defs", {})

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
