"""The laws of a pack's own steps: who takes them when and with what, what runs since them, and who may waive them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from duban.messages import commands as do
from duban.messages.records import Mark
from duban.moves import STAGE, Status
from duban.policy.advice import advice
from duban.refusal import Refusal
from duban_cli.commands.act import fields_of_step
from duban_cli.commands.problem import _print, _what
from duban_console.action import InvalidAction
from duban_console.assessment.claims import Claims
from duban_console.ledger import Chain
from duban_console.pack_text import Language, differences, explained, in_words
from duban_router.domain.decision import Decided, after
from duban_simulation.figures import Figures
from tests.given import SEAL, Case, entries, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
SAMPLE: dict[str, Any] = {"step": "sample", "fields": {"place": "the weir"}, "evidence": [SEAL]}
WHO = {"title": {"en": "A step"}, "by": ["@lead"], "basis": "practice"}


def underway(**sections: object) -> Case:
    """A river problem of the water bureau and the northern county."""
    return Case.in_status(Status.UNDERWAY, NOW, **sections)


def step(id_: str = "sample", **words: Any) -> dict[str, Any]:
    return {"id": id_, **WHO, **words}


def steps(*told: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of the small pack, and these instead of those of the same name."""
    return [*(known for known in entries("steps") if known["id"] not in {one["id"] for one in told}), *told]


def owed(id_: str, **words: Any) -> list[dict[str, object]]:
    """The obligations of the small pack, with one more of this name."""
    more = {"title": {"en": "Do it"}, "owner": "@lead", "running": ["underway"], "since": ["acknowledged"],
            "within": {"days": 1}, "ladder": "standard", "basis": "practice"}  # fmt: skip
    return [*entries("obligations"), {"id": id_, **more, **words}]


#: Where that one stands.
LAST = f"obligations.{len(entries('obligations'))}"


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert len(outcome.reason) > 10
    return outcome.code


def kinds(outcome: Decided) -> list[str]:
    return [event.change.kind for event, _ in outcome.steps]


# Who takes it, and when


@pytest.mark.parametrize(
    ("by", "taker", "stranger", "named"),
    [
        (["@lead"], "water", "north", "the lead unit, water"),
        (["@co"], "north", "water", "the co-units, north"),
        (["@office"], "office", "water", "the office, office"),
        (["@sponsor"], "mayor", "water", "the sponsor, mayor"),
        (["@referred"], "police", "water", "the bodies that it was referred to, police"),
        (["@territorial"], "north", "water", "the unit of the area, north"),
        (["county"], "south", "water", "a unit of the role county"),
        (["police", "@lead"], "police", "north", "police or for the lead unit, water"),
    ],
)
def test_a_step_is_taken_by_whom_the_pack_names(by: list[str], taker: str, stranger: str, named: str) -> None:
    case = underway(steps=steps(step(by=by)))
    case.done(do.Sponsor, "office", sponsor="mayor")
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    outcome = case.act(do.TakeStep, stranger, step="sample")
    assert outcome == Refusal("not_permitted", f"{stranger} may not do this: it is for {named}")
    assert kinds(case.done(do.TakeStep, taker, step="sample")) == ["step_taken"]


def test_a_step_that_is_none_is_refused_with_those_that_there_are() -> None:
    words = (
        "smaple is no step of a problem of river under small@1; they are sample, result, visit; did you mean sample?"
    )
    assert underway().act(do.TakeStep, "water", step="smaple") == Refusal("unknown_step", words)
    words = "sample is no step of a problem of river under small@1, which names none for it"
    others = entries("obligations", result={"since": ["planned"], "met_by": []}, visit={"since": ["planned"]})
    assert underway(steps=[], obligations=others).act(do.WaiveStep, "office", step="sample") == Refusal(
        "unknown_step", words
    )


def test_a_step_of_other_categories_is_none_of_this_problem() -> None:
    case = underway(steps=steps(step(categories=["noise"])))
    outcome = case.act(do.TakeStep, "water", step="sample")
    assert isinstance(outcome, Refusal)
    assert outcome.reason.endswith("they are result, visit")


