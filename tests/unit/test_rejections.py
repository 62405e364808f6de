"""The laws of what is not taken up, or waits for a person who assigns it: nothing is dispatched before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duban.messages import commands as do
from duban.moves import Status
from duban.policy import PolicyPack
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.refusal import Refusal
from duban_console.pack_text import Language, explained
from duban_router.domain.decision import Decided
from tests.given import Case, entries, report, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)
GROUNDS = [
    {"id": "litigation", "title": {"en": "Before a court", "zh": "已进入诉讼"}, "clause": "art. 3"},
    {"id": "petition", "title": {"en": "A petition in procedure", "zh": "信访程序中"}, "clause": "art. 3"},
]
DESK = [{"categories": ["river"], "lead": "@desk", "clause": "art. 1"}, {"lead": "water", "clause": "art. 2"}]
#: Who assigns what no rule dispatches, and until when.
ASSIGN = {
    "id": "assign", "title": {"en": "Assign it"}, "owner": "@office", "running": ["registered"],
    "since": ["registered"], "within": {"hours": 4}, "ladder": "standard", "basis": "practice",
}  # fmt: skip


def kinds(outcome: Decided | Refusal) -> list[str]:
    assert isinstance(outcome, Decided), outcome
    return [event.change.kind for event, _ in outcome.steps]


def waiting(**sections: object) -> Case:
    """A river problem that a person has to assign."""
    case = Case(NOW, responsibility_list=DESK, obligations=[*entries("obligations"), ASSIGN], **sections)
    assert kinds(case.registered(report(category="river"))) == ["registered"]
    return case


# A person assigns


def test_what_a_person_assigns_waits_for_the_office_or_the_desk_with_a_limit() -> None:
    case = waiting()
    assert (case.problem.status, case.problem.lead_unit) == (Status.REGISTERED, None)
    assert (case.deadline("assign").owner, case.deadline("assign").lapse_at) == ("office", NOW + timedelta(hours=4))
    assert isinstance(case.act(do.Dispatch, "water", lead_unit="water"), Refusal)
    case.done(do.Dispatch, "office", lead_unit="water", co_units=["north"])
    assert case.problem.deadline("assign") is None
    case.done(do.Acknowledge, "water")


def test_what_the_next_line_takes_is_dispatched_by_rule() -> None:
    case = Case(NOW, responsibility_list=DESK)
    assert kinds(case.registered(report(category="noise"))) == ["registered", "dispatched"]


def test_whoever_assigns_names_the_co_units() -> None:
    line = {"categories": ["river"], "lead": "@desk", "co": ["north"], "clause": "art. 1"}
    pack = PolicyPack.model_validate(
        {**small_rules().pack.model_dump(exclude_none=True), "responsibility_list": [line]}
    )
    words = "whoever assigns what @desk takes names its co-units too"
    assert list(breaches(pack)) == [("responsibility_list.0.co", words)]


def test_a_desk_that_owes_nothing_is_advised_against() -> None:
    other = [one for one in entries("obligations") if "registered" not in one["running"]]  # type: ignore[operator]
    extension = {"obligations": ["acknowledge"], "by": {"days": 1}, "at_most": 1, "basis": "practice"}
    for obligations, said in ((other, True), ([*other, ASSIGN], False)):
        rules = rules_with(responsibility_list=DESK, obligations=obligations, extension=extension)
        words = [one.words for one in advice(rules.pack, None) if one.code == "status_unwatched"]
        assert any("a problem is registered" in one for one in words) is said


# A ground


def test_what_was_not_dispatched_is_rejected_on_a_ground_of_the_pack() -> None:
    case = waiting(rejections=GROUNDS)
    why = {"reason": "the court hears it"}
    assert case.act(do.Reject, "office", **why) == Refusal(
        "no_ground", "a rejection names its ground, one of litigation, petition"
    )
    assert case.act(do.Reject, "office", ground="dull", **why) == Refusal(
        "no_ground", "dull is no ground on which small@1 rejects; the grounds are litigation, petition"
    )
    rejected = case.done(do.Reject, "office", ground="litigation", **why)
    assert rejected.steps[0][0].change.ground == "litigation"  # type: ignore[union-attr]
    assert case.problem.status is Status.REJECTED
    assert "dispatched" not in case.problem.marks


def test_without_grounds_a_rejection_has_a_reason_alone() -> None:
    case = Case.in_status(Status.REGISTERED, NOW)
    refusal = case.act(do.Reject, "office", reason="nothing there", ground="litigation")
    assert isinstance(refusal, Refusal)
    assert "it lists none: leave `ground` out" in refusal.reason
    case.done(do.Reject, "office", reason="nothing there")


@pytest.mark.parametrize("where", [{"categories": ["river"]}, {"channels": ["hotline"]}])
def test_what_a_ground_names_is_registered_rejected_and_never_dispatched(where: dict[str, object]) -> None:
    case = Case(NOW, rejections=[GROUNDS[0], {**GROUNDS[1], **where}])
    outcome = case.registered(report(category="river", channel="hotline"))
    assert kinds(outcome) == ["registered", "rejected"]
    assert outcome.steps[1][0].change.ground == "petition"  # type: ignore[union-attr]
    assert kinds(Case(NOW, rejections=GROUNDS).registered(report(category="river"))) == ["registered", "dispatched"]
    case.done(do.Reopen, "office", reason="the court has sent it back")
    case.done(do.Dispatch, "office", lead_unit="water")
    assert case.problem.status is Status.DISPATCHED


def test_grounds_and_the_desk_are_told_in_both_languages() -> None:
    rules = rules_with(rejections=[GROUNDS[0], {**GROUNDS[1], "channels": ["patrol"]}], responsibility_list=DESK)
    english, chinese = explained(rules.pack), explained(rules.pack, Language.ZH)
    assert "1. River: a person at the desk assigns it. [art. 1]" in english
    assert "1. River：人工分办，不自动交办。〔art. 1〕" in chinese
    assert "## Rejections" in english
    assert "- **A petition in procedure**: channels: Patrol [art. 3]" in english
    assert "## 不予受理的事由" in chinese
    assert "- **已进入诉讼** 〔art. 3〕" in chinese
