"""Levels that are not always taken: a ladder with nothing at the lapse itself, and levels that ask for a mark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import AnyRecord, Event, Problem
from duban.policy.model.assessment import Period
from duban_console.assessment.histories import follow
from duban_console.assessment.periods import stretch_of
from duban_console.assessment.tallies import tallied
from duban_escalation.measures import measure_taken, notices_for
from duban_escalation.records import opened_because
from duban_simulation.figures import Figures
from tests.given import SEAL, Case, entries, ledger_event, report

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
DAY = {"days": 1}


def case_with(*levels: dict[str, Any], **sections: object) -> Case:
    """A river problem that is underway, whose ladder is ``levels``."""
    ladders = [
        {"id": "standard", "basis": "practice", "levels": [{"to": ["@owner"], **level} for level in levels]},
        {"id": "late-report", "basis": "practice", "levels": [{"measure": "bulletin", "to": ["@owner", "@superior"]}]},
        *entries("ladders")[2:],
    ]
    case = Case(NOW, ladders=ladders, **sections)
    case.registered(report(category="river", area="north"))
    case.done(do.Acknowledge, "water")
    return case


def taken(case: Case, obligation: str = "rectify") -> list[tuple[int, str]]:
    """Take everything that the ladder says, and say what it was."""
    steps = []
    while obligation in case.deadlines:
        ((event, _),) = [step for step in case.lapse(obligation).steps if isinstance(step[0].change, c.Escalated)]
        assert isinstance(event.change, c.Escalated)
        steps.append((event.change.level, event.change.measure))
    return steps


def lapsed() -> tuple[Case, Event, AnyRecord]:
    """A case whose ladder takes nothing at the lapse, with the event of the lapse."""
    case = case_with({"measure": "bulletin", "after": DAY})
    ((event, record),) = case.lapse("rectify").steps
    return case, event, record


def test_the_lapse_is_a_level_without_a_measure() -> None:
    case = case_with({"measure": "reminder", "before": DAY}, {"measure": "bulletin", "after": DAY})
    limit = case.deadline("rectify").lapse_at
    case.lapse("rectify")  # the reminder
    at_lapse = case.deadline("rectify")
    assert (at_lapse.measure, at_lapse.level, at_lapse.due_at) == ("", 2, limit)
    assert taken(case) == [(2, ""), (3, "bulletin")]
    assert case.now == limit + timedelta(days=1)


def test_a_lapse_without_a_measure_tells_nobody_opens_nothing_and_is_no_measure_taken() -> None:
    case, event, record = lapsed()
    told = ledger_event(event, record)
    assert notices_for(told, case.rules) == []
    assert measure_taken(told, case.rules) is None
    assert list(opened_because(event, record, case.rules)) == []
    assert record.awaiting_approval == {}
    until = case.now + timedelta(hours=1)
    history = follow(case.events, lambda _: case.rules, until)
    tallies = tallied([history], stretch_of(Period.MONTHLY, until, case.rules.zone), case.rules, frozenset())
    assert tallies["water"].deeds["escalated"] == 0
    assert {obligation for _, obligation, _ in tallies["water"].overdue} == {"rectify", "progress"}


def test_a_simulation_counts_the_lapse_when_it_comes_and_no_measure() -> None:
    case, event, record = lapsed()
    figures, before = Figures(case.rules), None
    for one in case.events[:-1]:
        figures.happened(None, one, record)
    before = case_with({"measure": "bulletin", "after": DAY}).problem
    figures.happened(before, event, record)
    assert [(lapse.obligation, lapse.owner) for lapse in figures.lapses[record.id]] == [("rectify", "water")]
    assert figures.json()["measures"] == []
    assert figures.json()["notices"] == {}


def test_a_mark_decides_at_the_lapse_what_is_taken() -> None:
    levels = ({"measure": "bulletin", "flags": ["hard"]}, {"measure": "interview", "after": DAY})
    assert taken(case_with(*levels)) == [(1, ""), (2, "interview")]
    case = case_with(*levels)
    case.done(do.Flag, "office", flag="hard")
    assert case.deadline("rectify").measure == "bulletin"
    assert taken(case) == [(1, "bulletin"), (2, "interview")]


def test_two_levels_at_the_lapse_are_taken_together_where_one_asks_for_a_mark() -> None:
    case = case_with({"measure": "bulletin"}, {"measure": "interview", "flags": ["hard"]})
    assert taken(case) == [(1, "bulletin")]
    case = case_with({"measure": "bulletin"}, {"measure": "interview", "flags": ["hard"]})
    case.done(do.Flag, "office", flag="hard")
    limit = case.deadline("rectify").due_at
    assert taken(case) == [(1, "bulletin"), (2, "interview")]
    assert case.now == limit


def test_a_reminder_may_ask_for_a_mark_and_a_problem_without_it_is_reminded_of_nothing() -> None:
    case = case_with({"measure": "reminder", "before": DAY, "flags": ["hard"]}, {"measure": "bulletin"})
    assert case.deadline("rectify").measure == "bulletin"
    case.done(do.Flag, "office", flag="hard")
    assert case.deadline("rectify").measure == "reminder"


def test_after_a_rebound_the_first_measure_is_taken_at_the_lapse_itself() -> None:
    case = case_with({"measure": "bulletin", "after": DAY}, {"measure": "interview", "after": {"days": 2}},
                     triggers=())  # fmt: skip
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed().done(do.StrikeOff, "office")
    verdict = {"truthful": True, "timely": True, "effective": False, "rebound": True, "reason": "again"}
    case.done(do.LookBack, "office", evidence=[SEAL], **verdict)
    case.done(do.Progress, "water", note="digging")
    raised = case.deadline("progress")
    assert isinstance(case.record, Problem)
    assert (raised.level, raised.measure, raised.due_at) == (2, "bulletin", raised.lapse_at)
