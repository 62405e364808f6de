"""The laws of limits on acts: until when a unit hands back or asks for more time, for how much, and who decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duban.messages import commands as do
from duban.messages.records import Deadline
from duban.moves import Status
from duban.policy.advice import advice
from duban.policy.model.lifecycle import HandBackRule
from duban.refusal import Refusal
from duban_console.assessment.claims import Claims, Timeliness
from duban_router.domain.decision import Decided, after
from duban_simulation.figures import Figures
from tests.given import SEAL, Case, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
#: When `rectify` lapses: 10 working days after the registration.
LIMIT = datetime(2022, 4, 20, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
BACK = {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}


def underway(**words: object) -> Case:
    """A river problem that the water bureau works on, under a rule of extensions with ``words`` of its own."""
    return Case.in_status(Status.UNDERWAY, NOW, extension=extension(**words))


def extension(**words: object) -> dict[str, object]:
    return {"obligations": ["rectify"], "by": {"working_days": 5}, "at_most": 2, "basis": "practice", **words}


def ask(case: Case, **fields: Any) -> Decided | Refusal:
    return case.act(do.AskExtension, "water", **{"obligation": "rectify", "reason": "rain", **fields})


def decide(case: Case, unit: str = "office", **fields: Any) -> Decided | Refusal:
    return case.act(do.DecideExtension, unit, **{"granted": True, **fields})


def granted(case: Case, **fields: Any) -> Deadline:
    for outcome in (ask(case, **fields), decide(case)):
        assert isinstance(outcome, Decided), outcome
    return case.deadline("rectify")


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


# Hand-back


def dispatched(within: dict[str, object]) -> Case:
    rule = small_rules().pack.hand_back.model_dump(exclude_none=True)
    return Case.in_status(Status.DISPATCHED, NOW, hand_back={**rule, "within": within})


@pytest.mark.parametrize(("past", "taken"), [(-TICK, True), (timedelta(0), True), (TICK, False)])
def test_a_hand_back_is_taken_until_its_limit_and_refused_after_with_the_limit_and_the_instant(
    past: timedelta, taken: bool
) -> None:
    case = dispatched({"working_days": 3})
    case.now = datetime(2022, 4, 11, 2, tzinfo=UTC) + past
    outcome = case.act(do.HandBack, "water", **BACK)
    if taken:
        assert isinstance(outcome, Decided)
        return
    words = "a hand-back is taken within 3 working days of the dispatch, until 2022-04-11T10:00:00+08:00"
    assert outcome == Refusal("too_late", words)


def test_each_unit_has_the_whole_time_for_its_own_hand_back_and_the_clock_of_a_pause_stands() -> None:
    case = dispatched({"working_days": 1})
    case.advance(days=1)
    case.done(do.HandBack, "water", **BACK)
    case.advance(days=1)
    case.done(do.Dispatch, "office", lead_unit="south")
    case.done(do.Acknowledge, "south")
    case.done(do.Pause, "office", ground="weather", reason="floods")
    case.advance(days=7)
    case.done(do.Resume, "office")
    case.advance(hours=1)
    case.done(do.HandBack, "south", **BACK)


def test_without_a_limit_a_hand_back_is_taken_as_long_as_the_unit_has_the_problem() -> None:
    assert HandBackRule.model_validate(small_rules().pack.hand_back.model_dump()).within is None
    case = underway()
    case.advance(days=200)
    case.done(do.HandBack, "water", **BACK)


# Asking


@pytest.mark.parametrize("length", [1, 4, 5])
def test_who_asks_says_how_much_up_to_what_the_pack_grants(length: int) -> None:
    case = underway(by={"minutes": None, "hours": None, "working_days": 5})  # as a published pack may be written
    days = case.rules.pack.extension.by.model_copy(update={"working_days": length})  # type: ignore[union-attr]
    assert granted(case, length=length).lapse_at == case.rules.calendar.add(LIMIT, days)
    assert refused(ask(case, length=6)) == "too_long"
    assert granted(case).lapse_at == case.rules.calendar.add(case.rules.calendar.add(LIMIT, days),
                                                             case.rules.pack.extension.by)  # type: ignore[union-attr]  # fmt: skip


def test_more_than_the_pack_grants_is_refused_in_its_own_unit() -> None:
    words = "an extension is granted for at most 5 working days, not 6"
    assert ask(underway(), length=6) == Refusal("too_long", words)
    assert refused(ask(underway(by={"at": "12:00"}), length=1)) == "no_length"


@pytest.mark.parametrize(("past", "taken"), [(-TICK, True), (timedelta(0), True), (TICK, False)])
@pytest.mark.parametrize(
    ("words", "until", "told"),
    [
        ({"before_lapse": True}, LIMIT, "before the limit lapses, until 2022-04-20T10:00:00+08:00"),
        (
            {"ahead": {"working_days": 1}},
            LIMIT - timedelta(days=1),
            "at least 1 working day before the limit lapses, until 2022-04-19T10:00:00+08:00",
        ),
    ],
)
def test_more_time_is_asked_for_before_the_limit_has_lapsed(
    words: dict[str, object], until: datetime, told: str, past: timedelta, taken: bool
) -> None:
    case = underway(**words)
    case.now = until + past
    outcome = ask(case)
    assert isinstance(outcome, Decided) if taken else outcome == Refusal("too_late", f"more time is asked for {told}")


def test_what_does_not_run_has_no_limit_to_extend() -> None:
    case = underway(before_lapse=True, obligations=["progress"])
    case.change_obligation("progress", running=["verifying"])
    assert refused(ask(case, obligation="progress")) == "nothing_runs"


def test_the_legal_basis_is_asked_for_and_recorded() -> None:
    case = underway(clause_cited=True)
    assert refused(ask(case)) == "missing_clause"
    asked = ask(case, clause="art. 8")
    assert isinstance(asked, Decided)
    assert asked.steps[0][0].change.clause == "art. 8"  # type: ignore[union-attr]


def test_only_what_is_marked_is_extended() -> None:
    case = underway(flags=["hard", "listed"])
    assert ask(case) == Refusal(
        "not_flagged", "an extension is granted only to a problem that bears the mark hard or listed"
    )
    case.done(do.Flag, "office", flag="hard")
    assert isinstance(ask(case), Decided)


# Deciding


def test_who_decides_is_named_by_role_and_less_than_was_asked_may_be_granted() -> None:
    case = underway(decided_by=["county", "@sponsor"])
    ask(case, length=4)
    assert refused(decide(case, "office")) == "not_permitted"
    assert refused(decide(case, "north", length=5)) == "too_long"
    assert isinstance(decide(case, "north", length=2), Decided)
    assert case.problem.grants["rectify"][0].length == 2
    case.done(do.Sponsor, "office", sponsor="mayor")
    ask(case)
    assert isinstance(decide(case, "mayor"), Decided)


def test_one_request_is_decided_before_the_next_is_made() -> None:
    case = underway()
    ask(case)
    assert ask(case) == Refusal("asked_already", "more time for rectify is asked for, and not decided yet")
    decide(case, granted=False)
    assert isinstance(ask(case), Decided)


def test_who_asked_does_not_decide() -> None:
    case = underway(decided_by=["water", "@office"])
    ask(case)
    assert refused(decide(case, "water")) == "decider_is_asker"


# What it does to the ladder


def test_a_new_limit_has_its_ladder_from_the_beginning_with_its_own_reminder() -> None:
    case = underway()
    reminded = case.deadline("rectify")
    case.lapse("rectify")
    assert (reminded.measure, case.deadline("rectify").measure) == ("reminder", "bulletin")
    again = granted(case)
    assert (again.measure, again.level) == ("reminder", 1)
    assert again.due_at > case.now
    case.lapse("rectify")
    assert case.deadline("rectify").due_at == again.lapse_at


def test_a_reminder_that_would_lie_before_the_extension_is_left_out() -> None:
    case = underway(by={"minutes": 30})
    case.now = LIMIT - timedelta(minutes=10)
    assert granted(case).measure == "bulletin"


def test_while_nobody_has_decided_the_ladder_goes_on_or_waits_as_the_pack_says() -> None:
    goes_on, waits = underway(), underway(while_asked="waits", before_lapse=True)
    before = waits.deadline("rectify")
    for case in (goes_on, waits):
        assert isinstance(ask(case), Decided)
    assert goes_on.deadline("rectify") == before
    assert waits.problem.deadline("rectify") is None
    waits.now = LIMIT + timedelta(days=1)
    assert refused(waits.escalate(before)) == "moved_on"
    assert isinstance(decide(waits, granted=False), Decided)
    assert (waits.deadline("rectify").measure, waits.deadline("rectify").lapse_at) == ("bulletin", LIMIT)


def test_a_ladder_does_not_wait_for_what_was_asked_after_the_lapse() -> None:
    case = underway(while_asked="waits")
    case.now = LIMIT + TICK
    assert isinstance(ask(case), Decided)
    assert case.deadline("rectify").lapse_at == LIMIT


def test_a_ladder_does_not_wait_for_what_was_asked_of_an_earlier_clock() -> None:
    case = underway(while_asked="waits", obligations=["progress"])
    ask(case, obligation="progress")
    assert case.problem.deadline("progress") is None
    case.done(do.Progress, "water", note="half done")
    assert case.deadline("progress").generation == case.problem.version


def test_nothing_is_asked_for_any_more_once_a_problem_is_taken_up_again() -> None:
    case = underway(while_asked="waits")
    ask(case)
    case.done(do.Reject, "office", reason="nothing there")
    case.done(do.Reopen, "office", reason="it is back")
    assert case.problem.extension_asked is None
    assert case.deadline("rectify").measure == "reminder"


def test_what_waits_goes_on_when_the_asker_hands_the_problem_back() -> None:
    case = underway(while_asked="waits")
    ask(case)
    assert case.problem.deadline("rectify") is None
    case.done(do.HandBack, "water", **BACK)
    assert case.deadline("rectify").lapse_at == LIMIT


# What counts


def timeliness(case: Case) -> Timeliness | None:
    """How `rectify` ended for the water bureau, by the history of the case."""
    claims, record = Claims(case.rules), None
    for event in case.events:
        record = after(record, event, case.rules)
        claims.follow(event, record)
    found = [one.timeliness for one in claims.verdicts(case.now + TICK) if one.obligation == "rectify"]
    return found[0] if found else None


def counted(case: Case) -> tuple[int, int]:
    """How often `rectify` was met in time, and how often it lapsed, as a simulation counts."""
    figures, record = Figures(case.rules), None
    for event in case.events:
        before, record = record, after(record, event, case.rules)
        figures.happened(before, event, record)
    return figures.obligations["rectify"].in_time, figures.obligations["rectify"].lapsed


@pytest.mark.parametrize("escalated", [True, False])
def test_what_is_overdue_is_not_made_on_time_by_an_extension_granted_late(escalated: bool) -> None:
    case = underway()
    ask(case)
    case.now = LIMIT + timedelta(hours=1)
    if escalated:
        case.lapse("rectify")
        case.lapse("rectify")
    decide(case)
    case.done(do.Complete, "water", outcome="rectified")
    assert timeliness(case) is Timeliness.LATE
    assert counted(case) == (0, 1)


def test_what_the_ladder_waited_for_is_extended_and_in_time_under_its_new_limit() -> None:
    case = underway(while_asked="waits")
    ask(case)
    case.now = LIMIT + timedelta(hours=1)
    decide(case)
    case.done(do.Complete, "water", outcome="rectified")
    assert timeliness(case) is Timeliness.EXTENDED
    assert counted(case) == (1, 0)


@pytest.mark.parametrize(("past", "met"), [(timedelta(0), (1, 0)), (TICK, (0, 1))])
def test_what_is_met_or_left_while_the_ladder_waits_is_counted(past: timedelta, met: tuple[int, int]) -> None:
    case = underway(while_asked="waits")
    ask(case)
    case.now = LIMIT + past
    case.done(do.Complete, "water", outcome="rectified")
    assert counted(case) == met


# What a careful reader would ask


def test_a_ladder_that_waits_for_a_word_that_nobody_owes_is_advised_against() -> None:
    rules = rules_with(extension=extension(while_asked="waits"))
    assert "request_unwatched" in {entry.code for entry in advice(rules.pack, rules.calendar)}
    owes = {
        "id": "decide", "title": {"en": "Decide"}, "owner": "@office", "running": ["underway"],
        "since": ["extension_asked"], "met_by": ["extended", "extension_denied"], "within": {"working_days": 1},
        "ladder": "standard", "basis": "practice",
    }  # fmt: skip
    obligations = [*rules.pack.model_dump(exclude_none=True)["obligations"], owes]
    watched = rules_with(extension=extension(while_asked="waits"), obligations=obligations)
    assert "request_unwatched" not in {entry.code for entry in advice(watched.pack, watched.calendar)}
