"""Traces: the same message is the same span, of the trace of its record, whoever tells of it and how often."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest
from aiokafka.structs import TopicPartition
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind
from prometheus_client import REGISTRY

from duban.clock import DrivenClock
from duban.errors import SettingsError, Unavailable
from duban.io.consumer import Runner, Source
from duban.io.otlp import OtlpTracer, _Counting
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tracer import tracer_of
from duban.messages import commands as do
from duban.messages.delivery import SetAside
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.events import event_id
from duban.messages.notices import Notice
from duban.messages.report import Filed, Report
from duban.messages.trace import context_of, span_of, traced
from duban.moves import Kind
from duban_escalation.notices.journal import Journal
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import Webhook
from duban_intake.domain import submitted
from tests.collector import collecting
from tests.given import notice, report
from tests.unit.test_escalation_notices import SECRET

AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
OWN: Final = derived_id("problem", "hotline", "1")
CALLER: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept(SpanExporter):
    """Keeps what it is given; one that is ``away`` says so."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.FAILURE if self.away else SpanExportResult.SUCCESS


def tracing(share: float = 1.0) -> tuple[OtlpTracer, list[ReadableSpan]]:
    kept = Kept()
    return OtlpTracer("test", SimpleSpanProcessor(kept), share), kept.spans


def ids(context: SpanContext | None) -> tuple[str, str]:
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def filed(id_: str) -> Filed:
    return Filed(source="hotline", id=id_, received_at=AT, report=report())


def of(data: do.Command, subject: UUID, cause: str | None = None, id_: str = "c1") -> Record:
    return encode(Message(id_, "tests", str(subject), AT, "smallville", str(subject), data, cause=cause))


def taken(record: Record, offset: int = 7) -> Any:
    return SimpleNamespace(
        topic=record.topic, partition=2, offset=offset, timestamp=0, key=record.key, value=record.value,
        headers=list(record.headers),
    )  # fmt: skip


REPORT: Final = encode(submitted("hotline", "1", report(), AT))
REGISTER: Final = of(do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed("1")), OWN, cause="1")


def test_a_report_and_the_command_that_follows_from_it_are_of_the_trace_of_the_problem_that_it_opens() -> None:
    tracer, spans = tracing()
    tracer.sent([REPORT, REGISTER], began=5)
    sent, registered = spans
    assert ids(sent.context)[0] == ids(registered.context)[0] == OWN.hex
    assert sent.parent is None
    assert ids(registered.parent) == ids(sent.context)
    assert (sent.name, sent.kind, sent.start_time) == ("send duban.report.submitted", SpanKind.PRODUCER, 5)
    assert registered.attributes is not None
    assert registered.attributes["duban.record"] == str(OWN)


def test_who_handles_a_message_is_below_it_and_each_group_for_itself() -> None:
    tracer, spans = tracing()
    tracer.handled("duban-router", [taken(REGISTER)], 5, {})
    tracer.handled("another", [taken(REGISTER)], 5, {(REGISTER.topic, 2, 7): "unknown_area"})
    first, second = spans
    assert ids(first.parent) == ids(second.parent) == (OWN.hex, span_of("c1"))
    assert ids(first.context) != ids(second.context)
    assert first.status.is_unset
    assert second.status.description == "unknown_area"
    assert first.attributes is not None
    assert first.attributes["messaging.kafka.offset"] == 7


def test_the_same_message_is_the_same_span_and_carries_the_same_context_when_it_comes_again() -> None:
    first, second = tracing(), tracing()
    assert first[0].carrying([REPORT, REGISTER]) == second[0].carrying([REPORT, REGISTER])
    for tracer, _ in (first, second):
        tracer.sent([REGISTER], 5)
    assert ids(first[1][0].context) == ids(second[1][0].context)
    carried = dict(first[0].carrying([REGISTER])[0].headers)["traceparent"]
    assert carried.decode() == f"00-{OWN.hex}-{span_of('c1')}-01"


def test_what_comes_of_another_record_links_to_it_and_begins_in_a_trace_of_its_own() -> None:
    tracer, spans = tracing()
    other = derived_id("problem", "hotline", "0")
    attach = of(do.Attach(actor=do.Actor(unit=do.ENGINE), filed=filed("1")), other, cause="1")
    duty = derived_id("duty")
    opened = of(do.Open(actor=do.Actor(unit=do.ENGINE), duty="d", unit="water", opens_at=AT), duty, event_id(OWN, 3))
    tracer.sent([attach, opened], 5)
    for span, trace, link in ((spans[0], other, span_of("1")), (spans[1], duty, span_of(event_id(OWN, 3)))):
        assert (ids(span.context)[0], span.parent) == (trace.hex, None)
        assert [ids(one.context) for one in span.links] == [(OWN.hex, link)]


def test_whoever_traces_by_itself_is_linked_to() -> None:
    tracer, spans = tracing()
    called = Record(REPORT.topic, REPORT.key, REPORT.value, (*REPORT.headers, ("ce_traceparent", CALLER.encode())))
    straight = Record(REPORT.topic, REPORT.key, REPORT.value, (*REPORT.headers, ("traceparent", CALLER.encode())))
    tracer.sent([called], 5)
    tracer.handled("duban-intake", [taken(straight), taken(tracer.carrying([REPORT])[0])], 5, {})
    theirs = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert [[ids(link.context) for link in span.links] for span in spans] == [[theirs], [theirs], []]


@pytest.mark.parametrize(
    "header", ["", "00-0-0-01", f"ff{CALLER[2:]}", CALLER.replace("b7ad6b7169203331", "0" * 16), CALLER.upper(), "ä"]
)
def test_what_states_no_context_is_none(header: str) -> None:
    assert context_of(header) is None
    assert context_of(header.encode()) is None


