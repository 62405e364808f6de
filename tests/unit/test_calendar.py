"""Laws of working time: a day-by-day oracle, the two ways of counting, make-up workdays, clock changes, edges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import holidays
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from duban.calendar import Calendar, CalendarNotice, Counting, Within, WorkingHours
from duban.errors import CalendarError

CALENDARS: Final = Path(__file__).parents[2] / "deploy/calendars"
MICROSECOND: Final = timedelta(microseconds=1)
ZONES: Final = {"cn": ZoneInfo("Asia/Shanghai"), "boston": ZoneInfo("America/New_York")}
HOURS: Final = {
    "boston": {"start": "08:30", "end": "17:00"},
    "lunch": {"intervals": [{"start": "09:00", "end": "12:00"}, {"start": "14:00", "end": "18:00"}]},
    "always": {"start": "00:00", "end": "24:00", "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
}
ELAPSED, WHOLE_DAYS = Counting.ELAPSED, Counting.WHOLE_DAYS


@cache
def notice(place: str) -> CalendarNotice:
    return CalendarNotice.model_validate(yaml.safe_load((CALENDARS / f"{place}.yaml").read_text(encoding="utf-8")))


@cache
def calendar(place: str = "cn", hours: str = "lunch", counting: Counting = ELAPSED) -> Calendar:
    return Calendar.compile(notice(place), WorkingHours.model_validate(HOURS[hours]), counting)


def cn(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONES["cn"]).astimezone(UTC)


def boston(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONES["boston"], fold=fold).astimezone(UTC)


# The oracle: the same promises, kept by walking from day to day on the local clock


def works(of: Calendar, day: date) -> bool:
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]
    return day in of.notice.workdays or (name in of.hours.weekdays and day not in of.notice.holidays)


def working_days_from(of: Calendar, day: date) -> Iterator[date]:
    while True:
        if works(of, day):
            yield day
        day += timedelta(days=1)


def on(of: Calendar, day: date, clock: str) -> datetime:
    midnight = datetime.combine(day, time())
    wall = midnight + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
    return wall.replace(tzinfo=ZONES[of.notice.id]).astimezone(UTC)


def spans_from(of: Calendar, day: date) -> Iterator[tuple[datetime, datetime]]:
    for working in working_days_from(of, day):
        for interval in of.hours.intervals:
            yield on(of, working, interval.start), on(of, working, interval.end)


def calendar_end(day: date, within: Within) -> date | None:
    """The last of so many calendar days, found by walking; None where none are counted."""
    for _ in range(within.days or 7 * (within.weeks or 0)):
        day += timedelta(days=1)
    months = within.months or 12 * (within.years or 0)
    if months:
        first, asked = day.replace(day=1), day.day
        for _ in range(months):
            first = (first + timedelta(days=31)).replace(day=1)
        day = max(at for n in range(asked) if (at := first + timedelta(days=n)).month == first.month)
    return day if within.is_calendar_days else None


def oracle(of: Calendar, start_at: datetime, within: Within) -> datetime:
    zone = ZONES[of.notice.id]
    local = start_at.astimezone(zone)
    if within.working_hours is not None:
        left = timedelta(hours=within.working_hours)
        for opens_at, closes_at in spans_from(of, local.date()):
            worked = max(closes_at - max(opens_at, start_at), timedelta(0))
            if worked >= left:
                return max(opens_at, start_at) + left
            left -= worked
    if of.counting is WHOLE_DAYS:
        first = calendar_end(local.date(), within) or local.date() + timedelta(days=1)
        days = working_days_from(of, first)
        for _ in range((within.working_days or 1) - 1):
            next(days)
        return on(of, next(days), of.hours.intervals[-1].end)
    last = calendar_end(local.date(), within)
    if last is not None:
        wall = datetime.combine(last, local.time())
        return wall.replace(tzinfo=zone).astimezone(UTC)
    begin_at = next(max(a, start_at) for a, b in spans_from(of, local.date()) if start_at < b)
    begin = begin_at.astimezone(zone).replace(tzinfo=None)
    days = working_days_from(of, begin.date() + timedelta(days=1))
    for _ in range((within.working_days or 1) - 1):
        next(days)
    return datetime.combine(next(days), begin.time()).replace(tzinfo=zone).astimezone(UTC)


calendars = st.builds(
    calendar,
    st.sampled_from(["cn", "boston"]),
    st.sampled_from(["boston", "lunch"]),
    st.sampled_from([ELAPSED, WHOLE_DAYS]),
)
instants = st.datetimes(
    datetime(2006, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2028, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
durations = st.one_of(
    st.builds(Within, working_days=st.integers(1, 60)),
    st.builds(Within, working_hours=st.integers(1, 400).map(lambda quarters: quarters / 4)),
    st.builds(Within, days=st.integers(1, 400)),
    st.builds(Within, weeks=st.integers(1, 60)),
)
months = st.one_of(st.builds(Within, months=st.integers(1, 40)), st.builds(Within, years=st.integers(1, 5)))


def ordinary(of: Calendar, *instants: datetime) -> bool:
    """Not within an hour of a clock change, where local clock times are skipped or repeated."""
    zone, hour = ZONES[of.notice.id], timedelta(hours=1)
    return all((at - hour).astimezone(zone).utcoffset() == (at + hour).astimezone(zone).utcoffset() for at in instants)


@given(calendars, instants, durations | months)
def test_a_deadline_is_what_walking_from_day_to_day_finds(of: Calendar, start_at: datetime, within: Within) -> None:
    due_at = of.add(start_at, within)
    assume(ordinary(of, start_at, due_at))
    assert due_at == oracle(of, start_at, within)
    assert due_at.tzinfo is UTC


@given(calendars, instants, st.timedeltas(timedelta(0), timedelta(days=10)), durations)
def test_who_starts_later_is_never_due_earlier(of: Calendar, start_at: datetime, wait: timedelta, w: Within) -> None:
    assume(ordinary(of, start_at, start_at + wait))
    assert start_at < of.add(start_at, w) <= of.add(start_at + wait, w)


@given(
    calendars, instants, st.timedeltas(timedelta(0), timedelta(days=70)), st.builds(Within, months=st.integers(1, 20))
)
def test_months_from_a_later_day_never_end_on_an_earlier_one(
    of: Calendar, start_at: datetime, wait: timedelta, within: Within
) -> None:
    """By the day: 30 and 31 January both end on the last of February, and each keeps its time of day."""
    zone = ZONES[of.notice.id]
    ends = [of.add(at, within).astimezone(zone).date() for at in (start_at, start_at + wait)]
    assert start_at.astimezone(zone).date() < ends[0] <= ends[1]
    begins = [of.subtract(at, within).astimezone(zone).date() for at in (start_at, start_at + wait)]
    assert begins[0] <= begins[1] < (start_at + wait).astimezone(zone).date()


@given(calendars, instants, st.integers(1, 26))
def test_twelve_months_are_a_year_and_a_week_is_seven_days(of: Calendar, start_at: datetime, n: int) -> None:
    for count in (of.add, of.subtract):
        assume(2004 < (start_at.year + (n if count == of.add else -n)) < 2050)
        assert count(start_at, Within(months=12 * n)) == count(start_at, Within(years=n))
        assert count(start_at, Within(weeks=n)) == count(start_at, Within(days=7 * n))


@given(calendars, instants, st.integers(1, 28), st.integers(1, 40))
def test_months_back_undo_months_forward_up_to_the_28th(of: Calendar, at: datetime, day: int, n: int) -> None:
    of = calendar(of.notice.id, "lunch", ELAPSED)
    start_at = at.astimezone(ZONES[of.notice.id]).replace(day=day).astimezone(UTC)
    due_at = of.add(start_at, Within(months=n))
    assume(ordinary(of, start_at, due_at))
    assert of.subtract(due_at, Within(months=n)) == start_at


@given(calendars, instants, durations)
def test_counting_back_undoes_counting_forward(of: Calendar, start_at: datetime, within: Within) -> None:
    due_at = of.add(start_at, within)
    assume(ordinary(of, start_at, due_at))
    begun_at = of.subtract(due_at, within)
    if of.counting is WHOLE_DAYS and within.is_calendar_days:  # both ends yield to days off
        assert of.add(begun_at, within) <= due_at
    else:
        assert of.add(begun_at, within) == due_at
    if of.is_working(start_at) and (of.counting is ELAPSED or within.working_hours is not None):
        assert begun_at == start_at


@given(calendars, instants, st.integers(1, 60))
def test_whole_days_end_at_a_closing_and_never_on_the_first_day(of: Calendar, start_at: datetime, n: int) -> None:
    of = calendar(of.notice.id, "lunch", WHOLE_DAYS)
    for within in (Within(working_days=n), Within(days=n)):
        due_at = of.add(start_at, within)
        assert of.is_working(due_at - MICROSECOND)
        assert not of.is_working(due_at)
        zone = ZONES[of.notice.id]
        assert due_at.astimezone(zone).time() == time(18)
        assert due_at.astimezone(zone).date() > start_at.astimezone(zone).date()


@given(instants, st.integers(1, 60))
def test_working_days_elapsed_end_in_working_time(start_at: datetime, n: int) -> None:
    assert calendar().is_working(calendar().add(start_at, Within(working_days=n)))


@given(calendars, instants, st.integers(1, 400))
def test_working_hours_take_that_much_working_time(of: Calendar, start_at: datetime, quarters: int) -> None:
    due_at = of.add(start_at, Within(working_hours=quarters / 4))
    assert of.working_seconds(start_at, due_at) == quarters * 900
    assert of.working_seconds(due_at, start_at) == -quarters * 900
    assert of.is_working(due_at - MICROSECOND)


# Examples that a reader can check on a wall calendar


@pytest.mark.parametrize(
    ("start", "within", "due"),
    [
        ("2022-09-30T10:00", {"working_days": 1}, "2022-10-08T10:00"),  # a Saturday, worked for National Day
        ("2022-09-30T10:00", {"working_days": 2}, "2022-10-09T10:00"),  # a Sunday, worked
        ("2022-09-30T17:00", {"working_hours": 2}, "2022-10-08T10:00"),
        ("2022-10-09T17:59:59.999999", {"working_days": 1}, "2022-10-10T17:59:59.999999"),
        ("2022-10-10T18:00", {"working_days": 1}, "2022-10-12T09:00"),  # the closing is not working time
        ("2022-10-10T08:59:59.999999", {"working_days": 1}, "2022-10-11T09:00"),
        ("2022-10-10T13:00", {"working_days": 1}, "2022-10-11T14:00"),  # in the noon break
        ("2022-10-10T09:00", {"working_hours": 7}, "2022-10-10T18:00"),  # ends with the day, not the next morning
        ("2022-10-10T11:30", {"minutes": 45}, "2022-10-10T12:15"),
        ("2022-10-07T11:30", {"hours": 1.5}, "2022-10-07T13:00"),
        ("2022-09-30T23:00", {"days": 3}, "2022-10-03T23:00"),
        ("2022-09-30T10:00", {"weeks": 1}, "2022-10-07T10:00"),
        ("2022-09-15T10:00", {"months": 1}, "2022-10-15T10:00"),
        ("2022-08-31T10:00", {"months": 1}, "2022-09-30T10:00"),  # a shorter month: its last day
        ("2023-01-31T10:00", {"months": 1}, "2023-02-28T10:00"),
        ("2024-01-31T10:00", {"months": 1}, "2024-02-29T10:00"),  # a leap year
        ("2024-01-31T10:00", {"months": 2}, "2024-03-31T10:00"),  # from the day itself, not by way of February
        ("2022-11-30T10:00", {"months": 3}, "2023-02-28T10:00"),
        ("2024-02-29T10:00", {"months": 12}, "2025-02-28T10:00"),
        ("2024-02-29T10:00", {"years": 4}, "2028-02-29T10:00"),
        ("2022-10-10T11:30", {"at": "12:00"}, "2022-10-11T12:00"),
        ("2022-10-10T23:30", {"at": "12:00", "in_days": 2}, "2022-10-12T12:00"),
        ("2022-10-10T11:59:59.999999", {"at": "12:00", "in_days": 0}, "2022-10-10T12:00"),
        ("2022-10-10T12:00", {"at": "12:00", "in_days": 0}, "2022-10-11T12:00"),
        ("2022-10-10T11:30", {"at": "24:00", "in_days": 0}, "2022-10-11T00:00"),
    ],
)
def test_elapsed_keeps_the_time_of_day(start: str, within: dict[str, Any], due: str) -> None:
    assert calendar().add(cn(start), Within(**within)) == cn(due)


@pytest.mark.parametrize(
    ("start", "within", "due"),
    [
        ("2022-10-10T00:00", {"working_days": 1}, "2022-10-11T18:00"),
        ("2022-10-10T23:59", {"working_days": 1}, "2022-10-11T18:00"),
        ("2022-09-30T10:00", {"working_days": 1}, "2022-10-08T18:00"),
        ("2022-10-01T10:00", {"working_days": 3}, "2022-10-10T18:00"),
        ("2022-09-30T10:00", {"days": 3}, "2022-10-08T18:00"),  # the third day is off: the next working day
        ("2022-10-10T10:00", {"days": 3}, "2022-10-13T18:00"),
        ("2022-09-26T10:00", {"weeks": 1}, "2022-10-08T18:00"),  # 3 October is off, up to a Saturday that is worked
        ("2022-09-05T10:00", {"months": 1}, "2022-10-08T18:00"),
        ("2022-08-31T10:00", {"months": 1}, "2022-09-30T18:00"),
        ("2022-03-30T10:00", {"months": 11}, "2023-02-28T18:00"),
        ("2022-10-10T10:00", {"hours": 24}, "2022-10-11T10:00"),  # hours run from the moment itself
        ("2022-10-10T17:00", {"working_hours": 2}, "2022-10-11T10:00"),
    ],
)
def test_whole_days_follow_the_civil_code(start: str, within: dict[str, Any], due: str) -> None:
    assert calendar(counting=WHOLE_DAYS).add(cn(start), Within(**within)) == cn(due)


@pytest.mark.parametrize(
    ("counting", "end", "within", "begun"),
    [
        (ELAPSED, "2022-10-08T10:00", {"working_days": 1}, "2022-09-30T10:00"),
        (ELAPSED, "2022-10-05T10:00", {"working_days": 1}, "2022-09-29T18:00"),
        (ELAPSED, "2022-10-08T10:00", {"working_hours": 2}, "2022-09-30T17:00"),
        (ELAPSED, "2022-10-08T11:00", {"working_hours": 2}, "2022-10-08T09:00"),  # the opening, not the closing before
        (ELAPSED, "2022-10-08T10:00", {"days": 2}, "2022-10-06T10:00"),
        (ELAPSED, "2022-10-08T10:00", {"hours": 2}, "2022-10-08T08:00"),
        (ELAPSED, "2022-10-08T10:00", {"weeks": 2}, "2022-09-24T10:00"),
        (ELAPSED, "2024-03-31T10:00", {"months": 1}, "2024-02-29T10:00"),
        (ELAPSED, "2022-01-31T10:00", {"months": 2}, "2021-11-30T10:00"),
        (ELAPSED, "2022-10-08T10:00", {"at": "12:00"}, "2022-10-07T12:00"),
        (ELAPSED, "2022-10-08T12:00", {"at": "12:00", "in_days": 0}, "2022-10-07T12:00"),
        (WHOLE_DAYS, "2022-10-08T18:00", {"working_days": 1}, "2022-09-30T18:00"),
        (WHOLE_DAYS, "2022-10-05T10:00", {"working_days": 1}, "2022-09-30T18:00"),
        (WHOLE_DAYS, "2022-10-08T18:00", {"days": 3}, "2022-09-30T18:00"),
        (WHOLE_DAYS, "2022-11-05T18:00", {"months": 1}, "2022-09-30T18:00"),  # 5 October is off
    ],
)
def test_counting_back_from_a_deadline(counting: Counting, end: str, within: dict[str, Any], begun: str) -> None:
    assert calendar(counting=counting).subtract(cn(end), Within(**within)) == cn(begun)


def test_a_day_is_worked_from_its_opening_up_to_its_closing() -> None:
    at = cn("2022-10-08T09:00")
    assert [calendar().is_working(at + shift) for shift in (-MICROSECOND, timedelta(0), MICROSECOND)] == [
        False,
        True,
        True,
    ]
    at = cn("2022-10-08T18:00")
    assert [calendar().is_working(at + shift) for shift in (-MICROSECOND, timedelta(0))] == [True, False]
    assert not calendar().is_working(cn("2022-10-07T10:00"))


# Clock changes in Boston: 2015-03-08 02:00 goes on as 03:00; 2015-11-01 01:00 to 02:00 comes twice


@pytest.mark.parametrize(
    ("start", "within", "due"),
    [
        (boston("2015-03-07T10:00"), {"days": 1}, boston("2015-03-08T10:00")),
        (boston("2015-03-07T10:00"), {"hours": 24}, boston("2015-03-08T11:00")),
        (boston("2015-03-06T10:00"), {"working_days": 1}, boston("2015-03-09T10:00")),
        (boston("2015-03-07T02:30"), {"days": 1}, boston("2015-03-08T03:00")),  # skipped: the moment of the jump
        (boston("2015-03-07T03:00"), {"days": 1}, boston("2015-03-08T03:00")),
        (boston("2015-10-31T01:30"), {"days": 1}, boston("2015-11-01T01:30", fold=0)),  # repeated: the first
        (boston("2015-10-31T10:00"), {"hours": 24}, boston("2015-11-01T09:00")),
        (boston("2015-11-01T01:30", fold=1), {"days": 1}, boston("2015-11-02T01:30")),
        (boston("2015-03-07T12:00"), {"at": "02:30"}, boston("2015-03-08T03:00")),
    ],
)
def test_calendar_days_keep_the_hour_across_a_clock_change(
    start: datetime, within: dict[str, Any], due: datetime
) -> None:
    assert calendar("boston", "boston").add(start, Within(**within)) == due


def test_a_day_of_work_around_the_clock_is_as_long_as_the_clocks_make_it() -> None:
    always = calendar("boston", "always")
    assert always.working_seconds(boston("2015-03-08T00:00"), boston("2015-03-09T00:00")) == 23 * 3600
    assert always.working_seconds(boston("2015-11-01T00:00"), boston("2015-11-02T00:00")) == 25 * 3600
    assert always.add(boston("2015-03-07T12:00"), Within(working_hours=24)) == boston("2015-03-08T13:00")
    assert always.add(boston("2015-03-07T12:00"), Within(working_days=1)) == boston("2015-03-08T12:00")


# Years without a notice


def test_a_deadline_across_new_year_is_provisional_until_the_notice_is_out() -> None:
    start_at, within = cn("2026-12-30T10:00"), Within(working_days=3)
    due_at = calendar().add(start_at, within)
    assert due_at == cn("2027-01-05T10:00")  # the first of January is off by law
    assert calendar().is_provisional(start_at, due_at, within)
    assert not calendar().is_provisional(start_at, due_at, Within(hours=120))
    assert not calendar().is_provisional(start_at, due_at, Within(days=5))
    assert calendar(counting=WHOLE_DAYS).is_provisional(start_at, due_at, Within(days=5))
    assert not calendar().is_provisional(cn("2025-12-30T10:00"), cn("2026-01-06T10:00"))
    assert not calendar().is_provisional(cn("2026-11-30T10:00"), cn("2026-12-24T10:00"), within)


def test_the_last_days_of_december_wait_for_the_next_notice() -> None:
    assert calendar().add(cn("2007-12-28T10:00"), Within(working_days=1)) == cn("2007-12-29T10:00")  # a Saturday
    assert calendar().is_provisional(cn("2026-12-28T10:00"), cn("2026-12-30T10:00"))


def test_a_published_notice_moves_the_deadline_and_settles_it() -> None:
    given_notice = notice("cn").model_dump()
    given_notice["years"][2027] = {
        "source": "for this test",
        "holidays": {date(2027, 1, day): "元旦" for day in (1, 4)},
    }
    settled = Calendar.compile(CalendarNotice.model_validate(given_notice), calendar().hours, ELAPSED)
    start_at, within = cn("2026-12-30T10:00"), Within(working_days=3)
    assert settled.add(start_at, within) == cn("2027-01-06T10:00")
    assert not settled.is_provisional(start_at, cn("2027-01-06T10:00"), within)


def test_what_the_law_fixes_is_off_before_the_notice_is_out() -> None:
    """Regulation on festivals, article 2, and the Civil Code, article 203."""
    civil = calendar(counting=WHOLE_DAYS)
    start_at, within = cn("2026-12-31T10:00"), Within(working_days=1)
    assert civil.add(start_at, within) == cn("2027-01-04T18:00")  # New Year's Day is a Friday
    assert civil.is_provisional(start_at, cn("2027-01-04T18:00"), within)
    assert civil.add(cn("2027-02-04T10:00"), Within(days=1)) == cn("2027-02-09T18:00")  # New Year's Eve to the third
    assert not civil.is_working_day(date(2049, 2, 1))
    assert civil.is_working_day(date(2027, 10, 4))  # a Monday: whether it is made up for, only a notice says


def test_a_notice_takes_the_place_of_the_statute_in_its_year_alone() -> None:
    given_notice = notice("cn").model_dump()
    given_notice["years"][2027] = {"source": "for this test", "holidays": {date(2027, 1, 1): "元旦"}}
    settled = Calendar.compile(CalendarNotice.model_validate(given_notice), calendar().hours, WHOLE_DAYS)
    assert settled.is_working_day(date(2027, 6, 9))  # Dragon Boat, which this notice leaves out
    assert not settled.is_working_day(date(2028, 10, 3))


def test_a_calendar_without_a_statute_counts_by_weekends() -> None:
    assert calendar("boston").is_working_day(date(2027, 1, 1))


def test_the_statutory_days_are_those_of_the_sun_and_the_moon() -> None:
    """A second source, drawn up apart from the first; its substitute days are a guess, and left out."""
    statute = notice("cn").statute
    assert statute is not None
    assert sorted(statute.holidays) == sorted(holidays.country_holidays("CN", years=range(2027, 2051), observed=False))
    for year in range(2027, 2051):
        qingming = date(year, 4, int(year % 100 * 0.2422 + 4.81) - year % 100 // 4)
        assert [day for day in statute.holidays if day.year == year and day.month == 4] == [qingming]


# Bad input is told what, where and what to do


@pytest.mark.parametrize(
    ("start", "within"),
    [
        (cn("2003-12-31T10:00"), {"working_days": 1}),
        (cn("2051-01-01T00:00"), {"working_hours": 1}),
        (cn("2050-12-30T10:00"), {"working_days": 2}),
        (cn("2050-12-30T10:00"), {"working_hours": 1000}),
    ],
)
@pytest.mark.parametrize("counting", [ELAPSED, WHOLE_DAYS])
def test_outside_its_years_a_calendar_says_so(start: datetime, within: dict[str, Any], counting: Counting) -> None:
    with pytest.raises(CalendarError, match=r"calendar cn: .* outside 2004 to 2050"):
        calendar(counting=counting).add(start, Within(**within))


def test_the_years_of_a_calendar_end_with_their_last_microsecond() -> None:
    assert not calendar().is_working(cn("2051-01-01") - MICROSECOND)
    with pytest.raises(CalendarError, match="outside 2004 to 2050"):
        calendar().is_working(cn("2051-01-01"))


@pytest.mark.parametrize("counting", [ELAPSED, WHOLE_DAYS])
def test_counting_back_before_its_years_is_refused(counting: Counting) -> None:
    for within in (Within(working_days=60), Within(working_hours=400)):
        with pytest.raises(CalendarError, match="outside 2004 to 2050"):
            calendar(counting=counting).subtract(cn("2004-02-02T10:00"), within)


@pytest.mark.parametrize(
    "within", [{"hours": 1}, {"days": 1}, {"working_days": 1}, {"working_hours": 1}, {"at": "12:00"}]
)
def test_an_instant_without_a_zone_is_refused(within: dict[str, Any]) -> None:
    with pytest.raises(CalendarError, match="no time zone"):
        calendar().add(cn("2022-10-10T10:00").replace(tzinfo=None), Within(**within))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "{}",
            "give exactly one of minutes, hours, days, weeks, months, years, working_days, working_hours, at; here:",
        ),
        ("{hours: 1, days: 1}", "here: hours, days"),
        ("{hours: 0}", "greater than 0"),
        ("{working_days: 1.5}", "valid integer"),
        ('{days: "3"}', "valid integer"),
        ("{days: true}", "valid integer"),
        ("{hours: .nan}", "finite number"),
        ("{fortnights: 1}", "Extra inputs"),
        ("{weeks: 1.5}", "valid integer"),
        ("{months: 0}", "greater than 0"),
        ("{months: 325}", "less than or equal to 324"),
        ("{at: 17:00}", '1020 is no time of day: write "HH:MM", in quotes'),  # YAML 1.1 reads sixties here
        ('{at: "9:00"}', "no time of day"),
        ("{hours: 1, in_days: 2}", "in_days goes with at only"),
    ],
)
def test_a_duration_that_cannot_be_meant_is_refused(written: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Within.model_validate(yaml.safe_load(written))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('{start: "17:00", end: "08:30"}', "08:30 does not follow 17:00"),
        ('{start: "08:30", end: "08:30"}', "08:30 does not follow 08:30"),
        (
            '{intervals: [{start: "09:00", end: "12:00"}, {start: "11:00", end: "18:00"}]}',
            "11:00 does not follow 12:00",
        ),
        ("{intervals: []}", "at least 1 item"),
        ('{start: "08:30", end: "17:00", weekdays: []}', "at least 1 item"),
        ('{start: "08:30"}', "intervals.0.end"),
    ],
)
def test_working_hours_that_cannot_be_meant_are_refused(written: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        WorkingHours.model_validate(yaml.safe_load(written))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"timezone": "Boston"}, "'Boston' is no time zone: write an IANA name"),
        ({"years": {2015: {"source": "law", "holidays": {"2016-01-01": "New Year"}}}}, "2016-01-01 stands under 2015"),
        (
            {"years": {2015: {"source": "law", "holidays": {"2015-01-01": "a"}, "workdays": {"2015-01-01": "b"}}}},
            "2015-01-01 stands twice, under 2015 and 2015",
        ),
        ({"years": {2015: {"source": "", "holidays": {}}}}, "at least 1 character"),
        (
            {"statute": {"source": "law", "holidays": {"2051-01-01": "New Year"}}},
            "2051-01-01 lies outside 2004 to 2050",
        ),
        ({"weekend": ["saturday"]}, "Input should be 'mon'"),
        ({"years": {1999: {"source": "law", "holidays": {}}}}, "greater than or equal to 2004"),
    ],
)
def test_a_notice_that_contradicts_itself_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CalendarNotice.model_validate(notice("boston").model_dump() | change)
    assert told in str(refused.value)


def test_what_packs_write_survives_the_wire() -> None:
    for place in ("cn", "boston"):
        assert CalendarNotice.model_validate(json.loads(notice(place).model_dump_json())) == notice(place)
    for within in (Within(hours=24), Within(working_days=3), Within(at="12:00", in_days=0)):
        assert Within.model_validate_json(within.model_dump_json()) == within
    for hours in HOURS.values():
        hours_given = WorkingHours.model_validate(hours)
        assert WorkingHours.model_validate_json(hours_given.model_dump_json()) == hours_given


def test_the_notices_of_the_state_council_are_complete() -> None:
    assert sorted(notice("cn").years) == list(range(2004, 2027))
    for year, published in notice("cn").years.items():
        assert str(year) in published.source
        assert {"元旦", "春节", "劳动节", "国庆节"} <= set(published.holidays.values())
        assert all(day.weekday() >= 5 for day in published.workdays)


#: The days that the regulation of the time gives to everybody, and what single years were given besides.
GIVEN: Final = {range(2004, 2008): 10, range(2008, 2025): 11, range(2025, 2027): 13}
BESIDES: Final = {2015: 1, 2020: 2}  # the seventieth anniversary of victory; the epidemic


@pytest.mark.parametrize("year", range(2004, 2027))
def test_a_notice_moves_days_and_gives_none_away(year: int) -> None:
    published = notice("cn").years[year]
    given_days = next(days for years, days in GIVEN.items() if year in years) + BESIDES.get(year, 0)
    assert sum(day.weekday() < 5 for day in published.holidays) - len(published.workdays) == given_days


def test_the_table_is_what_a_second_source_says_day_by_day() -> None:
    other = holidays.country_holidays("CN", years=range(2003, 2028))
    always = calendar("cn", "lunch")
    day = date(2004, 1, 1)
    while day.year < 2027:
        assert always.is_working_day(day) == other.is_working_day(day), day
        day += timedelta(days=1)


def test_weekends_inside_a_holiday_are_off_where_weekends_are_worked() -> None:
    for day in (date(2011, 6, 5), date(2012, 6, 23), date(2015, 9, 5)):
        assert not calendar("cn", "always").is_working_day(day)
