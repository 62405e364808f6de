"""What the gateway's document says of a body that a route reads by itself. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


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
