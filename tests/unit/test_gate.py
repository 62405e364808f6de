"""The laws of strike-off and of the look-back after it: signed checks, blocks, verdicts, rebounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duban.messages import commands as do
from duban.moves import Status
from duban.refusal import Refusal
from duban_router.domain.decision import Decided
from tests.given import SEAL, Case, entries

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
CLEAR: dict[str, Any] = {"check": "clear", "evidence": [SEAL]}
GOOD = {"truthful": True, "timely": True, "effective": True}


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert len(outcome.reason) > 10
    return outcome.code


def kinds(outcome: Decided) -> list[str]:
    return [event.change.kind for event, _ in outcome.steps]


def verified(**sections: object) -> Case:
    """A river problem of the water bureau and the northern county that a reviewer has passed."""
    return Case.in_status(Status.VERIFIED, NOW, **sections)


def struck_off(**sections: object) -> Case:
    return Case.in_status(Status.STRUCK_OFF, NOW, **sections)


def gate(*checks: dict[str, object]) -> dict[str, object]:
    told = [{"id": "clear", "title": {"en": "The facts are clear"}, "clause": "art. 8", **check} for check in checks]
    return {"checks": told, "clause": "art. 8"}


# The gate


def test_every_check_is_signed_before_strike_off() -> None:
    case = verified()
    assert refused(case.act(do.StrikeOff, "office")) == "gate_shut"
    case.done(do.Check, "office", **CLEAR)
    outcome = case.act(do.StrikeOff, "office")
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "not signed yet: People are satisfied"
    case.done(do.Check, "office", check="satisfied", evidence=[SEAL])
    assert kinds(case.done(do.StrikeOff, "office")) == ["struck_off"]
    assert case.problem.checks == {"clear": "office", "satisfied": "office"}


def test_a_check_is_signed_with_evidence_by_who_the_pack_names() -> None:
    case = verified()
    assert refused(case.act(do.Check, "office", check="clear")) == "missing_evidence"
    assert refused(case.act(do.Check, "south", **CLEAR)) == "not_permitted"
    assert refused(case.act(do.Check, "office", check="bribed", evidence=[SEAL])) == "unknown_check"


@pytest.mark.parametrize(("unit", "code"), [("water", "reviewer_is_handler"), ("north", "reviewer_is_handler")])
def test_neither_the_lead_nor_a_co_unit_signs_its_own_work(unit: str, code: str) -> None:
    case = verified(gate=gate({"by": ["water", "county"]}))
    assert refused(case.act(do.Check, unit, **CLEAR)) == code
    case.done(do.Check, "south", **CLEAR)  # another county may


def test_the_sponsor_signs_where_the_pack_names_the_sponsor() -> None:
    case = verified(gate=gate({"by": ["@sponsor"]}))
    early = case.act(do.Check, "mayor", **CLEAR)
    assert early == Refusal("not_permitted", "mayor may not do this: it is for the sponsor")
    case.done(do.Sponsor, "office", sponsor="mayor")
    case.done(do.Check, "mayor", **CLEAR)


def test_a_check_of_other_categories_is_not_asked_for() -> None:
    case = verified(gate=gate({"by": ["@office"], "categories": ["noise"]}))
    assert refused(case.act(do.Check, "office", **CLEAR)) == "unknown_check"
    assert kinds(case.done(do.StrikeOff, "office")) == ["struck_off"]


def test_checks_are_cleared_when_the_work_is_sent_back() -> None:
    case = Case.in_status(Status.VERIFYING, NOW).signed()
    case.done(do.Verify, "office", passed=False, reason="still foul")
    assert case.problem.checks == {}


def test_checks_are_cleared_when_the_problem_is_taken_up_again() -> None:
    for command, details in ((do.Reopen, {}), (do.LookBack, {**GOOD, "rebound": True})):
        case = struck_off()
        case.done(command, "office", reason="it is back", **details)
        assert (case.problem.status, case.problem.checks, case.problem.outcome) == (Status.UNDERWAY, {}, None)


def automatic(*, verify: bool) -> dict[str, object]:
    return {"verify": verify, "strike_off": "automatic", "outcomes": ["rectified"], "basis": "practice"}


def signed(case: Case, check: str) -> list[str]:
    return kinds(case.done(do.Check, "office", check=check, evidence=[SEAL]))


def test_what_is_struck_off_by_itself_waits_for_the_gate_and_goes_with_the_last_signature() -> None:
    case = Case.in_status(Status.VERIFYING, NOW, closing=automatic(verify=True))
    assert kinds(case.done(do.Verify, "office", passed=True)) == ["verified"]
    assert signed(case, "clear") == ["checked"]
    assert signed(case, "satisfied") == ["checked", "struck_off"]


def test_where_nothing_is_verified_the_last_signature_closes_too() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW, closing=automatic(verify=False))
    assert kinds(case.done(do.Complete, "water", outcome="rectified")) == ["completed"]
    assert signed(case, "satisfied") == ["checked"]
    assert signed(case, "clear") == ["checked", "struck_off"]


def test_checks_signed_before_the_work_is_verified_leave_nothing_to_wait_for() -> None:
    case = Case.in_status(Status.VERIFYING, NOW, closing=automatic(verify=True))
    assert signed(case, "clear") + signed(case, "satisfied") == ["checked", "checked"]
    assert kinds(case.done(do.Verify, "office", passed=True)) == ["verified", "struck_off"]


@pytest.mark.parametrize("lifted", ["received", "unflagged"])
def test_what_lifts_the_last_block_strikes_off_what_is_struck_off_by_itself(lifted: str) -> None:
    case = Case.in_status(Status.VERIFYING, NOW, closing=automatic(verify=True))
    case.done(do.Flag, "office", flag="criminal")
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    case.done(do.Verify, "office", passed=True)
    assert signed(case, "clear") + signed(case, "satisfied") == ["checked", "checked"]
    if lifted == "received":
        last = case.done(do.Receive, "police")
    else:
        last = case.done(do.Unflag, "office", flag="criminal", reason="it was none")
    assert kinds(last) == [lifted, "struck_off"]


def test_what_the_office_strikes_off_waits_for_the_office() -> None:
    case = verified()
    assert signed(case, "clear") + signed(case, "satisfied") == ["checked", "checked"]
    assert case.problem.status is Status.VERIFIED


def test_a_trigger_on_the_last_signature_is_set_off_once_it_is_closed() -> None:
    trigger = {"id": "signed", "on": "checked", "times": 2, "measure": "bulletin", "to": ["@lead"], "basis": "practice"}
    case = Case.in_status(Status.VERIFYING, NOW, closing=automatic(verify=True), triggers=[trigger])
    case.done(do.Verify, "office", passed=True)
    signed(case, "clear")
    assert signed(case, "satisfied") == ["checked", "struck_off", "measured"]


def test_without_a_gate_what_is_verified_is_struck_off() -> None:
    assert kinds(verified(gate=None).done(do.StrikeOff, "office")) == ["struck_off"]


def test_a_suspected_crime_is_not_struck_off_before_the_referral_is_received() -> None:
    case = verified().signed()
    case.done(do.Flag, "office", flag="criminal")
    outcome = case.act(do.StrikeOff, "office")
    assert outcome == Refusal("gate_shut", "A suspected crime is not settled by a fine")
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    assert refused(case.act(do.StrikeOff, "office")) == "gate_shut"
    case.done(do.Receive, "police")
    assert kinds(case.done(do.StrikeOff, "office")) == ["struck_off"]


# The look-back


def test_a_look_back_is_owed_after_strike_off_and_met_by_making_it() -> None:
    case = struck_off()
    assert case.deadline("look-back").lapse_at == NOW + timedelta(days=90)
    assert kinds(case.done(do.LookBack, "office", **GOOD)) == ["looked_back"]
    assert (case.problem.status, case.deadlines) == (Status.STRUCK_OFF, {})


def test_a_look_back_that_nobody_makes_escalates() -> None:
    case = struck_off()
    assert kinds(case.lapse("look-back")) == ["reminded"]
    assert kinds(case.lapse("look-back")) == ["escalated"]


@pytest.mark.parametrize(
    ("found", "again"),
    [
        ({"timely": False}, False),
        ({"truthful": False}, True),
        ({"effective": False}, True),
        ({"rebound": True}, True),
    ],
)
def test_what_was_not_truthful_or_not_effective_or_is_back_is_taken_up_again(
    found: dict[str, bool], again: bool
) -> None:
    case = struck_off(triggers=[])
    assert refused(case.act(do.LookBack, "office", **{**GOOD, **found})) == "missing_reason"
    looked = case.done(do.LookBack, "office", reason="the pipe is open", **{**GOOD, **found})
    assert kinds(looked) == ["looked_back", *(["rebounded"] if again else [])]
    assert (case.problem.status is Status.UNDERWAY, case.problem.raised) == (again, int(again))


def test_a_look_back_is_made_by_who_the_pack_names_and_never_by_the_handler() -> None:
    case = struck_off()
    assert refused(case.act(do.LookBack, "south", **GOOD)) == "not_permitted"
    case = struck_off(look_back={"by": ["county", "water"], "raise_by": 1, "clause": "art. 10"})
    assert refused(case.act(do.LookBack, "water", **GOOD)) == "reviewer_is_handler"
    assert refused(case.act(do.LookBack, "north", **GOOD)) == "reviewer_is_handler"
    case.done(do.LookBack, "south", **GOOD)


def test_only_what_is_struck_off_is_looked_back_at() -> None:
    assert refused(verified().act(do.LookBack, "office", **GOOD)) == "illegal_move"
    without = struck_off(look_back=None, triggers=[], obligations=entries("obligations"))
    assert refused(without.act(do.LookBack, "office", **GOOD)) == "no_look_back"


def rebounding(raise_by: int, times: int = 1) -> list[tuple[int, str]]:
    """The ladder of ``rectify`` as it is climbed after so many rebounds."""
    since = ["registered", "reopened", "rebounded"]
    rule = {"by": ["@office"], "raise_by": raise_by, "clause": "art. 10"}
    case = struck_off(look_back=rule, triggers=[], obligations=entries("obligations", rectify={"since": since}))
    for left in range(times, 0, -1):
        case.advance(days=30)
        case.done(do.LookBack, "office", reason="foul again", rebound=True, **GOOD)
        if left > 1:
            case.done(do.Complete, "water", outcome="rectified")
            case.done(do.Verify, "office", passed=True)
            case.signed().done(do.StrikeOff, "office")
    began = case.now
    climbed: list[tuple[int, str]] = []
    while "rectify" in case.deadlines:
        deadline = case.deadline("rectify")
        assert deadline.lapse_at == case.rules.calendar.add(began, case.rules.obligations["rectify"].within)  # type: ignore[arg-type]
        assert (deadline.due_at == deadline.lapse_at) == (len(climbed) == 1)  # the reminder, the lapse, what follows
        climbed.append((deadline.level, deadline.measure))
        case.lapse("rectify")
    return climbed


@pytest.mark.parametrize(("raise_by", "times"), [(0, 1), (1, 1), (5, 1), (1, 2)])
def test_after_a_rebound_the_ladder_begins_higher_at_the_lapse_itself(raise_by: int, times: int) -> None:
    levels = [(1, "reminder"), (2, "bulletin"), (3, "interview")]
    assert rebounding(raise_by, times) == (levels if raise_by == 0 else [levels[0], levels[2]])


def test_a_rebound_sets_off_its_measure() -> None:
    case = struck_off()
    looked = case.done(do.LookBack, "office", reason="foul again", rebound=True, **GOOD)
    assert kinds(looked) == ["looked_back", "rebounded", "measured"]
    waiting = case.problem.awaiting_approval[looked.steps[-1][0].version]
    assert (waiting.measure, waiting.to) == ("listing", ("water", "office"))


def criminal(**block: object) -> Case:
    """A completed problem that bears the criminal mark, under a block that says more."""
    told = {"flag": "criminal", "needs": "received", "says": {"en": "not settled by a fine"}, "clause": "art. 7"}
    case = verified(gate={"checks": [], "blocks": [{**told, **block}], "clause": "art. 8"})
    case.done(do.Flag, "office", flag="criminal")
    return case


def test_a_receipt_from_another_body_does_not_lift_the_block_that_names_one() -> None:
    case = criminal(by=["police"])
    for body in ("south", "police"):
        assert refused(case.act(do.StrikeOff, "office")) == "gate_shut"
        case.done(do.Refer, "office", to=body, evidence=[SEAL])
        case.done(do.Receive, body)
    case.done(do.StrikeOff, "office")


@pytest.mark.parametrize(("outcome", "shut"), [("rectified", True), ("unfounded", False)])
def test_a_block_that_names_outcomes_leaves_the_others_alone(outcome: str, shut: bool) -> None:
    case = criminal(outcomes=[outcome if shut else "rectified"])
    if not shut:
        case.done(do.Verify, "office", passed=False, reason="there was nothing")
        case.done(do.Complete, "water", outcome=outcome)
        case.done(do.Verify, "office", passed=True)
    assert isinstance(case.act(do.StrikeOff, "office"), Refusal) == shut


def test_a_block_that_names_outcomes_reads_the_one_with_which_the_work_ends() -> None:
    block = {"needs": "received", "outcomes": ["rectified"], "says": {"en": "It waits"}, "clause": "art. 7"}
    blocked = {"blocks": [block], "clause": "art. 8"}
    case = Case.in_status(Status.UNDERWAY, NOW, closing=automatic(verify=False), gate=blocked)
    assert kinds(case.done(do.Complete, "water", outcome="rectified")) == ["completed"]


@pytest.mark.parametrize(
    ("needs", "act", "unit", "fields", "anew"),
    [
        ("reviewed", do.Review, "office", {"reason": "it lasts"}, True),
        ("progressed", do.Progress, "water", {"note": "half of it"}, True),
        ("flagged:criminal", do.Flag, "office", {"flag": "criminal"}, False),
    ],
)
def test_what_is_said_of_the_work_is_said_of_it_anew_and_the_rest_counts_as_it_was(
    needs: str, act: type[do.Action], unit: str, fields: dict[str, Any], anew: bool
) -> None:
    block = {"needs": needs, "says": {"en": "It waits"}, "clause": "art. 7"}
    case = Case.in_status(Status.UNDERWAY, NOW, gate={"blocks": [block], "clause": "art. 8"})
    case.done(act, unit, **fields)
    for passed in (False, True):
        case.done(do.Complete, "water", outcome="rectified")
        case.done(do.Verify, "office", passed=passed, reason="still foul")
    assert isinstance(case.act(do.StrikeOff, "office"), Refusal) == anew


def test_a_receipt_counts_though_the_work_was_done_again() -> None:
    case = criminal()
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    case.done(do.Receive, "police")
    case.done(do.Verify, "office", passed=False, reason="still foul")
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.done(do.StrikeOff, "office")


def test_verified_work_can_still_be_sent_back() -> None:
    case = verified()
    case.done(do.Verify, "office", passed=False, reason="the plan is missing")
    assert case.problem.status is Status.UNDERWAY