@pytest.mark.parametrize("status", sorted(STAGE))
@pytest.mark.parametrize("taken_in", [[], ["struck_off", "rejected"], ["registered", "paused", "verifying"]])
def test_a_step_is_taken_in_the_statuses_that_the_pack_names_or_in_any_open_one(
    status: Status, taken_in: list[str]
) -> None:
    case = Case.in_status(status, NOW, steps=steps(step(by=["office"], statuses=taken_in)))
    outcome = case.act(do.TakeStep, "office", step="sample")
    if status in taken_in or (not taken_in and status not in ("struck_off", "rejected")):
        assert isinstance(outcome, Decided)
        assert case.problem.status is status
    else:
        assert refused(outcome) == "illegal_move"
        assert f"this one is {status}" in outcome.reason  # type: ignore[union-attr]


# With what


FIELDS = [
    {"id": "place", "title": {"en": "Place"}, "kind": "text"},
    {"id": "depth", "title": {"en": "Depth"}, "kind": "number"},
    {"id": "clear", "title": {"en": "Clear"}, "kind": "yes_or_no"},
    {"id": "sent-on", "title": {"en": "Sent"}, "kind": "day"},
    {"id": "taken-at", "title": {"en": "Taken"}, "kind": "instant"},
    {"id": "sort", "title": {"en": "Sort"}, "kind": "choice", "choices": ["grab", "mixed"]},
    {"id": "lab", "title": {"en": "Laboratory"}, "kind": "unit"},
    {"id": "note", "title": {"en": "Note"}, "kind": "text", "required": False},
]
NAMES = "place, depth, clear, sent-on, taken-at, sort, lab, note"
DAY, INSTANT = "a day, such as 2026-03-01", "an instant with its offset, such as 2026-03-01T08:00:00+08:00"
FILLED: dict[str, Any] = {
    "place": "the weir", "depth": 2, "clear": False, "sent-on": "2022-04-07", "taken-at": "2022-04-06T10:00:00+08:00",
    "sort": "mixed", "lab": "north",
}  # fmt: skip


