"""The laws of ratings: what follows when somebody is not satisfied, by ground, and what waits until then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from duban.messages import commands as do
from duban.moves import Status
from duban.policy import PolicyPack, Rules
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.refusal import Refusal
from duban_console.assessment.claims import Claims
from duban_console.pack_text import Language, explained
from duban_router.domain.decision import Decided, after
from tests.given import Case
from tests.unit.test_replies import NOW, call, called, hotline, hotline_with, refused, told

BACK = {"reason": "not ours", "clause": "art. 2"}


def completed(**sections: object) -> Case:
    """A call that the housing bureau has settled and answered, under the hotline's pack with some sections changed."""
    case = called()
    if sections:
        case.rules = Rules(hotline_with(**sections), hotline().calendar)
    return again(case)


def again(case: Case) -> Case:
    case.done(do.Complete, case.problem.lead_unit or "", outcome="settled")
    told(case, "answer", unit=case.problem.lead_unit, form="telephone")
    return case


def verified(**sections: object) -> Case:
    case = completed(**sections)
    case.done(do.Verify, "centre", passed=True)
    return case


def struck_off(**sections: object) -> Case:
    case = verified(**sections)
    case.done(do.StrikeOff, "centre")
    return case


def rate(case: Case, ground: str | None, **fields: Any) -> Decided | Refusal:
    return case.act(do.Rate, "centre", **{"satisfied": False, "ground": ground, "reason": "it is cold", **fields})


def kinds(outcome: Decided | Refusal) -> list[str]:
    assert isinstance(outcome, Decided), outcome
    return [event.change.kind for event, _ in outcome.steps]


def ratings(**changed: dict[str, object]) -> list[dict[str, Any]]:
    """The ratings of the hotline, those named (``-`` written ``_``) changed in some fields."""
    known = [rating.model_dump(exclude_none=True) for rating in hotline().pack.ratings]
    return [{**one, **changed.get(one["id"].replace("-", "_"), {})} for one in known]


# The ground


def test_who_is_not_satisfied_says_on_which_ground_of_the_pack() -> None:
    grounds = "the grounds are in-unit, outside, not-its-matter"
    case = completed()
    assert refused(rate(case, None)) == ("no_ground", f"a rating of unsatisfied names its ground; {grounds}")
    assert refused(rate(case, "weather")) == ("no_ground", f"weather is no ground; {grounds}")
    assert refused(rate(case, "in-unit", reason="")) == ("missing_reason", "a rating of unsatisfied needs a reason")
    words = "who is satisfied needs no ground: leave `ground` out, not in-unit"
    assert refused(rate(case, "in-unit", satisfied=True)) == ("no_ground", words)
    assert kinds(rate(case, None, satisfied=True)) == ["rated"]


def test_a_pack_without_grounds_takes_a_rating_as_before() -> None:
    case = Case.in_status(Status.STRUCK_OFF, NOW)
    assert kinds(case.act(do.Rate, "office", satisfied=False)) == ["rated"]
    words = "small@1 lists no grounds of ratings: leave `ground` out"
    assert refused(case.act(do.Rate, "office", satisfied=False, ground="in-unit")) == ("no_ground", words)
    assert case.problem.rated["unsatisfied"].times == 1


# What follows


def test_what_is_not_satisfying_for_a_reason_in_the_unit_is_redone_with_a_limit_of_its_own() -> None:
    case = completed()
    case.advance(days=1)
    assert kinds(rate(case, "in-unit")) == ["rated", "sent_back", "flagged"]
    assert (case.problem.status, case.problem.outcome, case.problem.lead_unit) == (Status.UNDERWAY, None, "housing")
    assert {"redo"} == {*case.deadlines}
    assert case.deadline("redo").lapse_at == case.rules.calendar.add(case.now, hotline().obligations["redo"].within)  # type: ignore[arg-type]
    case.advance(days=1)
    case.done(do.Complete, "housing", outcome="settled")
    assert case.deadline("answer-again").generation == case.problem.version
    told(case, "answer-again")
    assert "answer-again" not in case.deadlines


@pytest.mark.parametrize(
    ("status", "redone", "another_unit"),
    [
        (Status.REGISTERED, [], []),
        (Status.DISPATCHED, [], ["withdrawn"]),
        (Status.UNDERWAY, [], ["withdrawn"]),
        (Status.PAUSED, [], ["resumed", "withdrawn"]),
        (Status.VERIFYING, ["sent_back"], ["withdrawn"]),
        (Status.VERIFIED, ["sent_back"], ["withdrawn"]),
        (Status.STRUCK_OFF, ["reopened"], ["reopened", "withdrawn"]),
        (Status.REJECTED, ["reopened"], ["reopened"]),
    ],
)
def test_from_wherever_a_problem_stands_it_is_taken_up_again(
    status: Status, redone: list[str], another_unit: list[str]
) -> None:
    title = {"title": {"en": "x"}, "basis": "practice"}
    rules = [{"id": "a", "then": "redone", **title}, {"id": "b", "then": "another_unit", **title}]
    for ground, follows in (("a", redone), ("b", another_unit)):
        case = Case.in_status(status, NOW, ratings=rules)
        assert kinds(case.act(do.Rate, "office", satisfied=False, ground=ground, reason="cold")) == ["rated", *follows]
        at_work = Status.UNDERWAY if status in (Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF) else status
        back = Status.REGISTERED if status is Status.REJECTED or (ground == "b" and follows) else at_work
        assert case.problem.status is back


