"""The laws of assessment: what counts as on time, what no manoeuvre polishes, and what bulletins say of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.envelope import derived_id
from duban.messages.records import Event
from duban.messages.report import Location
from duban.moves import Status
from duban.policy import Rules
from duban.policy.model.assessment import Assessment, Bulletin
from duban.policy.model.ladder import MeasureKind, Obligation
from duban_console.assessment.claims import Timeliness, Verdict
from duban_console.assessment.histories import follow, histories
from duban_console.assessment.selection import chosen
from duban_console.assessment.sheet import Sheet, compiled
from duban_console.assessment.sheet_formats import to_csv, to_geojson, to_json
from tests.given import Case, report, small_rules

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 local
LIMIT = datetime(2022, 4, 20, 2, tzinfo=UTC)  # ten working days later
TICK = timedelta(microseconds=1)
SEAL = {"uri": "file:///photo.jpg", "sha256": "0" * 64}
DAY = timedelta(hours=14)  # to the end of the local day
KINDS = ["bulletin", "account", "exposure", "ledger", "problems", "responsibilities", "tasks", "wall-chart"]
COUNTED = [{"column": "duties"}, {"column": "duties_on_time"}]
KEEP_PLAN = {
    "id": "keep-plan", "title": {"en": "Keep the plan"}, "owner": "@lead", "running": ["underway"],
    "since": ["planned"], "until": "plan_due", "categories": ["river"], "ladder": "standard", "basis": "practice",
}  # fmt: skip


@cache
def rules() -> Rules:
    """The small pack with four obligations for the river, none for noise, and exposure in place of the interview."""
    small = small_rules()
    kept = [one for one in small.pack.obligations if one.id in ("acknowledge", "rectify", "progress")]
    river = [one.model_copy(update={"categories": ("river",)}) for one in kept]
    exposed = [
        one.model_copy(update={"kind": MeasureKind.EXPOSURE}) if one.id == "interview" else one
        for one in small.pack.measures
    ]
    changed: dict[str, Any] = {
        "obligations": (*river, Obligation.model_validate(KEEP_PLAN)), "measures": tuple(exposed), "gate": None,
        "triggers": (), "plan_changes": "filed",
    }  # fmt: skip
    return Rules(small.pack.model_copy(update=changed), small.calendar)


class Story(Case):
    """A problem under the rules above, whose deadlines escalate by themselves as time goes on."""

    def __init__(self, number: int = 0, **changed: Any) -> None:
        super().__init__(AT)
        self.id, self.allocated = str(derived_id("case", number)), max(number - 1, 0)
        self.rules = rules()
        self.registered(report(**{"area": "north", **changed}))

    def until(self, at: datetime) -> Story:
        """Time goes on to ``at``; whatever falls due until then is taken."""
        while self.problem.deadlines and min(one.due_at for one in self.problem.deadlines) <= at:
            soonest = min(self.problem.deadlines, key=lambda one: one.due_at)
            self.now = max(self.now, soonest.due_at)
            assert not hasattr(self.escalate(soonest), "code")
        self.now = at
        return self

    def acknowledged(self, unit: str = "water") -> Story:
        self.done(do.Acknowledge, unit)
        return self

    def completed(self, unit: str = "water") -> Story:
        self.done(do.Complete, unit, outcome="rectified")
        return self

    def handed_back(self, unit: str = "water") -> Story:
        self.done(do.HandBack, unit, reason="not ours", clause="art. 2", evidence=[SEAL])
        return self

    def dispatched(self, unit: str) -> Story:
        self.done(do.Dispatch, "office", lead_unit=unit, clause="art. 1")
        return self

    def happened(self, change: c.Change) -> Story:
        """Add what the ledger says, without asking whether it may."""
        actor = do.Actor(unit="office")
        last = self.events[-1]
        event = Event(
            problem_id=last.problem_id, version=last.version + 1, at=self.now, actor=actor, command="x", change=change
        )
        self.events.append(event)
        return self

    def verdicts(self, as_of: datetime) -> list[Verdict]:
        past = [event for event in self.events if event.at < as_of]
        return follow(past, lambda _: self.rules, as_of).verdicts

    def timeliness(self, obligation: str, unit: str, as_of: datetime) -> Timeliness | None:
        found = [one.timeliness for one in self.verdicts(as_of) if (one.obligation, one.unit) == (obligation, unit)]
        assert len(found) <= 1
        return found[0] if found else None


def bulletin(kind: str, **changed: Any) -> Bulletin:
    fields = {"id": kind, "kind": kind, "title": {"en": "From {first} to {last}"}, "period": "monthly"}
    return Bulletin.model_validate({**fields, "recipients": ["@units"], "basis": "practice", **changed})


def sheet(stories: Iterable[Case], asked: Bulletin, as_of: datetime, assessment: Assessment | None = None) -> Sheet:
    events = sorted((event for one in stories for event in one.events), key=lambda one: (one.problem_id, one.version))
    found = histories(events, lambda _: rules(), "smallville", as_of)
    return compiled(asked, assessment, found, rules(), as_of, language="en")


def row(compiled_: Sheet, unit: str | None) -> dict[str, Any]:
    return next(one for one in compiled_.rows if one["unit_id"] == unit)


class TestOnTime:
    @pytest.mark.parametrize(
        ("off", "timeliness"), [(-TICK, Timeliness.ON_TIME), (0 * TICK, Timeliness.ON_TIME), (TICK, Timeliness.LATE)]
    )
    def test_what_is_done_at_the_limit_is_on_time_and_a_microsecond_later_late(
        self, off: timedelta, timeliness: Timeliness
    ) -> None:
        story = Story().acknowledged()
        story.now = LIMIT + off
        assert story.completed().timeliness("rectify", "water", LIMIT + timedelta(days=1)) is timeliness

    @pytest.mark.parametrize(("off", "timeliness"), [(0 * TICK, None), (TICK, Timeliness.LATE)])
    def test_what_is_not_done_is_late_once_the_limit_has_passed_and_nothing_before(
        self, off: timedelta, timeliness: Timeliness | None
    ) -> None:
        assert Story().timeliness("rectify", "water", LIMIT + off) is timeliness

    def test_work_that_is_sent_back_was_not_done(self) -> None:
        story = Story().acknowledged().completed()
        story.advance(minutes=5)
        story.done(do.Verify, "office", passed=False, reason="still foul")
        story.until(LIMIT + timedelta(days=1))
        assert story.timeliness("rectify", "water", story.now) is Timeliness.LATE

    def test_the_time_that_a_reviewer_takes_is_not_the_handlers(self) -> None:
        story = Story().acknowledged().completed()
        story.advance(days=30)
        story.done(do.Verify, "office", passed=False, reason="still foul")
        story.advance(hours=1)
        assert story.completed().timeliness("rectify", "water", story.now + TICK) is Timeliness.ON_TIME

    def test_a_plan_filed_anew_does_not_move_the_first_date(self) -> None:
        story = Story().acknowledged()
        plan = {"person": "Li", "target": "clean", "measures": ["dig"]}
        story.done(do.Plan, "water", plan={**plan, "due_at": AT + timedelta(days=2)})
        story.advance(days=1)
        story.done(do.Plan, "water", plan={**plan, "due_at": AT + timedelta(days=40)})
        story.advance(days=2)
        assert story.completed().timeliness("keep-plan", "water", story.now + TICK) is Timeliness.LATE

    def test_many_notes_make_one_obligation(self) -> None:
        story = Story().acknowledged()
        for number in range(20):
            story.advance(hours=1)
            story.done(do.Progress, "water", note=f"step {number}")
        found = row(sheet([story], bulletin("bulletin", columns=[{"column": "due"}]), AT + timedelta(days=3)), "water")
        assert found["due"] == 2  # acknowledge and progress

    def test_one_late_note_is_not_made_good_by_many_in_time(self) -> None:
        story = Story().acknowledged().until(AT + timedelta(days=8))
        for number in range(5):
            story.done(do.Progress, "water", note=f"step {number}")
            story.advance(hours=1)
        found = row(sheet([story], bulletin("bulletin"), story.now), "water")
        assert (found["due"], found["on_time"], found["late"], found["overdue"]) == (2, 1, 1, 0)

    def test_what_has_no_deadline_is_neither_on_time_nor_late(self) -> None:
        story = Story(category="noise").acknowledged("north").completed("north")
        columns = [{"column": one} for one in ("completed", "on_time", "late", "no_deadline", "on_time_rate")]
        found = row(sheet([story], bulletin("bulletin", columns=columns), AT + timedelta(days=1)), "north")
        assert found == {
            "unit_id": "north", "completed": 1, "on_time": 0, "late": 0, "no_deadline": 1, "on_time_rate": None,
        }  # fmt: skip


class TestHandBacks:
    def test_a_hand_back_gives_no_new_clock_to_whom_the_problem_returns(self) -> None:
        honest = Story().acknowledged()
        honest.now = LIMIT + timedelta(hours=2)
        honest.completed()
        bouncing = Story().acknowledged()
        bouncing.now = LIMIT - timedelta(minutes=10)
        bouncing.handed_back()
        bouncing.advance(minutes=1)
        bouncing.dispatched("water").acknowledged()
        bouncing.now = LIMIT + timedelta(hours=2)
        bouncing.completed()
        as_of = LIMIT + timedelta(days=1)
        assert (
            honest.timeliness("rectify", "water", as_of)
            is bouncing.timeliness("rectify", "water", as_of)
            is Timeliness.LATE
        )

    def test_an_acknowledgement_is_owed_since_the_first_receipt(self) -> None:
        story = Story()
        story.advance(hours=20)
        story.handed_back().dispatched("water")
        story.advance(hours=5)
        assert story.timeliness("acknowledge", "water", story.now) is Timeliness.LATE
        assert story.acknowledged().timeliness("acknowledge", "water", story.now + TICK) is Timeliness.LATE

    def test_who_hands_back_in_time_is_neither_on_time_nor_late(self) -> None:
        story = Story()
        story.advance(hours=2)
        story.handed_back()
        assert story.verdicts(AT + timedelta(days=60))[0].unit == "office"
        assert {one.unit for one in story.verdicts(AT + timedelta(days=60))} == {"office"}

    def test_who_hands_back_too_late_was_late(self) -> None:
        story = Story()
        story.until(AT + timedelta(days=3))
        story.handed_back().dispatched("north")
        assert story.timeliness("acknowledge", "water", story.now + TICK) is Timeliness.LATE

    @settings(max_examples=60, deadline=None)
    @given(
        held=st.integers(1, 30 * 24 * 60),
        lying=st.integers(0, 600),
        again=st.booleans(),
        needed=st.integers(1, 12 * 60),
    )
    def test_ping_pong_lowers_nobody_elses_rate_and_does_not_raise_ones_own(
        self, held: int, lying: int, again: bool, needed: int
    ) -> None:
        story = Story()
        story.acknowledged()
        story.advance(minutes=held)
        if again:
            story.handed_back().dispatched("water").acknowledged()
        story.handed_back()
        story.advance(minutes=lying)
        story.dispatched("north").acknowledged("north")
        story.advance(minutes=needed)
        story.completed("north")
        as_of = story.now + TICK
        assert story.timeliness("rectify", "north", as_of) is Timeliness.ON_TIME
        assert story.timeliness("rectify", "office", as_of) is None
        late = AT + timedelta(minutes=held) > LIMIT
        assert story.timeliness("rectify", "water", as_of) is (Timeliness.LATE if late else None)

    def test_hand_backs_stand_beside_the_rate_and_each_holder_is_charged_its_own_time(self) -> None:
        story = Story().acknowledged()
        story.advance(hours=2)
        story.handed_back().dispatched("north")
        story.advance(hours=4)  # an hour of them is the midday break
        columns = [{"column": one} for one in ("hand_backs", "held_hours", "open")]
        found = sheet([story], bulletin("bulletin", columns=columns), story.now)
        assert row(found, "water") == {"unit_id": "water", "hand_backs": 1, "held_hours": 2.0, "open": 0}
        assert row(found, "north") == {"unit_id": "north", "hand_backs": 0, "held_hours": 3.0, "open": 1}


class TestGrace:
    def story(self) -> Story:
        story = Story().acknowledged()
        story.now = LIMIT - timedelta(days=1)
        return story.happened(c.Extended(obligation="rectify"))

    def test_an_extension_is_a_verdict_of_its_own_and_does_not_polish_the_rate(self) -> None:
        story = self.story()
        story.now = LIMIT + timedelta(days=1)
        columns = [
            {"column": one} for one in ("on_time", "extended", "late", "on_time_rate", "kept_rate", "extensions")
        ]
        story.happened(c.Completed(outcome="rectified"))
        found = row(sheet([story], bulletin("bulletin", columns=columns), LIMIT + timedelta(days=2)), "water")
        assert (found["extended"], found["extensions"]) == (1, 1)
        # In the same month it acknowledged on time; of the progress that it owed it said nothing in time.
        assert (found["on_time"], found["late"]) == (1, 1)
        assert (found["on_time_rate"], found["kept_rate"]) == (33.3, 66.7)

    def test_what_lapses_in_spite_of_its_extension_is_late_from_then_on(self) -> None:
        story = self.story()
        lapse_at = LIMIT + timedelta(days=7)
        assert story.timeliness("rectify", "water", lapse_at) is Timeliness.EXTENDED
        story.now = lapse_at
        escalated: dict[str, Any] = {
            "obligation": "rectify",
            "generation": 1,
            "level": 2,
            "measure": "bulletin",
            "to": ("water",),
        }
        story.happened(c.Escalated(due_at=lapse_at, lapse_at=lapse_at, **escalated))
        found = [one for one in story.verdicts(lapse_at + TICK) if one.obligation == "rectify"]
        assert [(one.timeliness, one.judged_at) for one in found] == [(Timeliness.LATE, lapse_at)]

    def test_a_pause_does_not_polish_the_rate_either(self) -> None:
        story = Story().acknowledged()
        story.happened(c.Paused(ground="weather"))
        story.now = LIMIT + timedelta(days=1)
        story.happened(c.Resumed()).happened(c.Completed(outcome="rectified"))
        assert story.timeliness("rectify", "water", story.now + TICK) is Timeliness.EXTENDED


class TestOthers:
    def test_a_part_is_owed_by_its_co_unit_alone(self) -> None:
        story = Story()
        part = next(one for one in small_rules().pack.obligations if one.id == "part")
        story.rules = Rules(rules().pack.model_copy(update={"obligations": (part,)}), rules().calendar)
        story.acknowledged()
        story.now = LIMIT - timedelta(days=4)
        story.done(do.FinishPart, "north")
        assert story.timeliness("part", "north", LIMIT) is Timeliness.ON_TIME
        assert story.timeliness("part", "water", LIMIT) is None

    def test_a_duty_counts_as_owed_but_not_as_a_problem(self) -> None:
        account = Story()
        opened = c.Opened(
            jurisdiction="smallville", number="D-1", pack="small@1", duty="monthly-account", title="Monthly account",
            unit="water", opens_at=AT,
        )  # fmt: skip
        account.events = [
            Event(
                problem_id=derived_id("duty"),
                version=1,
                at=AT,
                actor=do.Actor(unit="duban"),
                command="1",
                change=opened,
            )
        ]
        found = row(sheet([account], bulletin("bulletin"), AT + timedelta(days=9)), "water")
        assert (found["due"], found["late"], found["overdue"]) == (1, 1, 1)
        assert (found["received"], found["open"], found["held_hours"]) == (0, 0, 0.0)
        assert sheet([account], bulletin("ledger"), AT + timedelta(days=9)).rows == ()


class TestDuties:
    def opened(self, number: int, unit: str = "water", duty: str = "monthly-account", **changed: Any) -> Story:
        """A duty of the calendar, opened on April 6 and due a few working days later."""
        opens_at = changed.get("opens_at", AT)
        change = c.Opened(
            jurisdiction="smallville", number=f"D-{number}", pack="small@1", duty=duty, title=duty, unit=unit,
            opens_at=opens_at,
        )  # fmt: skip
        story = Story(number)
        first = struct.replace(
            story.events[0], problem_id=derived_id("duty", number), version=1, at=opens_at, change=change
        )
        story.events, story.now = [first], opens_at
        return story

    def handed_in(self, story: Story, after: timedelta) -> Story:
        story.now += after
        return story.happened(c.Completed(outcome="done"))

    def test_the_rate_of_duties_is_what_was_submitted_in_time_of_what_was_due(self) -> None:
        duties = [
            self.handed_in(self.opened(1), timedelta(hours=1)),
            self.handed_in(self.opened(2), timedelta(days=20)),
        ]
        duties += [self.opened(3), self.opened(4, unit="north")]
        problem = Story(5).acknowledged()
        by = assessment(("duty_rate", 100, 100, 0))
        found = sheet([*duties, problem], bulletin("scores"), AT + timedelta(days=24), by)
        assert row(found, "water")["duty-rate"] == 33.3
        assert row(found, "north")["duty-rate"] == 0.0
        counted = sheet([*duties, problem], bulletin("bulletin", columns=COUNTED), AT + timedelta(days=24))
        assert (row(counted, "water")["duties"], row(counted, "water")["duties_on_time"]) == (3, 1)

    def test_what_is_not_due_yet_counts_for_nobody(self) -> None:
        by = assessment(("duty_rate", 100, 100, 0))
        found = sheet([self.opened(1)], bulletin("scores"), AT + timedelta(hours=1), by)
        assert (row(found, "water")["duty-rate"], row(found, "water")["score"]) == (None, None)
        counted = sheet([self.opened(1)], bulletin("bulletin", columns=COUNTED), AT + timedelta(hours=1))
        assert row(counted, None)["duties"] == 0

    def test_only_the_duties_named_count(self) -> None:
        duties = [self.handed_in(self.opened(1), timedelta(hours=1)), self.opened(2, duty="daily-report")]
        both = assessment(("duty_rate", 100, 100, 0))
        one = Assessment.model_validate(
            {**both.model_dump(exclude_none=True),
             "indicators": [{**both.indicators[0].model_dump(exclude_none=True), "duties": ["monthly-account"]}]}
        )  # fmt: skip
        as_of = AT + timedelta(days=20)
        assert row(sheet(duties, bulletin("scores"), as_of, both), "water")["duty-rate"] == 50.0
        assert row(sheet(duties, bulletin("scores"), as_of, one), "water")["duty-rate"] == 100.0

    def test_what_is_only_handed_in_does_not_dilute_what_is_sent_back(self) -> None:
        story = Story(1).acknowledged().completed()
        story.done(do.Verify, "office", passed=False, reason="still foul")
        duties = [self.handed_in(self.opened(number), timedelta(hours=1)) for number in range(2, 6)]
        by = assessment(("sent_back_rate", 100, 0, 100))
        found = sheet([story, *duties], bulletin("scores"), AT + timedelta(days=1), by)
        assert row(found, "water")["sent-back-rate"] == 100.0


class TestLists:
    PLAN: ClassVar = {"person": "Li", "target": "clean", "measures": ["dig", "plant"]}

    def planned(self, number: int, days: int, *milestones: int, **changed: Any) -> Story:
        stages = [{"title": f"stage {day}", "due_at": AT + timedelta(days=day)} for day in milestones]
        story = Story(number, **changed).acknowledged()
        story.done(do.Plan, "water", plan={**self.PLAN, "due_at": AT + timedelta(days=days), "milestones": stages})
        return story

    def standing(self, story: Story, as_of: datetime) -> tuple[Any, Any]:
        asked = bulletin("wall-chart", columns=[{"column": "standing"}, {"column": "days_behind"}])
        (found,) = sheet([story], asked, as_of).rows
        return found["standing"], found["days_behind"]

    @pytest.mark.parametrize(
        ("off", "found"), [(0 * TICK, ("on the way", None)), (TICK, ("behind by 1 d", 1)), (DAY, ("behind by 1 d", 1))]
    )
    def test_a_plan_is_behind_once_its_date_has_passed(self, off: timedelta, found: tuple[str, int | None]) -> None:
        assert self.standing(self.planned(1, 3), AT + timedelta(days=3) + off) == found

    def test_the_earliest_date_that_was_missed_counts(self) -> None:
        story = self.planned(1, 30, 2, 4)
        assert self.standing(story, AT + timedelta(days=7)) == ("behind by 5 d", 5)
        story.advance(days=5)
        story.done(do.ReachMilestone, "water", evidence=[SEAL])
        assert self.standing(story, AT + timedelta(days=7)) == ("behind by 3 d", 3)
        story.done(do.ReachMilestone, "water", evidence=[SEAL])
        assert self.standing(story, AT + timedelta(days=7)) == ("on the way", None)

    def test_what_is_completed_is_done_and_what_is_sent_back_is_not(self) -> None:
        story = self.planned(1, 3)
        story.advance(days=4)
        story.completed()
        assert self.standing(story, story.now + TICK) == ("done", None)
        story.done(do.Verify, "office", passed=False, reason="still foul")
        assert self.standing(story, story.now + TICK) == ("behind by 1 d", 1)

    def test_what_rests_is_not_behind(self) -> None:
        story = self.planned(1, 3).happened(c.Paused(ground="weather"))
        assert self.standing(story, AT + timedelta(days=9)) == ("paused", None)

    def test_a_plan_filed_anew_begins_nothing_anew_and_one_of_another_unit_does(self) -> None:
        story = self.planned(1, 30)
        asked = bulletin("wall-chart", columns=[{"column": "planned_from"}, {"column": "planned_to"}])
        story.advance(days=2)
        story.done(do.Plan, "water", plan={**self.PLAN, "due_at": AT + timedelta(days=40)})
        (found,) = sheet([story], asked, story.now + TICK).rows
        assert (found["planned_from"], found["planned_to"]) == ("2022-04-06", "2022-05-16")
        story.handed_back().dispatched("north").acknowledged("north")
        story.advance(days=1)
        story.done(do.Plan, "north", plan={**self.PLAN, "due_at": AT + timedelta(days=20)})
        (found,) = sheet([story], asked, story.now + TICK).rows
        assert (found["planned_from"], found["planned_to"]) == ("2022-04-09", "2022-04-26")

    def test_the_chart_goes_by_date_and_has_only_what_is_planned(self) -> None:
        stories = [self.planned(1, 30), self.planned(2, 10), Story(3)]
        asked = bulletin("wall-chart", columns=[{"column": "number"}])
        found = sheet(stories, asked, AT + timedelta(days=1))
        assert [one["number"] for one in found.rows] == ["SV-2022-0002", "SV-2022-0001"]

    def test_tasks_are_what_is_open_the_nearest_limit_first_and_what_has_none_last(self) -> None:
        unlimited, late, fresh = Story(1, category="noise"), Story(2), Story(3)
        unlimited.acknowledged("north")
        late.acknowledged()
        fresh.advance(days=1)
        closed = Story(4).acknowledged().completed().happened(c.StruckOff())
        asked = bulletin("tasks", columns=[{"column": one} for one in ("number", "obligation", "owner", "due_on")])
        found = sheet([unlimited, late, fresh, closed], asked, AT + timedelta(days=1))
        assert [tuple(one.values())[1:] for one in found.rows] == [
            ("SV-2022-0003", "Acknowledge", "Water bureau", "2022-04-07"),
            ("SV-2022-0002", "Say how far it is", "Water bureau", "2022-04-13"),
            ("SV-2022-0001", None, None, None),
        ]

    def test_problems_are_what_was_open_in_the_period(self) -> None:
        stories = [Story(1), Story(2).acknowledged().completed().happened(c.StruckOff())]
        asked = bulletin("problems", columns=[{"column": "number"}, {"column": "status"}])
        told = [tuple(one.values())[1:] for one in sheet(stories, asked, AT + timedelta(days=1)).rows]
        assert told == [("SV-2022-0001", "dispatched"), ("SV-2022-0002", "struck off")]
        assert len(sheet(stories, asked, AT + timedelta(days=30)).rows) == 1

    def test_a_unit_answers_for_what_it_leads_and_joins_and_the_office_for_what_waits(self) -> None:
        led, joined, waiting = self.planned(1, 9), Story(2, category="noise"), Story(3)
        led.done(do.Sponsor, "office", sponsor="the mayor")
        waiting.handed_back()
        found = sheet([led, joined, waiting], bulletin("responsibilities"), AT + timedelta(hours=1))
        water = row(found, "water")
        assert (water["leads"], water["joins"]) == ("SV-2022-0001", "SV-2022-0002")
        assert (water["clause"], water["sponsor"], water["person"]) == ("art. 1; art. 2", "the mayor", "Li")
        assert row(found, "office")["leads"] == "SV-2022-0003"
        # North joins what lies in its territory, and leads the noise of it.
        assert (row(found, "north")["leads"], row(found, "north")["joins"]) == ("SV-2022-0002", "SV-2022-0001")
        assert [one["unit_id"] for one in found.rows] == ["office", "water", "north"]

    def test_nobody_answers_any_more_for_what_left_the_ledger_before_the_period(self) -> None:
        closed = Story(1).acknowledged().completed().happened(c.StruckOff())
        assert row(sheet([closed], bulletin("responsibilities"), AT + DAY), "water")["leads"] == "SV-2022-0001"
        assert sheet([closed], bulletin("responsibilities"), AT + timedelta(days=30)).rows == ()

    def test_what_is_open_and_lies_somewhere_is_on_the_map(self) -> None:
        place = Location(latitude=31.5, longitude=104.7)
        stories = [
            Story(1, location=place), Story(2), Story(3, location=place).acknowledged().completed(),
        ]  # fmt: skip
        stories[2].happened(c.StruckOff())
        asked = bulletin("problems", columns=[{"column": "number", "title": {"en": "No."}}])
        found = orjson.loads(to_geojson(sheet(stories, asked, AT + timedelta(hours=1))))
        assert found["features"] == [
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [104.7, 31.5]},
             "properties": {"No.": "SV-2022-0001"}}
        ]  # fmt: skip
        units = orjson.loads(to_geojson(sheet(stories, bulletin("bulletin"), AT + timedelta(hours=1))))
        assert units["features"] == []


class TestAsOf:
    def stories(self) -> list[Story]:
        first = Story(1).acknowledged()
        first.until(LIMIT + timedelta(days=9)).completed()
        second = Story(2)
        second.advance(hours=1)
        second.handed_back().dispatched("south").acknowledged("south")
        second.until(AT + timedelta(days=9)).completed("south")
        third = Story(3, category="noise").acknowledged("north")
        return [first, second, third]

    @settings(max_examples=40, deadline=None)
    @given(hours=st.integers(1, 40 * 24), kind=st.sampled_from(KINDS))
    def test_a_bulletin_has_the_same_bytes_whatever_happened_later(self, hours: int, kind: str) -> None:
        stories, as_of = self.stories(), AT + timedelta(hours=hours)
        whole = sheet(stories, bulletin(kind), as_of)
        for story in stories:
            story.events = [event for event in story.events if event.at < as_of]
        known = sheet(stories, bulletin(kind), as_of)
        assert to_json(whole) == to_json(known)
        assert to_csv(whole) == to_csv(known)


class TestSheets:
    def test_the_account_says_what_was_due_done_and_overdue_and_why_or_that_nobody_said(self) -> None:
        told = Story(1).acknowledged()
        told.advance(days=1)
        told.done(do.Progress, "water", note="the pipe has not been delivered")
        told.until(LIMIT + timedelta(days=1))
        silent = Story(2)
        silent.until(LIMIT + timedelta(days=1))
        found = row(sheet([told, silent], bulletin("account"), told.now), "water")
        # Of each: acknowledge, rectify; of the first also progress, once in time and once not.
        assert (found["due"], found["done"], found["overdue"]) == (5, 1, 4)
        assert found["reasons"] == "SV-2022-0002: no reason given; SV-2022-0001: the pipe has not been delivered"

    def test_the_exposure_list_has_what_was_exposed_and_what_is_overdue_by_long(self) -> None:
        late = Story(1, title="late").acknowledged()
        late.until(LIMIT + timedelta(hours=1))  # a bulletin, but no exposure yet
        asked = bulletin("exposure", only={"overdue_by": {"working_days": 1}})
        day_later = late.now + timedelta(days=1)
        overdue = sheet([late], asked, day_later)
        assert [one["title"] for one in overdue.rows] == ["late"]
        quick = Story(2, title="quick").acknowledged()
        quick.advance(hours=1)
        assert sheet([quick], asked, quick.now).rows == ()

    def test_a_list_says_nothing_that_tells_who_a_reporter_is(self) -> None:
        story = Story(1, title="smoke, call 13000000000").acknowledged()
        story.until(LIMIT + timedelta(days=2))
        found = sheet([story], bulletin("exposure"), story.now)
        assert [one["title"] for one in found.rows] == ["smoke, call ***"]

    def test_what_was_exposed_stays_on_the_list_of_its_month_when_it_is_done(self) -> None:
        story = Story()
        story.until(AT + timedelta(days=6)).completed()
        asked = bulletin("exposure", columns=[{"column": "number"}, {"column": "exposed_on"}])
        assert [one["exposed_on"] for one in sheet([story], asked, story.now + TICK).rows] == ["2022-04-11"]
        assert sheet([story], asked, story.now + timedelta(days=30)).rows == ()

    def test_an_exposure_that_waits_for_approval_is_on_no_list(self) -> None:
        story = Story(category="noise")
        waiting = c.Measured(ground="rebound", measure="interview", to=("north",), approval="office")
        story.happened(waiting)
        assert sheet([story], bulletin("exposure"), story.now + TICK).rows == ()
        story.advance(hours=1)
        story.happened(c.Approved(version=story.events[-1].version, measure="interview", to=("north",)))
        assert len(sheet([story], bulletin("exposure"), story.now + TICK).rows) == 1

    def test_the_ledger_goes_by_class_in_the_order_of_the_pack(self) -> None:
        noise, river = Story(1, category="noise", title="noise"), Story(2, title="river")
        found = sheet([noise, river], bulletin("ledger"), AT + timedelta(hours=1))
        assert [one["title"] for one in found.rows] == ["river", "noise"]
        assert (found.rows[0]["clause"], found.rows[0]["due_on"]) == ("art. 1", "2022-04-07")

    def test_only_what_is_asked_for_counts(self) -> None:
        stories = [Story(1), Story(2, category="noise")]
        found = sheet(stories, bulletin("ledger", only={"categories": ["noise"]}), AT + timedelta(hours=1))
        assert [one["category"] for one in found.rows] == ["Noise"]
        assert sheet(stories, bulletin("ledger", only={"stages": ["closed"]}), AT + timedelta(hours=1)).rows == ()

    def test_units_is_everybody_who_stands_in_it(self) -> None:
        found = sheet([Story(1), Story(2, category="noise")], bulletin("bulletin"), AT + timedelta(hours=1))
        assert found.recipients == ("water", "north")

    def test_a_cell_of_a_csv_is_never_a_formula(self) -> None:
        found = sheet([Story(title="=1+1")], bulletin("ledger", columns=[{"column": "title"}]), AT + timedelta(hours=1))
        assert to_csv(found) == b"Problem\r\n'=1+1\r\n"
        assert to_csv(found, bom=True).startswith(b"\xef\xbb\xbfProblem")

    def test_a_pack_without_bulletins_gets_the_usual_ones_as_drafts(self) -> None:
        usual = chosen(rules().pack, "account")
        assert usual.needs_approval
        assert sheet([Story()], usual, AT + timedelta(hours=1)).title == "Account, 2022-04-01 to 2022-04-06"
        with pytest.raises(LookupError, match="has no bulletin nothing"):
            chosen(rules().pack, "nothing")


def assessment(*indicators: tuple[str, int, float, float], **changed: Any) -> Assessment:
    made = [
        {"id": kind.replace("_", "-"), "kind": kind, "title": {"en": kind}, "weight": weight, "full_at": full_at,
         "zero_at": zero_at, "basis": "practice"}
        for kind, weight, full_at, zero_at in indicators
    ]  # fmt: skip
    return Assessment.model_validate({"indicators": made, "own_channels": ["patrol"], "basis": "practice", **changed})


class TestScores:
    def test_points_lie_in_proportion_between_the_marks_and_units_are_ranked(self) -> None:
        good = Story(1).acknowledged().completed()
        bad = Story(2)
        bad.advance(hours=1)
        bad.handed_back().dispatched("south")
        bad.until(AT + timedelta(days=30))
        columns = [{"column": "rank"}, {"column": "score"}, {"column": "measured"}]
        asked = bulletin("scores", columns=columns, period="yearly")
        by = assessment(("on_time_rate", 60, 100, 50), ("hand_back_rate", 40, 0, 100))
        found = sheet([good, bad], asked, bad.now, by)
        assert [key for key, _ in found.columns] == [
            "rank", "on-time-rate", "on-time-rate.points", "hand-back-rate", "hand-back-rate.points", "score",
            "measured",
        ]  # fmt: skip
        # One of two problems given to water came back: 20 of 40 points. South was late with all, and returned nothing.
        assert (row(found, "water")["hand-back-rate.points"], row(found, "water")["score"]) == (20.0, 80.0)
        assert (row(found, "south")["score"], row(found, "south")["rank"]) == (40.0, 2)

    def test_what_cannot_be_measured_gives_neither_points_nor_none(self) -> None:
        by = assessment(("satisfaction", 30, 100, 0), ("on_time_rate", 70, 100, 50), units=["water", "south"])
        found = sheet([Story().acknowledged()], bulletin("scores"), AT + timedelta(hours=1), by)
        assert (row(found, "water")["score"], row(found, "water")["measured"]) == (100.0, 70)
        assert (row(found, "south")["score"], row(found, "south")["rank"]) == (None, None)

    def test_who_could_hardly_be_measured_has_no_rank(self) -> None:
        by = assessment(("satisfaction", 60, 100, 0), ("on_time_rate", 40, 100, 50))
        found = sheet([Story().acknowledged()], bulletin("scores"), AT + timedelta(hours=1), by)
        assert (row(found, "water")["score"], row(found, "water")["rank"]) == (100.0, None)

    @pytest.mark.parametrize(("word", "count"), [(None, 0), (do.Withhold, 0), (do.Approve, 1)])
    def test_a_measure_is_deducted_once_it_is_released(self, word: type[do.Command] | None, count: int) -> None:
        story = Story().acknowledged()
        version = story.problem.version + 1
        waiting = c.Measured(ground="rebound", measure="listing", to=("office",), owner="north", approval="office")
        story.happened(waiting)
        if word is not None:
            released = c.Approved(version=version, measure="listing", to=("office",))
            story.happened(released if word is do.Approve else c.Withheld(version=version, measure="listing"))
        off = {"id": "off", "title": {"en": "Off"}, "measures": ["listing"], "points": 2, "basis": "practice"}
        by = assessment(("on_time_rate", 100, 100, 50), units=["north", "water"], deductions=[off])
        found = sheet([story], bulletin("scores"), story.now + TICK, by)
        assert (row(found, "north")["off"], row(found, "north")["off.points"]) == (count, 2.0 * count)
        assert (row(found, "water")["off"], row(found, "water")["score"]) == (0, 100.0)

    def test_whoever_has_a_role_is_assessed_beside_those_who_are_named(self) -> None:
        by = assessment(("on_time_rate", 100, 100, 50), units=["water", "north"], roles=["county"])
        found = sheet([Story().acknowledged()], bulletin("scores"), AT + timedelta(hours=1), by)
        assert [one["unit_id"] for one in found.rows] == ["water", "north", "south"]

    def test_a_territory_is_charged_what_others_found_first(self) -> None:
        stories = [Story(1), Story(2, channel="patrol", area="north-town"), Story(3, channel="patrol", area="south")]
        by = assessment(("found_by_others_first", 60, 0, 100), ("coverage", 40, 100, 0), units=["north", "south"])
        found = sheet(stories, bulletin("scores"), AT + timedelta(hours=1), by)
        north, south = row(found, "north"), row(found, "south")
        assert (north["found-by-others-first"], north["coverage"]) == (50.0, 50.0)
        assert (south["found-by-others-first"], south["coverage"]) == (0.0, 100.0)

    def test_leaving_the_hard_cases_lying_makes_nobody_quick(self) -> None:
        quick = [Story(number).acknowledged() for number in range(1, 3)]
        lying = [Story(number) for number in range(3, 8)]
        by = assessment(("time_to_respond", 100, 1, 8))
        as_of = AT + timedelta(hours=6)
        assert row(sheet(quick, bulletin("scores"), as_of, by), "water")["time-to-respond"] == 0.0
        assert row(sheet([*quick, *lying], bulletin("scores"), as_of, by), "water")["time-to-respond"] == 5.0

    def test_the_measured_kinds(self) -> None:
        story = Story(1).acknowledged()
        story.done(do.Progress, "water", note="we are  at it")
        twin = Story(2).acknowledged()
        twin.done(do.Progress, "water", note="we are at it")
        story.completed().done(do.Verify, "office", passed=False, reason="still foul")
        story.now = LIMIT - timedelta(minutes=1)
        story.completed()
        for change in (c.Rated(satisfied=True), c.Rated(satisfied=False), c.StruckOff()):
            story.happened(change)
        twin.completed().happened(c.StruckOff()).happened(c.Rebounded(raised=0))
        kinds = ("satisfaction", "rebound_rate", "sent_back_rate", "copied_note_rate", "last_moment_rate")
        less = [(kind, 20, 0, 100) for kind in kinds[1:]]
        by = assessment(("satisfaction", 20, 100, 0), *less)
        found = row(sheet([story, twin], bulletin("scores"), story.now + TICK, by), "water")
        assert [found[kind.replace("_", "-")] for kind in kinds] == [50.0, 50.0, 33.3, 100.0, 33.3]

    def test_the_time_to_find_is_that_of_the_territory(self) -> None:
        story = Story(observed_at=AT - timedelta(hours=3))
        found = sheet([story], bulletin("scores"), AT + TICK, assessment(("time_to_find", 100, 1, 9)))
        assert (row(found, "north")["time-to-find"], row(found, "water")["time-to-find"]) == (3.0, None)

    def test_a_reporter_who_was_answered_has_had_feedback(self) -> None:
        answered, forgotten = Story(1).acknowledged().completed(), Story(2).acknowledged().completed()
        for one in (answered, forgotten):
            one.happened(c.StruckOff())
        answered.happened(c.Replied(source="tests", id="1", text="done"))
        found = sheet([answered, forgotten], bulletin("scores"), AT + TICK, assessment(("feedback_rate", 100, 100, 0)))
        assert row(found, "water")["feedback-rate"] == 50.0


def test_who_decides_an_appeal_is_judged_and_a_notice_or_a_term_judges_nobody() -> None:
    quiet = Case.in_status(Status.NOTICED, AT)
    quiet.lapse("notice")
    quiet.lapse("term")
    assert follow(quiet.events, lambda _: quiet.rules, quiet.now).verdicts == []
    decided = Case.in_status(Status.LISTED, AT)
    (verdict,) = follow(decided.events, lambda _: decided.rules, decided.now).verdicts
    assert (verdict.obligation, verdict.unit, verdict.timeliness) == ("appeal", "water", Timeliness.ON_TIME)
