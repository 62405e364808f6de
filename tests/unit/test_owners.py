"""Whose an obligation is: a unit, a role, the sponsor, the unit of the area; what they may do, how it is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from duban.messages import commands as do
from duban.messages.records import Event, Problem
from duban.messages.struct import replace
from duban.policy.model.assessment import Period
from duban.policy.model.ladder import BY_OWNER
from duban_console.assessment.claims import Timeliness
from duban_console.assessment.histories import follow
from duban_console.assessment.periods import stretch_of
from duban_console.assessment.tallies import tallied
from duban_escalation.measures import notices_for
from duban_router.domain.permission import MEETING
from tests.acceptance.test_instructions import rules
from tests.given import Case, entries, ledger_event, report
from tests.unit.test_deadlines import NUMBERS, STEPS, Life

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
OF_POLICE = {
    "id": "watch", "title": {"en": "Watch it"}, "owner": "police", "running": ["dispatched", "underway"],
    "since": ["flagged:hard"], "met_by": ["unflagged"], "within": {"days": 2}, "ladder": "late-report",
    "basis": "practice",
}  # fmt: skip


def watched(**changed: object) -> Case:
    """A river problem of the small pack that the police watch since it bears a mark."""
    case = Case(NOW, obligations=[*entries("obligations"), {**OF_POLICE, **changed}])
    case.registered(report(category="river", area="north"))
    case.done(do.Flag, "office", flag="hard")
    return case


@settings(max_examples=60, deadline=None)
@given(beginning=NUMBERS, steps=STEPS)
def test_what_other_owners_owe_is_due_as_in_the_whole_evaluation(beginning: int, steps: list[tuple[int, int]]) -> None:
    life = Life(rules())
    life.begin(beginning)
    for number, seconds in steps:
        life.move(number, seconds)


def test_every_act_by_which_an_owner_meets_what_it_owes_is_one_of_the_office() -> None:
    assert [event for events, _ in MEETING.values() for event in events] == list(BY_OWNER)


def test_an_owner_does_what_meets_it_and_nothing_else() -> None:
    case = watched()
    assert getattr(case.act(do.Flag, "police", flag="criminal"), "code", None) == "not_permitted"
    assert getattr(case.act(do.Pause, "police", ground="court", reason="so"), "code", None) == "not_permitted"
    case.done(do.Unflag, "police", flag="hard", reason="calm")
    assert "watch" not in case.deadlines


def test_what_is_of_a_mark_is_met_by_that_mark_alone() -> None:
    case = watched(since=["registered"], met_by=["flagged:criminal"])
    assert getattr(case.act(do.Flag, "police", flag="listed"), "code", None) == "not_permitted"
    case.done(do.Flag, "police", flag="criminal")
    assert "watch" not in case.deadlines


def test_the_lead_unit_does_not_decide_because_it_owes_something() -> None:
    case = watched(owner="@lead", met_by=["verified", "unflagged"])
    assert case.deadline("watch").owner == "water"
    assert getattr(case.act(do.Unflag, "water", flag="hard", reason="calm"), "code", None) == "not_permitted"


@pytest.mark.parametrize(("hours", "timeliness"), [(47, Timeliness.ON_TIME), (49, Timeliness.LATE)])
def test_assessment_counts_it_for_its_owner_also_where_it_is_met_by_what_would_withdraw_it(
    hours: int, timeliness: Timeliness
) -> None:
    case = watched()
    if hours > 48:
        case.lapse("watch")
    case.now = NOW + timedelta(hours=hours)
    case.done(do.Unflag, "police", flag="hard", reason="calm")
    history = follow(case.events, lambda _: case.rules, case.now + timedelta(days=1))
    (verdict,) = (one for one in history.verdicts if one.obligation == "watch")
    assert (verdict.unit, verdict.timeliness) == ("police", timeliness)


@pytest.mark.parametrize("named", [True, False])
def test_the_measures_that_it_draws_are_its_owners_and_those_of_older_ledgers_stay_where_they_were(
    named: bool,
) -> None:
    case = watched()
    case.lapse("watch")
    events = case.events if named else [_unnamed(event) for event in case.events]
    until = NOW + timedelta(days=5)
    history = follow(events, lambda _: case.rules, until)
    stretch = stretch_of(Period.MONTHLY, until, case.rules.zone)
    tallies = tallied([history], stretch, case.rules, frozenset())
    assert tallies["police" if named else "water"].deeds["escalated"] == 1


def _unnamed(event: Event) -> Event:
    return replace(event, change=replace(event.change, owner="")) if hasattr(event.change, "owner") else event


def test_a_sponsor_who_is_none_of_the_units_is_told_by_name() -> None:
    case = watched(owner="@sponsor", since=["sponsored"])
    case.done(do.Sponsor, "office", sponsor="Mayor Li")
    (step,) = case.lapse("watch").steps
    event, record = step
    assert isinstance(record, Problem)
    texts = {notice.data.recipient: notice.data.text for notice in notices_for(ledger_event(event, record), case.rules)}
    assert texts == dict.fromkeys(("Mayor Li", "office"), f"Mayor Li is late with {record.number} (foul water)")