def test_it_is_redone_so_often_at_most() -> None:
    case = completed()
    rate(case, "in-unit")
    again(case)
    assert kinds(rate(case, "in-unit")) == ["rated", "measured"]
    assert (case.problem.status, case.problem.rated["in-unit"].times) == (Status.VERIFYING, 2)


def test_another_unit_is_another_one() -> None:
    case = struck_off()
    assert kinds(rate(case, "not-its-matter")) == ["rated", "reopened", "withdrawn"]
    assert (case.problem.lead_unit, case.problem.outcome) == (None, None)
    assert case.deadline("reroute").owner == "centre"
    assert refused(case.act(do.Dispatch, "centre", lead_unit="housing")) == (
        "withdrawn", "the problem was taken from housing: it is for another unit",
    )  # fmt: skip
    case.done(do.Dispatch, "centre", lead_unit="water")
    case.done(do.HandBack, "water", **BACK)
    case.done(do.Dispatch, "centre", lead_unit="housing")  # water has said whose it is


def test_what_is_taken_from_a_unit_it_has_neither_met_nor_missed() -> None:
    case = called()
    case.advance(days=1)
    assert kinds(rate(case, "not-its-matter")) == ["rated", "withdrawn"]
    claims, record = Claims(case.rules), None
    for event in case.events:
        record = after(record, event, case.rules)
        claims.follow(event, record)
    assert [one for one in claims.verdicts(case.now + timedelta(days=9)) if one.unit == "housing"] == []


def test_what_was_closed_and_stays_so_bears_no_new_flag() -> None:
    case = struck_off(ratings=ratings(outside={"flag": "redone"}))
    assert kinds(rate(case, "outside")) == ["rated"]


def test_a_measure_is_set_off_by_ratings_on_its_grounds_alone() -> None:
    case = completed(ratings=ratings(in_unit={"then": "nothing", "at_most": None, "flag": None}))
    assert kinds(rate(case, "outside")) == ["rated"]
    assert kinds(rate(case, "in-unit")) == ["rated"]
    assert kinds(rate(case, "outside")) == ["rated"]
    assert kinds(rate(case, None, satisfied=True)) == ["rated"]
    assert kinds(rate(case, "in-unit")) == ["rated", "measured"]


# What is held up

WAITS = ("not_satisfied", "a reporter is not satisfied (非承办单位原因): this waits for replied:explanation")


def test_a_rating_stops_verification_and_strike_off_until_what_the_pack_says() -> None:
    for case, command, fields in ((completed(), do.Verify, {"passed": True}), (verified(), do.StrikeOff, {})):
        rate(case, "outside")
        assert case.deadline("explain").generation == case.problem.version
        assert refused(case.act(command, "centre", **fields)) == WAITS
        told(case, "explanation")
        assert "explain" not in case.deadlines
        case.done(command, "centre", **fields)


def test_what_is_held_up_may_be_sent_back_and_goes_on_when_it_was_done_again() -> None:
    case = completed()
    rate(case, "outside")
    case.done(do.Verify, "centre", passed=False, reason="not settled")
    case.done(do.Complete, "housing", outcome="settled")
    case.done(do.Verify, "centre", passed=True)


def test_what_is_held_up_goes_on_when_somebody_is_satisfied() -> None:
    case = completed()
    rate(case, "outside")
    rate(case, None, satisfied=True)
    case.done(do.Verify, "centre", passed=True)


def test_everybody_who_reported_is_told_before_it_goes_on() -> None:
    case = called()
    case.attached(call(), "2")
    again(case)
    rate(case, "outside")
    told(case, "explanation", "2")
    assert refused(case.act(do.Verify, "centre", passed=True)) == WAITS
    told(case, "explanation", "1")
    case.done(do.Verify, "centre", passed=True)


@pytest.mark.parametrize("verify", [True, False])
def test_an_automatic_strike_off_waits_and_comes_by_itself_when_nothing_holds_it_up(verify: bool) -> None:
    closing = {**hotline().pack.closing.model_dump(exclude_none=True), "strike_off": "automatic", "verify": verify}
    case = called()
    case.rules = Rules(hotline_with(closing=closing), hotline().calendar)
    rate(case, "outside")
    case.done(do.Complete, "housing", outcome="settled")
    if verify:
        told(case, "explanation")
        assert kinds(case.act(do.Verify, "centre", passed=True)) == ["verified", "struck_off"]
        return
    assert "struck_off" not in case.problem.marks
    told(case, "explanation")
    assert case.problem.status is Status.STRUCK_OFF


# The gate that a rating opens


