"""The laws of what a measure opens beside its problem: entries on lists, rewards, and duties of those called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.events import LedgerEvent
from duban.messages.handle import handle_of
from duban.messages.records import Event
from duban.messages.report import Identity, Reporter
from duban.messages.struct import from_data, replace, to_json
from duban.moves import Kind, Status
from duban.refusal import Refusal
from duban_escalation.measures import PUBLIC, measure_taken
from duban_escalation.records import opened_because, told
from duban_router.domain.decision import Decided, allocates_from, allocation
from tests.given import CODE, SEAL, Case, entries, lapses_of, ledger_event, report, rules_with

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
ENTRY = {"list": "blacklist", "of": "Acme", "ground": "repeated"}


def code(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def local(case: Case, obligation: str) -> str:
    return f"{case.deadline(obligation).lapse_at.astimezone(case.rules.zone):%Y-%m-%d %H:%M}"


def crime(**said: Any) -> Case:
    """A suspected crime of Acme, underway."""
    case = Case(NOW)
    handle = Reporter(identity=Identity.ANONYMOUS, handle=handle_of(CODE))
    case.registered(report(area="north", **{"enterprise": "Acme", "reporter": handle, **said}))
    case.done(do.Acknowledge, "water")
    case.done(do.Flag, "office", flag="criminal")
    return case


def opened(case: Case) -> list[Message[do.Command]]:
    """The commands that the events of a problem have led to."""
    standing = case.problem
    return [message for event in case.events for message in opened_because(event, standing, case.rules)]


def record(message: Message[do.Command], now: datetime = NOW) -> Case:
    """What the command opens."""
    case = Case(now)
    case.id = message.subject
    assert isinstance(case.apply(message.data), Decided)
    return case


def happened(case: Case, event: Event) -> LedgerEvent:
    return ledger_event(event, case.record)


# What opens what


def test_a_measure_puts_the_enterprise_of_its_problem_on_a_list() -> None:
    case = crime()
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.done(do.Receive, "police") if case.act(do.Refer, "office", to="police", evidence=[SEAL]) else None
    case.signed().done(do.StrikeOff, "office")
    back = {"truthful": True, "timely": True, "effective": True, "rebound": True, "reason": "it is back"}
    case.done(do.LookBack, "office", **back)
    (puts,) = [one for one in opened(case) if isinstance(one.data, do.PutOnList)]
    entry = record(puts).listing
    assert (entry.kind, entry.status, entry.of) == (Kind.LISTING, "noticed", "Acme")
    assert entry.bars == ("new projects", "subsidies")
    cause = entry.cause
    assert cause is not None
    assert (cause.problem_id, entry.number) == (case.problem.id, f"blacklist/SV-2022-0001/{cause.version}")


def test_where_no_enterprise_is_named_nobody_is_listed() -> None:
    case = crime(enterprise=None)
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.act(do.Refer, "office", to="police", evidence=[SEAL])
    case.done(do.Receive, "police")
    case.signed().done(do.StrikeOff, "office")
    case.done(do.LookBack, "office", truthful=True, timely=True, effective=True, rebound=True, reason="it is back")
    assert not [one for one in opened(case) if isinstance(one.data, do.PutOnList)]


def test_what_waits_for_approval_opens_nothing_before_it_is_released() -> None:
    case = crime()
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=False, reason="still foul")
    assert not opened(case)
    (version,) = case.problem.awaiting_approval
    case.done(do.Approve, "police", version=version)
    (puts,) = opened(case)
    entry = record(puts).listing
    assert (entry.list, entry.of, entry.status) == ("record", "water", "listed")


def test_a_measure_that_is_withheld_opens_nothing_and_says_why() -> None:
    case = crime()
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=False, reason="still foul")
    (version,) = case.problem.awaiting_approval
    assert code(case.act(do.Withhold, "police", version=version)) == "missing_reason"
    assert code(case.act(do.Withhold, "water", version=version, reason="an honest mistake")) == "not_permitted"
    case.done(do.Withhold, "police", version=version, reason="an honest mistake")
    assert not case.problem.awaiting_approval
    assert not opened(case)
    assert code(case.act(do.Approve, "police", version=version)) == "nothing_asked"


def test_a_report_that_proves_true_is_rewarded_once() -> None:
    case = crime()
    for _ in range(2):
        case.done(do.Complete, "water", outcome="rectified")
        case.done(do.Verify, "office", passed=True)
        case.done(do.Verify, "office", passed=False, reason="look again")
    first, again = (one for one in opened(case) if isinstance(one.data, do.Reward))
    assert first.subject == again.subject
    reward = record(first)
    assert (reward.reward.kind, reward.reward.status, reward.reward.fixed_by) == (Kind.REWARD, "owed", "office")
    assert reward.reward.subject == handle_of(CODE)
    assert code(reward.apply(again.data)) == "already_registered"


def test_whoever_left_no_handle_cannot_be_rewarded() -> None:
    case = crime(reporter=Reporter())
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    assert not opened(case)
    nobody = Case(NOW)
    cause = do.Cause(problem_id=case.problem.id, number="SV-2022-0001", version=3, pack="small@1")
    assert code(nobody.act(do.Reward, do.ENGINE, reward="tip", cause=cause)) == "nobody_to_reward"


def test_everybody_whom_the_measure_is_told_to_owes_the_duty_that_it_opens() -> None:
    case = crime()
    case.done(do.HandBack, "water", clause="art. 2", evidence=[SEAL], reason="not ours")
    duties = [record(one) for one in opened(case)]
    assert [(one.duty.kind, one.duty.unit, one.duty.duty) for one in duties] == [
        (Kind.DUTY, "water", "explanation"),
        (Kind.DUTY, "north", "explanation"),
    ]
    assert len({one.duty.number for one in duties}) == 2
    assert local(duties[0], "explanation") == "2022-04-07 10:00"
    duties[1].done(do.Complete, "north", outcome="submitted")
    assert duties[1].duty.status is Status.STRUCK_OFF
    assert [event.change.kind for event, _ in duties[0].lapse("explanation").steps] == ["escalated"]


# The life of an entry


def test_an_entry_counts_when_its_notice_is_over_without_an_answer() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    assert local(entry, "notice") == "2022-04-11 10:00"
    entry.lapse("notice")
    assert entry.listing.status is Status.LISTED
    assert not entry.listing.lapses
    assert local(entry, "term") == "2024-04-11 10:00"


def test_an_entry_expires_by_itself() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    entry.lapse("notice")
    entry.lapse("term")
    assert (entry.listing.status, entry.deadlines) == (Status.DELISTED, {})


def test_an_answer_in_time_holds_the_entry_back_until_it_is_decided() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    entry.done(do.Appeal, "office", text="it was another firm")
    assert (entry.listing.status, list(entry.deadlines)) == (Status.CONTESTED, ["appeal"])
    assert (local(entry, "appeal"), entry.deadline("appeal").owner) == ("2022-04-11 10:00", "water")
    assert code(entry.act(do.DecideAppeal, "office", upheld=True, reason="right")) == "not_permitted"
    assert code(entry.act(do.DecideAppeal, "water", upheld=True)) == "missing_reason"
    entry.done(do.DecideAppeal, "water", upheld=False, reason="it was this one")
    assert (entry.listing.status, list(entry.deadlines)) == (Status.LISTED, ["term"])
    assert code(entry.act(do.Appeal, "office", text="again")) == "appealed"
    assert code(entry.act(do.DecideAppeal, "water", upheld=True, reason="no")) == "nothing_asked"


def test_an_appeal_that_is_right_takes_the_entry_off() -> None:
    entry = Case.in_status(Status.CONTESTED, NOW)
    entry.done(do.DecideAppeal, "water", upheld=True, reason="it was another firm")
    assert entry.listing.status is Status.DELISTED


def test_an_appeal_against_what_counts_already_stops_nothing() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    entry.lapse("notice")
    term = entry.deadline("term")
    entry.done(do.Appeal, "water", text="it was another firm")
    assert (entry.listing.status, set(entry.deadlines)) == (Status.LISTED, {"term", "appeal"})
    entry.done(do.DecideAppeal, "water", upheld=False, reason="it was this one")
    assert entry.deadlines == {"term": term}


def test_an_appeal_that_nobody_decides_climbs_its_ladder() -> None:
    entry = Case.in_status(Status.CONTESTED, NOW)
    (step,) = entry.lapse("appeal").steps
    assert step[0].change.kind == "escalated"
    assert lapses_of(entry.listing) == {"appeal": 1}


def test_whoever_has_made_good_comes_off_the_list_on_proof() -> None:
    entry = Case.in_status(Status.LISTED, NOW)
    assert code(entry.act(do.TakeOffList, "office", reason="all is repaired")) == "missing_evidence"
    assert code(entry.act(do.TakeOffList, "office", evidence=[SEAL])) == "missing_reason"
    assert code(entry.act(do.TakeOffList, "water", evidence=[SEAL], reason="all is repaired")) == "not_permitted"
    entry.done(do.TakeOffList, "office", evidence=[SEAL], reason="all is repaired")
    assert entry.listing.status is Status.DELISTED


@pytest.mark.parametrize(
    ("changed", "unit", "because"),
    [
        ({"list": "greylist"}, "office", "unknown_list"),
        ({"ground": "envy"}, "office", "unknown_ground"),
        ({}, "water", "not_permitted"),
        ({"evidence": []}, "office", "missing_evidence"),
        ({"list": "record", "ground": "breach"}, "office", "unknown_unit"),
    ],
)
def test_an_entry_by_hand_is_made_by_the_keeper_with_its_evidence(
    changed: dict[str, object], unit: str, because: str
) -> None:
    entry = Case(NOW)
    assert code(entry.act(do.PutOnList, unit, **{**ENTRY, "evidence": [SEAL], **changed})) == because
    entry.done(do.PutOnList, "office", **ENTRY, evidence=[SEAL])
    assert entry.listing.number.startswith("blacklist/2022-04-06/")


# The life of a reward


@pytest.mark.parametrize(("amount", "because"), [(999, "out_of_range"), (30_001, "out_of_range")])
def test_a_reward_lies_in_the_range_of_its_class(amount: int, because: str) -> None:
    reward = Case.in_status(Status.OWED, NOW)
    assert code(reward.act(do.Award, "office", amount=amount)) == because
    assert isinstance(reward.act(do.Award, "office", amount=30_000), Decided)


def test_no_more_is_awarded_in_a_year_than_the_budget_holds() -> None:
    reward = Case.in_status(Status.OWED, NOW)
    award = from_data({"actor": {"unit": "office"}, "amount": 3000}, do.Award)
    assert (allocates_from(reward.reward, award, reward.rules), allocation(award)) == ("tip", 3000)
    reward.allocated = 47_001
    assert code(reward.apply(award)) == "over_budget"
    reward.allocated = 47_000
    assert isinstance(reward.apply(award), Decided)


def test_a_reward_is_collected_with_the_code_alone() -> None:
    reward = Case.in_status(Status.AWARDED, NOW)
    assert code(reward.act(do.Collect, "water")) == "wrong_code"
    assert code(reward.act(do.Collect, "water", code="7K3M-9XQ2-TR5A-0WZE")) == "wrong_code"
    assert code(reward.act(do.Collect, "water", code="open sesame")) == "wrong_code"
    assert code(reward.act(do.Collect, "office", code=CODE)) == "not_permitted"
    reward.done(do.Collect, "water", code=CODE.lower().replace("-", " "))
    assert reward.reward.status is Status.SETTLED
    assert CODE not in "".join(to_json(event).decode() for event in reward.events)


def test_what_nobody_collects_is_forfeited() -> None:
    reward = Case.in_status(Status.AWARDED, NOW)
    reward.lapse("collect")
    assert (reward.reward.status, reward.reward.lapses) == (Status.SETTLED, 0)
    assert code(reward.act(do.Collect, "water", code=CODE)) == "illegal_move"


def test_an_amount_that_nobody_fixes_in_time_climbs_the_ladder() -> None:
    reward = Case.in_status(Status.OWED, NOW)
    assert local(reward, "amount") == "2022-04-13 10:00"
    reward.lapse("amount")
    assert lapses_of(reward.reward) == {"amount": 1}


def test_declining_a_reward_needs_a_reason() -> None:
    reward = Case.in_status(Status.OWED, NOW)
    assert code(reward.act(do.Decline, "office")) == "missing_reason"


def test_a_worker_is_rewarded_by_name_and_needs_no_code() -> None:
    cell = {"duty": "patrol", "person": "Zhao", "task": "the river", "assessment": "monthly"}
    areas = [{**one, **({"cell": cell} if one["id"] == "north" else {})} for one in entries("areas")]
    case = Case(NOW, rewards=entries("rewards", tip={"to": "worker"}), areas=areas)
    case.registered(report(area="north-town"))
    case.done(do.Acknowledge, "water")
    case.done(do.Flag, "office", flag="criminal")
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    (message,) = opened(case)
    case.id, case.standing = message.subject, None
    assert isinstance(case.apply(message.data), Decided)
    assert case.record.subject == "Zhao"
    case.done(do.Award, "office", amount=1000)
    case.done(do.Collect, "water")


# What is told


def notices(case: Case) -> list[tuple[str, str]]:
    """Recipient and text of everything that was told of a record, by its last event."""
    return [(one.data.recipient, one.data.text) for one in told(case.events[-1], case.record, case.rules)]


def test_an_enterprise_is_told_of_its_rights_before_the_public_is_told_of_it() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    ground = "broke the law again and again"
    asked = f"Acme is to stand on the Blacklist ({ground}) and may answer until 2022-04-11 10:00"
    assert notices(entry) == [("Acme", asked)]
    entry.lapse("notice")
    listed = "Acme stands on the Blacklist until 2024-04-11, barred from new projects、subsidies"
    assert notices(entry) == [("Acme", listed), (PUBLIC, listed)]
    limits = tuple(replace(limit, provisional=True) for limit in entry.record.deadlines)
    entry.standing = replace(entry.listing, deadlines=limits)
    assert [text for _, text in notices(entry)] == [listed.replace("2024-04-11", "2024-04-11（暂定）")] * 2
    entry.lapse("term")
    assert notices(entry) == [("Acme", "Acme is off the Blacklist"), (PUBLIC, "Acme is off the Blacklist")]


def test_a_number_in_a_name_on_a_list_is_not_told_to_the_public() -> None:
    entry = Case.in_status(Status.NOTICED, NOW)
    entry.standing = replace(entry.listing, of="Acme 13000000000")
    entry.lapse("notice")
    listed = "{} stands on the Blacklist until 2024-04-11, barred from new projects、subsidies"
    assert notices(entry) == [
        ("Acme 13000000000", listed.format("Acme 13000000000")), (PUBLIC, listed.format("Acme ***")),
    ]  # fmt: skip


def test_whoever_wins_before_the_entry_counted_was_never_named_in_public() -> None:
    entry = Case.in_status(Status.CONTESTED, NOW)
    assert notices(entry) == [("water", f"{entry.listing.number} Acme: not us")]
    entry.done(do.DecideAppeal, "water", upheld=True, reason="another firm")
    assert notices(entry) == [("Acme", "Acme is off the Blacklist")]


def test_what_is_told_of_a_reward_names_nobody() -> None:
    reward = Case.in_status(Status.OWED, NOW)
    assert notices(reward) == [("office", "Reward for a report tip/SV-2022-0001: 1000–30000 CNY")]
    reward.done(do.Award, "office", amount=5000)
    assert notices(reward) == [("water", "Reward for a report tip/SV-2022-0001: 5000 CNY")]


# Each kind keeps to itself


@pytest.mark.parametrize(
    ("status", "command", "details", "because"),
    [
        (Status.LISTED, do.StrikeOff, {}, "is_a_listing"),
        (Status.OWED, do.Complete, {"outcome": "rectified"}, "is_a_reward"),
        (Status.UNDERWAY, do.Award, {"amount": 1000}, "is_a_problem"),
        (Status.UNDERWAY, do.TakeOffList, {"evidence": [SEAL]}, "is_a_problem"),
    ],
)
def test_a_command_for_another_kind_of_record_is_refused_in_its_words(
    status: Status, command: type[do.Command], details: dict[str, Any], because: str
) -> None:
    assert code(Case.in_status(status, NOW).act(command, "office", **details)) == because


def test_two_measures_of_one_event_set_their_common_mark_once() -> None:
    twice = [*entries("triggers"), {**entries("triggers")[1], "id": "rebound-too"}]
    released = entries("measures", listing={"approval": "office"})
    for one in released:
        if one["id"] == "listing":
            del one["approval"]
    case = Case(NOW, triggers=twice, measures=released)
    case.registered(report(area="north"))
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed().done(do.StrikeOff, "office")
    back = case.done(do.LookBack, "office", truthful=True, timely=True, effective=True, rebound=True, reason="back")
    kinds = [event.change.kind for event, _ in back.steps]
    assert (kinds.count("measured"), kinds.count("flagged")) == (2, 1)


def test_each_body_owes_the_receipt_of_its_own_referral() -> None:
    receipt = entries("obligations", receipt={"owner": "@referred", "ladder": "late-report"})
    case = Case(NOW, obligations=receipt)
    case.registered(report(area="north"))
    case.done(do.Acknowledge, "water")
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    case.advance(days=1)
    case.done(do.Refer, "office", to="south", evidence=[SEAL])
    receipts = {name: one.owner for name, one in case.deadlines.items() if name.startswith("receipt")}
    assert receipts == {"receipt/police": "police", "receipt/south": "south"}
    assert case.deadline("receipt/police").lapse_at < case.deadline("receipt/south").lapse_at
    case.done(do.Receive, "south")
    assert [name for name in case.deadlines if name.startswith("receipt")] == ["receipt/police"]
    assert lapses_of(case.lapse("receipt/police").record) == {"receipt/police": 1}


def test_a_subject_is_what_a_record_is_looked_up_by() -> None:
    assert Case.in_status(Status.LISTED, NOW).record.subject == "Acme"
    assert Case.in_status(Status.OWED, NOW).reward.subject == handle_of(CODE)
    assert Case.in_status(Status.UNDERWAY, NOW).problem.subject is None


def test_the_small_pack_with_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="does not reach for one reward"):
        rules_with(rewards=entries("rewards", tip={"budget": 10}))
    assert isinstance(Case.in_status(Status.OWED, NOW).reward.id, UUID)


def test_a_measure_that_opens_an_entry_stands_on_no_board_before_its_subject_was_heard() -> None:
    case = crime()
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    taken = [measure_taken(happened(case, event), case.rules) for event in case.events]
    (reward,) = filter(None, taken)
    assert (reward.measure, reward.kind, reward.effect.board) == ("tip-off", "credit", None)


def test_a_clock_may_wait_for_one_body_alone() -> None:
    receipt = entries("obligations", receipt={"since": ["referred:police"], "met_by": ["received:police"]})
    case = Case(NOW, obligations=receipt)
    case.registered(report(area="north"))
    case.done(do.Acknowledge, "water")
    case.done(do.Refer, "office", to="south", evidence=[SEAL])
    assert "receipt" not in case.deadlines
    case.done(do.Refer, "office", to="police", evidence=[SEAL])
    case.done(do.Receive, "south")
    assert "receipt" in case.deadlines
    case.done(do.Receive, "police")
    assert "receipt" not in case.deadlines
