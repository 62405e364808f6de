"""The laws of readings: kept with their day, refused in plain words, never changed; they enter sheets and scores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from duban.messages import commands as do
from duban.messages.events import canonical
from duban.messages.records import Event, Reading
from duban.messages.struct import from_data, from_json
from duban.moves import Kind, Status
from duban.policy import Rules
from duban.policy.model.assessment import Assessment, Bulletin, Period
from duban.refusal import Refusal
from duban_console.action import InvalidAction, new_reading
from duban_console.assessment.histories import histories
from duban_console.assessment.periods import as_of
from duban_console.assessment.rows.targets import TargetReading, readings_of
from duban_console.assessment.sheet import Sheet, compiled
from duban_router.domain.decision import Decided
from duban_simulation.history import Step, facts_of
from tests.given import TARGETS, Case, rules_with

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
FIELDS: dict[str, Any] = {"target": "ammonia", "unit": "water", "read_on": "2022-03-31", "value": 1.4}


def entered(by: str = "water", now: datetime = NOW, **changed: Any) -> tuple[Case, Decided | Refusal]:
    command = from_data({"actor": {"unit": by}, **FIELDS, **changed}, do.TakeReading)
    case = Case(now, targets=TARGETS)
    case.id = str(command.record_id("smallville"))
    return case, case.apply(command)


def taken(by: str = "water", now: datetime = NOW, **changed: Any) -> Case:
    case, outcome = entered(by, now, **changed)
    assert isinstance(outcome, Decided), outcome
    return case


# What is kept


def test_a_reading_is_a_record_with_its_day_its_unit_and_its_source() -> None:
    case = taken(source="station 7")
    reading = case.record
    assert isinstance(reading, Reading)
    assert (reading.kind, reading.status, reading.number) == (Kind.READING, Status.TAKEN, "ammonia/water/2022-03-31")
    assert (reading.read_on, reading.value, reading.measured_in) == (date(2022, 3, 31), 1.4, "mg/L")
    assert (reading.source, reading.holder, reading.deadlines) == ("station 7", "water", ())
    again = from_json(canonical(case.events[0]), Event)
    assert again == case.events[0]


def test_the_same_reading_is_entered_once() -> None:
    case = taken()
    again = case.apply(from_data({"actor": {"unit": "water"}, **FIELDS, "value": 0.4}, do.TakeReading))
    assert isinstance(again, Refusal)
    assert again.code == "already_registered"
    assert "ammonia/water/2022-03-31" in again.reason


def test_a_correction_is_a_record_of_its_own_and_leaves_the_first_as_it_was() -> None:
    first = taken()
    second = taken(value=0.9, correction=1, reason="the probe was foul")
    assert first.id != second.id
    assert second.record.number == "ammonia/water/2022-03-31/1"
    assert isinstance(first.record, Reading)
    assert (first.record.value, second.events[0].reason) == (1.4, "the probe was foul")


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (do.Progress, {"note": "x"}),
        (do.Complete, {"outcome": "x"}),
        (do.Approve, {"version": 1}),
        (do.PassOn, {"platform": "credit-platform"}),
        (do.Recompute, {"calendar": "cn", "version": 1}),
    ],
)
def test_nothing_is_done_to_a_reading(command: type[do.Command], fields: dict[str, Any]) -> None:
    outcome = taken().act(command, "office", **fields)
    assert isinstance(outcome, Refusal)
    assert outcome.code == "is_a_reading"


# What is refused


@pytest.mark.parametrize(
    ("by", "changed", "code", "says"),
    [
        ("water", {"target": "ozone"}, "unknown_target", "the targets are ammonia, sewage"),
        ("water", {"unit": "south"}, "unknown_unit", "water, north do"),
        ("north", {}, "not_permitted", "the office"),
        ("water", {"read_on": "2022-04-07"}, "future_date", "2022-04-07 is yet to come"),
        ("water", {"target": "sewage", "value": 104.5}, "out_of_range", "from 0 to 100, not 104.5"),
        ("water", {"target": "sewage", "value": -1}, "out_of_range", "from 0 to 100, not -1"),
        ("water", {"value": float("nan")}, "no_number", "nan is no number"),
        ("water", {"correction": 1}, "missing_reason", "correction of a reading"),
    ],
)
def test_what_nobody_reads_is_refused_in_plain_words(by: str, changed: dict[str, Any], code: str, says: str) -> None:
    _, outcome = entered(by, **changed)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.code == code
    assert says in outcome.reason


def test_the_day_is_that_of_the_city() -> None:
    before_midnight = datetime(2022, 4, 6, 15, 59, tzinfo=UTC)
    assert isinstance(entered(now=before_midnight, read_on="2022-04-07")[1], Refusal)
    assert isinstance(entered(now=before_midnight + timedelta(minutes=1), read_on="2022-04-07")[1], Decided)


def test_a_reading_under_another_id_is_refused() -> None:
    case = Case(NOW, targets=TARGETS)
    outcome = case.apply(from_data({"actor": {"unit": "water"}, **FIELDS}, do.TakeReading))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "wrong_id"


@pytest.mark.parametrize("by", ["water", "north", "office"])
def test_a_units_reading_is_entered_by_itself_by_the_lead_or_by_the_office(by: str) -> None:
    assert taken(by, unit="north").record.holder == "north"


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"value": "much"}, "value", "should be a number, and is a text"),
        ({"value": float("inf")}, "value", "no number that anybody reads"),
        ({"read_on": "31.03.2022"}, "read_on", "written as 2026-03-01"),
        ({"read_on": "2022-02-30"}, "read_on", "is no day that there is"),
        ({"read_on": 20220331}, "read_on", "whole number"),
        ({"actor": {"unit": do.ENGINE}}, "actor", "reads nothing"),
        ({"jurisdiction": None}, "jurisdiction", "should be"),
    ],
)
def test_a_faulty_reading_names_its_field(changed: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidAction) as caught:
        new_reading({"actor": {"unit": "water"}, "jurisdiction": "smallville", **FIELDS, **changed})
    assert caught.value.field == field
    assert says in caught.value.message


def test_what_is_replayed_enters_the_reading_again() -> None:
    case = taken(source="station 7")
    (fact,) = facts_of([Step(case.events[0], case.record)]).facts
    assert isinstance(fact.message.data, do.TakeReading)
    assert str(fact.message.data.record_id("smallville")) == fact.message.subject == case.id


# What it counts for


def test_where_the_pack_has_no_targets_that_is_said() -> None:
    outcome = Case(NOW).apply(from_data({"actor": {"unit": "water"}, **FIELDS}, do.TakeReading))
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "small@1 has no target ammonia; it has none"


def test_the_readings_of_the_ledger_are_those_entered_by_then() -> None:
    events = [
        taken(now=NOW).events[0], taken(now=NOW + timedelta(days=1), value=0.9, correction=1, reason="foul").events[0],
    ]  # fmt: skip
    first = TargetReading("ammonia", date(2022, 3, 31), 1.4, "water", 0)
    assert readings_of(events, "smallville", NOW + timedelta(hours=1)) == [first]
    assert [one.value for one in readings_of(events, "smallville", NOW + timedelta(days=2))] == [1.4, 0.9]
    assert readings_of(events, "elsewhere", NOW + timedelta(days=2)) == []


def sheet(kind: str, readings: list[TargetReading], rules: Rules, **indicator: Any) -> Sheet:
    told = {"id": kind, "kind": kind, "title": {"en": "x"}, "period": "yearly", "recipients": ["office"]}
    bulletin = Bulletin.model_validate({**told, "basis": "practice"})
    reached = {
        "id": "on-target", "kind": "target_rate", "title": {"en": "targets reached"}, "weight": 100, "full_at": 100,
        "zero_at": 0, "basis": "practice", **indicator,
    }  # fmt: skip
    assessment = Assessment.model_validate(
        {"units": ["water", "north", "office"], "indicators": [reached], "basis": "practice"}
    )
    until = as_of("2022-12-31", rules.zone)
    past = histories([], lambda _: rules, "smallville", until)
    return compiled(
        bulletin, assessment, past, rules, until, period=Period.YEARLY, language="en", readings=readings
    )  # fmt: skip


def scores(readings: list[TargetReading], **indicator: Any) -> dict[str, Any]:
    rows = sheet("scores", readings, rules_with(targets=TARGETS), **indicator).rows
    return {str(row["unit_id"]): row["on-target"] for row in rows}


READINGS = [
    TargetReading("ammonia", date(2022, 6, 30), 0.8, "water"),
    TargetReading("ammonia", date(2022, 9, 30), 1.4, "water"),
    TargetReading("ammonia", date(2022, 9, 30), 0.7, "water", 1),
    TargetReading("sewage", date(2022, 9, 30), 85, "water"),
    TargetReading("ammonia", date(2022, 9, 30), 2.0, "north"),
    TargetReading("sewage", date(2021, 12, 31), 99, "water"),
]


def test_targets_that_are_reached_enter_the_score_of_whose_reading_it_is() -> None:
    assert scores(READINGS) == {"water": 50.0, "north": 0.0, "office": None}
    assert scores(READINGS, targets=["ammonia"]) == {"water": 100.0, "north": 0.0, "office": None}


def test_the_correction_counts_and_a_reading_of_another_year_does_not() -> None:
    assert scores(READINGS[:2], targets=["ammonia"])["water"] == 0.0
    assert scores(READINGS[:3], targets=["ammonia"])["water"] == 100.0
    assert scores(READINGS[5:])["water"] is None


def test_the_sheet_of_targets_shows_the_lead_units_last_reading_as_corrected() -> None:
    rows = {row["indicator"]: row for row in sheet("targets", READINGS, rules_with(targets=TARGETS)).rows}
    assert (rows["Ammonia at the ferry"]["reading"], rows["Ammonia at the ferry"]["reached"]) == (0.7, "reached")
    assert rows["Sewage treated"]["reached"] == "missing by 5"
