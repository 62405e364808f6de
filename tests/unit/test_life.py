"""The laws of a problem's life beyond the straight way: plans, parts, extensions, pauses, marks, referrals, duties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duban.calendar import Calendar, Counting
from duban.duties import lapse_at, openings
from duban.messages import commands as do
from duban.messages.struct import plain
from duban.moves import OPEN, STAGE, Kind, Status
from duban.policy import Rules
from duban.refusal import Refusal
from duban_escalation.measures import PUBLIC, measure_taken, notices_for
from duban_router.domain.decision import Decided
from tests.given import SEAL, Case, entries, lapses_of, ledger_event, report

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def plan(target: str = "clean", kind: str = "immediate", *stages: datetime) -> dict[str, object]:
    milestones = [{"title": f"stage {number}", "due_at": at} for number, at in enumerate(stages, start=1)]
    due_at = stages[-1] if stages else NOW + 9 * DAY
    return {
        "plan": {
            "person": "Li", "target": target, "measures": ["dig"], "due_at": due_at, "rectification": kind,
            "milestones": milestones,
        }
    }  # fmt: skip


def underway(**sections: object) -> Case:
    """A river problem that the water bureau works on, together with the northern county."""
    return Case.in_status(Status.UNDERWAY, NOW, **sections)


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert len(outcome.reason) > 10
    return outcome.code


def kinds(outcome: Decided) -> list[str]:
    return [event.change.kind for event, _ in outcome.steps]


def told(outcome: Decided, case: Case) -> list[str]:
    """Who gets a notice of what happened."""
    found = []
    for event, record in outcome.steps:
        happened = ledger_event(event, record)
        notices = notices_for(happened, case.rules)
        assert all(one.data.public == (PUBLIC in [each.data.recipient for each in notices]) for one in notices)
        waits = "approval" in plain(event.change)
        assert (measure_taken(happened, case.rules) is None) == (not notices or waits)
        found += [one.data.recipient for one in notices]
    return found


# Plans


def test_the_first_plan_is_filed_and_a_change_of_it_is_only_asked_for() -> None:
    case = underway()
    assert kinds(case.done(do.Plan, "water", **plan("clean"))) == ["planned"]
    assert refused(case.act(do.Plan, "water", **plan("cleaner"))) == "missing_reason"
    assert kinds(case.done(do.Plan, "water", reason="floods", **plan("cleaner"))) == ["plan_proposed"]
    assert case.problem.plan
    assert case.problem.plan.target == "clean"


@pytest.mark.parametrize(("approved", "holds"), [(True, "cleaner"), (False, "clean")])
def test_a_change_of_the_plan_holds_when_it_is_approved_and_only_then(approved: bool, holds: str) -> None:
    case = underway()
    case.done(do.Plan, "water", **plan("clean"))
    case.done(do.Plan, "water", reason="floods", **plan("cleaner"))
    assert refused(case.act(do.DecidePlan, "water", approved=True)) == "not_permitted"
    case.done(do.DecidePlan, "office", approved=approved)
    assert case.problem.plan
    assert case.problem.plan.target == holds
    assert refused(case.act(do.DecidePlan, "office", approved=True)) == "nothing_asked"


def test_where_plans_are_only_filed_a_change_holds_at_once() -> None:
    case = underway(plan_changes="filed")
    for target in ("clean", "cleaner"):
        assert kinds(case.done(do.Plan, "water", **plan(target))) == ["planned"]
    assert case.problem.plan
    assert case.problem.plan.target == "cleaner"


def test_a_new_handler_begins_without_the_plan_and_the_parts_of_the_one_before() -> None:
    case = underway()
    case.done(do.Plan, "water", **plan("clean"))
    case.done(do.Plan, "water", reason="floods", **plan("cleaner"))
    case.done(do.FinishPart, "north")
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="south", co_units=["north"])
    assert (case.problem.plan, case.problem.proposed_plan, case.problem.parts_finished) == (None, None, ())


def test_each_milestone_has_its_own_deadline_and_its_own_ladder() -> None:
    case = underway()
    first, second = NOW + 5 * DAY, NOW + 14 * DAY
    case.done(do.Plan, "water", **plan("clean", "phased", first, second))
    assert case.deadline("milestone").lapse_at == first
    case.lapse("milestone")
    assert kinds(case.lapse("milestone")) == ["escalated"]
    assert case.now == first
    assert kinds(case.done(do.ReachMilestone, "water")) == ["milestone_reached"]
    assert (case.deadline("milestone").lapse_at, case.deadline("milestone").measure) == (second, "reminder")
    case.done(do.ReachMilestone, "water")
    assert "milestone" not in case.deadlines
    assert refused(case.act(do.ReachMilestone, "water")) == "no_milestone"


def test_a_plan_without_stages_owes_no_milestone() -> None:
    case = underway()
    case.done(do.Plan, "water", **plan())
    assert "milestone" not in case.deadlines
    assert refused(case.act(do.ReachMilestone, "water")) == "no_milestone"


def test_an_approved_change_of_the_plan_moves_the_milestone() -> None:
    case = underway()
    case.done(do.Plan, "water", **plan("clean", "phased", NOW + 5 * DAY))
    case.done(do.Plan, "water", reason="floods", **plan("clean", "phased", NOW + 8 * DAY))
    assert case.deadline("milestone").lapse_at == NOW + 5 * DAY
    case.done(do.DecidePlan, "office", approved=True)
    assert case.deadline("milestone").lapse_at == NOW + 8 * DAY


REVIEW = {
    "id": "review", "title": {"en": "Review"}, "owner": "@office", "running": ["underway"],
    "since": ["planned", "reviewed"], "within": {"days": 30}, "rectification": ["longterm"], "ladder": "standard",
    "basis": "practice",
}  # fmt: skip


def test_a_long_term_rectification_is_reviewed_again_and_again() -> None:
    case = underway(obligations=[*entries("obligations"), REVIEW])
    case.done(do.Plan, "water", **plan("clean", "longterm"))
    for _ in range(3):
        assert (case.deadline("review").owner, case.deadline("review").lapse_at) == ("office", case.now + 30 * DAY)
        case.advance(days=20)
        case.done(do.Review, "office", evidence=[SEAL])
    assert refused(case.act(do.Review, "water")) == "not_permitted"


def test_only_a_long_term_rectification_is_reviewed() -> None:
    case = underway(obligations=[*entries("obligations"), REVIEW])
    case.done(do.Plan, "water", **plan("clean", "immediate"))
    assert "review" not in case.deadlines


# Parts


def test_each_co_unit_has_a_deadline_and_a_ladder_for_its_own_part() -> None:
    case = underway()
    case.done(do.Flag, "office", flag="hard", co_units=["south"])
    assert {name: one.owner for name, one in case.deadlines.items() if name.startswith("part/")} == {
        "part/north": "north",
        "part/south": "south",
    }
    case.done(do.FinishPart, "north")
    assert "part/north" not in case.deadlines
    assert told(case.lapse("part/south"), case) == ["south"]
    assert told(case.lapse("part/south"), case) == ["south", "office"]
    assert lapses_of(case.problem) == {"part/south": 1}


def test_a_part_is_finished_once_and_by_the_co_unit_itself() -> None:
    case = underway()
    assert refused(case.act(do.FinishPart, "water")) == "not_permitted"
    case.done(do.FinishPart, "north", evidence=[SEAL])
    assert refused(case.act(do.FinishPart, "north")) == "part_finished"


def test_the_whole_is_complete_when_each_part_is_where_the_pack_says_so() -> None:
    case = underway(parts="each_co_unit")
    assert refused(case.act(do.Complete, "water", outcome="rectified")) == "parts_unfinished"
    case.done(do.FinishPart, "north")
    assert kinds(case.done(do.Complete, "water", outcome="rectified")) == ["completed"]


# Extensions


def test_a_granted_extension_moves_the_limit_by_the_time_of_the_pack_and_is_counted() -> None:
    case = underway()
    before = case.deadline("rectify")
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    assert case.deadline("rectify") == before
    case.done(do.DecideExtension, "office", granted=True)
    assert case.rules.pack.extension is not None
    assert case.deadline("rectify").lapse_at == case.rules.calendar.add(before.lapse_at, case.rules.pack.extension.by)
    assert case.deadline("rectify").generation == case.problem.version
    assert case.problem.extended == {"rectify": 1}


def test_a_denied_extension_leaves_the_limit_and_does_not_count() -> None:
    case = underway()
    before = case.deadline("rectify")
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    case.done(do.DecideExtension, "office", granted=False)
    assert (case.deadline("rectify"), case.problem.extended) == (before, {})
    case.done(do.AskExtension, "water", obligation="rectify", reason="more rain")


def test_more_time_in_working_days_makes_a_limit_in_hours_provisional() -> None:
    hours = entries("obligations", rectify={"within": {"hours": 100}})
    case = Case.in_status(Status.UNDERWAY, datetime(2026, 12, 30, 2, tzinfo=UTC), obligations=hours)
    case.lapse("rectify")  # its reminder
    assert not case.deadline("rectify").provisional
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    case.done(do.DecideExtension, "office", granted=True)
    assert case.deadline("rectify").provisional


def test_extensions_are_capped() -> None:
    case = underway()
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    case.done(do.DecideExtension, "office", granted=True)
    assert refused(case.act(do.AskExtension, "water", obligation="rectify", reason="rain")) == "too_many_extensions"


def test_an_extension_is_asked_for_by_the_lead_with_a_reason_and_decided_by_the_office() -> None:
    case = underway()
    assert refused(case.act(do.AskExtension, "office", obligation="rectify", reason="rain")) == "not_permitted"
    assert refused(case.act(do.AskExtension, "water", obligation="rectify")) == "missing_reason"
    assert refused(case.act(do.AskExtension, "water", obligation="progress", reason="rain")) == "no_extension"
    assert refused(case.act(do.DecideExtension, "office", granted=True)) == "nothing_asked"
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    assert refused(case.act(do.DecideExtension, "water", granted=True)) == "not_permitted"


def test_what_the_handler_before_asked_for_is_granted_to_nobody() -> None:
    case = underway()
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="south")
    case.done(do.Acknowledge, "south")
    assert refused(case.act(do.DecideExtension, "office", granted=True)) == "nothing_asked"


def test_without_a_rule_there_is_no_extension_and_no_pause() -> None:
    case = underway(extension=None, pause=None)
    assert refused(case.act(do.AskExtension, "water", obligation="rectify", reason="rain")) == "no_extension"
    assert refused(case.act(do.Pause, "office", ground="court", reason="a case")) == "no_ground"


# Pauses


def test_nothing_runs_while_the_clock_stands() -> None:
    case = underway()
    due = case.deadline("progress")
    case.done(do.Pause, "office", ground="weather", reason="floods")
    assert case.deadlines == {}
    case.now = due.due_at
    assert refused(case.escalate(due)) == "moved_on"


def test_limits_move_by_the_working_time_or_the_wall_time_that_the_clock_stood() -> None:
    case = underway()
    before = case.deadlines
    case.now = NOW + 5 * HOUR  # Wednesday, 15:00
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.now = NOW + 5 * DAY + HOUR  # Monday, 11:00: two hours, two days of seven, and two hours of work later
    case.done(do.Resume, "office")
    work = case.rules.calendar.working_seconds
    assert work(before["rectify"].lapse_at, case.deadline("rectify").lapse_at) == (2 + 2 * 7 + 2) * 3600
    assert work(before["part/north"].lapse_at, case.deadline("part/north").lapse_at) == (2 + 2 * 7 + 2) * 3600
    assert case.deadline("progress").lapse_at - before["progress"].lapse_at == 5 * DAY - 4 * HOUR
    assert all(one.generation == before[name].generation for name, one in case.deadlines.items())


@pytest.mark.parametrize("within", [{"days": 7}, {"weeks": 1}, {"months": 1}, {"years": 1}])
def test_a_limit_of_whole_days_weeks_or_months_moves_by_the_working_time_that_the_clock_stood(
    within: dict[str, int],
) -> None:
    case = underway()
    case.change_obligation("progress", within=within)
    calendar = case.rules.calendar
    case.rules = Rules(case.rules.pack, Calendar.compile(calendar.notice, calendar.hours, Counting.WHOLE_DAYS))
    case.done(do.Progress, "water", note="begun")
    before = case.deadline("progress").lapse_at
    case.now = NOW + 5 * HOUR  # Wednesday, 15:00
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.now = NOW + 5 * DAY + HOUR  # Monday, 11:00
    case.done(do.Resume, "office")
    assert calendar.working_seconds(before, case.deadline("progress").lapse_at) == (2 + 2 * 7 + 2) * 3600


def test_a_reminder_that_went_out_before_the_pause_does_not_go_out_again() -> None:
    case = underway()
    case.lapse("part/north")
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.advance(days=3)
    case.done(do.Resume, "office")
    assert case.deadline("part/north").measure == "bulletin"


def test_a_limit_that_began_after_a_pause_is_not_moved_by_it() -> None:
    case = underway()
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.advance(days=3)
    case.done(do.Resume, "office")
    case.advance(hours=5)
    case.done(do.Progress, "water", note="dry again")
    assert case.deadline("progress").lapse_at == case.now + 7 * DAY


def test_a_limit_that_began_inside_a_pause_is_moved_by_the_rest_of_it() -> None:
    case = underway()
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.advance(days=3)
    case.done(do.Flag, "office", flag="listed")
    case.advance(days=2)
    case.done(do.Resume, "office")
    assert case.deadline("weekly-while-listed").lapse_at == case.now + 7 * DAY


def test_a_pause_needs_a_listed_ground_and_a_reason_and_pauses_are_capped() -> None:
    case = underway()
    assert refused(case.act(do.Pause, "office", ground="holidays", reason="May")) == "no_ground"
    assert refused(case.act(do.Pause, "office", ground="court")) == "missing_reason"
    assert refused(case.act(do.Pause, "water", ground="court", reason="a case")) == "not_permitted"
    case.done(do.Pause, "office", ground="court", reason="a case")
    case.done(do.Resume, "office")
    assert refused(case.act(do.Pause, "office", ground="court", reason="a case")) == "too_many_pauses"


# Marks


def test_a_mark_joins_units_to_the_problem() -> None:
    case = underway()
    case.done(do.Flag, "office", flag="hard", co_units=["south", "north"])
    assert (case.problem.flags, case.problem.co_units) == (("hard",), ("north", "south"))


def test_some_obligations_run_only_while_the_mark_is_borne() -> None:
    case = underway()
    assert "weekly-while-listed" not in case.deadlines
    case.done(do.Flag, "office", flag="listed")
    assert case.deadline("weekly-while-listed").lapse_at == case.now + 7 * DAY
    case.advance(days=2)
    case.done(do.Progress, "water", note="digging")
    assert case.deadline("weekly-while-listed").lapse_at == case.now + 7 * DAY
    case.done(do.Unflag, "office", flag="listed", reason="delisted")
    assert "weekly-while-listed" not in case.deadlines


def test_a_mark_is_known_and_put_on_once_and_taken_off_with_a_reason() -> None:
    case = underway()
    assert refused(case.act(do.Flag, "office", flag="starred")) == "unknown_flag"
    assert refused(case.act(do.Flag, "office", flag="hard", co_units=["nobody"])) == "unknown_unit"
    assert refused(case.act(do.Unflag, "office", flag="hard", reason="solved")) == "not_flagged"
    case.done(do.Flag, "office", flag="hard")
    assert refused(case.act(do.Flag, "office", flag="hard")) == "flagged"
    assert refused(case.act(do.Unflag, "office", flag="hard")) == "missing_reason"


@pytest.mark.parametrize("rule", [{"categories": ["river"]}, {"channels": ["hotline"]}])
def test_a_mark_may_be_there_from_registration_on(rule: dict[str, list[str]]) -> None:
    case = Case(NOW, flags=entries("flags", hard=dict(rule)))
    assert kinds(case.registered(report())) == ["registered", "dispatched", "flagged"]
    other = Case(NOW, flags=entries("flags", hard=dict(rule)))
    assert kinds(other.registered(report(category="noise", area="north", channel="patrol"))) == [
        "registered",
        "dispatched",
    ]


def test_a_leader_takes_the_problem_and_is_told_in_place_of_the_office() -> None:
    ladders = entries("ladders", late_report={"levels": [{"measure": "bulletin", "to": ["@sponsor"]}]})
    case = underway(ladders=ladders, obligations=entries("obligations", progress={"ladder": "late-report"}))
    assert told(case.lapse("progress"), case) == ["office"]
    case.done(do.Progress, "water", note="digging")
    case.done(do.Sponsor, "office", sponsor="mayor", pair="south")
    assert (case.problem.sponsor, case.problem.pair) == ("mayor", "south")
    assert told(case.lapse("progress"), case) == ["mayor"]


# Measures and triggers


def listing(**changed: object) -> Case:
    """A case in which listed supervision follows the lapse of ``progress`` at once."""
    levels = [{"measure": "listing", "to": ["@owner", "@superior", "police"]}]
    return underway(
        ladders=entries("ladders", late_report={"levels": levels}),
        obligations=entries("obligations", progress={"ladder": "late-report"}),
        measures=entries("measures", listing=changed),
    )


def test_a_measure_that_needs_approval_is_told_to_the_approver_and_when_approved_to_all_and_the_public() -> None:
    case = listing()
    taken = case.lapse("progress")
    assert told(taken, case) == ["office"]
    version = taken.steps[0][0].version
    assert case.problem.awaiting_approval[version].measure == "listing"
    assert refused(case.act(do.Approve, "water", version=version)) == "not_permitted"
    assert refused(case.act(do.Approve, "office", version=version + 1)) == "nothing_asked"
    approved = case.done(do.Approve, "office", version=version)
    assert told(approved, case) == ["water", "office", "police", PUBLIC]
    assert refused(case.act(do.Approve, "office", version=version)) == "nothing_asked"


def test_a_measure_taken_again_before_anybody_has_approved_it_waits_once_for_each_unit_that_it_is_against() -> None:
    case = listing()
    for _ in range(3):
        first = case.lapse("progress").steps[0][0].version
        case.done(do.Progress, "water", note="half done")
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.done(do.Dispatch, "office", lead_unit="north")
    case.done(do.Acknowledge, "north")
    latest = case.lapse("progress").steps[0][0].version
    owners = {version: waiting.owner for version, waiting in case.problem.awaiting_approval.items()}
    assert owners == {first: "water", latest: "north"}


def test_a_measure_that_needs_no_approval_is_told_at_once() -> None:
    case = listing(approval=None)
    assert told(case.lapse("progress"), case) == ["water", "office", "police", PUBLIC]
    assert case.problem.awaiting_approval == {}


def test_a_measure_puts_its_mark_on_the_problem_once() -> None:
    case = listing(approval=None)
    assert kinds(case.lapse("progress")) == ["escalated", "flagged"]
    assert case.problem.flags == ("listed",)
    assert "weekly-while-listed" in case.deadlines
    case.done(do.Progress, "water", note="digging")
    assert kinds(case.lapse("progress")) == ["escalated"]


def test_a_measure_that_waits_for_approval_puts_its_mark_on_when_it_is_approved() -> None:
    case = listing()
    taken = case.lapse("progress")
    assert (kinds(taken), case.problem.flags) == (["escalated"], ())
    assert kinds(case.done(do.Approve, "office", version=taken.steps[0][0].version)) == ["approved", "flagged"]


def test_a_measure_puts_no_mark_on_what_is_closed() -> None:
    levels = [{"measure": "listing", "to": ["@office"]}]
    case = Case.in_status(
        Status.STRUCK_OFF, NOW,
        ladders=entries("ladders", late_report={"levels": levels}),
        obligations=entries("obligations", look_back={"ladder": "late-report"}),
        measures=entries("measures", listing={"approval": None}),
    )  # fmt: skip
    assert (kinds(case.lapse("look-back")), case.problem.flags) == (["escalated"], ())


def sent_back(case: Case) -> list[str]:
    case.done(do.Complete, "water", outcome="rectified")
    return kinds(case.done(do.Verify, "office", passed=False, reason="still foul"))


def test_a_trigger_takes_its_measure_from_the_nth_time_on() -> None:
    case = underway()
    assert sent_back(case) == ["sent_back"]
    assert [sent_back(case) for _ in range(2)] == [["sent_back", "measured"]] * 2
    measured = case.events[-1].change
    assert plain(measured) == {
        "kind": "measured", "ground": "failed-review", "measure": "interview", "to": ["water"], "owner": "water",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("only", "fires"),
    [
        ({"categories": ["river"]}, True),
        ({"categories": ["noise"]}, False),
        ({"flags": ["hard"]}, True),
        ({"flags": ["criminal"]}, False),
        ({"categories": ["river"], "flags": ["criminal", "hard"]}, True),
    ],
)
def test_a_trigger_fires_only_for_its_categories_and_marks(only: dict[str, object], fires: bool) -> None:
    case = underway(triggers=entries("triggers", failed_review={"times": 1, **only}))
    case.done(do.Flag, "office", flag="hard")
    assert ("measured" in sent_back(case)) == fires


def test_a_trigger_on_a_mark_fires_for_that_mark_alone() -> None:
    case = underway(triggers=entries("triggers", failed_review={"on": "flagged", "times": 1, "flags": ["criminal"]}))
    assert kinds(case.done(do.Flag, "office", flag="criminal")) == ["flagged", "measured"]
    assert kinds(case.done(do.Flag, "office", flag="hard")) == ["flagged"]


def test_what_is_rejected_may_set_off_a_measure_too() -> None:
    case = underway(triggers=entries("triggers", failed_review={"on": "rejected", "times": 1}))
    assert kinds(case.done(do.Reject, "office", reason="nothing there")) == ["rejected", "measured"]


# Referrals


def test_a_referral_goes_with_evidence_to_a_unit_once() -> None:
    case = underway()
    assert refused(case.act(do.Refer, "water", to="police")) == "missing_evidence"
    assert refused(case.act(do.Refer, "water", to="navy", evidence=[SEAL])) == "unknown_unit"
    assert refused(case.act(do.Refer, "north", to="police", evidence=[SEAL])) == "not_permitted"
    case.done(do.Refer, "water", to="police", ground="a crime", evidence=[SEAL])
    assert refused(case.act(do.Refer, "office", to="police", evidence=[SEAL])) == "referred"


def test_a_referral_that_nobody_receives_escalates() -> None:
    case = underway()
    case.done(do.Refer, "water", to="police", evidence=[SEAL])
    assert kinds(case.lapse("receipt")) == ["reminded"]
    assert kinds(case.lapse("receipt")) == ["escalated"]
    assert case.now == case.rules.calendar.add(NOW, case.rules.obligations["receipt"].within)  # type: ignore[arg-type]


def test_the_receipt_meets_the_referral_and_comes_from_the_body_itself() -> None:
    case = underway()
    assert refused(case.act(do.Receive, "police")) == "not_referred"
    case.done(do.Refer, "water", to="police", evidence=[SEAL])
    assert refused(case.act(do.Receive, "north")) == "not_referred"
    case.done(do.Receive, "police")
    assert "receipt" not in case.deadlines
    assert case.problem.referrals["police"].received is not None
    assert refused(case.act(do.Receive, "police")) == "not_referred"


# Replies


def test_a_reply_is_owed_to_each_report_and_given_once() -> None:
    case = underway()
    case.attached(report(title="it smells"), "2")
    assert case.problem.unanswered == 2
    answer = {"source": "tests", "text": "it is being dug"}
    case.done(do.Reply, "water", id="1", **answer)
    assert refused(case.act(do.Reply, "water", id="1", **answer)) == "no_reply_owed"
    assert refused(case.act(do.Reply, "water", id="3", **answer)) == "no_reply_owed"
    assert case.problem.unanswered == 1
    case.done(do.Reply, "office", id="2", **answer)
    assert case.problem.unanswered == 0


@pytest.mark.parametrize("closed", [Status.STRUCK_OFF, Status.REJECTED])
def test_a_reply_and_a_rating_may_come_after_the_end(closed: Status) -> None:
    case = Case.in_status(closed, NOW)
    case.done(do.Reply, "office", source="tests", id="1", text="done")
    case.done(do.Rate, "office", satisfied=True)
    assert (case.problem.unanswered, case.problem.satisfied, case.problem.status) == (0, 1, closed)


def test_satisfaction_is_counted() -> None:
    case = underway()
    for satisfied in (True, False, True):
        case.done(do.Rate, "office", satisfied=satisfied)
    assert (case.problem.satisfied, case.problem.dissatisfied) == (2, 1)
    assert refused(case.act(do.Rate, "water", satisfied=True)) == "not_permitted"


# Duties

INSPECTION = datetime(2022, 4, 10, 16, tzinfo=UTC)  # 2022-04-11, 00:00 in the small city


def owed(unit: str = "north", now: datetime = INSPECTION) -> Case:
    """The report of the day before, which the northern county owes on the first day of the inspection."""
    case = Case(now)
    case.done(do.Open, do.ENGINE, duty="daily-report", unit=unit, opens_at=INSPECTION)
    return case


def test_a_duty_is_opened_for_its_unit_and_lapses_when_the_clock_says_so() -> None:
    case = owed()
    opening = next(one for one in openings(case.rules, INSPECTION - HOUR, INSPECTION) if one.unit == "north")
    assert (case.duty.kind, case.duty.unit, case.duty.status) == (Kind.DUTY, "north", Status.UNDERWAY)
    assert case.duty.number == "daily-report/north/2022-04-11"
    assert case.deadline("daily-report").lapse_at == opening.lapse_at == INSPECTION + 12 * HOUR


def test_what_is_opened_late_lapses_no_later() -> None:
    assert owed(now=INSPECTION + 3 * HOUR).deadlines == owed().deadlines


def test_a_duty_that_is_submitted_is_struck_off_and_owes_nothing_more() -> None:
    case = owed()
    case.advance(hours=2)
    assert refused(case.act(do.Complete, "south", outcome="submitted")) == "not_permitted"
    assert kinds(case.done(do.Complete, "north", outcome="submitted")) == ["completed", "struck_off"]
    assert case.deadlines == {}


def test_a_missing_duty_escalates_to_its_unit_and_the_unit_above() -> None:
    case = owed()
    assert told(case.lapse("daily-report"), case) == ["north", "office"]
    assert case.now == INSPECTION + 12 * HOUR
    assert case.deadlines == {}
    case.done(do.Complete, "north", outcome="submitted")  # late, and still wanted


def test_a_dated_duty_lapses_at_the_end_of_its_day() -> None:
    case = Case(NOW)
    opens_at = datetime(2022, 3, 31, 16, tzinfo=UTC)
    case.done(do.Open, do.ENGINE, duty="plan-of-wells", unit="water", opens_at=opens_at)
    end = datetime(2022, 6, 30, 16, tzinfo=UTC)  # 2022-07-01, 00:00 in the small city
    assert case.deadline("plan-of-wells").lapse_at == end
    assert lapse_at(case.rules.duties["plan-of-wells"], opens_at, case.rules) == end


@pytest.mark.parametrize(
    ("duty", "unit", "early", "code"),
    [
        ("hourly-report", "north", 0 * HOUR, "unknown_duty"),
        ("daily-report", "water", 0 * HOUR, "unknown_unit"),
        ("daily-report", "nobody", 0 * HOUR, "unknown_unit"),
        ("daily-report", "north", timedelta(microseconds=1), "not_due"),
    ],
)
def test_a_duty_is_opened_only_for_who_owes_it_and_not_before_its_time(
    duty: str, unit: str, early: timedelta, code: str
) -> None:
    case = Case(INSPECTION - early)
    assert refused(case.act(do.Open, do.ENGINE, duty=duty, unit=unit, opens_at=INSPECTION)) == code


def test_a_duty_is_opened_once_and_by_the_engine_alone() -> None:
    case = owed()
    again = {"duty": "daily-report", "unit": "north", "opens_at": INSPECTION}
    assert refused(case.act(do.Open, do.ENGINE, **again)) == "already_registered"
    assert refused(Case(INSPECTION).act(do.Open, "north", **again)) == "not_permitted"


def test_a_duty_cannot_be_handed_back_or_put_off() -> None:
    case = owed()
    lapse = case.deadlines
    moves: dict[type[do.Command], dict[str, object]] = {
        do.HandBack: {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]},
        do.Pause: {"ground": "court", "reason": "a case"},
        do.Plan: plan(),
    }
    for command, details in moves.items():
        assert isinstance(case.act(command, case.unit_for(command), **details), Refusal), command
    assert case.deadlines == lapse


def test_a_clock_that_a_mark_sets_going_is_not_set_again_by_another_mark() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    case.change_obligation("weekly-while-listed", since=("flagged:hard",), flags=("hard",))
    case.done(do.Flag, "office", flag="hard")
    first = case.deadline("weekly-while-listed")
    case.advance(days=2)
    case.done(do.Flag, "office", flag="criminal")
    assert case.deadline("weekly-while-listed") == first


def test_a_trigger_that_fires_once_is_silent_the_next_time() -> None:
    case = Case.in_status(Status.VERIFYING, NOW, triggers=entries("triggers", failed_review={"times": 1, "once": True}))
    told = []
    for _ in range(2):
        told += [e.change.kind for e, _ in case.done(do.Verify, "office", passed=False, reason="still foul").steps]
        case.done(do.Complete, "water", outcome="rectified")
    assert told == ["sent_back", "measured", "sent_back"]


def test_a_trigger_with_outcomes_waits_for_one_of_them() -> None:
    only = entries("triggers", failed_review={"on": "completed", "times": 1, "outcomes": ["unfounded"]})
    for outcome, fires in (("rectified", False), ("unfounded", True)):
        case = Case.in_status(Status.UNDERWAY, NOW, triggers=only)
        kinds = [event.change.kind for event, _ in case.done(do.Complete, "water", outcome=outcome).steps]
        assert ("measured" in kinds) == fires


def test_an_extension_belongs_to_the_clock_that_it_was_granted_for() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    limit = case.deadline("rectify").lapse_at
    case.done(do.AskExtension, "water", obligation="rectify", reason="frost")
    case.done(do.DecideExtension, "office", granted=True)
    assert case.deadline("rectify").lapse_at > limit
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    case.done(do.Reopen, "office", reason="it is back")
    assert case.problem.extended == {}
    assert (
        case.deadline("rectify").lapse_at == limit
    )  # all of it happened at one instant, so the new limit is the first
    assert case.problem.marks["extended"].times == 1


def test_what_ran_on_while_the_problem_was_closed_loses_its_extension_with_the_reopening() -> None:
    case = Case.in_status(Status.UNDERWAY, NOW)
    case.change_obligation("rectify", running=[*OPEN & STAGE.keys(), Status.STRUCK_OFF], since=["registered"])
    limit = case.deadline("rectify").lapse_at
    case.done(do.AskExtension, "water", obligation="rectify", reason="frost")
    case.done(do.DecideExtension, "office", granted=True)
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    assert case.deadline("rectify").lapse_at > limit
    case.done(do.Reopen, "office", reason="it is back")
    assert case.deadline("rectify").lapse_at == limit


def test_a_report_that_goes_on_with_another_is_no_further_one_and_waits_for_no_reply() -> None:
    case = underway(
        triggers=[{"id": "heard", "on": "attached", "measure": "bulletin", "to": ["@lead"], "basis": "practice"}]
    )
    decided = case.attached(report(continues="1", title="still foul"), "2")
    assert [event.change.kind for event, _ in decided.steps] == ["attached"]
    assert case.problem.reports == 1
    assert "attached" not in case.problem.marks
    answer = {"source": "tests", "text": "done"}
    assert refused(case.act(do.Reply, "water", id="2", **answer)) == "no_reply_owed"
    case.done(do.Reply, "water", id="1", **answer)
    assert case.problem.answered == case.problem.reports
    case.attached(report(title="another"), "3")
    assert case.problem.reports == 2
    assert [event.change.kind for event in case.events[-2:]] == ["attached", "measured"]
