"""The OpenAPI document of routes whose bodies and answers are made of messages: their schemas, by reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI

from duban.messages import struct
from duban_console.accounts.access import ANYBODY, ROUTES

_PLACE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_FAULTY: Final = {"content": {_JSON: {"schema": {"$ref": "#/components/schemas/Faulty"}}}}
_DENIALS: Final = {
    "401": {"description": "Nobody is known: no token, or one that has ended", **_FAULTY},
    "403": {"description": "It is for others; the message says for whom", **_FAULTY},
}


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
        _guard(document)
        return document

    app.openapi = whole  # type: ignore[method-assign]


def _guard(document: dict[str, Any]) -> None:
    """Say of each operation who has it: anybody, or who is known, and then how others are answered."""
    for (method, path), deed in ROUTES.items():
        operation = document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            continue
        if deed == ANYBODY:
            operation["security"] = []
        else:
            operation["responses"] = {**_DENIALS, **operation["responses"]}


def _schema(model: Any) -> dict[str, Any]:
    (schema,), _ = struct.schemas((model,), _PLACE)
    return schema