def called_back(*blocks: dict[str, Any], verify: bool, strike_off: str = "automatic", **sections: object) -> Case:
    """A call that is completed, and verified where the pack wants that, before a gate of ``blocks``."""
    closing = {**hotline().pack.closing.model_dump(exclude_none=True), "strike_off": strike_off, "verify": verify}
    told_of = [{"says": {"en": "it waits"}, "basis": "practice", **block} for block in blocks]
    case = called()
    gate = {"blocks": told_of, "basis": "practice"}
    case.rules = Rules(hotline_with(closing=closing, gate=gate, **sections), hotline().calendar)
    return done_again(case)


def done_again(case: Case) -> Case:
    case.done(do.Complete, "housing", outcome="settled")
    if case.rules.pack.closing.verify:
        case.done(do.Verify, "centre", passed=True)
    return case


@pytest.mark.parametrize("verify", [True, False])
def test_the_call_back_that_finds_fault_leads_the_work_back_and_strikes_nothing_off(verify: bool) -> None:
    case = called_back({"needs": "rated"}, verify=verify)
    assert kinds(rate(case, "in-unit")) == ["rated", "sent_back", "flagged"]
    done_again(case)
    assert "struck_off" not in case.problem.marks  # nobody was called back about what was done now
    assert kinds(rate(case, None, satisfied=True)) == ["rated", "struck_off"]


def test_a_mark_that_comes_with_the_rating_still_shuts_the_gate() -> None:
    marking = ratings(outside={"flag": "redone", "holds_until": []})
    case = called_back({"needs": "rated"}, {"flag": "redone", "needs": "received"}, verify=True, ratings=marking)
    assert kinds(rate(case, "outside")) == ["rated", "flagged"]
    case.done(do.Unflag, "centre", flag="redone", reason="it was none")
    assert case.problem.status is Status.STRUCK_OFF


@pytest.mark.parametrize("back", [do.Verify, do.Reopen])
@pytest.mark.parametrize("needs", ["rated", "rated:satisfied", "replied", "replied:answer"])
def test_what_was_said_of_the_work_before_it_was_led_back_opens_no_gate(needs: str, back: type[do.Action]) -> None:
    case = called_back({"needs": needs}, verify=True, strike_off="by_office")

    def strikes_off_only_after_it_is_said() -> None:
        assert refused(case.act(do.StrikeOff, "centre")) == ("gate_shut", "it waits")
        if needs.startswith("rated"):
            rate(case, None, satisfied=True)
        else:
            told(case, "answer", form="telephone")

    strikes_off_only_after_it_is_said()
    if back is do.Reopen:
        case.done(do.StrikeOff, "centre")
        case.done(do.Reopen, "centre", reason="it is cold again")
    else:
        case.done(do.Verify, "centre", passed=False, reason="it is cold")
    done_again(case)
    strikes_off_only_after_it_is_said()
    case.done(do.StrikeOff, "centre")


def test_a_block_that_needs_a_reply_waits_until_every_report_is_told() -> None:
    case = called_back({"needs": "replied:answer"}, verify=True, strike_off="by_office")
    case.attached(call(), "2")
    told(case, "answer", form="telephone")
    assert refused(case.act(do.StrikeOff, "centre")) == ("gate_shut", "it waits")
    told(case, "answer", "2", form="telephone")
    case.done(do.StrikeOff, "centre")


# What a pack may say


def test_what_is_redone_without_a_limit_or_under_an_old_one_is_advised_against() -> None:
    assert said() == {}
    obligations = [one.model_dump(exclude_none=True) for one in hotline().pack.obligations]
    without = [one for one in obligations if one["id"] not in ("redo", "reroute")]
    words = "has no limit of its own: add an obligation since"
    assert said(obligations=without) == {
        "ratings.0.then": f'what is redone {words} ["rated:in-unit"], running [underway]',
        "ratings.2.then": f'what waits for another unit {words} ["rated:not-its-matter"], running [registered]',
    }
    old = [{**one, "met_by": []} if one["id"] == "handle" else one for one in obligations]
    assert [path for path in said(obligations=old) if path == "obligations.1"] == ["obligations.1"]


def said(**sections: object) -> dict[str, str]:
    """What is advised of ratings, by path."""
    pack: PolicyPack = hotline_with(**sections)
    assert list(breaches(pack)) == []
    codes = ("rating_without_limit", "redone_under_old_limit")
    return {one.path: one.words for one in advice(pack, None) if one.code in codes}


def test_a_limit_that_ends_with_the_work_still_limits_it() -> None:
    codes = {one.code for one in advice(hotline().pack, None)}
    assert not {"category_without_limit", "status_unwatched"} & codes


def test_ratings_are_told_in_both_languages() -> None:
    english, chinese = explained(hotline().pack), explained(hotline().pack, Language.ZH)
    assert "- **for a reason in the unit**: then: redone; at most: 1; flag: redone [第十条]" in english
    assert "holds until: a reply (explained)" in english
    assert "within 5 working days of a rating (for a reason in the unit)" in english
    assert "- **承办单位原因**：随后：退回重办；最多：1；标记：重办 〔第十条〕" in chinese
    assert "在此之前不核查不销号：回复（解释说明）" in chinese
    assert "时点：评价（承办单位原因）" in chinese