def test_what_is_said_with_a_step_stands_in_the_ledger_as_it_was_said() -> None:
    case = underway(steps=steps(step(fields=FIELDS)))
    outcome = case.done(do.TakeStep, "water", step="sample", fields=FILLED, evidence=[SEAL])
    change = outcome.steps[0][0].change
    assert (change.step, change.unit, change.fields) == ("sample", "water", FILLED)  # type: ignore[union-attr]
    assert [seal.uri for seal in change.evidence] == [SEAL["uri"]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("place", 7, "fields.place should be a text"),
        ("place", " \u200b", "fields.place is missing: sample needs a text"),
        ("depth", "2", "fields.depth should be a number, such as 8.5"),
        ("depth", True, "fields.depth should be a number, such as 8.5"),
        ("clear", "no", "fields.clear should be true or false"),
        ("clear", 0, "fields.clear should be true or false"),
        ("sent-on", "2022-02-30", f"fields.sent-on should be {DAY}"),
        ("sent-on", "20220407", f"fields.sent-on should be {DAY}"),
        ("sent-on", 20220407, f"fields.sent-on should be {DAY}"),
        ("taken-at", "2022-04-06T10:00:00", f"fields.taken-at should be {INSTANT}"),
        ("taken-at", "2022-04-06", f"fields.taken-at should be {INSTANT}"),
        ("sort", "grap", "fields.sort should be one of grab, mixed"),
        ("lab", "moon", "fields.lab should be a unit of small@1, by its id"),
        ("dept", 2, f"fields.dept is no field of the step sample; it has {NAMES}; did you mean depth?"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named_with_what_is_allowed(field: str, value: object, says: str) -> None:
    case = underway(steps=steps(step(fields=FIELDS)))
    outcome = case.act(do.TakeStep, "water", step="sample", fields={**FILLED, field: value})
    assert outcome == Refusal("invalid_fields", says)


def test_everything_that_is_wrong_with_the_fields_is_told_at_once() -> None:
    outcome = underway().act(do.TakeStep, "water", step="sample", fields={"plaice": "x", "sort": "none"})
    words = ("fields.plaice is no field of the step sample; it has place, sort; did you mean place?; "
             "fields.place is missing: sample needs a text; fields.sort should be one of grab, mixed")  # fmt: skip
    assert outcome == Refusal("invalid_fields", words)
    outcome = underway().act(do.TakeStep, "water", step="visit", fields={"place": "x"})
    assert outcome == Refusal("invalid_fields", "fields.place: visit has no fields; leave it out")


def test_evidence_is_asked_for_where_the_pack_says_so() -> None:
    case = underway()
    assert refused(case.act(do.TakeStep, "water", **{**SAMPLE, "evidence": []})) == "missing_evidence"
    case.done(do.TakeStep, "water", **SAMPLE)
    case.done(do.TakeStep, "water", step="visit")


def test_on_the_command_line_a_field_is_a_number_true_or_false_or_a_text() -> None:
    said = [
        "place=the weir",
        "depth=8.5",
        "clear=false",
        'lot="007"',
        "code=007",
        "sum=a=b",
        "none=NaN",
        "when=2022-04-06",
    ]
    assert fields_of_step(said) == {
        "place": "the weir", "depth": 8.5, "clear": False, "lot": "007", "code": "007", "sum": "a=b", "none": "NaN",
        "when": "2022-04-06",
    }  # fmt: skip
    with pytest.raises(InvalidAction, match="--field: depth says no value: write NAME=VALUE"):
        fields_of_step(["depth"])


# Once, or each time


def test_a_step_is_taken_once() -> None:
    case = underway()
    case.done(do.TakeStep, "water", **SAMPLE)
    words = f"sample is taken once, and was taken already, as version {case.problem.version}"
    assert case.act(do.TakeStep, "south", **SAMPLE) == Refusal("step_taken", words)
    assert case.act(do.WaiveStep, "office", step="sample", reason="r") == Refusal("step_taken", words)


def test_a_step_that_is_taken_again_sets_its_clock_going_anew_each_time() -> None:
    case = underway()
    for times in (1, 2, 3):
        case.advance(days=2)
        case.done(do.TakeStep, "water", step="visit")
        assert case.problem.steps_taken["visit"] == Mark(at=case.now, version=case.problem.version, times=times)
        assert case.deadline("visit").lapse_at == case.now + timedelta(days=7)


def test_a_step_is_counted_by_itself() -> None:
    case = underway()
    case.done(do.TakeStep, "water", step="visit")
    case.done(do.TakeStep, "water", **SAMPLE)
    assert case.problem.marks["step_taken"].times == 2
    assert {name: mark.times for name, mark in case.problem.steps_taken.items()} == {"visit": 1, "sample": 1}


# What runs since a step, and what one meets


def test_several_limits_run_at_once_each_from_the_instant_of_its_own_step() -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:sample"]))
    assert (case.deadline("take").lapse_at, case.deadline("take").steps) == (NOW + timedelta(days=1), ("sample",))
    case.advance(hours=5)
    case.done(do.TakeStep, "water", **SAMPLE)
    sampled = case.now
    case.advance(hours=20)
    case.done(do.TakeStep, "north", step="visit")
    assert "take" not in case.deadlines
    calendar = case.rules.calendar
    limit = next(one.within for one in case.rules.pack.obligations if one.id == "result")
    assert limit is not None
    assert case.deadline("result").lapse_at == calendar.add(sampled, limit)
    assert case.deadline("visit").lapse_at == case.now + timedelta(days=7)
    assert (case.deadline("result").steps, case.deadline("visit").steps) == (("result",), ())
    case.done(do.TakeStep, "north", step="result")
    assert "result" not in case.deadlines


def test_a_step_that_nobody_takes_climbs_the_ladder() -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:sample"]))
    assert [kinds(case.lapse("take")) for _ in range(3)] == [["reminded"], ["escalated"], ["escalated"]]
    case.done(do.TakeStep, "water", **SAMPLE)  # late, and taken all the same
    assert "take" not in case.deadlines


def test_what_was_taken_once_need_not_be_taken_again_by_the_next_handler() -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:sample"]), steps=[*entries("steps")])
    case.done(do.TakeStep, "water", **SAMPLE)
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="south")
    case.done(do.Acknowledge, "south")
    assert "take" not in case.deadlines


def test_what_is_taken_each_time_is_owed_by_the_next_handler_anew() -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:visit"]))
    case.done(do.TakeStep, "water", step="visit")
    assert "take" not in case.deadlines
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="south")
    case.done(do.Acknowledge, "south")
    assert case.deadline("take").lapse_at == case.now + timedelta(days=1)


