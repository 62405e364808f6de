"""CloudEvents 1.0 on Kafka: written in binary mode, read in binary and structured mode.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

import msgspec
import orjson
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, ValidationError

from duban.clock import within_range
from duban.errors import Undecodable
from duban.messages.form import form_faults
from duban.messages.struct import AwareDatetime, Frozen, flaw_of, from_json, plain, to_json

#: Every id in the system is derived from its cause inside this namespace.
NAMESPACE = UUID("6f1b0a5e-0d7e-5c1b-9a37-2f6d7562616e")

Headers = Sequence[tuple[str, bytes | None]]


_NAMESPACE = NAMESPACE.bytes
_ID = msgspec.json.Decoder(UUID)
#: The first digit of the fourth group says the variant of a UUID in two of its bits.
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def derived_text(*causes: object) -> str:
    """The id that follows from ``causes``, a uuid5, as text: the same causes give the same id, in every replay."""
    name = "\x1f".join(map(str, causes)).encode()
    digits = sha1(_NAMESPACE + name, usedforsecurity=False).hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


def derived_id(*causes: object) -> UUID:
    """The same id as a UUID."""
    return _ID.decode(f'"{derived_text(*causes)}"')  # many times as fast as UUID(), and made for each command


def sendable(name: str) -> str:
    """The name of a header as UTF-8 can say it: bytes that are none, read as surrogates, stand as ``\\xff``."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


class Payload(Frozen):
    """The data of a message: frozen, and strict about fields it does not know.

    A subclass names its topic, and its CloudEvents type unless each instance has its own (:attr:`ce_type`).
    """

    TOPIC: ClassVar[str]
    TYPE: ClassVar[str] = ""

    @property
    def ce_type(self) -> str:
        """The CloudEvents type under which this payload travels."""
        return self.TYPE


class Unheeded(Payload, forbid_unknown_fields=False):
    """Stands for the payload of a message that is welcome and changes nothing for its reader: nobody looks into it."""


class Document(BaseModel):
    """The data of a message that people write and laws are checked on: a pack, a calendar. It names topic and type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    TOPIC: ClassVar[str]
    TYPE: ClassVar[str] = ""

    @property
    def ce_type(self) -> str:
        """The CloudEvents type under which this payload travels."""
        return self.TYPE


#: Whatever a message may carry.
AnyPayload: TypeAlias = Payload | Document
D = TypeVar("D", bound=AnyPayload, covariant=True)


class Message(Struct, Generic[D], frozen=True, gc=False):
    """One message: a payload with the context attributes of its CloudEvent.

    ``key`` is the Kafka key (who keeps order with whom); ``cause`` is the id of the message this one follows from.
    """

    id: str
    source: str
    subject: str
    time: datetime
    jurisdiction: str
    key: str
    data: D
    cause: str | None = None


class Record(Struct, frozen=True, gc=False):
    """A message as bytes, ready for its topic."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Its bytes, about as a topic counts them."""
        return size_of(self)


class Publishable(Protocol):
    """Anything with the shape of a record: a message of ours, or a dead letter."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def size_of(record: Publishable) -> int:
    """The bytes of ``record``, about as a topic counts them."""
    of_headers = sum([len(name) + len(value or b"") + 4 for name, value in record.headers])
    return len(record.key or b"") + len(record.value or b"") + of_headers


_JSON = b"application/json"
_STRUCTURED = b"application/cloudevents+json"
_TIME = msgspec.json.Decoder(AwareDatetime)
#: The time of a message that states none.
NEVER = datetime.fromtimestamp(0, UTC)
#: The attributes that CloudEvents itself has, every one a text.
_TEXTS = frozenset(("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"))
#: The attributes that a message is read from, with their headers; others are nobody's concern here.
_HEADERS = tuple(
    (name, f"ce_{name}")
    for name in ("specversion", "id", "source", "type", "subject", "time", "jurisdiction", "causationid")
)


def encode(message: Message[AnyPayload]) -> Record:
    """The binary-mode record of ``message``: attributes as ``ce_`` headers, the payload as the value."""
    data = message.data
    return record(
        data.TOPIC,
        data.ce_type,
        _json_of(data),
        id_=message.id,
        source=message.source,
        subject=message.subject,
        time=message.time,
        jurisdiction=message.jurisdiction,
        key=message.key,
        cause=message.cause,
    )


def record(
    topic: str, ce_type: str, value: bytes, *, id_: str, source: str, subject: str, time: datetime, jurisdiction: str,
    key: str, cause: str | None,
) -> Record:  # fmt: skip
    """The binary-mode record of a message whose payload is JSON already; the names are those of :class:`Message`."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", ce_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", time.astimezone(UTC).isoformat().encode()),
        ("ce_jurisdiction", jurisdiction.encode()),
        ("content-type", _JSON),
    ]
    if cause is not None:
        headers.append(("ce_causationid", cause.encode()))
    return Record(topic, key.encode(), value, tuple(headers))


