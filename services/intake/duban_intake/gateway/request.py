"""From a request to a report, or to a fault that names the field and says what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec
import orjson
from msgspec import Meta
from pydantic import ValidationError

from duban.coordinates import System, to_wgs84
from duban.errors import Fault, Undecodable
from duban.messages.envelope import NEVER, Message, decode
from duban.messages.form import form_faults
from duban.messages.report import Location, Report, in_range
from duban.messages.sources import RegisteredSource
from duban.messages.struct import AwareDatetime, Unfit, canonical_json, from_json, narrowed, replace
from duban_intake.body import JSON, body_schema, misread
from duban_intake.domain import MOST_CHARACTERS, submitted, unfit, unusable_identity
from duban_intake.gateway.defaults import filled
from duban_intake.vault.contact import Contact

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_PLACE = re.compile(r"^(?P<field>[\w.]+|\(root\)): (?P<what>.*)$", re.DOTALL)
_Identity = Annotated[str, Meta(min_length=1, max_length=MOST_CHARACTERS)]

#: Fields beside the report, which go no further than the vault.
_CONFIDED: Final = ("contact", "secret")


_NOTHING: Final = msgspec.Raw(b"null")
_OF_THE_SENDER: Final = (
    "Known to the sender alone and never published. The claim code follows from it, so nobody who only sees the "
    "report can ask for its code, or try out who reported, by sending it again"
)
_OF_THE_MAP: Final = (
    "By what `location` is measured: `gcj02` (Amap, Tencent and most maps of China), `bd09` (Baidu), or `wgs84`; the "
    "ledger holds WGS 84"
)


class Confided(Report):
    """A report with what goes no further than the gateway: what its reporter confides, and how its place is measured.

    The contact is read by the vault's own model; the place travels in WGS 84.
    """

    coordinates: Annotated[System, Meta(description=_OF_THE_MAP)] = "wgs84"
    contact: msgspec.Raw = msgspec.field(default_factory=lambda: _NOTHING)
    secret: Annotated[str, Meta(min_length=8, max_length=200, description=_OF_THE_SENDER)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            contact = self.known_contact
        except ValidationError as error:
            fault = form_faults(error, Contact)[0]
            raise Unfit(".".join(filter(None, ("contact", fault.path))), fault.what) from None
        if contact is not None and self.secret is None:
            raise Unfit(
                "",
                "a contact goes with a secret of the sender's own (at least 8 characters, another for each report), "
                "or whoever sees the report could try out who sent it",
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"  # shows nothing of what was confided

    @property
    def known_contact(self) -> Contact | None:
        """The contact, where one was confided."""
        sealed = bytes(self.contact)
        return None if sealed == b"null" else Contact.model_validate_json(sealed)

    @property
    def report(self) -> Report:
        """The report as it travels: without what was confided with it, its place in WGS 84."""
        report, place = narrowed(self, Report), self.location
        if place is None or self.coordinates == "wgs84":
            return report
        latitude, longitude = to_wgs84((place.latitude, place.longitude), self.coordinates)
        return replace(report, location=Location(latitude=latitude, longitude=longitude))


class Submission(Confided):
    """A report as plain JSON: its fields, with the id and the source that make it unique for ever."""

    source: Annotated[_Identity, Meta(description="Who sends: a name or URI that no other producer uses")]
    id: Annotated[_Identity, Meta(description="The report's id at its source; the same id again is the same report")]
    time: Annotated[
        AwareDatetime | None, Meta(description="When the source sent it; it counts from when it is accepted")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        in_range("time", self.time)


def submission_schema() -> dict[str, Any]:
    """The JSON Schema of a :class:`Submission` in one piece, with the contact as the vault reads it."""
    schema = body_schema(Submission)
    schema["properties"]["contact"] = {
        "anyOf": [body_schema(Contact), {"type": "null"}],
        "default": None,
        "description": "Who reported; sealed into the vault, and never published",
    }
    return schema


#: Source, id, the time that was stated, and the report with what was confided.
_Given: TypeAlias = tuple[str, str, datetime, Confided]


@dataclass(frozen=True, slots=True)
class Handed:
    """A request taken apart: the report as it may travel, the contact, and the SHA-256 of all that was said.

    ``told`` is None where no secret was sent: what anybody can say again makes no claim code. ``caller``: the
    ``traceparent`` of whoever traces the request.
    """

    message: Message[Report]
    contact: Contact | None
    told: bytes | None = field(repr=False)
    caller: str | None = None


def read(headers: Mapping[str, str], body: bytes, now: datetime, source: RegisteredSource | None = None) -> Handed:
    """What a request hands in; ``headers`` by lower-case name. A report that states no time is stated at ``now``.

    ``source``: what the reports of that one have in common is theirs where they say nothing else.

    Raises:
        Fault: 400 or 415.
    """
    kind = content_type(headers)
    if kind not in (JSON, STRUCTURED):
        say = f"content-type {kind or '(none)'} is not taken; send {JSON}, {STRUCTURED} or {BATCH}"
        raise Fault(415, "unsupported_type", say, "content-type")
    is_event = kind == STRUCTURED or any(name.startswith("ce-") for name in headers)
    if source is not None:
        body = filled(source, body, is_event=is_event, is_structured=kind == STRUCTURED)
    spoken, report_id, stated_at, given = _event(headers, kind, body) if is_event else _plain(body)
    refusal = unusable_identity(spoken, report_id) or unfit(given)
    if refusal is not None:
        where, _, what = refusal.reason.partition(": ")
        raise Fault(400, refusal.code, what, where)
    contact, report = given.known_contact, given.report
    at = now if stated_at == NEVER else stated_at
    caller = headers.get("ce-traceparent") or headers.get("traceparent")
    return Handed(submitted(spoken, report_id, report, at), contact, _told(report, contact, given.secret), caller)


def content_type(headers: Mapping[str, str]) -> str:
    """The content type that ``headers`` name, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def read_batch(
    body: bytes, now: datetime, source: RegisteredSource
) -> tuple[list[tuple[int, Handed]], list[tuple[int, Fault]]]:
    """The CloudEvents of a batch, by their number from 1, and what is wrong with the others.

    Raises:
        Fault: 400, it is no list.
    """
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Fault(400, "not_json", f"the body is no JSON: {error}; send a list of CloudEvents in UTF-8") from None
    if not isinstance(events, list):
        raise Fault(
            400, "invalid", f"is no list of CloudEvents; send one, or {STRUCTURED} for a single event", "(root)"
        )
    good, bad = [], []
    for number, event in enumerate(events, 1):
        try:
            good.append((number, read({"content-type": STRUCTURED}, orjson.dumps(event), now, source)))
        except Fault as fault:
            bad.append((number, fault))
    return good, bad


