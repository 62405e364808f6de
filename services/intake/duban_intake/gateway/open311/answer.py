"""The answers of GeoReport as they go out: a success, or a fault in the words of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from duban.errors import Fault, RecordTooLarge, Unavailable
from duban.io.availability import is_unavailable
from duban_intake.gateway.open311.form import Form, body
from duban_intake.vault.answers import status_of
from duban_intake.vault.desk import VaultRefused

#: Seconds after which the same may be sent again, where nobody says another number.
_RETRY: Final = 5


def documented(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """What the document says of an answer: that it comes in both forms."""
    return {status: {"description": description, "content": {form.content_type: {"schema": {}} for form in Form}}}


FAULTS: Final = {
    **documented(400, "The request cannot be read or carried out; the field is named"),
    **documented(403, "No api_key, or one that is no source's of the kind open311"),
    **documented(404, "No such jurisdiction_id, service_code, request or token"),
    **documented(410, "The contact of this report has been destroyed"),
    **documented(413, "The body is too large"),
    **documented(415, "The body is no form"),
    **documented(429, "The source hands in more than its rate"),
    **documented(501, "Contacts are not taken: no vault key is set"),
    **documented(503, "The broker or the database is away; send the same again"),
}


def answer(
    form: Form, root: str, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """``content`` in ``form``, called ``root``."""
    return Response(body(form, root, content), status, headers, f"{form.content_type}; charset=utf-8")


class GeoReportRoute(APIRoute):
    """Answers every fault in the words of the protocol."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                fault = _fault(error)
                if fault is None:
                    raise
                return _faulty(request, fault)

        return handled


def _fault(error: Exception) -> Fault | None:
    """``error`` as a fault; None where it is none that anybody foresaw."""
    if isinstance(error, Unavailable) or is_unavailable(error):
        return Fault(503, "unavailable", f"{error}; send the same again later", retry=_RETRY)
    fault: Fault | None = None
    match error:
        case Fault():
            fault = error
        case VaultRefused():
            fault = Fault(status_of(error), error.code, str(error))
        case RecordTooLarge():
            fault = Fault(413, "too_large", str(error))
        case RequestValidationError():
            first = error.errors()[0]
            fault = Fault(400, "invalid", str(first["msg"]), str(first["loc"][-1]))
        case HTTPException():
            fault = Fault(error.status_code, "invalid", str(error.detail))
    return fault


def _faulty(request: Request, fault: Fault) -> Response:
    form = Form.JSON if request.url.path.endswith(".json") else Form.XML
    status = 403 if fault.status == 401 else fault.status  # the protocol's word for a key that is missing or wrong
    errors = [{"code": status, "description": f"{fault.field}: {fault}" if fault.field else str(fault)}]
    headers = None if fault.retry is None else {"Retry-After": str(fault.retry)}
    return answer(form, "errors", errors, status, headers)