def test_a_problem_that_is_taken_up_again_has_its_steps_before_it() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    case.done(do.TakeStep, "water", **SAMPLE)
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed().done(do.StrikeOff, "office")
    case.done(do.Reopen, "office", reason="it is back")
    assert (case.problem.steps_taken, "result" in case.deadlines) == ({}, False)
    case.done(do.TakeStep, "water", **SAMPLE)
    assert "result" in case.deadlines


# Not needed


def test_a_step_is_waived_by_whom_the_pack_names_with_a_reason_and_that_meets_what_waits_for_it() -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:sample"]))
    assert refused(case.act(do.WaiveStep, "water", step="sample", reason="dry")) == "not_permitted"
    assert case.act(do.WaiveStep, "office", step="sample") == Refusal("missing_reason", "waiving sample needs a reason")
    assert kinds(case.done(do.WaiveStep, "office", step="sample", reason="dry")) == ["step_waived"]
    assert {"take", "result"}.isdisjoint(case.deadlines)
    assert refused(case.act(do.WaiveStep, "office", step="sample", reason="dry")) == "step_waived"
    outcome = case.act(do.WaiveStep, "office", step="result", reason="dry")
    assert outcome == Refusal("not_waived", "nobody may waive result: it names no `waived_by` in small@1")


def test_what_was_waived_may_be_taken_after_all() -> None:
    case = underway()
    case.done(do.WaiveStep, "office", step="sample", reason="dry")
    case.done(do.TakeStep, "water", **SAMPLE)
    assert (list(case.problem.steps_taken), case.problem.steps_waived) == (["sample"], {})
    assert "result" in case.deadlines


def test_the_waiver_of_a_step_that_is_taken_again_holds_for_what_waits_now() -> None:
    case = underway(
        steps=steps(step("visit", again=True, waived_by=["@office"])),
        obligations=owed("look", since=["progressed"], met_by=["step_taken:visit"]),
    )
    for _ in range(2):
        case.done(do.Progress, "water", note="begun")
        assert "look" in case.deadlines
        case.done(do.WaiveStep, "office", step="visit", reason="seen from the bridge")
        assert "look" not in case.deadlines


@pytest.mark.parametrize(("days", "counted"), [(0, []), (2, ["late"])])
def test_what_was_waived_in_time_is_neither_on_time_nor_late(days: int, counted: list[str]) -> None:
    case = underway(obligations=owed("take", met_by=["step_taken:sample"]))
    case.advance(days=days)
    case.done(do.WaiveStep, "office", step="sample", reason="dry")
    claims, figures, record = Claims(case.rules), Figures(case.rules), None
    for event in case.events:
        before, record = record, after(record, event, case.rules)
        claims.follow(event, record)
        figures.happened(before, event, record)
    verdicts = [verdict.timeliness for verdict in claims.verdicts(case.now) if verdict.obligation == "take"]
    assert verdicts == counted
    assert (figures.obligations["take"].in_time, figures.obligations["take"].lapsed) == (0, len(counted))


# The gate, and measures


def gate(*blocks: dict[str, Any]) -> dict[str, object]:
    return {
        "blocks": [{"says": {"en": "It waits"}, "clause": "art. 8", **block} for block in blocks],
        "clause": "art. 8",
    }


def test_a_block_without_a_mark_keeps_every_problem_until_its_step_is_taken_or_waived() -> None:
    closing = {"verify": True, "strike_off": "automatic", "outcomes": ["rectified"], "basis": "practice"}
    rules = {
        "gate": gate({"needs": "step_taken:sample"}),
        "closing": closing,
        "steps": steps(step(waived_by=["office"])),
    }
    for command, unit in ((do.TakeStep, "water"), (do.WaiveStep, "office")):
        case = Case.in_status(Status.VERIFYING, NOW, **rules)
        assert kinds(case.done(do.Verify, "office", passed=True)) == ["verified"]
        assert kinds(case.done(command, unit, step="sample", reason="so it is"))[1:] == ["struck_off"]


