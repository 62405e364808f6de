"""Properties of any history: whatever is sent, in whatever order, the ledger stays right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from duban.deadlines import due
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.events import GENESIS, canonical, chained
from duban.messages.records import AnyRecord, Event, Mark, Problem, in_words, record_from_json
from duban.messages.struct import from_json, plain, to_json
from duban.moves import BEGINS, MOVES, OF_OTHERS, OPEN, Status
from duban_router.domain.decision import Decided, after
from tests.given import CODE, SEAL, Case, report, small_rules

START = datetime(2022, 4, 6, 2, tzinfo=UTC)
PLAN = {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": START}
STAGES = [{"title": title, "due_at": START + timedelta(days=day)} for title, day in (("dig", 9), ("fill", 21))]
REASON = {"reason": "for a reason"}
GOOD = {"truthful": True, "timely": True, "effective": True}
ACTS = st.sampled_from(
    [
        (do.Acknowledge, {}),
        (do.HandBack, {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}),
        (do.Dispatch, {"lead_unit": "north", "co_units": ["water"]}),
        (do.Dispatch, {"lead_unit": "water"}),
        (do.Plan, {"plan": PLAN, **REASON}),
        (do.Plan, {"plan": {**PLAN, "rectification": "phased", "milestones": STAGES}, **REASON}),
        (do.DecidePlan, {"approved": True}),
        (do.DecidePlan, {"approved": False}),
        (do.ReachMilestone, {}),
        (do.Review, {}),
        (do.FinishPart, {}),
        (do.AskExtension, {"obligation": "rectify", **REASON}),
        (do.DecideExtension, {"granted": True}),
        (do.DecideExtension, {"granted": False}),
        (do.Pause, {"ground": "weather", **REASON}),
        (do.Resume, {}),
        (do.Flag, {"flag": "listed"}),
        (do.Flag, {"flag": "criminal", "co_units": ["south"]}),
        (do.Unflag, {"flag": "listed", **REASON}),
        (do.Refer, {"to": "police", "evidence": [SEAL]}),
        ("receive", {}),
        ("approve", {}),
        ("close", {}),
        (do.Reply, {"source": "tests", "id": "1", "text": "done"}),
        (do.Rate, {"satisfied": False}),
        (do.LookBack, GOOD),
        (do.LookBack, {**GOOD, "rebound": True, **REASON}),
        (do.Progress, {"note": "half done"}),
        (do.Complete, {"outcome": "rectified"}),
        (do.Verify, {"passed": True}),
        (do.Verify, {"passed": False, "reason": "still foul"}),
        (do.StrikeOff, {}),
        (do.Reopen, {"reason": "it is back"}),
        (do.Reject, {"reason": "nothing there"}),
        (do.PassOn, {"platform": "credit-platform", "receipt": "R-1"}),
        (do.Recompute, {"calendar": "cn", "version": 1}),
        ("lapse", {}),
        ("early", {}),
        ("stale", {}),
    ]
)
#: A move, the seconds before it, and who makes it; "lead" stands for whoever may.
Step = tuple[tuple[object, dict[str, object]], int, str]
WHO = st.sampled_from(["lead", "lead", "lead", "office", "south"])
STEPS = st.lists(st.tuples(ACTS, st.integers(0, 72 * 3600), WHO), min_size=8, max_size=40)
STARTS = st.sampled_from([Status.DISPATCHED, Status.UNDERWAY, Status.UNDERWAY, Status.VERIFIED, Status.STRUCK_OFF])


def play(start: Status, steps: list[Step]) -> Case:
    """A case after ``steps``: each some seconds later, some of them by units that may not."""
    case = Case.in_status(start, START)
    seen = list(case.record.deadlines)
    for (move, details), seconds, unit in steps:
        case.advance(seconds=seconds)
        seen += case.record.deadlines
        if move == "lapse" and case.record.deadlines:
            soonest = case.record.deadlines[0]
            case.lapse(in_words(soonest.obligation, soonest.part))
        elif move == "early" and case.record.deadlines:
            case.escalate(case.record.deadlines[0])
        elif move == "stale" and seen:
            case.escalate(seen[seconds % len(seen)])
        elif move == "receive":
            case.act(do.Receive, "police")
        elif move == "approve":
            for version, held in case.record.awaiting_approval.items():
                approver = str(case.rules.measures[held.measure].approval)
                case.done(do.Approve if seconds % 3 else do.Withhold, approver, version=version, **REASON)
        elif move == "close":
            case.act(do.Complete, str(case.record.holder), outcome="rectified")
            case.act(do.Verify, "office", passed=True)
            for check in ("clear", "satisfied")[: 1 + seconds % 3]:
                case.act(do.Check, "office", check=check, evidence=[SEAL])
            case.act(do.StrikeOff, "office")
        elif isinstance(move, type) and issubclass(move, do.Command):
            case.act(move, case.unit_for(move) if unit == "lead" else unit, **details)
    return case


HISTORIES = st.builds(play, STARTS, STEPS)

#: The same for entries on lists and for rewards.
MOVES_OF_OTHERS = st.sampled_from(
    [
        (do.Appeal, {"text": "not us"}),
        (do.DecideAppeal, {"upheld": False, **REASON}),
        (do.DecideAppeal, {"upheld": True, **REASON}),
        (do.TakeOffList, {"evidence": [SEAL], **REASON}),
        (do.Award, {"amount": 3000}),
        (do.Award, {"amount": 7}),
        (do.Decline, REASON),
        (do.Collect, {"code": CODE}),
        (do.Collect, {"code": "1"}),
        (do.Complete, {"outcome": "rectified"}),
        (do.PassOn, {"platform": "credit-platform", "receipt": "R-1"}),
        (do.Recompute, {"calendar": "cn", "version": 1}),
        ("lapse", {}),
        ("early", {}),
        ("stale", {}),
    ]
)
OTHERS = st.sampled_from(sorted(OPEN & OF_OTHERS))
ALL_HISTORIES = HISTORIES | st.builds(
    play, OTHERS, st.lists(st.tuples(MOVES_OF_OTHERS, st.integers(0, 72 * 3600), WHO), max_size=20)
)


@settings(max_examples=150, deadline=None)
@given(ALL_HISTORIES)
def test_any_history_replays_to_the_same_state(case: Case) -> None:
    state: AnyRecord | None = None
    for event in case.events:
        state = after(state, from_json(canonical(event), Event), small_rules())
    assert state == case.record
    assert record_from_json(to_json(case.record).decode()) == case.record


@settings(max_examples=150, deadline=None)
@given(ALL_HISTORIES)
def test_versions_follow_one_another_and_every_step_is_in_the_table(case: Case) -> None:
    status, moves = None, MOVES[BEGINS[case.events[0].change.kind]]
    for version, event in enumerate(case.events, start=1):
        assert event.version == version
        status = moves[status, event.change.kind]


@settings(max_examples=150, deadline=None)
@given(ALL_HISTORIES)
def test_nothing_escalates_early_twice_or_after_the_problem_moved_on(case: Case) -> None:
    taken = [event for event in case.events if event.change.kind in ("reminded", "escalated")]
    keys = [(e.change.obligation, e.change.part, e.change.generation, e.change.level) for e in taken]  # type: ignore[union-attr]
    assert len(keys) == len(set(keys))
    assert all(event.at >= event.change.due_at for event in taken)  # type: ignore[union-attr]


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_the_overall_limit_runs_until_its_ladder_ends(case: Case) -> None:
    problem = case.problem
    obligation = small_rules().obligations["rectify"]
    climb = problem.climb("rectify", None)
    # An extension sets the ladder to its foot.
    began = max([_since(problem).version, *(grant.version for grant in problem.grants.get("rectify", ()))])
    ended = climb is not None and (climb.generation, climb.level) == (began, 3)
    running = any(one.obligation == "rectify" for one in problem.deadlines)
    assert running == (problem.status in obligation.running and not ended)


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_a_limit_is_the_time_of_the_pack_and_of_its_extensions_and_pauses(case: Case) -> None:
    problem, calendar = case.problem, small_rules().calendar
    since = _since(problem)
    stood = sum(
        calendar.working_seconds(max(one.from_at, since.at), one.to_at)
        for one in problem.pauses
        if one.to_at > since.at
    )
    for limit in problem.deadlines:
        if limit.obligation == "rectify":
            working_days = 10 + 5 * problem.extended.get("rectify", 0)
            assert calendar.working_seconds(since.at, limit.lapse_at) == working_days * 7 * 3600 + stood


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_nothing_is_due_while_the_clock_stands(case: Case) -> None:
    problem = case.problem
    assert problem.status is not Status.PAUSED or problem.deadlines == ()


@settings(max_examples=150, deadline=None)
@given(HISTORIES)
def test_what_is_struck_off_has_passed_its_gate(case: Case) -> None:
    problem = case.problem
    if problem.status is Status.STRUCK_OFF:
        assert set(problem.checks) == {"clear", "satisfied"}
        assert "criminal" not in problem.flags or "received" in problem.marks
        assert set(case.deadlines) <= {"look-back"}


def _since(problem: Problem) -> Mark:
    """What set the clock of the overall limit going."""
    since = small_rules().obligations["rectify"].since
    return max(filter(None, map(problem.mark, since)), key=lambda mark: mark.version)


@settings(max_examples=150, deadline=None)
@given(ALL_HISTORIES)
def test_what_is_due_is_a_function_of_the_state_alone(case: Case) -> None:
    record = case.record
    assert due(struct.replace(record, deadlines=()), small_rules()) == record.deadlines


@settings(max_examples=100, deadline=None)
@given(HISTORIES, st.data())
def test_a_changed_event_breaks_the_chain(case: Case, data: st.DataObject) -> None:
    bodies = [canonical(event) for event in case.events]
    heads = [GENESIS]
    for body in bodies:
        heads.append(chained(heads[-1], body))
    which = data.draw(st.integers(0, len(bodies) - 1))
    where = data.draw(st.integers(0, len(bodies[which]) - 1))
    forged = bodies[which][:where] + bytes([bodies[which][where] ^ 1]) + bodies[which][where + 1 :]
    assert chained(heads[which], forged) != heads[which + 1]


def test_a_granted_command_leaves_the_problem_it_was_given_untouched() -> None:
    case = Case(START)
    case.registered(report())
    before = plain(case.problem)
    problem = case.problem
    assert isinstance(case.act(do.Acknowledge, "water"), Decided)
    assert plain(problem) == before
