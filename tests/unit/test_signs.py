"""The laws of signs that work is done for the figures, and of triggers that count beyond one problem."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import derived_id
from duban.messages.records import Event, Mark
from duban.messages.struct import to_json
from duban.policy.advice import advice
from duban.policy.model.assessment import Period
from duban.policy.model.ladder import Trigger
from duban_console.assessment.histories import follow
from duban_console.assessment.indicators import copied
from duban_console.assessment.periods import stretch_of
from duban_console.assessment.tallies import tallied
from duban_router.domain.decision import Decided
from duban_router.domain.precedents import Count, Precedent, so_many
from tests.given import SEAL, Case, report, small_rules
from tests.unit.test_deadlines import NUMBERS, WAYS, Life, signed_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
WHO: dict[str, Any] = {"title": {"en": "A sign"}, "basis": "practice"}
RUSHED = {"id": "rushed", "kind": "last_moment", "obligations": ["rectify", "acknowledge"], **WHO}
COPIED = {"id": "copied", "kind": "copied_note", **WHO}
SOON = {"id": "soon", "kind": "taken_up_again", "within": {"days": 30}, **WHO}
BACK = {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}


def trigger(on: str, **words: Any) -> dict[str, Any]:
    return {"id": "gaming", "on": on, "measure": "interview", "to": ["@owner"], "basis": "practice", **words}


def case(*signs: dict[str, Any], triggers: list[dict[str, Any]] | None = None, name: str = "case") -> Case:
    """A problem of a pack with these signs alone, and these triggers."""
    told = Case(NOW, signs=list(signs), triggers=triggers or [])
    return begun(told, name)


def begun(told: Case, name: str, **changed: Any) -> Case:
    told.id = str(derived_id(name))
    told.registered(report(**{"area": "north", **changed}))
    return told


def another(like: Case, name: str, **changed: Any) -> Case:
    """A problem beside ``like``, which counts together with it."""
    told = Case(like.now)
    told.rules, told.precedents = like.rules, like.precedents
    return begun(told, name, **changed)


def happened(outcome: Decided) -> list[c.Change]:
    return [event.change for event, _ in outcome.steps]


def seen(outcome: Decided) -> list[tuple[str, str, str | None]]:
    signs = [change for change in happened(outcome) if isinstance(change, c.SignSeen)]
    return [(sign.sign, sign.unit, sign.obligation) for sign in signs]


def taken(outcome: Decided) -> list[tuple[str, str]]:
    """The measures that triggers took, each with whom it is taken against."""
    return [(change.ground, change.owner) for change in happened(outcome) if isinstance(change, c.Measured)]


# The last moment


def test_what_is_met_in_the_last_tenth_of_its_first_limit_bears_the_sign() -> None:
    """A working day from Wednesday 10:00 ends on Thursday 10:00."""
    limit, tenth = datetime(2022, 4, 7, 2, tzinfo=UTC), timedelta(hours=2.4)
    for at, signs in (
        (limit - tenth, []),
        (limit - tenth + timedelta(microseconds=1), [("rushed", "water", "acknowledge")]),
        (limit, [("rushed", "water", "acknowledge")]),
        (limit + timedelta(microseconds=1), []),
    ):
        told = case(RUSHED)
        assert told.deadline("acknowledge").lapse_at == limit
        told.now = at
        assert seen(told.done(do.Acknowledge, "water")) == signs


def test_a_hand_back_an_extension_and_a_pause_move_no_last_moment() -> None:
    told = case(RUSHED)
    told.done(do.Acknowledge, "water")
    first = told.deadline("rectify").lapse_at
    told.done(do.AskExtension, "water", obligation="rectify", reason="ice")
    told.done(do.DecideExtension, "office", granted=True)
    told.done(do.Pause, "office", ground="court", reason="a case")
    told.advance(hours=1)
    told.done(do.Resume, "office")
    told.now = first
    assert seen(told.done(do.Complete, "water", outcome="rectified")) == [("rushed", "water", "rectify")]


def test_the_time_in_others_hands_is_not_the_units() -> None:
    told = case(RUSHED)
    told.done(do.Acknowledge, "water")
    first = told.deadline("rectify").lapse_at
    told.advance(days=1)
    told.done(do.HandBack, "water", **BACK)
    told.done(do.Dispatch, "office", lead_unit="north", clause="art. 2")
    told.done(do.Acknowledge, "north")
    told.advance(days=4)
    told.done(do.HandBack, "north", **BACK)
    told.done(do.Dispatch, "office", lead_unit="water", clause="art. 2")
    told.done(do.Acknowledge, "water")
    told.now = first
    assert seen(told.done(do.Complete, "water", outcome="rectified")) == []
    told.done(do.Verify, "office", passed=False, reason="still foul")
    told.now = first + timedelta(days=4)
    assert seen(told.done(do.Complete, "water", outcome="rectified")) == [("rushed", "water", "rectify")]


def test_a_new_notice_of_holidays_moves_the_last_moment_too() -> None:
    told = case(RUSHED)
    told.done(do.Acknowledge, "water")
    first = told.deadline("rectify").lapse_at
    notice = told.rules.calendar.notice
    year = notice.years[2022]
    later = year.model_copy(update={"holidays": (*year.holidays, (first - timedelta(days=2)).date())})
    moved = notice.model_copy(update={"version": notice.version + 1, "years": {**notice.years, 2022: later}})
    told.rules = type(told.rules).compile(told.rules.pack, moved)
    told.done(do.Recompute, do.ENGINE, calendar="cn", version=moved.version)
    assert told.deadline("rectify").lapse_at == first + timedelta(days=1)
    turns = {(turn.obligation, turn.unit): turn for turn in told.problem.turns}
    assert turns["rectify", "water"].limit_at == first + timedelta(days=1)


def test_only_a_pack_with_signs_writes_turns_into_the_state() -> None:
    assert b"turns" not in to_json(begun(Case(NOW), "case").record)
    assert b"turns" not in to_json(case(COPIED, SOON).record)
    assert b'"turns":[{"obligation":"rectify"' in to_json(case(RUSHED).record)


# Copied notes


def test_a_note_that_stands_at_another_problem_of_the_unit_bears_the_sign() -> None:
    one = case(COPIED)
    one.done(do.Acknowledge, "water")
    assert seen(one.done(do.Progress, "water", note="Half done.")) == []
    assert seen(one.done(do.Progress, "water", note="Half done.")) == [], "in the same problem it is no copy"
    other = another(one, "other")
    other.done(do.Acknowledge, "water")
    copies = other.done(do.Progress, "water", note=" half\u200b  done. ")
    assert seen(copies) == [("copied", "water", None)]
    (sign,) = (change for change in happened(copies) if isinstance(change, c.SignSeen))
    assert sign.beside == one.record.id
    assert seen(other.done(do.Progress, "water", note="three quarters done")) == []
    third = another(one, "third")
    third.done(do.HandBack, "water", **BACK)
    third.done(do.Dispatch, "office", lead_unit="north", clause="art. 2")
    third.done(do.Acknowledge, "north")
    assert seen(third.done(do.Progress, "north", note="half done.")) == [], "of another unit it is no copy"


# Taken up again


@pytest.mark.parametrize(("days", "signs"), [(30, [("soon", "water", None)]), (31, [])])
def test_what_is_closed_and_taken_up_again_so_soon_bears_the_sign(days: int, signs: list[Any]) -> None:
    told = case(SOON)
    told.done(do.Acknowledge, "water")
    told.done(do.Complete, "water", outcome="rectified")
    told.done(do.Verify, "office", passed=True)
    told.signed().done(do.StrikeOff, "office")
    told.advance(days=days)
    assert seen(told.done(do.Reopen, "office", reason="foul again")) == signs


# Assessment


class Watched(Life):
    """A life of which assessment is asked, after every event, whether it bears a sign: both must say the same."""

    def __init__(self, name: str, told: dict[UUID, list[Event]], precedents: list[Precedent]) -> None:
        super().__init__(signed_rules(), name, precedents)
        self.told = told
        self.seen: Counter[str] = Counter()

    def move(self, number: int, seconds: int) -> None:
        """As any life, and oftener with a word on progress, or a completion that is sent back."""
        if number % 4 > 1:
            self.now += timedelta(seconds=seconds)
            for event in (("acknowledged", "progressed"), ("acknowledged", "completed", "sent_back"))[number // 4 % 2]:
                for command, unit, details in WAYS[event](self, self.record, number // 8):
                    self.send(command, unit, details)
        else:
            super().move(number, seconds)

    def happened(self, outcome: Decided) -> None:
        expected: Counter[tuple[str, str]] = Counter()
        for event, _ in outcome.steps:
            before = self._last_moments(event.at)
            self.told.setdefault(self.id, []).append(event)
            expected += self._last_moments(event.at) - before
            if isinstance(event.change, c.Progressed) and self._is_copied(event.actor.unit):
                expected["copied", event.actor.unit] += 1
        signs = [change for change in happened(outcome) if isinstance(change, c.SignSeen) and change.sign != "soon"]
        told = Counter((sign.obligation or "copied", sign.unit) for sign in signs)
        assert told == expected, [change.kind for change in happened(outcome)]
        self.seen += Counter(sign.sign for sign in signs)

    def _last_moments(self, as_of: datetime) -> Counter[tuple[str, str]]:
        """What assessment says was met at the last moment."""
        events = self.told.get(self.id)
        verdicts = follow(events, lambda _: self.rules, as_of).verdicts if events else ()
        return Counter((verdict.obligation, verdict.unit) for verdict in verdicts if verdict.at_the_last_moment)

    def _is_copied(self, unit: str) -> bool:
        """Whether assessment counts the latest note of ``unit`` in this life among the copied ones."""
        period = stretch_of(Period.YEARLY, datetime(2027, 1, 1, tzinfo=UTC), self.rules.zone)
        whole = replace(period, start_at=datetime(2020, 1, 1, tzinfo=UTC))
        lives = [follow(events, lambda _: self.rules, whole.as_of) for events in self.told.values()]
        tally = tallied(lives, whole, self.rules, frozenset())[unit]
        *_, latest = (index for index, (id_, _) in enumerate(tally.notes) if id_ == self.id)
        return copied(tally)[latest]


MOVES = st.lists(st.tuples(st.integers(0, 1), NUMBERS, st.integers(0, 2 * 86_400)), min_size=12, max_size=40)


@settings(max_examples=80, deadline=None)
@given(beginning=st.integers(0, 20), moves=MOVES)
def test_a_sign_is_seen_where_assessment_would_count_it(beginning: int, moves: list[tuple[int, int, int]]) -> None:
    told: dict[UUID, list[Event]] = {}
    precedents: list[Precedent] = []
    lives = [Watched(name, told, precedents) for name in ("one", "other")]
    for life in lives:
        life.begin(beginning)
    for which, number, seconds in moves:
        lives[which].move(number, seconds)


def test_a_note_in_a_duty_of_the_calendar_may_be_copied_from() -> None:
    duty = Case(NOW, signs=[COPIED])
    opened = do.Open(actor=do.Actor(unit=do.ENGINE), duty="monthly-account", unit="water", opens_at=NOW)
    duty.id = str(derived_id("duty"))
    duty.apply(opened)
    duty.done(do.Progress, "water", note="half done")
    told = another(duty, "problem")
    told.done(do.Acknowledge, "water")
    assert seen(told.done(do.Progress, "water", note="half done")) == [("copied", "water", None)]


# What signs set off


def test_a_sign_sets_off_a_measure_against_the_unit_that_has_shown_it() -> None:
    told = case(COPIED, triggers=[trigger("sign_seen:copied", times=2, once=True)])
    told.done(do.Acknowledge, "water")
    told.done(do.Progress, "water", note="half done")
    other = another(told, "other")
    other.done(do.Acknowledge, "water")
    assert taken(other.done(do.Progress, "water", note="half done")) == []
    assert taken(other.done(do.Progress, "water", note="half done")) == [("gaming", "water")]
    assert taken(other.done(do.Progress, "water", note="half done")) == []
    assert other.problem.signs["copied"] == Mark(at=NOW, version=other.problem.version, times=3)


def test_a_trigger_that_counts_within_a_time_takes_the_so_many_th_in_it() -> None:
    told = case(triggers=[trigger("sent_back", times=2, within={"days": 10})])
    told.done(do.Acknowledge, "water")
    sent_back = []
    for days in (0, 11, 10, 30):
        told.advance(days=days)
        told.done(do.Complete, "water", outcome="rectified")
        sent_back.append(taken(told.done(do.Verify, "office", passed=False, reason="still foul")))
    assert sent_back == [[], [], [("gaming", "water")], []]


# What counts beyond a problem


def test_an_enterprise_is_counted_by_its_problems_under_any_spelling_of_its_name() -> None:
    twice = trigger("verified", times=2, per="enterprise", outcomes=["penalized"], to=["@lead"])
    told = case(triggers=[twice])

    def verified(name: str, enterprise: str | None, outcome: str = "penalized") -> list[c.Change]:
        problem = another(told, name, enterprise=enterprise)
        problem.done(do.Acknowledge, "water")
        problem.done(do.Complete, "water", outcome=outcome, items=["EN-01"])
        return happened(problem.done(do.Verify, "office", passed=True))

    assert len(verified("first", "Acme 化工")) == 1
    assert len(verified("in order", "Acme 化工", "unfounded")) == 1, "what does not fit does not count"
    assert len(verified("nobody", None)) == 1
    assert len(verified("stranger", "Acme 化纤")) == 1
    _, measured = verified("second", "ACME化\u200b工 ")
    assert isinstance(measured, c.Measured)
    assert (measured.owner, measured.counted) == ("water", (derived_id("first"),))


def test_a_problem_counts_once_however_often_it_happens_to_it() -> None:
    told = case(triggers=[trigger("sent_back", times=2, per="enterprise")])
    one, other = another(told, "one", enterprise="Acme"), another(told, "other", enterprise="Acme")

    def sent_back(problem: Case) -> list[tuple[str, str]]:
        problem.done(do.Complete, "water", outcome="rectified")
        return taken(problem.done(do.Verify, "office", passed=False, reason="still foul"))

    assert [sent_back(problem) for problem in (one, one, other, other, one)] == [[], [], [("gaming", "water")], [], []]


def test_a_unit_is_counted_with_what_it_did_itself() -> None:
    told = case(triggers=[trigger("handed_back", times=2, per="unit", within={"days": 30})])
    assert taken(told.done(do.HandBack, "water", **BACK)) == []
    other = another(told, "other")
    assert taken(other.done(do.HandBack, "water", **BACK)) == [("gaming", "water")]
    third = another(told, "third")
    third.done(do.Dispatch, "office", lead_unit="north", clause="art. 2")
    assert taken(third.done(do.HandBack, "north", **BACK)) == []


@pytest.mark.parametrize("once", [False, True])
def test_in_whatever_order_they_are_written_the_last_one_completes_the_number(*, once: bool) -> None:
    """Three within ten days: of four instants the first three, whichever of them the ledger gets last."""
    rule = Trigger.model_validate(trigger("registered", times=3, per="enterprise", within={"days": 10}, once=once))
    under = Count("smallville", "trigger/gaming", "acme")
    days = {"a": 0, "b": 4, "c": 9, "d": 25}
    events = {name: Precedent(under, derived_id(name), 1, NOW + timedelta(days=day)) for name, day in days.items()}
    for order in permutations(days):
        written: list[Precedent] = []
        completed = []
        for name in order:
            if so_many(rule, events[name], written, small_rules().calendar) is not None:
                completed.append(name)
            written.append(events[name])
        assert completed == [[name for name in order if name != "d"][-1]], order


def test_a_problem_that_counted_at_another_time_counts_anew() -> None:
    """Of a (day 0), b (6), c (10.5) and again a (9) the last three lie within ten days, and a completes them."""
    rule = Trigger.model_validate(trigger("sent_back", times=3, per="enterprise", within={"days": 10}))
    under = Count("smallville", "trigger/gaming", "acme")
    first, b, c_, again = (
        Precedent(under, derived_id(name), version, NOW + timedelta(days=day))
        for name, version, day in (("a", 5, 0), ("b", 5, 6), ("c", 5, 10.5), ("a", 9, 9))
    )
    assert so_many(rule, c_, [first, b], small_rules().calendar) is None
    assert so_many(rule, again, [first, b, c_], small_rules().calendar) == (derived_id("b"), derived_id("c"))


def test_what_completes_no_number_within_the_time_takes_nothing_in_any_order() -> None:
    rule = Trigger.model_validate(trigger("registered", times=3, per="enterprise", within={"days": 10}))
    under = Count("smallville", "trigger/gaming", "acme")
    events = [Precedent(under, derived_id(day), 1, NOW + timedelta(days=day)) for day in (0, 6, 11)]
    for order in permutations(events):
        for index, event in enumerate(order):
            assert so_many(rule, event, order[:index], small_rules().calendar) is None


# What a pack may not say


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"per": "enterprise"}, "`per` counts nothing with `times: 1`"),
        ({"within": {"days": 3}}, "`within` counts nothing with `times: 1`"),
    ],
)
def test_a_trigger_that_counts_says_to_how_many(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Trigger.model_validate(trigger("reopened", **words))


def test_lint_says_which_signs_change_nothing() -> None:
    told = case(RUSHED, COPIED, triggers=[trigger("sign_seen:copied")])
    codes = {(entry.code, entry.path) for entry in advice(told.rules.pack, None) if entry.code == "sign_unused"}
    assert codes == {("sign_unused", "signs.0")}
