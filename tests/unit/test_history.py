"""Properties of any history: whatever is sent, in whatever order, the ledger stays right."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from duban.deadlines import due
from duban.messages import commands as do
from duban.messages.events import GENESIS, canonical, chained
from duban.problem import NEXT, OPEN, Event, Problem
from duban_router.domain import Decided, after
from tests.given import Case, report, small_rules

START = datetime(2022, 4, 6, 2, tzinfo=UTC)
SEAL = {"uri": "file:///photo.jpg", "sha256": "0" * 64}
PLAN = {"person": "Li", "target": "clean", "measures": ["dig"], "due_at": START}
MOVES = st.sampled_from(
    [
        (do.Acknowledge, {}),
        (do.HandBack, {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}),
        (do.Dispatch, {"lead_unit": "north", "co_units": ["water"]}),
        (do.Dispatch, {"lead_unit": "water"}),
        (do.Plan, {"plan": PLAN}),
        (do.Progress, {"note": "half done"}),
        (do.Complete, {"outcome": "rectified"}),
        (do.Verify, {"passed": True}),
        (do.Verify, {"passed": False, "reason": "still foul"}),
        (do.StrikeOff, {}),
        (do.Reopen, {"reason": "it is back"}),
        (do.Reject, {"reason": "nothing there"}),
        (do.Recompute, {"calendar": "cn", "version": 1}),
        ("lapse", {}),
        ("stale", {}),
    ]
)
STEPS = st.lists(st.tuples(MOVES, st.integers(0, 72 * 3600), st.sampled_from(["office", "lead", "south"])), max_size=25)


def play(steps: list[tuple[tuple[object, dict[str, object]], int, str]]) -> Case:
    """A case after ``steps``: each some seconds later, some of them by units that may not."""
    case = Case(START)
    case.registered(report(area="north-town"))
    seen = list(case.problem.deadlines)
    for (move, details), seconds, unit in steps:
        case.advance(seconds=seconds)
        seen += case.problem.deadlines
        if move == "lapse" and case.problem.deadlines:
            case.escalate(case.problem.deadlines[0])
        elif move == "stale" and seen:
            case.escalate(seen[seconds % len(seen)])
        elif isinstance(move, type) and issubclass(move, do.Command):
            case.act(move, case.unit_for(move) if unit == "lead" else unit, **details)
    return case


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_history_replays_to_the_same_state(steps: list[object]) -> None:
    case = play(steps)  # type: ignore[arg-type]
    state: Problem | None = None
    for event in case.events:
        state = after(state, Event.model_validate_json(canonical(event)), small_rules())
    assert state == case.problem
    assert Problem.model_validate_json(case.problem.model_dump_json(exclude_none=True)) == case.problem


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_versions_follow_one_another_and_every_step_is_in_the_table(steps: list[object]) -> None:
    status = None
    for version, event in enumerate(play(steps).events, start=1):  # type: ignore[arg-type]
        assert event.version == version
        status = NEXT[status, event.change.kind]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nothing_escalates_early_twice_or_after_the_problem_moved_on(steps: list[object]) -> None:
    case = play(steps)  # type: ignore[arg-type]
    taken = [event for event in case.events if event.change.kind in ("reminded", "escalated")]
    keys = [(e.change.obligation, e.change.generation, e.change.level) for e in taken]  # type: ignore[union-attr]
    assert len(keys) == len(set(keys))
    assert all(event.at >= event.change.due_at for event in taken)  # type: ignore[union-attr]


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_open_has_an_overall_limit_until_its_ladder_ends(steps: list[object]) -> None:
    case = play(steps)  # type: ignore[arg-type]
    problem = case.problem
    assert problem.status in OPEN or problem.deadlines == ()
    obligation = small_rules().obligations["rectify"]
    mark = max((problem.marks[k] for k in obligation.since if k in problem.marks), key=lambda one: one.version)
    taken = problem.taken.get("rectify")
    ended = taken is not None and (taken.generation, taken.level) == (mark.version, 3)
    running = any(one.obligation == "rectify" for one in problem.deadlines)
    assert running == (problem.status in obligation.running and not ended)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_due_is_a_function_of_the_state_alone(steps: list[object]) -> None:
    problem = play(steps).problem  # type: ignore[arg-type]
    assert due(problem.model_copy(update={"deadlines": ()}), small_rules()) == problem.deadlines


@settings(max_examples=100, deadline=None)
@given(STEPS, st.data())
def test_a_changed_event_breaks_the_chain(steps: list[object], data: st.DataObject) -> None:
    bodies = [canonical(event) for event in play(steps).events]  # type: ignore[arg-type]
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
    before = case.problem.model_dump()
    problem = case.problem
    assert isinstance(case.act(do.Acknowledge, "water"), Decided)
    assert problem.model_dump() == before