@pytest.mark.parametrize("again", [True, False])
def test_a_step_that_is_taken_again_has_to_be_once_the_work_is_led_back(again: bool) -> None:
    needed = {"gate": gate({"needs": "step_taken:sample"}), "steps": steps(step(again=again))}
    case = Case.in_status(Status.UNDERWAY, NOW, **needed)
    for taken in (True, False):
        if taken:
            case.done(do.TakeStep, "water", step="sample")
        case.done(do.Complete, "water", outcome="rectified")
        case.done(do.Verify, "office", passed=True)
        if taken:
            case.done(do.Verify, "office", passed=False, reason="still foul")
    assert isinstance(case.act(do.StrikeOff, "office"), Refusal) == again


def test_a_step_that_cannot_be_taken_any_more_counts_as_it_was_taken() -> None:
    needed = {"gate": gate({"needs": "step_taken:sample"}), "steps": steps(step(again=True, statuses=["dispatched"]))}
    case = Case.in_status(Status.DISPATCHED, NOW, **needed)
    case.done(do.TakeStep, "water", step="sample")
    case.done(do.Acknowledge, "water")
    for passed in (False, True):
        case.done(do.Complete, "water", outcome="rectified")
        case.done(do.Verify, "office", passed=passed, reason="still foul")
    case.done(do.StrikeOff, "office")


def test_a_block_keeps_no_problem_that_does_not_know_its_step() -> None:
    other = steps(step(categories=["noise"]))
    case = Case.in_status(Status.VERIFIED, NOW, gate=gate({"needs": "step_taken:sample"}), steps=other)
    case.done(do.StrikeOff, "office")
    case = Case.in_status(Status.VERIFIED, NOW, gate=gate({"needs": "step_taken:sample"}))
    assert case.act(do.StrikeOff, "office") == Refusal("gate_shut", "It waits")


def test_a_step_sets_off_a_measure_from_its_own_time_on() -> None:
    told = {"measure": "interview", "to": ["@lead"], "clause": "art. 9"}
    trigger = {"id": "seen", "on": "step_taken:visit", "times": 2, "once": True, **told}
    case = underway(triggers=[trigger])
    taken = [case.done(do.TakeStep, "water", **said) for said in (SAMPLE, *[{"step": "visit"}] * 3)]
    assert [kinds(outcome)[1:] for outcome in taken] == [[], [], ["measured"], []]


def test_a_measure_is_set_off_by_one_mark_or_one_body_alone() -> None:
    told = {"measure": "interview", "to": ["@lead"], "clause": "art. 9"}
    triggers = [
        {"id": "hard", "on": "flagged:hard", **told},
        {"id": "police", "on": "referred:police", "times": 1, **told},
    ]
    case = underway(triggers=triggers)
    assert kinds(case.done(do.Flag, "office", flag="criminal")) == ["flagged"]
    assert kinds(case.done(do.Flag, "office", flag="hard")) == ["flagged", "measured"]
    assert kinds(case.done(do.Refer, "office", to="south", evidence=[SEAL])) == ["referred"]
    assert kinds(case.done(do.Refer, "office", to="police", evidence=[SEAL])) == ["referred", "measured"]


# What is said of them


def test_a_problem_is_shown_with_the_steps_taken_waived_and_owed(capsys: pytest.CaptureFixture[str]) -> None:
    case = underway()
    for _ in range(2):
        case.done(do.TakeStep, "water", step="visit")
    case.done(do.TakeStep, "water", **SAMPLE)
    _print(case.problem, Chain([], None), (), ZoneInfo("Asia/Shanghai"))
    shown = capsys.readouterr().out
    assert "step visit taken 2022-04-06 10:00:00 +08:00 (version 5, 2 times so far)" in shown
    assert "step sample taken 2022-04-06 10:00:00 +08:00 (version 6)" in shown
    assert "met by the step result)" in " ".join(shown.split())
    assert _what(case.events[-1]) == "step_taken · sample · place: the weir · water"
    case = underway()
    case.done(do.WaiveStep, "office", step="sample", reason="dry")
    _print(case.problem, Chain([], None), (), None)
    assert "step sample waived" in capsys.readouterr().out


