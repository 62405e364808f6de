"""The trace of a record: it has the record's own id, and each span in it an id that follows from its message. Pure.

A problem lives for weeks, and in four processes, some of which start anew meanwhile; so nobody hands a context on, and
none is needed: the same message is the same span, whoever looks at it, and again when it comes again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec
import orjson
from msgspec import Struct

from duban.messages.commands import Attach, Register
from duban.messages.envelope import Record, derived_text
from duban.messages.report import Report
from duban.messages.sealed import report_key

#: Where the context of a message stands among its headers, as W3C Trace Context and OpenTelemetry have it.
TRACEPARENT: Final = "traceparent"
#: Where that of whoever made it stands, which no station on the way changes: CloudEvents' extension for it.
CALLER: Final = "ce_traceparent"

_CONTEXT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_UUID: Final = msgspec.json.Decoder(UUID)


class SpanContext(Struct, frozen=True, gc=False):
    """A span as others name it: 32 and 16 digits of hex."""

    trace: str
    span: str


class TracedMessage(Struct, frozen=True, gc=False):
    """A message as a trace knows it. ``parent``: the span of its cause; ``links``: spans of other traces."""

    type: str
    id: str
    source: str
    trace: str
    span: str
    parent: str | None
    links: tuple[SpanContext, ...]


def span_of(*names: str) -> str:
    """The id of a span: that of a message by its id, of what is done with it by who does it, too."""
    return derived_text("span", *names).replace("-", "")[:16]


def trace_of(record: str) -> str | None:
    """The id of the trace of a record; None of what is no id of one."""
    id_ = _uuid(record)
    return None if id_ is None else id_.hex


def traceparent(trace: str, span: str, *, sampled: bool) -> str:
    """The context as a header says it."""
    return f"00-{trace}-{span}-{sampled:02x}"


def context_of(header: str | bytes | None) -> SpanContext | None:
    """The context that a ``traceparent`` states; None where it states none."""
    text = header.decode("latin-1") if isinstance(header, bytes) else header or ""
    match = _CONTEXT.fullmatch(text)
    if match is None or text.startswith("ff") or not int(match[1], 16) or not int(match[2], 16):
        return None
    return SpanContext(match[1], match[2])


def called_by(record: Record, header: str | None) -> Record:
    """``record`` with the context of whoever had it made; as it is where ``header`` states none."""
    if header is None or context_of(header) is None:
        return record
    return msgspec.structs.replace(record, headers=(*record.headers, (CALLER, header.encode())))


def traced(headers: Mapping[str, bytes | None], value: bytes | None) -> TracedMessage | None:
    """The message with these headers, in binary mode, as a trace knows it; None of what belongs to no record."""
    names = ("ce_type", "ce_id", "ce_source", "ce_subject", "ce_causationid")
    type_, id_, source, subject, cause = ((headers.get(name) or b"").decode(errors="replace") for name in names)
    record = report_key(source, id_) if type_ == Report.TYPE else _uuid(subject)
    if record is None or not id_:
        return None
    trace = record.hex
    links = [caller] if (caller := context_of(headers.get(CALLER))) is not None and caller.trace != trace else []
    from_others = _cause(type_, cause, value)
    if from_others is not None and from_others.trace != trace:
        return TracedMessage(type_, id_, source, trace, span_of(id_), None, (*links, from_others))
    return TracedMessage(type_, id_, source, trace, span_of(id_), span_of(cause) if cause else None, tuple(links))


def _cause(type_: str, cause: str, value: bytes | None) -> SpanContext | None:
    """The span of the cause where that says itself of which record it is, or the message does."""
    if type_ == Attach.TYPE:
        try:
            filed = orjson.loads(value or b"")["filed"]
            return SpanContext(report_key(filed["source"], filed["id"]).hex, span_of(cause))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
    if type_ == Register.TYPE:  # a report, whose id is its sender's own
        return None
    record, version, _ = cause.partition("/")
    event = _uuid(record) if version else None
    return None if event is None else SpanContext(event.hex, span_of(cause))


def _uuid(text: str) -> UUID | None:
    try:
        return _UUID.decode(f'"{text}"')
    except msgspec.DecodeError:
        return None
