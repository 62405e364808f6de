"""Spans to a collector of OpenTelemetry: made from what the messages say of themselves, sent by a thread of its own.

They are put together here, and not by a tracer of OpenTelemetry, for their ids and their times are not its to choose.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Final, TypeVar
from uuid import UUID

import structlog
from msgspec import structs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from duban.io.metrics import SPANS
from duban.io.tracer import Place, TakenRecord
from duban.messages import trace
from duban.messages.envelope import Publishable, Record
from duban.messages.trace import TRACEPARENT, TracedMessage, span_of, traced, traceparent

P = TypeVar("P", bound=Publishable)
_log = structlog.get_logger(__name__)

#: Spans that wait for the collector; when more do, the oldest are lost.
_MOST_WAITING: Final = 16_384
_SECONDS_AT_THE_END: Final = 2.0
#: The part of a trace's id that is random in every UUID, by which it is chosen.
_CHOSEN_BY: Final = 14
_ALL: Final = 1 << (4 * _CHOSEN_BY)


def exporting(endpoint: str) -> SpanProcessor:
    """What sends spans to the collector at ``endpoint``, such as ``http://collector:4318``.

    Headers, certificates and compression are told by OpenTelemetry's own variables, OTEL_EXPORTER_OTLP_….
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells of each span that is lost
    exporter = _Counting(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
    return BatchSpanProcessor(
        exporter, max_queue_size=_MOST_WAITING, max_export_batch_size=512, schedule_delay_millis=1000
    )


class _Counting(SpanExporter):
    """Counts what the collector has, and tells once when it is away and once when it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        away = result is not SpanExportResult.SUCCESS
        SPANS.labels("failed" if away else "exported").inc(len(spans))
        if away is not self._away:
            _log.warning(
                "the collector of traces takes nothing" if away else "the collector of traces takes spans again"
            )
            self._away = away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class OtlpTracer:
    """See :class:`duban.io.tracer.Tracer`. ``share``: of so many records, chosen by their ids, alike everywhere."""

    def __init__(self, service: str, processor: SpanProcessor, share: float = 1.0) -> None:
        self._processor = processor
        self._below = int(share * _ALL)
        self._resource = Resource.create({"service.name": f"duban-{service}", "service.version": version("duban")})
        self._scope = InstrumentationScope("duban", version("duban"))

    def carrying(self, records: Sequence[P]) -> list[P]:
        return [self._carrying(record) for record in records]

    def _carrying(self, record: P) -> P:
        headers = dict(record.headers)
        message = traced(headers, record.value) if isinstance(record, Record) and TRACEPARENT not in headers else None
        if message is None:
            return record
        context = traceparent(message.trace, message.span, sampled=self._chooses(message.trace))
        assert isinstance(record, Record)
        return structs.replace(record, headers=(*record.headers, (TRACEPARENT, context.encode())))

    def sent(self, records: Sequence[Publishable], began: int) -> None:
        now = time.time_ns()
        for record in records:
            message = traced(dict(record.headers), record.value) if isinstance(record, Record) else None
            if message is not None and self._chooses(message.trace):
                attributes = {**_attributes(message, record.topic), "messaging.operation.type": "send"}
                links = [_link(context) for context in message.links]
                self._tell(
                    f"send {message.type}", SpanKind.PRODUCER, message.trace, message.span, message.parent, links,
                    attributes, (began, now),
                )  # fmt: skip

    def handled(self, group: str, records: Sequence[TakenRecord], began: int, dead: Mapping[Place, str]) -> None:
        now = time.time_ns()
        for record in records:
            headers = dict(record.headers)
            message = traced(headers, record.value)
            if message is None or not self._chooses(message.trace):
                continue
            attributes = {
                **_attributes(message, record.topic),
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": group,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
            }
            code = dead.get((record.topic, record.partition, record.offset))
            self._tell(
                f"process {message.type}", SpanKind.CONSUMER, message.trace, span_of(group, message.id), message.span,
                list(_foreign(headers, message)), attributes, (began, now), code,
            )  # fmt: skip

    def posting(self, record: str, message: str) -> dict[str, str]:
        of_record = trace.trace_of(record)
        if of_record is None:
            return {}
        return {TRACEPARENT: traceparent(of_record, span_of("post", message), sampled=self._chooses(of_record))}

    def posted(self, record: str, message: str, began: int, status: int | None, error: str | None) -> None:
        of_record = trace.trace_of(record)
        if of_record is not None and self._chooses(of_record):
            attributes: dict[str, AttributeValue] = {"http.request.method": "POST", "messaging.message.id": message}
            if status is not None:
                attributes["http.response.status_code"] = status
            self._tell(
                "post notice", SpanKind.CLIENT, of_record, span_of("post", message), span_of(message), [], attributes,
                (began, time.time_ns()), error,
            )  # fmt: skip

    def stop(self) -> None:
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(_SECONDS_AT_THE_END)

    def _chooses(self, of_record: str) -> bool:
        return int(of_record[-_CHOSEN_BY:], 16) < self._below

    def _tell(
        self, name: str, kind: SpanKind, of_record: str, span: str, parent: str | None, links: Sequence[Link],
        attributes: Mapping[str, AttributeValue], times: tuple[int, int], error: str | None = None,
    ) -> None:  # fmt: skip
        status = Status(StatusCode.ERROR, error) if error is not None else Status(StatusCode.UNSET)
        ended = ReadableSpan(
            name, _context(of_record, span), _context(of_record, parent) if parent else None, self._resource,
            attributes, links=links, kind=kind, status=status, start_time=times[0], end_time=times[1],
            instrumentation_scope=self._scope,
        )  # fmt: skip
        self._processor.on_end(ended)
        SPANS.labels("made").inc()


def _context(of_record: str, span: str) -> SpanContext:
    return SpanContext(int(of_record, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _link(context: trace.SpanContext) -> Link:
    return Link(_context(context.trace, context.span))


def _foreign(headers: Mapping[str, bytes | None], message: TracedMessage) -> Iterator[Link]:
    """A link to the span of a sender that traces by itself, where its record says one."""
    context = trace.context_of(headers.get(TRACEPARENT))
    if context is not None and context.trace != message.trace:
        yield _link(context)


def _attributes(message: TracedMessage, topic: str) -> dict[str, AttributeValue]:
    """What is attributes of every message; nothing of what stands in it, nor the id that a source has for a report."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "cloudevents.event_type": message.type,
        "cloudevents.event_source": message.source,
        "duban.record": str(UUID(message.trace)),
    }