def test_what_belongs_to_no_record_is_left_alone() -> None:
    tracer, spans = tracing()
    pack = Record(
        "duban.packs.v1", b"k", b"{}", (("ce_type", b"duban.pack.published"), ("ce_id", b"1"), ("ce_subject", b"x"))
    )
    assert tracer.carrying([pack]) == [pack]
    tracer.sent([pack], 5)
    tracer.handled("g", [SimpleNamespace(topic="t", partition=0, offset=0, value=None, headers=[])], 5, {})
    assert tracer.posting("no record", "1") == {}
    tracer.posted("no record", "1", 5, 200, None)
    assert spans == []


def test_a_context_that_a_record_has_already_stays() -> None:
    [carried] = tracing()[0].carrying([REPORT])
    assert tracing()[0].carrying([carried]) == [carried]


def test_a_share_is_chosen_by_the_record_so_by_every_service_alike() -> None:
    records = [encode(submitted("hotline", str(number), report(), AT)) for number in range(400)]
    (half, of_half), (tenth, of_tenth) = tracing(0.5), tracing(0.1)
    half.sent(records, 5)
    tenth.sent(records, 5)
    assert 150 < len(of_half) < 250
    assert 15 < len(of_tenth) < 75
    assert {ids(span.context) for span in of_tenth} < {ids(span.context) for span in of_half}
    said = [dict(record.headers)["traceparent"][-2:] for record in half.carrying(records)]
    assert said.count(b"01") == len(of_half)


async def test_a_runner_tells_of_each_message_that_it_looks_into_with_what_became_of_it() -> None:
    tracer, spans = tracing()
    settings = Settings()
    publisher = Publisher(settings, tracer=tracer)

    async def handle(batch: Sequence[Any]) -> list[SetAside]:
        return [SetAside(batch[0], "unknown_area", "there is no such area")]

    class Topic:
        async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
            ticked = Record(REPORT.topic, b"k", b"no JSON", REPORT.headers[:1])
            return {TopicPartition(REPORT.topic, 2): [taken(REPORT, 1), taken(ticked, 2)]}

        async def commit(self, offsets: object) -> None: ...
        def paused(self) -> list[TopicPartition]:
            return []

        def resume(self, *places: TopicPartition) -> None: ...
        def highwater(self, place: TopicPartition) -> None: ...

    published: list[Any] = []

    async def publish(records: Sequence[Any]) -> None:
        published.extend(records)

    publisher.publish = publish  # type: ignore[method-assign]
    runner = Runner(settings, "g", [Source((REPORT.topic,), {Report.TYPE: Report}, handle)], publisher)
    runner._ours.set()
    await runner._take_one(Topic())  # type: ignore[arg-type]
    assert len(published) == 2
    [span] = spans
    assert (span.name, span.status.description) == ("process duban.report.submitted", "unknown_area")


@pytest.mark.parametrize(("status", "says"), [(204, None), (503, "503"), (None, "ConnectError")])
async def test_a_notice_goes_out_with_its_context_and_its_answer_is_told(status: int | None, says: str | None) -> None:
    tracer, spans = tracing()
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if status is None:
            raise httpx2.ConnectError("nobody is there")
        return httpx2.Response(status)

    told: Message[Notice] = notice("told")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        clock = DrivenClock(AT)
        webhook = Webhook(http, "https://x.example/", Signer.of(SECRET), clock, Journal(), tracer=tracer)
        if status == 204:
            await webhook.send(told)
        else:
            with pytest.raises(Unavailable):
                await webhook.send(told)
    [span] = spans
    trace, own = ids(span.context)
    assert trace == UUID(told.subject).hex
    assert ids(span.parent) == (trace, span_of(told.id))
    assert requests[0].headers["traceparent"] == f"00-{trace}-{own}-01"
    assert span.status.description == says
    assert span.attributes is not None
    assert span.attributes.get("http.response.status_code") == status


def test_nothing_is_made_where_no_collector_is_set_and_one_that_cannot_be_spoken_to_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tracer_of(Settings(), "router") is None
    assert Publisher(Settings()).tracer is None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.delitem(sys.modules, "duban.io.otlp")
    with pytest.raises(SettingsError, match=r"pip install 'duban\[traces\]'"):
        tracer_of(Settings(traces="http://127.0.0.1:4318"), "router")


def test_spans_reach_a_collector_and_what_is_left_goes_when_the_service_ends() -> None:
    with collecting() as collector:
        tracer = tracer_of(Settings(traces=collector.url), "router")
        assert tracer is not None
        tracer.sent([REPORT, REGISTER], 5)
        tracer.stop()
        report_span, register_span = collector.of(OWN.hex)
    assert {report_span.service, register_span.service} == {"duban-router"}
    assert sorted([report_span.parent, register_span.parent]) == ["", span_of("1")]
    assert "hotline" not in {str(value) for key, value in report_span.said.items() if key != "cloudevents.event_source"}


def test_what_a_collector_does_not_take_is_counted() -> None:
    def lost() -> float:
        return REGISTRY.get_sample_value("duban_spans_total", {"outcome": "failed"}) or 0.0

    kept = Kept()
    tracer = OtlpTracer("test", SimpleSpanProcessor(_Counting(kept)))
    before = lost()
    kept.away = True
    tracer.sent([REPORT, REGISTER], 5)
    kept.away = False
    tracer.sent([REPORT], 5)
    assert lost() - before == 2


def test_every_kind_of_record_has_a_trace() -> None:
    for kind in Kind:
        headers = {"ce_type": f"duban.{kind}.x".encode(), "ce_id": b"1", "ce_subject": str(OWN).encode()}
        message = traced(headers, b"")
        assert message is not None
        assert message.trace == OWN.hex
