"""An answer on its way out."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Response

from duban.messages.struct import to_json


def respond(answer: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``answer``, made of structs, as JSON."""
    return Response(to_json(answer), status, headers, "application/json")
