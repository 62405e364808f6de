"""The reason for being late: until when it is given, what it needs, whom it holds, and how it is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duban.messages import commands as do
from duban.refusal import Refusal
from duban_console.pack_text import Language, explained
from duban_router.domain.decision import Decided, after
from duban_simulation.figures import Figures
from tests.given import SEAL, Case, entries, report

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
TICK = timedelta(microseconds=1)
WHY: dict[str, Any] = {"obligation": "acknowledge", "reason": "a flood"}
YES: dict[str, Any] = {"obligation": "acknowledge", "accepted": True}
NO: dict[str, Any] = {"obligation": "acknowledge", "accepted": False, "reason": "not so"}
STANDARD: list[dict[str, Any]] = [
    {"measure": "reminder", "before": {"working_hours": 4}, "to": ["@owner"]},
    {"measure": "bulletin", "unless_justified": True, "to": ["@owner", "@office"]},
    {"measure": "interview", "after": {"working_days": 2}, "to": ["@owner"]},
]


def case_with(levels: list[dict[str, Any]] | None = None, **rule: Any) -> Case:
    """A river problem that the water bureau has not acknowledged, in a city that hears reasons."""
    ladders = [
        {"id": "standard", "basis": "practice", "levels": levels or STANDARD},
        {"id": "late-report", "basis": "practice", "levels": [{"measure": "bulletin", "to": ["@owner", "@superior"]}]},
        *entries("ladders")[2:],
    ]
    case = Case(NOW, ladders=ladders, justification={"accepted_by": ["@office", "county"], "basis": "practice", **rule})
    case.registered(report(category="river", area="north"))
    return case


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def measures(case: Case, obligation: str = "acknowledge") -> list[str]:
    taken = []
    while obligation in case.deadlines:
        taken.append(case.deadline(obligation).measure)
        case.lapse(obligation)
    return taken


# Until when


@pytest.mark.parametrize(("past", "taken"), [(-TICK, True), (timedelta(0), True), (TICK, False)])
@pytest.mark.parametrize(
    ("rule", "after", "words"),
    [
        ({"before_lapse": True}, timedelta(0), "a reason for being late is given before the limit lapses"),
        ({"within": {"days": 1}}, timedelta(days=1), "a reason for being late is given within 1 day of the lapse"),
    ],
)
def test_a_reason_is_given_until_the_instant_that_the_pack_says(
    rule: dict[str, Any], after: timedelta, words: str, past: timedelta, taken: bool
) -> None:
    at_lapse, later = {**STANDARD[1], "unless_justified": False}, {**STANDARD[2], "unless_justified": True}
    case = case_with([at_lapse, later], **rule)
    limit = case.deadline("acknowledge").lapse_at
    if past + after > timedelta(0):
        case.lapse("acknowledge")
    case.now = limit + after + past
    outcome = case.act(do.Justify, "water", **WHY)
    if taken:
        assert isinstance(outcome, Decided), outcome
    else:
        until = (limit + after).astimezone(case.rules.zone).isoformat()
        assert outcome == Refusal("too_late", f"{words}, until {until}")


def test_a_reason_given_at_the_lapse_holds_the_level_of_the_lapse() -> None:
    case = case_with()
    case.now = case.deadline("acknowledge").lapse_at
    case.done(do.Justify, "water", **WHY)
    assert case.deadline("acknowledge").due_at > case.now
    case.advance(hours=30)
    case.done(do.DecideJustification, "office", **YES)
    assert measures(case) == ["", "interview"]


# How long it holds

LATE: list[dict[str, Any]] = [
    {"measure": "bulletin", "after": {"working_days": 1}, "unless_justified": True, "to": ["@owner"]},
    {"measure": "interview", "after": {"working_days": 2}, "unless_justified": True, "to": ["@owner"]},
    {"measure": "listing", "after": {"working_days": 3}, "to": ["@owner"]},
]


def held(levels: list[dict[str, Any]] = LATE) -> Case:
    """A case whose limit has lapsed, and whose reason for it was filed."""
    case = case_with(levels)
    case.lapse("acknowledge")
    case.done(do.Justify, "water", **WHY)
    return case


def when(levels: list[dict[str, Any]] = LATE) -> dict[str, datetime]:
    """When each measure comes where nobody gives a reason."""
    case, due = case_with(levels), {}
    while "acknowledge" in case.deadlines:
        due[case.deadline("acknowledge").measure] = case.deadline("acknowledge").due_at
        case.lapse("acknowledge")
    return due


def test_a_reason_that_nobody_decides_holds_the_ladder_until_the_next_level_that_asks_for_none() -> None:
    case, taken = held(), []
    while "acknowledge" in case.deadlines:
        deadline = case.deadline("acknowledge")
        taken.append((deadline.level, deadline.measure, deadline.due_at))
        case.lapse("acknowledge")
    last = when()["listing"]
    assert taken == [(2, "bulletin", last), (3, "interview", last), (4, "listing", last)]


@pytest.mark.parametrize(("word", "taken"), [(YES, ["listing"]), (NO, ["bulletin", "interview", "listing"])])
def test_a_reason_that_is_decided_holds_no_longer(word: dict[str, Any], taken: list[str]) -> None:
    case = held()
    case.advance(hours=30)
    case.done(do.DecideJustification, "office", **word)
    due = when()
    assert case.deadline("acknowledge").due_at == due[taken[0]]
    assert measures(case) == taken


def test_a_reason_accepted_after_its_level_was_taken_spares_the_levels_to_come() -> None:
    case = held()
    case.lapse("acknowledge")
    case.done(do.DecideJustification, "office", **YES)
    assert measures(case) == ["listing"]


def test_a_level_for_a_mark_that_the_problem_does_not_bear_ends_no_wait() -> None:
    marked = [LATE[0], {**LATE[2], "after": {"working_days": 2}, "flags": ["hard"]}, LATE[2]]
    assert held(marked).deadline("acknowledge").due_at == when()["listing"]


def test_where_every_level_left_asks_for_a_reason_the_ladder_waits_for_the_word() -> None:
    case = held(LATE[:2])
    assert "acknowledge" not in case.deadlines
    assert refused(case.act(do.Justify, "water", **WHY)) == "filed_already"
    case.done(do.DecideJustification, "office", **NO)
    assert measures(case) == ["bulletin", "interview"]


# How it is told


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        ({"before_lapse": True}, "gives the reason before the limit lapses", "须在期限届满前说明理由"),
        ({"within": {"days": 2}}, "gives the reason within 2 days of the lapse", "须在届满后2日内说明理由"),
        ({}, "gives the reason until the level is taken", "须在该级执行之前说明理由"),
        ({"evidence": True}, "until the level is taken, with sealed evidence", "说明理由，须附固化的证据"),
    ],
)
def test_explain_says_until_when_a_reason_is_given_and_how_long_it_holds(
    rule: dict[str, Any], english: str, chinese: str
) -> None:
    pack = case_with(LATE, obligations=["acknowledge"], **rule).rules.pack
    told, zh = explained(pack), explained(pack, Language.ZH)
    assert english in told
    assert chinese in zh
    assert "at most until the next that does not ask is due; then both are taken" in told
    assert "最迟到下一个不问理由的级到期为止" in zh
    assert "Bulletin, to the unit that owes it; unless a reason was filed in time and accepted." in told
    assert "；按时说明理由并经认定成立的除外。" in zh


# What it needs


def test_a_reason_is_given_in_words_and_with_evidence_where_the_pack_asks_for_it() -> None:
    case = case_with(evidence=True)
    assert refused(case.act(do.Justify, "water", obligation="acknowledge")) == "missing_reason"
    assert refused(case.act(do.Justify, "water", **WHY)) == "missing_evidence"
    case.done(do.Justify, "water", **WHY, evidence=[SEAL])


def test_a_reason_is_heard_for_what_the_pack_names_and_what_is_owed() -> None:
    case = case_with(obligations=["acknowledge", "progress"])
    assert refused(case.act(do.Justify, "water", obligation="rectify", reason="so")) == "no_justification"
    assert refused(case.act(do.Justify, "water", obligation="progress", reason="so")) == "nothing_runs"
    assert refused(case.act(do.Justify, "north", **WHY)) == "not_permitted"


def test_a_pack_without_the_rule_hears_no_reason() -> None:
    case = Case(NOW)
    case.registered(report(category="river", area="north"))
    assert refused(case.act(do.Justify, "water", **WHY)) == "no_justification"


def test_each_co_unit_gives_its_own_reason() -> None:
    case = case_with()
    case.done(do.Flag, "office", flag="hard", co_units=["south"])
    case.done(do.Acknowledge, "water")
    case.done(do.Justify, "south", obligation="part", reason="no boat")
    assert {"part/north"} <= case.deadlines.keys()
    assert case.deadline("part/south").measure == "reminder"  # which it does not hold
    case.done(do.DecideJustification, "office", obligation="part", part="south", accepted=True)
    for unit, expected in (("north", "bulletin"), ("south", "")):
        case.now = case.deadline(f"part/{unit}").due_at
        case.escalate(case.deadline(f"part/{unit}"))
        assert case.deadline(f"part/{unit}").measure == expected


# The word on it


def test_who_gave_the_reason_does_not_decide_on_it_whatever_its_role() -> None:
    case = case_with()
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="north")
    case.done(do.Justify, "north", **WHY)
    assert refused(case.act(do.DecideJustification, "north", **YES)) == "decider_is_asker"
    assert refused(case.act(do.DecideJustification, "water", **YES)) == "not_permitted"
    case.done(do.DecideJustification, "south", **YES)  # another county


def test_a_reason_is_decided_once_and_for_its_limit_alone() -> None:
    case = case_with()
    assert refused(case.act(do.DecideJustification, "office", **YES)) == "nothing_asked"
    case.done(do.Justify, "water", **WHY)
    assert refused(case.act(do.Justify, "water", **WHY)) == "filed_already"
    case.done(do.DecideJustification, "office", **YES)
    assert refused(case.act(do.DecideJustification, "office", **NO)) == "nothing_asked"
    assert refused(case.act(do.Justify, "water", **WHY)) == "filed_already"
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="water")
    assert measures(case) == ["reminder", "bulletin", "interview"]  # a new limit, and no reason for it


@pytest.mark.parametrize(
    ("word", "taken", "late"),
    [(YES, ["", "interview"], 1), (NO, ["bulletin", "interview"], 1), (None, ["bulletin", "interview"], 1)],
)
def test_a_simulation_counts_a_held_limit_once(word: dict[str, Any] | None, taken: list[str], late: int) -> None:
    case, figures = case_with(), Figures()
    case.lapse("acknowledge")
    case.done(do.Justify, "water", **WHY)
    case.advance(days=9)
    if word is not None:
        case.done(do.DecideJustification, "office", **word)
    assert measures(case) == taken
    _witness(case, figures)
    assert len(figures.lapses.get(case.record.id, ())) == late
    assert figures.obligations["acknowledge"].in_time == 0


def test_what_is_done_in_time_after_a_reason_was_accepted_is_counted_once() -> None:
    case, figures = case_with([{**STANDARD[1]}, STANDARD[2]]), Figures()
    case.done(do.Justify, "water", **WHY)
    case.done(do.DecideJustification, "office", **YES)
    case.done(do.Acknowledge, "water")
    _witness(case, figures)
    assert figures.obligations["acknowledge"].json()["in_time"] == 1


def test_what_is_done_while_the_reason_waits_is_counted_by_its_limit() -> None:
    case, figures = case_with(), Figures()
    case.now = case.deadline("acknowledge").lapse_at
    case.done(do.Justify, "water", **WHY)
    case.advance(hours=1)
    case.done(do.Acknowledge, "water")
    _witness(case, figures)
    assert [lapse.obligation for lapse in figures.lapses[case.record.id]] == ["acknowledge"]


def _witness(case: Case, figures: Figures) -> None:
    """Tell ``figures`` of everything that has happened to the problem."""
    record = None
    for event in case.events:
        before, record = record, after(record, event, case.rules)
        figures.happened(before, event, record)
