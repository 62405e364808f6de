"""The routes of GeoReport, each in both forms; the end of the path says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query, Request, Response

from duban.errors import Fault
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_intake.channels.kinds import KINDS
from duban_intake.channels.open311 import KIND, OPEN311, form_in
from duban_intake.domain import Receipt
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.answer import FAULTS, GeoReportRoute, answer, documented
from duban_intake.gateway.open311.form import Form
from duban_intake.gateway.open311.ledger import PublicLedger
from duban_intake.gateway.open311.requests import RequestFilter, request_filter, request_id, shown
from duban_intake.gateway.open311.services import definition, services
from duban_intake.gateway.request import content_type
from duban_intake.vault.answers import reached

PATH: Final = "/open311/v2"
_FORM: Final = "application/x-www-form-urlencoded"
_SPECIFICATION: Final = "http://wiki.open311.org/GeoReport_v2"

_JurisdictionId = Annotated[str, Query(description="Needed where this server serves several")]


_POSTED: Final = {"requestBody": {"required": True, "content": {_FORM: {"schema": {
    "type": "object",
    "required": ["api_key", "service_code"],
    "properties": {
        **{name: {"type": "string"} for name in (
            "api_key", "jurisdiction_id", "service_code", "description", "address_string", "address_id", "email",
            "first_name", "last_name", "phone", "media_url", "attribute[matter]", "attribute[area]",
        )},
        "lat": {"type": "number"},
        "long": {"type": "number"},
    },
}}}}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublicFace:
    """What the routes need besides the door: the packs, and what the ledger shows everybody."""

    library: Library
    ledger: PublicLedger


@dataclass(frozen=True, slots=True)
class _City:
    """A jurisdiction that is served: its rules, and the names under which its requests are reported."""

    id: str
    rules: Rules
    sources: tuple[str, ...]


def serve_open311(app: FastAPI, door: ReportDoor, face: PublicFace) -> None:
    """Give ``app`` the routes of GeoReport."""
    router = APIRouter(route_class=GeoReportRoute, tags=["open311"], responses=FAULTS)
    _serve_services(router, door, face)
    _serve_posts(router, door, face)
    _serve_requests(router, door, face)
    app.include_router(router)


def _serve_services(router: APIRouter, door: ReportDoor, face: PublicFace) -> None:
    @router.get("/open311/discovery.{form}", responses=documented(200, "Where what is served"))
    async def discovery(form: Form, request: Request) -> Response:
        """Where this server's GeoReport is, and in which forms; `changeset` changes with the packs."""
        now = door.clock.now()
        in_force = filter(None, (face.library.current(known, now) for known in _served(door)))
        changeset = ",".join(sorted(rules.pack.ref for rules in in_force))
        endpoint = {
            "specification": _SPECIFICATION,
            "url": f"{str(request.base_url).rstrip('/')}{PATH}",
            "changeset": changeset,
            "type": "production",
            "formats": [known.content_type for known in Form],
        }
        return answer(form, "discovery", {
            "changeset": changeset,
            "contact": "Whoever runs this server",
            "key_service": "Whoever runs this server gives keys: duban source add NAME --kind open311",
            "endpoints": [endpoint],
        })  # fmt: skip

    @router.get(PATH + "/services.{form}", responses=documented(200, "The services"))
    async def services_(form: Form, jurisdiction_id: _JurisdictionId = "") -> Response:
        """What may be reported: the categories of the pack in force."""
        return answer(form, "services", services(_city(door, face, jurisdiction_id).rules))

    @router.get(PATH + "/services/{service_code:path}.{form}", responses=documented(200, "The definition"))
    async def service(service_code: str, form: Form, jurisdiction_id: _JurisdictionId = "") -> Response:
        """What is asked of a report of one service: what is wanted, and the area, where the pack has such."""
        rules = _city(door, face, jurisdiction_id).rules
        return answer(form, "service_definition", definition(_known(service_code, rules), rules))