def test_who_owes_a_step_that_others_take_is_told_so() -> None:
    step_of = {"since": ["step_taken:sample"], "met_by": ["step_taken:result"]}
    words = f"{LAST}.met_by: police owes it, and may do nothing of what meets it: step_taken:result"
    assert advised("owner_cannot_meet", obligations=owed("file", owner="police", **step_of)) == [words]
    for owner in ("north", "county"):
        assert advised("owner_cannot_meet", obligations=owed("file", owner=owner, **step_of)) == []
    sponsored = steps(step("result", by=["@sponsor"]))
    assert advised("owner_cannot_meet", steps=sponsored, obligations=owed("file", owner="@sponsor", **step_of)) == []


def advised(code: str, **sections: object) -> list[str]:
    return [f"{one.path}: {one.words}" for one in advice(rules_with(**sections).pack, None) if one.code == code]


def test_a_step_on_which_nothing_depends_is_noted() -> None:
    told = steps(step("walk"))
    words = "steps.3: nothing depends on walk: it is told, and changes neither limits, nor measures, nor the gate"
    assert advised("step_unused", steps=told) == [words]
    assert advised("step_unused", steps=told, obligations=owed("any", met_by=["step_taken"])) == []


def test_what_waits_for_a_step_that_cannot_come_is_advised_against() -> None:
    late = owed("take", met_by=["step_taken:walk"])
    words = f"{LAST}.met_by: walk is taken only while a problem is verified: it never meets what runs elsewhere"
    assert advised("step_never", steps=steps(step("walk", statuses=["verified"])), obligations=late) == [words]
    words = f"{LAST}.met_by: sample is no step of noise, other: there it is never met"
    assert advised("step_of_others", obligations=owed("take", met_by=["step_taken:sample"])) == [words]
    rivers = owed("take", met_by=["step_taken:sample"], categories=["river"])
    assert advised("step_of_others", obligations=rivers) == []
    since = owed("take", since=["step_taken:sample"], met_by=["step_taken:walk"])
    assert advised("step_of_others", steps=steps(step("walk", categories=["river"])), obligations=since) == []


def test_steps_are_told_in_both_languages() -> None:
    english, chinese = explained(small_rules().pack), explained(small_rules().pack, Language.ZH)
    assert (
        "- **Sample of the water** (`sample`): taken by the lead unit or the units of the role county while the "
        "problem is at work; for River alone; with sealed evidence; once; the office may waive it, with a reason "
        "[art. 19]\n"
        "  - Place (`place`): text\n  - Sort (`sort`): one of grab or mixed, may be left out\n"
    ) in english
    assert "within 5 working days of the step “Sample of the water”" in english
    assert "It is met by the step “Result of the laboratory”." in english
    fields = "  - Place (`place`)：文字\n  - Sort (`sort`)：选填：grab或mixed，可不填\n"
    assert "- **Sample of the water** (`sample`)：由主办单位或“county”类单位进行（问题处于“办理中”期间）；" in chinese
    assert f"；仅适用于River；须附固化的证据；仅一次；办公室说明理由的，可免除〔art. 19〕\n{fields}" in chinese
    assert "以“Result of the laboratory”环节为履行。" in chinese


def test_what_changed_in_a_step_is_told_field_by_field() -> None:
    before = rules_with(steps=steps(step(fields=FIELDS[:2]))).pack
    after = rules_with(steps=steps(step(fields=FIELDS[1:3], again=True, waived_by=["@office"]))).pack
    found = [in_words(difference) for difference in differences(before, after) if difference.section == "steps"]
    assert found == [
        "− sample fields.place: title: Place; kind: text",
        "+ sample fields.clear: title: Clear; kind: yes or no",
        "~ sample again: no → yes",
        "+ sample waived by: the office",
    ]
