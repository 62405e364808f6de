"""One trace from the report to the strike-off, as a collector has it of the running engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import httpx2

from duban.clock import SystemClock
from duban.io.publisher import Publisher
from duban.io.tail import present_records
from duban.io.tracer import tracer_of
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.messages.events import LedgerEvent
from duban.messages.trace import span_of
from duban_cli.system import System
from tests.collector import Collector
from tests.given import TO_STRIKE_OFF

CALLER: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_one_trace_leads_from_the_report_to_the_strike_off(
    system: System, collector: Collector, eventually: Callable[..., Awaitable[None]]
) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        body = {
            "source": "patrol", "id": "traced", "jurisdiction": "smallville", "channel": "hotline",
            "category": "river", "area": "north", "title": "Foam below the weir",
        }  # fmt: skip
        answer = await http.post(f"{system.urls['gateway']}/v1/reports", json=body, headers={"traceparent": CALLER})
    assert answer.status_code == 202, answer.text
    problem = answer.json()["problem_id"]
    trace = problem.replace("-", "")

    def sent(type_: str) -> bool:
        return any(span.name == f"send {type_}" for span in collector.of(trace))

    await eventually(lambda: sent("duban.problem.dispatched"))
    settings = system.settings.model_copy(update={"traces": collector.url})
    tracer = tracer_of(settings, "tests")
    publisher = Publisher(settings, "tests", tracer)
    await publisher.start()
    now = SystemClock().now()
    acts = [do.Acknowledge(actor=do.Actor(unit="water")), *TO_STRIKE_OFF]
    messages = [Message(f"act {n}", "tests", problem, now, "smallville", problem, act) for n, act in enumerate(acts)]
    await publisher.publish([encode(message) for message in messages])
    await publisher.stop()
    assert tracer is not None
    tracer.stop()
    await eventually(lambda: sent("duban.problem.struck_off"))
    await eventually(lambda: any(span.name == "process duban.command.strike_off" for span in collector.of(trace)))
    # Each process tells of its spans in its own time: who comes after may be heard of before who went before.
    expected = {"duban-gateway", "duban-intake", "duban-router", "duban-tests"}
    await eventually(lambda: expected <= {span.service for span in collector.of(trace)} and is_whole(collector, trace))

    spans = collector.of(trace)
    by_id = {span.id: span for span in spans}
    # The API puts events into its read model, when it comes to it.
    assert {span.service for span in spans} - {"duban-api"} == expected
    report = next(span for span in spans if span.name == "send duban.report.submitted")
    assert report.links == [tuple(CALLER.split("-")[1:3])]
    # Whatever is there leads back to the report, or to what somebody did; and the strike-off to who struck it off.
    roots = {span.name for span in spans if not span.parent}
    assert roots == {report.name} | {f"send {act.TYPE}" for act in acts}
    assert all(span.parent in by_id for span in spans if span.parent)
    struck_off = next(span for span in spans if span.name == "send duban.problem.struck_off")
    assert by_id[struck_off.parent].id == span_of(messages[-1].id)
    assert await carried(system, problem, struck_off.id) == f"00-{trace}-{struck_off.id}-01"


def is_whole(collector: Collector, trace: str) -> bool:
    """Whether every span of a trace is there that another one names."""
    spans = collector.of(trace)
    return {span.parent for span in spans if span.parent} <= {span.id for span in spans}


async def carried(system: System, problem: str, span: str) -> str:
    """The context that the record of a span has on its topic."""
    async for record in present_records(system.settings, LedgerEvent.TOPIC, {}):
        headers = dict(record.headers)
        if headers["ce_subject"] == problem.encode() and span_of((headers["ce_id"] or b"").decode()) == span:
            return (headers["traceparent"] or b"").decode()
    raise AssertionError("no such record")