def _told(report: Report, contact: Contact | None, secret: str | None) -> bytes | None:
    """The SHA-256 of the report and what was confided with it: of the content, not of its spelling."""
    if secret is None:
        return None
    reporter = contact.model_dump(exclude_none=True) if contact else None
    return sha256(canonical_json([report, reporter, secret])).digest()


def _plain(body: bytes) -> _Given:
    try:
        given = from_json(body, Submission)
    except (msgspec.DecodeError, RecursionError) as error:
        raise misread(error, Submission, _field) from None
    return given.source, given.id, given.time or NEVER, given


def _field(path: str) -> str:
    """``path`` as it may be told: inside what was confided, only names of our own, for a sender may mix up the rest."""
    top, _, inner = path.partition(".")
    if top not in _CONFIDED:
        return path
    return path if inner in Contact.model_fields else top


def _event(headers: Mapping[str, str], kind: str, body: bytes) -> _Given:
    """A CloudEvent; over HTTP the values of ``ce-`` headers are percent-encoded."""
    attributes = [
        (f"ce_{name[3:]}", unquote(value).encode(errors="replace"))
        for name, value in headers.items()
        if name.startswith("ce-")
    ]
    _not_beside_the_data({name for name, _ in attributes}, kind, body)
    try:
        event = decode(None, body, [*attributes, ("content-type", kind.encode())], {Report.TYPE: Confided})
    except Undecodable as error:
        raise _undecodable(error) from None
    return event.source, event.id, event.time, event.data


def _not_beside_the_data(attributes: AbstractSet[str], kind: str, body: bytes) -> None:
    """Refuse what was confided as an attribute of the CloudEvent, where it would be passed over in silence."""
    given = set(attributes)
    if kind == STRUCTURED:
        with suppress(orjson.JSONDecodeError):
            event = orjson.loads(body)
            given |= {f"ce_{name}" for name in event} if isinstance(event, dict) else set()
    for name in _CONFIDED:
        if f"ce_{name}" in given:
            raise Fault(400, "invalid", "is no attribute of a CloudEvent here; put it into the data", name)


def _undecodable(error: Undecodable) -> Fault:
    place = _PLACE.match(error.detail) if error.code == "invalid" else None
    if place is not None:
        return Fault(400, error.code, f"{place['what']}; correct it and send again", _field(place["field"]))
    confided = next((name for name in _CONFIDED if error.detail.startswith(f"{name}.")), None)
    if confided is not None:
        return Fault(400, error.code, "has a field that is not known; correct it and send again", confided)
    return Fault(400, error.code, f"{error.detail}; correct it and send again")