def _serve_posts(router: APIRouter, door: ReportDoor, face: PublicFace) -> None:
    @router.post(
        PATH + "/requests.{form}",
        status_code=201,
        responses=documented(201, "The broker has it"),
        openapi_extra=_POSTED,
    )
    async def post(form: Form, request: Request) -> Response:
        """Hand in a service request; who reports is sealed into the vault. The token leads to its id."""
        if (kind := content_type(request.headers)) != _FORM:
            say = f"content-type {kind or '(none)'} is not taken; send {_FORM}, and files as media_url"
            raise Fault(415, "unsupported_type", say, "content-type")
        given = form_in(await request.body())
        if not given.get("api_key") and "authorization" not in request.headers:
            raise Fault(403, "no_key", "is missing; it is the key that `duban source add` has shown", "api_key")
        source = door.speaker(request, given.get("api_key"))
        if KINDS.get(source.kind) is not OPEN311:
            raise Fault(403, "unusable_source", f"{source.name} is no source of the kind {KIND}; register one")
        with door.journal.watching(source):
            city = _city(door, face, given.get("jurisdiction_id") or source.jurisdiction or "")
            if given.get("service_code"):
                _known(given["service_code"], city.rules)
            handed_in = await door.hear(source, await door.body(request, source), str(request.base_url))
        token = str(handed_in.accepted[0].problem_id)
        posted = {"token": token, "service_notice": None, "account_id": None}
        return answer(form, "service_requests", [posted], 201)

    @router.get(PATH + "/tokens/{token}.{form}", responses=documented(200, "The id of the request"))
    async def token(token: str, form: Form) -> Response:
        """The id of the request that a token stands for, as soon as it is decided to which problem it belongs."""
        receipt = await _receipt(door, request_id(token))
        if receipt is None or receipt.source not in door.registry.names(KIND):
            say = "no request is known by this token: it was never given out, or is not decided yet; ask again"
            raise Fault(404, "unknown_token", say, "token")
        if receipt.problem_id is None:
            raise Fault(400, receipt.code or "refused", f"the request was not taken: {receipt.reason}", "token")
        known = {"service_request_id": str(receipt.problem_id), "token": token}
        return answer(form, "service_requests", [known])


async def _receipt(door: ReportDoor, key: UUID | None) -> Receipt | None:
    return await reached(door.receipts.receipt(key), "the receipts cannot be read now") if key else None


def _serve_requests(router: APIRouter, door: ReportDoor, face: PublicFace) -> None:
    async def found(city: _City, only: RequestFilter) -> list[dict[str, Any]]:
        problems = await face.ledger.problems(city.id, city.sources, only)
        return [shown(problem, face.library.rules(problem.pack) or city.rules) for problem in problems]

    @router.get(PATH + "/requests.{form}", responses=documented(200, "The requests, the latest first"))
    async def requests(
        form: Form,
        jurisdiction_id: _JurisdictionId = "",
        service_request_id: Annotated[str, Query(description="Some, parted by commas; alone it counts then")] = "",
        service_code: Annotated[str, Query(description="Some, parted by commas")] = "",
        start_date: Annotated[str, Query(description="Requested since then; 90 days at most")] = "",
        end_date: Annotated[str, Query(description="Requested until then")] = "",
        status: Annotated[str, Query(description="open, closed, or both")] = "",
    ) -> Response:
        """What was reported by this way and what has become of it: of the last 90 days, and 1000 at most."""
        city = _city(door, face, jurisdiction_id)
        parameters = {
            "service_request_id": service_request_id, "service_code": service_code, "start_date": start_date,
            "end_date": end_date, "status": status,
        }  # fmt: skip
        return answer(form, "service_requests", await found(city, request_filter(parameters, door.clock.now())))

    @router.get(PATH + "/requests/{service_request_id}.{form}", responses=documented(200, "The request"))
    async def one(service_request_id: str, form: Form, jurisdiction_id: _JurisdictionId = "") -> Response:
        """What has become of one request."""
        city = _city(door, face, jurisdiction_id)
        parameters = {"service_request_id": service_request_id.partition(",")[0] or "-"}
        problems = await found(city, request_filter(parameters, door.clock.now()))
        if not problems:
            say = f"no request of {city.id} that was reported by this way has this id"
            raise Fault(404, "unknown_request", say, "service_request_id")
        return answer(form, "service_requests", problems)


def _served(door: ReportDoor) -> list[str]:
    """The jurisdictions for which a source of this kind reports."""
    return sorted({source.jurisdiction for source in door.registry.of_kind(KIND) if source.jurisdiction})


def _city(door: ReportDoor, face: PublicFace, name: str) -> _City:
    """The jurisdiction called ``name``, or the only one there is.

    Raises:
        Fault: 400 or 404.
    """
    served = _served(door)
    known = ", ".join(served) or "none yet; `duban source add NAME --kind open311` registers who reports for one"
    if not name and len(served) != 1:
        raise Fault(400 if served else 404, "invalid", f"is needed here; served are: {known}", "jurisdiction_id")
    jurisdiction = name or served[0]
    rules = face.library.current(jurisdiction, door.clock.now()) if jurisdiction in served else None
    if rules is None:
        raise Fault(404, "unknown_jurisdiction", f"is none of those served: {known}", "jurisdiction_id")
    return _City(jurisdiction, rules, door.registry.names(KIND, jurisdiction))


def _known(service_code: str, rules: Rules) -> str:
    if service_code not in rules.categories:
        some = ", ".join(list(rules.categories)[:12])
        raise Fault(404, "unknown_service", f"is no service here; the list of services has: {some}", "service_code")
    return service_code
