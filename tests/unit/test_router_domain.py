"""The laws of a problem's life: given a problem, when a command comes, then these events or this refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from duban.calendar import Within
from duban.messages import commands as do
from duban.messages.report import Evidence
from duban.moves import MOVES, OF_OTHERS, OPEN, Kind, Stage, Status
from duban.refusal import Refusal
from duban_router.domain.decision import PERMITTED, Decided
from duban_router.domain.kinds import FITTING
from tests.given import CODE, Case, report

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
SEALED = (Evidence(uri="file:///photo.jpg", sha256="0" * 64),)
US = timedelta(microseconds=1)


@pytest.fixture
def case() -> Case:
    return Case(NOW)


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert len(outcome.reason) > 10
    return outcome.code


def test_what_is_not_legal_now_is_refused_with_when_it_is_and_what_comes_first() -> None:
    extension = {"obligations": ["rectify"], "by": {"days": 1}, "at_most": 1, "basis": "practice"}
    case = Case(NOW, extension={**extension, "decided_by": ["@office"]})
    case.registered(report(category="river", area="north"))
    assert case.act(do.AskExtension, "water", obligation="rectify", reason="a flood", clause="art. 1") == Refusal(
        "illegal_move",
        "no extension can be asked for while a problem is dispatched; that can be while it is underway: "
        "acknowledge it first",
    )
    assert case.act(do.Reject, "office", reason="the court hears it") == Refusal(
        "illegal_move",
        "a problem that is dispatched cannot be rejected; that can be while it is registered or underway: "
        "acknowledge it or hand it back first",
    )
    case.done(do.Acknowledge, "water")
    case.done(do.Reject, "office", reason="the court hears it")
    assert case.act(do.Reject, "office", reason="once more") == Refusal(
        "illegal_move",
        "a problem that is rejected cannot be rejected; that can be while it is registered or underway: "
        "reopen it first",
    )
    assert case.act(do.Classify, "office", category="noise", reason="a slip") == Refusal(
        "illegal_move",
        "a problem that is rejected cannot be classified; that can be while it is open: reopen it first",
    )


def test_a_report_is_registered_and_dispatched_in_one_command(case: Case) -> None:
    done = case.registered(report(category="river", area="north-town"))
    assert [event.change.kind for event, _ in done.steps] == ["registered", "dispatched"]
    assert (case.problem.lead_unit, case.problem.co_units, case.problem.clause) == ("water", ("north",), "art. 1")
    assert case.problem.number == "SV-2022-0001"
    assert case.problem.stage is Stage.TRANSFER


def test_the_territorial_unit_is_that_of_the_nearest_area_around(case: Case) -> None:
    case.registered(report(category="noise", area="north-town"))
    assert (case.problem.lead_unit, case.problem.co_units) == ("north", ("water",))


def test_what_no_line_takes_goes_to_the_fallback_desk(case: Case) -> None:
    case.registered(report(category="other", area=None))
    assert (case.problem.lead_unit, case.problem.clause) == ("office", "practice")


def test_a_report_without_a_category_takes_the_default_one(case: Case) -> None:
    case.registered(report(category=None))
    assert case.problem.category == "other"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"category": "fire"}, "unknown_category"),
        ({"matter": "praise"}, "unknown_matter"),
        ({"channel": "pigeon"}, "unknown_channel"),
        ({"area": "moon"}, "unknown_area"),
    ],
)
def test_a_report_that_the_pack_does_not_know_is_refused_by_name(
    case: Case, changed: dict[str, str], code: str
) -> None:
    assert refused(case.register(report(**changed))) == code


def test_the_whole_way_to_strike_off(case: Case) -> None:
    case.registered(report(category="river"))
    for unit, command in (
        ("water", do.Acknowledge),
        ("water", do.Progress),
        ("water", do.Complete),
        ("office", do.Verify),
    ):
        case.advance(hours=1)
        case.done(command, unit, **DETAILS.get(command, {}))
    case.signed().done(do.StrikeOff, "office")
    assert case.problem.status is Status.STRUCK_OFF
    assert list(case.deadlines) == ["look-back"]


DETAILS: dict[type[do.Command], dict[str, object]] = {
    do.Progress: {"note": "half done"},
    do.Complete: {"outcome": "rectified"},
    do.Verify: {"passed": True},
    do.HandBack: {"clause": "art. 2", "evidence": SEALED, "reason": "not ours"},
    do.Dispatch: {"lead_unit": "north"},
    do.Classify: {"matter": "question"},
    do.Recompute: {"calendar": "cn", "version": 1},
    do.Plan: {"plan": {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": NOW}},
    do.DecidePlan: {"approved": True},
    do.AskExtension: {"obligation": "rectify"},
    do.DecideExtension: {"granted": True},
    do.Justify: {"obligation": "rectify"},
    do.DecideJustification: {"obligation": "rectify", "accepted": True},
    do.Defer: {"obligation": "answer"},
    do.Pause: {"ground": "court"},
    do.Flag: {"flag": "hard"},
    do.Unflag: {"flag": "hard"},
    do.Sponsor: {"sponsor": "mayor"},
    do.Refer: {"to": "police", "evidence": SEALED},
    do.Reply: {"source": "tests", "id": "1", "text": "done"},
    do.Rate: {"satisfied": True},
    do.Check: {"check": "clear", "evidence": SEALED},
    do.LookBack: {"truthful": True, "timely": True, "effective": True},
    do.TakeStep: {"step": "visit"},
    do.WaiveStep: {"step": "sample", "reason": "it is dry"},
    do.Approve: {"version": 1},
    do.Withhold: {"version": 1},
    do.PassOn: {"platform": "credit-platform", "receipt": "R-1"},
    do.Appeal: {"text": "not us"},
    do.DecideAppeal: {"upheld": True},
    do.TakeOffList: {"evidence": SEALED},
    do.Award: {"amount": 3000},
    do.Collect: {"code": CODE},
}


def test_a_hand_back_needs_reason_evidence_and_clause(case: Case) -> None:
    case.registered(report(category="river"))
    assert refused(case.act(do.HandBack, "water", clause="art. 2", evidence=SEALED)) == "missing_reason"
    assert refused(case.act(do.HandBack, "water", clause="art. 2", reason="not ours")) == "missing_evidence"
    assert refused(case.act(do.HandBack, "water", evidence=SEALED, reason="not ours")) == "missing_clause"


def test_the_overall_limit_runs_on_through_hand_backs(case: Case) -> None:
    case.registered(report(category="river"))
    limit = case.deadline("rectify")
    case.advance(hours=3)
    case.done(do.HandBack, "water", **DETAILS[do.HandBack])
    assert case.problem.status is Status.REGISTERED
    case.done(do.Dispatch, "office", lead_unit="north")
    again = case.deadline("rectify")
    assert (again.lapse_at, again.generation, again.owner) == (limit.lapse_at, limit.generation, "north")


def test_hand_backs_are_capped(case: Case) -> None:
    case.registered(report(category="river"))
    for _ in range(2):
        case.done(do.HandBack, "water", **DETAILS[do.HandBack])
        case.done(do.Dispatch, "office", lead_unit="water")
    assert refused(case.act(do.HandBack, "water", **DETAILS[do.HandBack])) == "too_many_handbacks"


def test_who_handled_a_problem_cannot_review_it(case: Case) -> None:
    case.registered(report(category="other"))  # the office itself is the lead here
    case.done(do.Complete, "office", outcome="rectified")
    assert refused(case.act(do.Verify, "office", passed=True)) == "reviewer_is_handler"


def test_work_that_does_not_pass_is_underway_again(case: Case) -> None:
    case.registered(report(category="river"))
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=False, reason="still foul")
    assert (case.problem.status, case.problem.outcome) == (Status.UNDERWAY, None)


def test_a_problem_is_not_struck_off_before_it_is_verified(case: Case) -> None:
    case.registered(report(category="river"))
    case.done(do.Complete, "water", outcome="rectified")
    assert refused(case.act(do.StrikeOff, "office")) == "not_verified"


@pytest.mark.parametrize(("offset", "code"), [(-US, "not_due"), (0 * US, None), (US, None)])
def test_a_deadline_lapses_at_its_instant_and_not_a_microsecond_before(
    case: Case, offset: timedelta, code: str | None
) -> None:
    case.registered(report(category="river"))
    deadline = case.deadline("acknowledge")
    case.now = deadline.due_at + offset
    outcome = case.escalate(deadline)
    assert (refused(outcome) if code else isinstance(outcome, Decided)) == (code or True)


def test_the_ladder_is_climbed_level_by_level(case: Case) -> None:
    case.registered(report(category="river", area="north"))
    taken = []
    while any(one.obligation == "acknowledge" for one in case.problem.deadlines):
        deadline = case.deadline("acknowledge")
        case.now = deadline.due_at
        outcome = case.escalate(deadline)
        assert isinstance(outcome, Decided)
        change = outcome.steps[0][0].change
        taken.append((change.kind, change.level, change.measure, change.to))  # type: ignore[union-attr]
    assert taken == [
        ("reminded", 1, "reminder", ("water",)),
        ("escalated", 2, "bulletin", ("water", "office")),
        ("escalated", 3, "interview", ("water", "north")),
    ]
    assert [(one.obligation, one.lapses) for one in case.problem.climbs] == [("acknowledge", 2)]


def test_an_action_in_time_moves_the_deadline_away(case: Case) -> None:
    case.registered(report(category="river"))
    deadline = case.deadline("acknowledge")
    case.done(do.Acknowledge, "water")
    case.now = deadline.due_at
    assert refused(case.escalate(deadline)) == "moved_on"


def test_a_recurring_obligation_falls_due_again_after_each_fulfilment(case: Case) -> None:
    case.registered(report(category="river"))
    case.done(do.Acknowledge, "water")
    first = case.deadline("progress")
    case.advance(days=3)
    case.done(do.Progress, "water", note="half done")
    second = case.deadline("progress")
    assert second.lapse_at - first.lapse_at == timedelta(days=3)
    assert second.generation > first.generation


def test_a_reminder_that_would_come_before_its_clock_started_is_left_out(case: Case) -> None:
    case.change_obligation("acknowledge", within=Within(working_hours=4))
    case.registered(report(category="river"))
    assert (case.deadline("acknowledge").level, case.deadline("acknowledge").measure) == (2, "bulletin")
    assert case.deadline("acknowledge").due_at == case.deadline("acknowledge").lapse_at


def test_an_obligation_with_a_meeting_event_is_met_by_it_inside_its_status(case: Case) -> None:
    wanted = {"met_by": ("planned",), "since": ("acknowledged",)}
    case.change_obligation("progress", **wanted)
    case.registered(report(category="river"))
    case.done(do.Acknowledge, "water")
    case.deadline("progress")
    case.done(do.Plan, "water", plan={"person": "Li", "target": "clean", "measures": ["dig"], "due_at": NOW})
    assert "progress" not in {one.obligation for one in case.problem.deadlines}


def test_no_reminder_follows_a_limit_that_ran_out_while_the_work_was_reviewed(case: Case) -> None:
    case.registered(report(category="river"))
    case.done(do.Acknowledge, "water")
    limit = case.deadline("rectify")
    assert limit.measure == "reminder"
    case.done(do.Complete, "water", outcome="rectified")
    case.now = limit.lapse_at
    case.done(do.Verify, "office", passed=False, reason="still foul")
    assert (case.deadline("rectify").measure, case.deadline("rectify").due_at) == ("bulletin", limit.lapse_at)


#: Commands that make one kind of change wherever it is legal.
PLAIN: dict[type[do.Command], str] = {
    do.Reject: "rejected",
    do.Dispatch: "dispatched",
    do.Classify: "classified",
    do.Acknowledge: "acknowledged",
    do.HandBack: "handed_back",
    do.Plan: "planned",
    do.Progress: "progressed",
    do.Review: "reviewed",
    do.FinishPart: "part_finished",
    do.AskExtension: "extension_asked",
    do.Pause: "paused",
    do.Resume: "resumed",
    do.Flag: "flagged",
    do.Sponsor: "sponsored",
    do.Refer: "referred",
    do.Reply: "replied",
    do.Rate: "rated",
    do.Complete: "completed",
    do.Verify: "verified",
    do.Check: "checked",
    do.StrikeOff: "struck_off",
    do.LookBack: "looked_back",
    do.Reopen: "reopened",
    do.PassOn: "passed_on",
    do.Recompute: "recomputed",
    do.TakeOffList: "exited",
    do.Award: "awarded",
    do.Decline: "declined",
    do.Collect: "collected",
}
#: Commands that answer something asked before, or that are of the pack's own: they have laws of their own.
ANSWERS: set[type[do.Command]] = {
    do.DecidePlan,
    do.ReachMilestone,
    do.DecideExtension,
    do.Justify,
    do.DecideJustification,
    do.Defer,
    do.Unflag,
    do.Receive,
    do.Approve,
    do.Withhold,
    do.Appeal,
    do.DecideAppeal,
    do.TakeStep,
    do.WaiveStep,
}


def test_every_command_is_in_one_of_the_tables() -> None:
    engine = {do.Register, do.Open, do.Attach, do.Escalate, do.PutOnList, do.Reward, do.Pledge, do.TakeReading}
    assert set(PERMITTED) == set(do.COMMANDS.values()) == {*PLAIN, *ANSWERS, *engine}


@pytest.mark.parametrize("status", [*Status])
@pytest.mark.parametrize("command", PLAIN)
def test_only_moves_of_the_table_are_legal(status: Status, command: type[do.Command]) -> None:
    case = Case.in_status(status, NOW)
    legal = {kind for (at, kind) in MOVES[case.record.kind] if at is status}
    outcome = case.act(command, case.unit_for(command), **{"reason": "for a reason", **DETAILS.get(command, {})})
    # Legal by the table, but the pack asks for a review and for signed checks before strike-off.
    shut = command is do.StrikeOff and status in (Status.VERIFYING, Status.VERIFIED)
    assert isinstance(outcome, Decided) == (PLAIN[command] in legal and not shut), outcome


def test_only_the_units_named_may_act(case: Case) -> None:
    case.registered(report(category="river"))
    commands = ANSWERS.union(PLAIN)
    for command in commands:
        outcome = case.act(command, "south", **{"reason": "r", **DETAILS.get(command, {})})
        assert refused(outcome) in ("not_permitted", "not_referred", "nothing_asked", "is_a_problem"), command


@pytest.mark.parametrize(
    ("command", "unit", "whose"),
    [
        (do.Acknowledge, "north", "the lead unit, water"),
        (do.FinishPart, "water", "the co-units, north"),
        (do.Pause, "water", "the office, office"),
        (do.Refer, "south", "the lead unit, water or for the office, office"),
        (do.Dispatch, "water", "the fallback desk, office or for the office, office"),
    ],
)
def test_a_refusal_names_who_may_act_instead(case: Case, command: type[do.Command], unit: str, whose: str) -> None:
    case.registered(report(category="river", area="north"))
    outcome = case.act(command, unit, **DETAILS.get(command, {}))
    assert outcome == Refusal("not_permitted", f"{unit} may not do this: it is for {whose}")


def test_every_open_status_has_a_way_out_and_closed_ones_only_reopen() -> None:
    for status in Status:
        kinds = {kind for moves in MOVES.values() for (at, kind) in moves if at is status}
        assert ("reopened" in kinds) == (status not in OPEN | OF_OTHERS)
        assert ("attached" in kinds) == (status in OPEN - OF_OTHERS)
        assert bool(kinds - {"passed_on"}) == (status in OPEN or status not in OF_OTHERS)


def test_the_closed_unions_of_commands_hold_each_command_once() -> None:
    beginning, action = get_args(do.Beginning), get_args(do.Action)
    assert {*beginning, *action} == set(do.COMMANDS.values())
    assert len(beginning) + len(action) == len(do.COMMANDS)


@pytest.mark.parametrize(
    ("due_at", "code"),
    [
        ("2022-04-06T01:59:59Z", "past_date"),
        ("0001-01-01T00:00:00+14:00", "past_date"),
        ("2051-06-01T00:00:00Z", "outside_calendar"),
        ("9999-12-31T23:59:59-14:00", "outside_calendar"),
    ],
)
def test_a_plan_for_a_day_that_nobody_can_count_to_is_refused_with_the_reason(due_at: str, code: str) -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    plan = {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": due_at}
    assert refused(case.act(do.Plan, "water", plan=plan)) == code
    milestones = {**plan, "due_at": NOW + timedelta(days=9), "milestones": [{"title": "dug", "due_at": due_at}]}
    assert refused(case.act(do.Plan, "water", plan={**milestones, "rectification": "phased"})) == code


def test_a_plan_that_has_passed_while_it_waited_is_not_approved(case: Case) -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    plan = {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": NOW + timedelta(days=9)}
    case.done(do.Plan, "water", plan=plan)
    case.done(do.Plan, "water", plan={**plan, "due_at": NOW + timedelta(days=2)}, reason="sooner")
    case.advance(days=3)
    assert refused(case.act(do.DecidePlan, "office", approved=True)) == "past_date"
    case.done(do.DecidePlan, "office", approved=False)


def test_nobody_is_put_on_a_list_under_a_name_that_shows_nothing(case: Case) -> None:
    outcome = case.act(do.PutOnList, do.ENGINE, list="blacklist", of="\u200b\u00ad", ground="repeated")
    assert refused(outcome) == "blank_name"


def test_a_duty_of_before_the_calendar_is_refused_with_the_reason(case: Case) -> None:
    outcome = case.act(do.Open, do.ENGINE, duty="daily-report", unit="north", opens_at="0001-01-01T00:00:00+14:00")
    assert refused(outcome) == "outside_calendar"


def test_every_action_fits_some_kind_of_record_and_no_other_command_does() -> None:
    assert frozenset[type[do.Command]]().union(*FITTING.values()) == set(get_args(do.Action))
    assert FITTING.keys() == {*Kind}


def test_a_duty_takes_no_action_that_is_of_problems_alone(case: Case) -> None:
    opens = {"duty": "daily-report", "unit": "north", "opens_at": NOW}
    assert isinstance(case.act(do.Open, do.ENGINE, **opens), Decided)
    for command in FITTING[Kind.PROBLEM] - FITTING[Kind.DUTY] - {do.Attach}:
        outcome = case.act(command, "office", **{"reason": "r", **DETAILS.get(command, {})})
        assert refused(outcome) == "is_a_duty", command
    assert isinstance(case.act(do.Progress, "north", note="half done"), Decided)
    assert isinstance(case.act(do.Reject, "office", reason="the day is a holiday of the town"), Decided)
    assert isinstance(case.act(do.Reopen, "office", reason="it is none"), Decided)
    assert case.duty.status is Status.UNDERWAY
