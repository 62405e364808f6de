"""The laws of pledges: entered with a day of their own, replayed as they were, no merit of the unit that watches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from duban.messages import commands as do
from duban.messages.struct import from_data
from duban.moves import Kind
from duban.refusal import Refusal
from duban_console.action import new_pledge
from duban_console.assessment.histories import histories
from duban_console.ledger import Filters
from duban_router.domain.decision import Decided
from duban_simulation.history import Step, facts_of
from tests.given import SEAL, Case, entries

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
RULE = {
    "id": "pledge", "title": {"en": "What was pledged"}, "units": ["water"], "schedule": {"every": "pledged"},
    "ladder": "late-report", "basis": "practice",
}  # fmt: skip
PLEDGE: dict[str, Any] = {"duty": "pledge", "of": "Acme", "promise": "a scrubber", "due_on": "2022-06-30"}


def entered(by: str = "water", **changed: Any) -> tuple[Case, Decided | Refusal]:
    case = Case(NOW, duties=[*entries("duties"), RULE])
    return case, case.apply(from_data({"actor": {"unit": by}, **PLEDGE, **changed}, do.Pledge))


@pytest.mark.parametrize(
    ("by", "changed", "code"),
    [
        ("north", {}, "not_permitted"),
        ("water", {"duty": "explanation"}, "unknown_duty"),
        ("water", {"due_on": "2022-04-05"}, "past_date"),
        ("water", {"due_on": "2190-01-01"}, "outside_calendar"),
        ("water", {"promise": "\u200b"}, "blank_name"),
    ],
)
def test_what_is_no_pledge_is_refused(by: str, changed: dict[str, Any], code: str) -> None:
    _, outcome = entered(by, **changed)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.code == code


def test_a_pledge_is_opened_by_no_calendar_and_no_measure() -> None:
    case = Case(NOW, duties=[*entries("duties"), RULE])
    outcome = case.apply(
        from_data({"actor": {"unit": do.ENGINE}, "duty": "pledge", "unit": "water", "opens_at": NOW}, do.Open)
    )
    assert isinstance(outcome, Refusal)
    assert (outcome.code, "duban duty pledge" in outcome.reason) == ("unknown_duty", True)


def test_a_pledge_of_today_may_be_kept_today() -> None:
    case, outcome = entered(due_on="2022-04-06")
    assert isinstance(outcome, Decided)
    assert f"{case.deadline('pledge').lapse_at.astimezone(case.rules.zone):%Y-%m-%d %H:%M}" == "2022-04-07 00:00"
    case.lapse("pledge")
    case.done(do.Complete, "water", outcome="kept")


def test_what_is_replayed_pledges_the_same_again() -> None:
    case, _ = entered(evidence=[SEAL])
    (fact,) = facts_of([Step(case.events[0], case.record)]).facts
    assert isinstance(fact.message.data, do.Pledge)
    assert (fact.message.data.promise, fact.message.data.of) == ("a scrubber", "Acme")
    assert fact.message.data.due_on.isoformat() == "2022-06-30"
    assert fact.message.data.evidence == case.events[0].change.evidence  # type: ignore[union-attr]


def test_a_pledge_that_is_not_kept_is_not_held_against_the_unit_that_watches() -> None:
    case, _ = entered()
    case.lapse("pledge")
    assert list(histories(case.events, lambda _: case.rules, "smallville", case.now)) == []


def test_the_pledges_of_an_enterprise_are_found_by_its_name() -> None:
    case, _ = entered()
    assert (case.duty.subject, Filters(Kind.DUTY, of="Acme").state()) == ("Acme", '{"of": "Acme"}')


def test_the_same_id_is_the_same_pledge_within_a_jurisdiction() -> None:
    one, again, elsewhere = (
        new_pledge({"actor": {"unit": "water"}, **PLEDGE, "jurisdiction": where}) for where in ("x", "x", "y")
    )
    assert one.record_id("a") == again.record_id("a") != elsewhere.record_id("a")