def decode(key: bytes | None, value: bytes | None, headers: Headers, types: Mapping[str, type[D]]) -> Message[D]:
    """The message in a record of either mode; ``types`` maps the CloudEvents types that are welcome to their models.

    Raises:
        Undecodable: with a code that says what is wrong, and the field in its detail.
    """
    if value is None:
        raise Undecodable("empty", "the record has no value")
    by_name = dict(headers)
    if (by_name.get("content-type") or b"").lower().startswith(b"application/cloudevents"):
        attributes, data = _structured(value)
    else:
        attributes = {name: _text(header, by_name[header] or b"") for name, header in _HEADERS if header in by_name}
        data = value
    return _message(key, attributes, data, types)


def _structured(value: bytes) -> tuple[dict[str, str], bytes]:
    """The attributes and the data of an event in CloudEvents' JSON format; an attribute that is null is absent."""
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Undecodable("not_json", str(error)) from None
    if not isinstance(event, dict):
        raise Undecodable("not_json", "a structured CloudEvent is a JSON object")
    data = _data(event)
    return {name: _canonical(name, item) for name, item in event.items() if item is not None}, data


def _data(event: dict[str, Any]) -> bytes:
    """The data of ``event``, taken out of it: JSON as it stands, or bytes in base64."""
    data, encoded = event.pop("data", None), event.pop("data_base64", None)
    if encoded is None:
        return orjson.dumps(data)
    try:
        return b64decode(encoded, validate=True)
    except (TypeError, ValueError):
        raise Undecodable("invalid", "data_base64 of the CloudEvent is no base64") from None


def _canonical(name: str, item: object) -> str:
    """An attribute as its text: an extension may be an integer or a boolean as well."""
    match item:
        case str():
            return item
        case bool() | int() if name not in _TEXTS:
            return str(item).lower()
        case _:
            allowed = "a text" if name in _TEXTS else "a text, an integer or a boolean"
            raise Undecodable("invalid", f"attribute {name} of the CloudEvent is not {allowed}")


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Undecodable("invalid", f"header {name} is not UTF-8") from None


def _message(key: bytes | None, attributes: dict[str, str], data: bytes, types: Mapping[str, type[D]]) -> Message[D]:
    if attributes.get("specversion") != "1.0":
        raise Undecodable("not_cloudevent", "no ce_specversion 1.0 header and no structured CloudEvent")
    missing = [name for name in ("id", "source", "type") if not attributes.get(name)]
    if missing:
        raise Undecodable("invalid", f"the CloudEvent has no {missing[0]}")
    model = types.get(attributes["type"])
    if model is None:
        raise Undecodable("unknown_type", f"{attributes['type']} is not one of {', '.join(sorted(types))}")
    time = _instant(attributes["time"]) if "time" in attributes else NEVER
    try:
        payload = from_json(data, model) if issubclass(model, Payload) else model.model_validate_json(data)
    except (msgspec.DecodeError, ValidationError, RecursionError) as error:
        raise Undecodable("invalid", first_fault(error, model)) from None
    return Message(
        id=attributes["id"],
        source=attributes["source"],
        subject=attributes.get("subject", attributes["id"]),
        time=time,
        jurisdiction=attributes.get("jurisdiction", ""),
        key=_text("key", key or b""),
        data=payload,
        cause=attributes.get("causationid"),
    )


def _instant(time: str) -> datetime:
    try:
        # What is no plain text between its quotes is no instant either way.
        return within_range(_TIME.decode(f'"{time}"'))
    except msgspec.DecodeError as error:
        raise Undecodable("invalid", f"time: {flaw_of(error).what}") from None
    except ValueError as error:
        raise Undecodable("invalid", f"time: {error}") from None


#: A document travels as it was written, without its defaults: a field that an older release does not know would be a
#: fault to it, and so is there only where somebody has used it.
_AS_WRITTEN: Final[dict[str, Any]] = {"exclude_none": True, "exclude_unset": True}


def _json_of(data: AnyPayload) -> bytes:
    """``data`` as it travels."""
    return to_json(data) if isinstance(data, Payload) else data.model_dump_json(**_AS_WRITTEN).encode()


def first_fault(error: msgspec.DecodeError | ValidationError | RecursionError, model: Any = None) -> str:
    """The first fault of data that should be a ``model``, as ``field: what is wrong``, and how many there are besides.

    Of a message only the first is looked for.
    """
    if not isinstance(error, ValidationError):
        return str(flaw_of(error, model))
    others = error.error_count() - 1
    return f"{form_faults(error, model)[0]}{f' (and {others} more)' if others else ''}"


def structured(message: Message[AnyPayload]) -> dict[str, Any]:
    """The structured-mode CloudEvent of ``message`` as JSON data, for webhooks and terminals."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": message.data.ce_type,
        "subject": message.subject,
        "time": message.time.astimezone(UTC).isoformat(),
        "jurisdiction": message.jurisdiction,
        "datacontenttype": "application/json",
        "data": _data_of(message.data),
    }
    if message.cause is not None:
        event["causationid"] = message.cause
    return event


def _data_of(data: AnyPayload) -> dict[str, Any]:
    """``data`` as JSON data, as it travels."""
    return plain(data) if isinstance(data, Payload) else data.model_dump(mode="json", **_AS_WRITTEN)
