"""The laws of short limits: the same day, else another limit in its place; reminders that fit any limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.calendar import Counting, Within
from duban.deadlines import due
from duban.messages import commands as do
from duban.moves import Status
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.policy.model.pack import PolicyPack
from duban.refusal import Refusal
from duban_console.assessment.claims import Claims, Timeliness
from duban_console.pack_text import Language, explained
from duban_router.domain.decision import Decided, after
from tests.given import SEAL, Case, entries, report, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
TICK = timedelta(microseconds=1)
SAME_DAY = {"at": "24:00", "in_days": 0}
#: By whole days of the calendar it would be the same; the small city counts from the moment.
SECOND = {"within": {"working_days": 3}, "from_time": "16:00", "days_off": True, "deferred": True}


def asked(at: datetime = NOW, **otherwise: Any) -> Case:
    """A problem of that instant, to be answered on the same day or else by another limit."""
    case = Case(at, obligations=answers(otherwise or SECOND))
    case.registered(report(category="river", area="north"))
    return case


def answers(otherwise: dict[str, Any]) -> list[dict[str, object]]:
    return entries("obligations", answer={"matters": [], "within": SAME_DAY, "otherwise": otherwise})


def lapse_of(case: Case) -> datetime:
    return case.deadline("answer").lapse_at


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


# By the time at which it begins

MIDNIGHT = datetime(2022, 4, 6, 16, tzinfo=UTC)
AT_FOUR = datetime(2022, 4, 6, 8, tzinfo=UTC)
SATURDAY = datetime(2022, 4, 9, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "lapse"),
    [
        (NOW, MIDNIGHT),
        (AT_FOUR - TICK, MIDNIGHT),
        (AT_FOUR, AT_FOUR + timedelta(days=5)),  # Monday, at four
        (SATURDAY, datetime(2022, 4, 14, 1, tzinfo=UTC)),  # three working days from the opening of Monday
    ],
)
def test_what_comes_in_time_is_due_the_same_day_and_the_rest_within_the_second_limit(
    at: datetime, lapse: datetime
) -> None:
    assert lapse_of(asked(at)) == lapse


def test_a_day_off_is_a_day_like_others_where_the_pack_does_not_say() -> None:
    assert lapse_of(asked(SATURDAY, within={"working_days": 3}, from_time="16:00")) == SATURDAY + timedelta(hours=14)
    assert lapse_of(asked(SATURDAY, within={"working_days": 3}, days_off=True)) > SATURDAY + timedelta(days=3)


# By the word of whoever owes it


def defer(case: Case, unit: str = "water", **fields: Any) -> Decided | Refusal:
    return case.act(do.Defer, unit, **{"obligation": "answer", "reason": "a site visit is needed", **fields})


@pytest.mark.parametrize("unit", ["water", "office"])
def test_what_is_deferred_in_time_has_the_second_limit_from_its_beginning_and_a_ladder_of_its_own(unit: str) -> None:
    case = asked()
    case.lapse("answer")  # the reminder
    case.advance(hours=1)
    assert isinstance(defer(case, unit), Decided)
    deadline = case.deadline("answer")
    assert deadline.lapse_at == NOW + timedelta(days=5)  # three working days from the registration, over the weekend
    assert (deadline.generation, deadline.measure) == (case.problem.version, "reminder")
    assert case.now < deadline.due_at < deadline.lapse_at
    assert case.problem.deadlines == due(case.problem, case.rules)


def test_a_deferral_comes_before_the_first_limit_lapses_once_and_with_the_reason() -> None:
    case = asked()
    assert refused(defer(case, reason="")) == "missing_reason"
    assert refused(defer(case, "north")) == "not_permitted"
    assert refused(defer(case, obligation="rectify")) == "not_deferred"
    case.now = MIDNIGHT + TICK
    assert refused(defer(case)) == "too_late"
    case.now = MIDNIGHT
    assert isinstance(defer(case), Decided)
    assert refused(defer(case)) == "deferred"
    case.done(do.Acknowledge, "water")
    case.done(do.Complete, "water", outcome="rectified")
    assert refused(defer(case)) == "nothing_runs"


def test_what_began_too_late_for_the_first_limit_has_nothing_to_defer() -> None:
    assert refused(defer(asked(AT_FOUR))) == "deferred"


def test_a_second_limit_that_goes_by_the_hour_alone_is_not_deferred() -> None:
    case = asked(within={"working_days": 3}, from_time="16:00")
    assert refused(defer(case)) == "not_deferred"


def test_what_is_taken_up_again_has_its_first_limit_again() -> None:
    sections = entries("obligations", acknowledge={"within": SAME_DAY, "otherwise": SECOND})
    case = Case(NOW, obligations=sections)
    case.registered(report(category="river", area="north"))
    assert isinstance(defer(case, obligation="acknowledge"), Decided)
    case.done(do.HandBack, "water", reason="not ours", clause="art. 2", evidence=[SEAL])
    case.advance(hours=1)
    case.done(do.Dispatch, "office", lead_unit="north")
    assert case.deadline("acknowledge").lapse_at == MIDNIGHT


@pytest.mark.parametrize(("deferred", "timeliness"), [(True, Timeliness.ON_TIME), (False, Timeliness.LATE)])
def test_what_is_done_within_the_second_limit_is_on_time_and_no_extension(
    deferred: bool, timeliness: Timeliness
) -> None:
    case = asked()
    if deferred:
        assert isinstance(defer(case), Decided)
    case.advance(days=2)
    case.done(do.Acknowledge, "water")
    case.done(do.Complete, "water", outcome="rectified")
    claims, record = Claims(case.rules), None
    for event in case.events:
        record = after(record, event, case.rules)
        claims.follow(event, record)
    verdicts = {verdict.obligation: verdict for verdict in claims.verdicts(case.now)}
    assert verdicts["answer"].timeliness is timeliness


# Reminders that fit

HALF = {"measure": "reminder", "share": 50, "to": ["@owner"]}
LAPSE = {"measure": "bulletin", "to": ["@owner"]}


def reminded(limit: dict[str, Any], *levels: dict[str, Any]) -> Case:
    """A problem of Wednesday, 10:00, to be acknowledged within ``limit``, under a ladder of these levels."""
    ladders = [{"id": "standard", "basis": "practice", "levels": [*levels, LAPSE]}, *entries("ladders")[1:]]
    case = Case(NOW, ladders=ladders)
    case.change_obligation("acknowledge", within=limit)
    case.registered(report(category="river", area="north"))
    return case


@pytest.mark.parametrize(
    ("limit", "due_at"),
    [
        ({"minutes": 30}, NOW + timedelta(minutes=15)),
        ({"at": "24:00", "in_days": 0}, NOW + timedelta(hours=7)),
        ({"working_hours": 2}, NOW + timedelta(hours=1)),
        ({"working_hours": 4}, NOW + timedelta(hours=2)),  # noon: half of the working time, not of all
        ({"working_days": 4}, NOW + timedelta(days=2)),  # Friday; half of all the time would be a Saturday
    ],
)
def test_half_of_a_limit_is_half_of_the_time_that_it_counts(limit: dict[str, Any], due_at: datetime) -> None:
    deadline = reminded(limit, HALF).deadline("acknowledge")
    assert (deadline.due_at, deadline.measure) == (due_at, "reminder")


def test_a_reminder_by_share_is_a_reminder_and_what_follows_is_the_lapse() -> None:
    case = reminded({"working_hours": 4}, HALF)
    assert [step.change.kind for step, _ in case.lapse("acknowledge").steps] == ["reminded"]
    assert [step.change.kind for step, _ in case.lapse("acknowledge").steps] == ["escalated"]


@given(
    minutes=st.integers(0, 60 * 24 * 14), share=st.integers(1, 99),
    limit=st.sampled_from([{"minutes": 1}, {"working_hours": 1}, {"working_days": 1}, {"days": 3}, {"at": "00:00"}]),
    counting=st.sampled_from(Counting),
)  # fmt: skip
def test_a_share_lies_between_the_beginning_and_the_end(
    minutes: int, share: int, limit: dict[str, Any], counting: Counting
) -> None:
    small, within = small_rules(), Within.model_validate(limit)
    calendar = type(small.calendar).compile(small.calendar.notice, small.pack.time.hours, counting)
    start = NOW + timedelta(minutes=minutes)
    end = calendar.add(start, within)
    assert start <= calendar.part_of(start, end, share, within) <= end


# What is said of a pack


def advised(code: str, **sections: object) -> list[str]:
    rules = rules_with(**sections)
    return [f"{one.path}: {one.words}" for one in advice(rules.pack, rules.calendar) if one.code == code]


def test_a_reminder_before_the_start_is_told_wherever_its_ladder_is_climbed() -> None:
    levels = [{"measure": "reminder", "before": {"working_days": 9}, "to": ["@owner"]}, LAPSE]
    late = [one for one in entries("ladders") if one["id"] != "late-report"]
    slow = {"id": "late-report", "basis": "practice"}
    place = "ladders.2.levels.0.before: never comes for"
    said = [
        words
        for words in advised("reminder_never", ladders=[*late, {**slow, "levels": levels}])
        if words.startswith(place)
    ]
    whose = [words.removeprefix(place).partition(":")[0].strip() for words in said]
    assert whose == ["daily-report", "monthly-account", "explanation", "spot-check", "tip", "appeals to blacklist"]
    assert all("a `share` fits any limit" in words for words in said)
    assert not advised("reminder_never", ladders=[*late, {**slow, "levels": [HALF, LAPSE]}])


def test_the_second_limit_is_looked_at_like_the_first() -> None:
    shorter = {"within": {"minutes": 5}, "deferred": True}
    assert advised("otherwise_no_longer", obligations=answers(shorter)) == [
        "obligations.10.otherwise.within: ends no later than the limit whose place it takes, always"
    ]
    assert not advised("otherwise_no_longer", obligations=answers({"within": {"days": 9}, "deferred": True}))


def test_reminders_of_which_one_goes_by_share_are_compared_for_each_limit() -> None:
    before = {"measure": "reminder", "before": {"working_hours": 6}, "to": ["@owner"]}
    quick = {"id": "quick", "basis": "practice", "levels": [HALF, before, LAPSE]}
    said = advised("levels_out_of_order", ladders=[*entries("ladders")[:-1], quick])
    assert any("for answer, always" in words for words in said)


@pytest.mark.parametrize(
    ("levels", "breach"),
    [
        ([{**HALF, "share": 80}, HALF, LAPSE], ("ladders.0.levels.1", "is not later than the level before it")),
        ([LAPSE, HALF], ("ladders.0.levels.1.share", "a level before the lapse stands after one that follows it")),
        ([HALF], ("ladders.0", "has no level from the lapse on: what lapses would never escalate")),
    ],
)
def test_levels_by_share_stand_before_the_lapse_and_in_order(
    levels: list[dict[str, Any]], breach: tuple[str, str]
) -> None:
    ladders = [{"id": "standard", "basis": "practice", "levels": levels}, *entries("ladders")[1:]]
    pack = PolicyPack.model_validate({**small_rules().pack.model_dump(exclude_none=True), "ladders": ladders})
    assert next(breaches(pack)) == breach


def test_second_limits_and_shares_are_told_in_both_languages() -> None:
    english, chinese = explained(small_rules().pack), explained(small_rules().pack, Language.ZH)
    assert (
        "What begins at 16:00 or later, what begins on a day off or what the lead unit defers in time is due within "
        "3 working days instead."
    ) in english
    assert "16:00及以后起算的、非工作日起算的或主办单位在期限内说明不能按期的，期限为3个工作日内。" in chinese
    assert "- When 50 % of the time has passed: Reminder, to the unit that owes it." in english
    assert "- 期限经过50%时：" in chinese


def test_a_paused_clock_defers_nothing() -> None:
    case = Case.in_status(Status.PAUSED, NOW, obligations=answers(SECOND))
    assert refused(defer(case)) == "nothing_runs"
