"""What is measured: how it is named, and that it says what happened."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import pytest
from aiokafka.structs import TopicPartition
from prometheus_client import REGISTRY

from duban.clock import DrivenClock, SystemClock
from duban.errors import Fault, Unavailable
from duban.io.consumer import Runner, Source
from duban.io.faults import answer
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Unheeded, derived_id
from duban.messages.report import Filed, Report
from duban.moves import Status
from duban_intake.gateway.metrics import received
from duban_intake.handlers import ReportHandler
from duban_intake.memory import MemoryStore
from duban_intake.metrics import measure_receipts
from duban_router.handlers import CommandHandler
from duban_router.memory import MemoryLedger
from tests.given import ROOT, Case, report, small_library
from tests.tools.metrics import EXPORTERS, exported
from tests.unit.test_escalation_handlers import World, events

AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
PLACE: Final = TopicPartition("t", 0)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_names_follow_the_conventions_and_each_is_declared_once() -> None:
    metrics = exported()
    assert [name for name, times in Counter(metric.name for metric in metrics).items() if times > 1] == []
    for metric in metrics:
        assert metric.name.startswith("duban_")
        bare = metric.name.removesuffix("_total")
        for unit in ("seconds", "bytes"):
            assert bare.endswith(f"_{unit}") == (metric.unit == unit), metric.name
        assert metric.help[0].isupper()
        assert not metric.help.endswith(".")


def test_whoever_declares_a_metric_is_known_to_the_page_of_metrics() -> None:
    declaring = {
        _module(path)
        for folder in ("shared", "services", "simulation", "cli", "deploy/local")
        for path in (ROOT / folder).rglob("*.py")
        if "from prometheus_client import" in (text := path.read_text("utf-8"))
        and any(f"= {kind}(" in text for kind in ("Counter", "Gauge", "Histogram"))
    }
    assert declaring == set(EXPORTERS.values())


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[next(place for place, part in enumerate(parts) if part.startswith("duban")) :])


def command(data: do.Command, name: str, at: datetime, number: int = 0) -> Delivery[do.Command]:
    subject = str(derived_id("problem", number))
    return Delivery(Message(name, "tests", subject, at, "smallville", subject, data), "duban.commands.v1", 0, 0, at)


async def test_the_router_counts_what_became_of_commands_and_how_late_what_fell_due_was() -> None:
    clock = DrivenClock(AT)
    handler = CommandHandler(MemoryLedger(), small_library(), clock)
    before = {name: sample("duban_commands_total", outcome=name) for name in ("carried_out", "refused", "repeated")}
    late = sample("duban_lapse_lateness_seconds_sum"), sample("duban_lapse_lateness_seconds_count")

    filed = Filed(source="tests", id="0", received_at=AT, report=report(category="river", area="north"))
    register = command(do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed), "register", AT)
    strike_off = command(do.StrikeOff(actor=do.Actor(unit="office")), "too soon", AT)
    await handler([register, register, strike_off])
    due = Case.in_status(Status.DISPATCHED, AT).deadline("acknowledge")
    clock.tick(due.due_at + timedelta(seconds=90))
    fires = do.Escalate(
        actor=do.Actor(unit=do.ENGINE, person="escalation"), obligation="acknowledge", generation=due.generation,
        level=due.level, due_at=due.due_at,
    )  # fmt: skip
    lapse = command(fires, "lapse", clock.now())
    await handler([lapse, register])
    await handler([lapse])

    after = {name: sample("duban_commands_total", outcome=name) - times for name, times in before.items()}
    assert after == {"carried_out": 2, "refused": 1, "repeated": 3}
    assert sample("duban_lapse_lateness_seconds_count") - late[1] == 1
    assert sample("duban_lapse_lateness_seconds_sum") - late[0] == 90


async def test_intake_counts_each_receipt_once_with_the_time_that_it_took() -> None:
    clock = DrivenClock(AT + timedelta(seconds=5))
    handler = ReportHandler(MemoryStore(), small_library(), clock, given=measure_receipts)
    before = {name: sample("duban_receipts_total", outcome=name) for name in ("accepted", "refused")}
    took = sample("duban_receipt_seconds_sum")

    def handed(id_: str, what: Report) -> Delivery[Report]:
        message = Message(id_, "hotline", id_, AT, "smallville", id_, what)
        return Delivery(message, "duban.reports.v1", 0, 0, AT)

    good = handed("1", report())
    await handler([good, handed("2", report(category="no such thing"))])
    await handler([good])
    assert {name: sample("duban_receipts_total", outcome=name) - was for name, was in before.items()} == {
        "accepted": 1, "refused": 1,
    }  # fmt: skip
    assert sample("duban_receipt_seconds_sum") - took == 10


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "accepted"),
        (Fault(403, "other_source", "is not its own"), "refused"),
        (Unavailable("the broker is away"), "unavailable"),
        (ConnectionError(), "unavailable"),
        (RuntimeError(), "fault"),
        (KeyboardInterrupt(), "abandoned"),
    ],
    ids=lambda value: str(value),
)
def test_what_became_of_a_report_is_measured_with_how_long_it_took(error: BaseException | None, outcome: str) -> None:
    seconds = iter((10.0, 10.25))
    before = sample("duban_report_seconds_sum", outcome=outcome)

    def take() -> None:
        with received(lambda: next(seconds), UUID(int=1)):
            if error is not None:
                raise error

    if error is None:
        take()
    else:
        with pytest.raises(type(error)):
            take()
    assert sample("duban_report_seconds_sum", outcome=outcome) - before == 0.25


async def test_the_sweep_says_how_long_the_oldest_deadline_waits_for_its_answer() -> None:
    world = await World().begin()
    case = Case.in_status(Status.DISPATCHED, AT)
    due_at = case.deadline("acknowledge").due_at
    await world.handler(events(case))
    await world.sweep(due_at + timedelta(seconds=1))
    await world.sweep(due_at + timedelta(minutes=5))
    assert sample("duban_oldest_overdue_seconds") == 300
    case.lapse("acknowledge")
    await world.handler(events(case))
    await world.sweep(due_at + timedelta(minutes=6))
    assert sample("duban_oldest_overdue_seconds") == 0


class Topic:
    """A consumer that finds one record, a minute old, and is behind by nine."""

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        now = SystemClock().now().timestamp()
        return {PLACE: [SimpleNamespace(headers=[("ce_type", b"x")], offset=0, timestamp=int((now - 60) * 1000))]}

    async def commit(self, offsets: object) -> None: ...

    def paused(self) -> list[TopicPartition]:
        return []

    def resume(self, *places: TopicPartition) -> None: ...

    def highwater(self, place: TopicPartition) -> int:
        return 10


class Ages(Topic):
    """The same; it notes how old the oldest record in hand is while offsets are committed."""

    def __init__(self) -> None:
        self.ages: list[float] = []

    async def commit(self, offsets: object) -> None:
        self.ages.append(sample("duban_oldest_in_hand_seconds", group="ages"))


async def test_a_runner_says_how_old_what_it_has_in_hand_is_and_no_lag_of_what_it_gave_away() -> None:
    async def handle(batch: object) -> list[Any]:
        return []

    settings = Settings()
    runner = Runner(settings, "ages", [Source(("t",), {"x": Unheeded}, handle)], Publisher(settings))
    await runner._assigned(frozenset({PLACE}))
    topic = Ages()
    await runner._take_one(topic)  # type: ignore[arg-type]
    assert 60 <= topic.ages[0] < 120
    assert sample("duban_oldest_in_hand_seconds", group="ages") == 0
    assert sample("duban_lag_records", group="ages", topic="t") == 9
    await runner._revoked(frozenset({PLACE}))
    assert sample("duban_lag_records", group="ages", topic="t") == 0


def test_every_fault_of_a_server_is_counted_by_its_status_and_code() -> None:
    before = sample("duban_faults_total", status="401", code="not_signed_in")
    answer(401, "not_signed_in", "name or password is wrong")
    assert sample("duban_faults_total", status="401", code="not_signed_in") - before == 1
