"""The city on virtual time: it decides what the services decide, and lets each deadline lapse at its very instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from duban.messages import commands as do
from duban.messages.changes import Escalated, Reminded
from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.messages.report import Location
from duban.moves import Status
from duban.refusal import Refusal
from duban_cli.demo.story import Reported, Story, load_story
from duban_escalation.measures import notices_for
from duban_intake.domain import Arrival, Receipt, submitted
from duban_router.domain.decision import Decided
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures
from tests.acceptance.timeline import rules_of
from tests.given import ROOT, TO_STRIKE_OFF, lapses_of, ledger_event, problem_of, report, small_rules

WATER, OFFICE = do.Actor(unit="water"), do.Actor(unit="office")
MONDAY = datetime(2024, 3, 4, 1, 0, tzinfo=UTC)  # nine in the morning in Smallville


class Heard:
    """A witness that remembers everything."""

    def __init__(self) -> None:
        self.steps: list[tuple[AnyRecord | None, Event, AnyRecord]] = []
        self.turned: list[str] = []
        self.again: list[str] = []
        self.refusals: list[str] = []

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        self.steps.append((before, event, record))

    def repeats(self, arrival: Arrival) -> None:
        self.again.append(arrival.id)

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        self.turned.append(why.code)

    def refused(self, wanted: Message[Command], why: Refusal) -> None:
        self.refusals.append(why.code)

    @property
    def kinds(self) -> list[str]:
        return [event.change.kind for _, event, _ in self.steps]


class Small:
    """Smallville on virtual time."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.engine = Engine(small_rules(), [self.heard])

    def reported(self, id_: str = "1", at: datetime = MONDAY, **said: Any) -> UUID:
        receipt = self.engine.submit(submitted("tests", id_, report(**said), at))
        assert isinstance(receipt, Receipt)
        assert receipt.problem_id is not None
        return receipt.problem_id

    def struck_off(self, problem_id: UUID, at: datetime) -> None:
        for data in TO_STRIKE_OFF:
            assert isinstance(self.act(problem_id, at, data), Decided)
        assert self.engine.records[problem_id].status is Status.STRUCK_OFF

    def act(self, problem_id: UUID, at: datetime, data: Command) -> Decided | Refusal:
        subject = str(problem_id)
        return self.engine.send(Message(f"{data.TYPE} {at}", "tests", subject, at, "smallville", subject, data))


@pytest.fixture(scope="module")
def story() -> Story:
    file = ROOT / "deploy/demo/mianyang.yaml"
    return load_story(file.read_text("utf-8"), file.name)


def test_as_many_notices_are_counted_as_would_be_issued(story: Story) -> None:
    rules = rules_of("mianyang-2022")
    heard, figures = Heard(), Figures(rules)
    engine = Engine(rules, [heard, figures])
    for entry in story.entries:
        engine.submit(entry.message) if isinstance(entry, Reported) else engine.send(entry.message)
    engine.finish(story.ends_at)
    issued = [
        str(notice.data.measure)
        for _, event, record in heard.steps
        for notice in notices_for(ledger_event(event, record), rules)
    ]
    assert figures.json()["notices"] == {name: issued.count(name) for name in sorted(set(issued))}
    assert len(set(issued)) > 3


def test_what_is_done_at_the_instant_of_a_deadline_still_meets_it() -> None:
    small = Small()
    problem_id = small.reported()
    limit = next(one for one in small.engine.records[problem_id].deadlines if one.obligation == "acknowledge")
    small.act(problem_id, limit.lapse_at, do.Acknowledge(actor=WATER))
    assert small.engine.records[problem_id].lapses == 0


def test_a_moment_after_the_deadline_is_too_late() -> None:
    small = Small()
    problem_id = small.reported()
    limit = next(one for one in small.engine.records[problem_id].deadlines if one.obligation == "acknowledge")
    late = limit.lapse_at + timedelta(microseconds=1)
    small.act(problem_id, late, do.Acknowledge(actor=WATER))
    assert lapses_of(small.engine.records[problem_id]) == {"acknowledge": 1}


def test_every_measure_is_taken_at_the_instant_at_which_it_is_due() -> None:
    small = Small()
    small.reported()
    small.engine.finish(MONDAY + timedelta(days=60))
    taken = [event for _, event, _ in small.heard.steps if isinstance(event.change, Escalated | Reminded)]
    assert len(taken) == 6, "two obligations, three levels each"
    assert [event.at for event in taken] == sorted(
        event.change.due_at for event in taken if isinstance(event.change, Escalated | Reminded)
    )
    assert small.engine.next_due_at is None


def test_time_stops_where_it_is_told_to() -> None:
    small = Small()
    problem_id = small.reported()
    first = small.engine.records[problem_id].deadlines[0]
    small.engine.run(first.due_at)
    assert small.heard.kinds == ["registered", "dispatched"]
    small.engine.finish(first.due_at)
    assert small.heard.kinds == ["registered", "dispatched", "reminded"]


HERE = Location(latitude=31.0, longitude=104.0)


def test_a_report_near_an_open_problem_is_attached_to_it() -> None:
    small = Small()
    first = small.reported("1", location=HERE)
    assert small.reported("2", MONDAY + timedelta(hours=1), location=HERE) == first
    assert problem_of(small.engine.records[first]).reports == 2


def test_a_report_near_a_closed_problem_opens_its_own_until_that_is_reopened() -> None:
    small = Small()
    first = small.reported("1", location=HERE)
    at = MONDAY + timedelta(minutes=1)
    small.struck_off(first, at)
    second = small.reported("2", at, location=HERE)
    assert second != first
    small.act(first, at, do.Reopen(actor=OFFICE, reason="it is back"))
    assert small.engine.records[first].status is Status.UNDERWAY
    small.struck_off(second, at)
    assert small.reported("3", at, location=HERE) == first


def test_a_report_counts_once_and_its_id_is_taken() -> None:
    small = Small()
    small.reported("1")
    small.reported("1")
    changed = small.engine.submit(submitted("tests", "1", report(title="another"), MONDAY))
    assert isinstance(changed, Refusal)
    assert (small.heard.again, small.heard.turned) == (["1"], ["other_body"])
    assert len(small.engine.records) == 1


def test_numbers_begin_anew_with_the_local_year() -> None:
    small = Small()
    new_year = datetime(2024, 12, 31, 16, 0, tzinfo=UTC)  # midnight in Smallville
    numbers = [
        small.engine.records[small.reported(str(n), at)].number
        for n, at in enumerate([MONDAY, MONDAY, new_year - timedelta(seconds=1), new_year])
    ]
    assert numbers == ["SV-2024-0001", "SV-2024-0002", "SV-2024-0003", "SV-2025-0001"]
