"""What the calendar opens, and when: the laws of ``duban.duties.openings``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.calendar import Calendar
from duban.duties import Opening, openings
from duban.policy import Rules, load_calendar
from tests.given import ROOT, entries, rules_with, small_rules

CHINA, BOSTON = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
YEAR = datetime(2022, 1, 1, tzinfo=CHINA)
US = timedelta(microseconds=1)
#: The duties of the small pack that a measure or a draw opens, and no calendar.
CALLED = [duty for duty in entries("duties") if cast("dict[str, str]", duty["schedule"])["every"] == "never"]


def owing(schedule: dict[str, Any], **changed: Any) -> Rules:
    """The small pack with one duty, owed by the water bureau by ``schedule``."""
    duty = {
        "id": "one", "title": {"en": "One"}, "units": ["water"], "schedule": schedule, "within": {"hours": 1},
        "ladder": "late-report", "basis": "practice",
    }  # fmt: skip
    sections = {name: changed.pop(name) for name in ("effective_from", "windows") if name in changed}
    return rules_with(duties=[{**duty, **changed}, *CALLED], **sections)


@cache
def boston_calendar() -> Calendar:
    path = ROOT / "deploy/calendars/boston.yaml"
    time = small_rules().pack.time
    return Calendar.compile(load_calendar(path.read_text("utf-8"), path.name), time.hours, time.counting)


def in_boston(rules: Rules) -> Rules:
    return Rules(rules.pack, boston_calendar())


def days(rules: Rules, first: datetime = YEAR, **for_: int) -> list[str]:
    """The local days on which something opens in a stretch that begins with ``first`` itself."""
    found = openings(rules, first - US, first + timedelta(**for_ or {"days": 364, "hours": 23}))
    return [f"{one.opens_at.astimezone(rules.zone):%m-%d}" for one in found]


@pytest.mark.parametrize(
    ("schedule", "opens"),
    [
        ({"every": "week", "on": 7}, ["01-02", "01-09", "01-16", "01-23", "01-30"]),
        ({"every": "month", "on": 28}, ["01-28", "02-28", "03-28", "04-28"]),
        ({"every": "quarter", "on": 5}, ["01-05", "04-05", "07-05", "10-05"]),
        ({"every": "year", "on": "06-05"}, ["06-05"]),
        ({"every": "once", "date": date(2022, 3, 8)}, ["03-08"]),
        ({"every": "once", "date": date(2023, 3, 8)}, []),
    ],
)
def test_a_duty_opens_on_the_days_of_its_schedule(schedule: dict[str, Any], opens: list[str]) -> None:
    found = days(owing(schedule))
    assert found[: len(opens)] == opens
    assert len(found) == {"week": 52, "month": 12}.get(schedule["every"], len(opens))


def test_a_daily_duty_opens_on_every_day_and_a_working_daily_one_on_working_days() -> None:
    first = datetime(2022, 4, 1, tzinfo=CHINA)  # a Friday; the Saturday after it is worked for the holiday that follows
    assert days(owing({"every": "day"}), first, days=6) == [f"04-0{day}" for day in range(1, 8)]
    assert days(owing({"every": "working_day"}), first, days=6) == ["04-01", "04-02", "04-06", "04-07"]


def test_a_duty_opens_at_its_local_time_of_day() -> None:
    rules = owing({"every": "once", "date": date(2022, 3, 8), "at": "17:30"})
    assert [one.opens_at for one in openings(rules, YEAR, YEAR + timedelta(days=365))] == [
        datetime(2022, 3, 8, 9, 30, tzinfo=UTC)
    ]


def test_a_duty_opens_only_inside_its_window_both_days_included() -> None:
    periods = [[date(2022, 2, 3), date(2022, 2, 4)], [date(2022, 5, 1), date(2022, 5, 1)]]
    windows = [
        {"id": "visit", "title": {"en": "A visit"}, "periods": periods, "basis": "practice"},
    ]
    rules = owing({"every": "day", "during": "visit", "at": "23:59"}, windows=windows)
    assert days(rules) == ["02-03", "02-04", "05-01"]


def test_each_unit_and_each_unit_of_a_role_owes_a_duty_for_itself_and_once() -> None:
    rules = owing({"every": "once", "date": date(2022, 3, 8)}, units=["water", "north"], roles=["county"])
    assert [one.unit for one in openings(rules, YEAR, YEAR + timedelta(days=365))] == ["north", "south", "water"]


def test_nothing_opens_before_the_policy_takes_effect() -> None:
    assert days(owing({"every": "month", "on": 1}, effective_from=date(2022, 10, 1))) == ["10-01", "11-01", "12-01"]
    assert days(owing({"every": "month", "on": 1}, effective_from=date(2022, 10, 2))) == ["11-01", "12-01"]


def test_openings_come_in_order_of_time() -> None:
    found = list(openings(small_rules(), YEAR, YEAR + timedelta(days=365)))
    assert [one.opens_at for one in found] == sorted(one.opens_at for one in found)
    assert {one.duty for one in found} == {"daily-report", "monthly-account", "plan-of-wells"}
    assert sum(one.duty == "daily-report" for one in found) == 3 * 2


def test_a_stretch_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    rules, at = owing({"every": "once", "date": date(2022, 3, 8)}), datetime(2022, 3, 8, tzinfo=CHINA)
    assert len(list(openings(rules, at - US, at))) == 1
    assert list(openings(rules, at, at + timedelta(days=400))) == []
    assert list(openings(rules, at - timedelta(days=400), at - US)) == []


INSTANTS = st.datetimes(datetime(2021, 12, 1), datetime(2023, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001 the zone is given beside
MANY = {
    "daily": {"every": "day", "at": "02:30"},
    "working-daily": {"every": "working_day", "at": "24:00"},
    "weekly": {"every": "week", "on": 1, "at": "00:00"},
    "quarterly": {"every": "quarter", "on": 28, "at": "23:59"},
}


def many() -> Rules:
    duty = small_rules().pack.duties[1].model_dump(exclude_none=True)
    duties = [{**duty, "id": id_, "schedule": schedule} for id_, schedule in MANY.items()]
    return rules_with(duties=[*duties, *CALLED])


@pytest.mark.parametrize("rules", [many(), in_boston(many())], ids=["china", "boston"])
@given(cuts=st.lists(INSTANTS, min_size=2, max_size=6))
def test_chained_stretches_open_each_duty_once_and_leave_none_out(rules: Rules, cuts: list[datetime]) -> None:
    cuts.sort()
    parts: list[Opening] = []
    for after, until in pairwise(cuts):
        parts += openings(rules, after, until)
    assert parts == list(openings(rules, cuts[0], cuts[-1]))
    ids = [one.problem_id("smallville") for one in parts]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("day", "clock", "utc"),
    [
        (date(2022, 3, 12), "02:30", datetime(2022, 3, 12, 7, 30, tzinfo=UTC)),
        (date(2022, 3, 14), "02:30", datetime(2022, 3, 14, 6, 30, tzinfo=UTC)),
        (date(2022, 3, 13), "12:00", datetime(2022, 3, 13, 16, tzinfo=UTC)),
        (date(2022, 11, 6), "12:00", datetime(2022, 11, 6, 17, tzinfo=UTC)),
        (date(2022, 11, 6), "01:30", datetime(2022, 11, 6, 5, 30, tzinfo=UTC)),  # the first of the two
        (date(2022, 11, 6), "24:00", datetime(2022, 11, 7, 5, tzinfo=UTC)),
        (date(2022, 3, 13), "02:30", datetime(2022, 3, 13, 7, tzinfo=UTC)),  # skipped: the jump itself
    ],
)
def test_the_local_time_holds_across_the_change_of_the_clocks(day: date, clock: str, utc: datetime) -> None:
    rules = in_boston(owing({"every": "once", "date": day, "at": clock}))
    start = datetime(2022, 1, 1, tzinfo=BOSTON)
    assert [one.opens_at for one in openings(rules, start, start + timedelta(days=365))] == [utc]


def test_a_daily_duty_opens_once_on_days_of_23_and_of_25_hours() -> None:
    rules = in_boston(owing({"every": "day", "at": "02:30"}))
    for first in (datetime(2022, 3, 12, tzinfo=BOSTON), datetime(2022, 11, 5, tzinfo=BOSTON)):
        assert len(days(rules, first, days=3)) == 3


def test_an_opening_has_the_same_id_wherever_it_is_computed() -> None:
    one = next(openings(owing({"every": "day"}), YEAR, YEAR + timedelta(days=2)))
    *_, again = openings(owing({"every": "day"}), one.opens_at - timedelta(hours=30), one.opens_at)
    assert one == again
    assert one.problem_id("smallville") == again.problem_id("smallville")
    assert one.problem_id("smallville") != one.problem_id("bigville")
