"""The OpenAPI document of routes whose bodies and answers are made of messages: their schemas, by reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI

from duban.messages import struct

_PLACE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"


def body(model: Any) -> dict[str, Any]:
    """What a route says of a body that it reads as ``model``."""
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": _schema(model)}}}}


def answers(*models: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What a route says of its answer: one of ``models``."""
    schemas = [_schema(model) for model in models]
    schema = {"anyOf": schemas} if len(schemas) > 1 else schemas[0]
    return {status: {"description": "Successful Response", "content": {_JSON: {"schema": schema}}}}


def describe(app: FastAPI, models: Iterable[Any]) -> None:
    """Have the document of ``app`` hold the schemas of ``models``, and of all that they are made of."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        document = plain()
        _, components = struct.schemas(models, _PLACE)
        document["components"]["schemas"] |= components
        return document

    app.openapi = whole  # type: ignore[method-assign]


def _schema(model: Any) -> dict[str, Any]:
    (schema,), _ = struct.schemas((model,), _PLACE)
    return schema
