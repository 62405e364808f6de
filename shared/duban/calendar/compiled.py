"""The compiled calendar: working time as sorted tables, so that a deadline costs a bisection and no loop over days."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Self
from zoneinfo import ZoneInfo

from duban.calendar.notice import FIRST_YEAR, LAST_YEAR, WEEK, CalendarNotice, WorkingHours
from duban.calendar.within import Counting, Within, minute_of_day
from duban.errors import CalendarError
from duban.sentence import Sentence, in_chinese

_EPOCH = datetime.fromtimestamp(0, UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000
# A notice also rules the last days of the December before it: 2007-12-29 was worked for the New Year of 2008.
_REACH = timedelta(days=4)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Calendar:
    """Working time of one place, compiled once by :meth:`compile` and never changed.

    A wall-clock time that the clocks skip means the moment they jump; one that they repeat means the first of the two.
    Working spans are half open: the opening is working time, the closing is not. All methods raise
    :class:`CalendarError` for a naive datetime and where working time is asked for outside FIRST_YEAR to LAST_YEAR.
    """

    notice: CalendarNotice
    hours: WorkingHours
    counting: Counting
    _zone: ZoneInfo
    _days: list[int]  # working days, as ordinals
    _opens: list[int]  # of span i, in microseconds since 1970 UTC; working day k has the spans k*m … k*m+m-1
    _closes: list[int]
    _worked: list[int]  # microseconds of working time before span i
    _range: tuple[int, int]  # microseconds since 1970 UTC that the tables cover, half open
    _noticed: tuple[tuple[datetime, datetime], ...]  # stretches of years with a notice, without the last days' reach
    _closings: dict[int, datetime] = field(default_factory=dict)  # of working day k, those that were asked for
    _ordinals: dict[datetime, int] = field(default_factory=dict)  # the local day of each of them

    @classmethod
    def compile(cls, notice: CalendarNotice, hours: WorkingHours, counting: Counting) -> Self:
        """Build the tables; some 30 ms. In years without a notice weekends are off, and what the statute fixes.

        What is counted over them is provisional: see :meth:`is_provisional`.
        """
        zone = ZoneInfo(notice.timezone)
        days = list(_working_days(notice, hours))
        spans = list(_spans(days, hours, zone))
        opens, closes = [start for start, _ in spans], [end for _, end in spans]
        worked = list(accumulate((end - start for start, end in spans), initial=0))
        covered = tuple(_micros(_utc(datetime(year, 1, 1), zone)) for year in (FIRST_YEAR, LAST_YEAR + 1))  # noqa: DTZ001
        noticed = tuple(_noticed(notice, zone))
        return cls(notice, hours, counting, zone, days, opens, closes, worked, (covered[0], covered[1]), noticed)

    def add(self, start_at: datetime, within: Within) -> datetime:
        """The instant at which a duration that began at ``start_at`` is due, in UTC."""
        if within.working_days is not None:
            return self._working_days_after(start_at, within.working_days)
        if within.working_hours is not None:
            return self._working_time_after(start_at, round(within.working_hours * _HOUR))
        if within.is_calendar_days:
            return self._days_after(start_at, self._days_from(start_at, within))
        if within.at is not None:
            due_at = self._time_of_day(start_at, within.in_days, within.at)
            return due_at if due_at > start_at else self._time_of_day(start_at, 1, within.at)
        return _aware(start_at).astimezone(UTC) + _wall(within)

    def subtract(self, end_at: datetime, within: Within) -> datetime:
        """The instant that lies ``within`` before ``end_at``, in UTC: for reminders and for planning back.

        Counts as :meth:`add` does, the other way: an end outside the hours goes back to the closing before it; for
        WHOLE_DAYS the day of the end is not counted, and a last day that is off yields to the working day before it.
        Undoes :meth:`add` for a start inside the hours, and for WHOLE_DAYS for working days that end at a closing.
        """
        if within.working_days is not None:
            return self._working_days_before(end_at, within.working_days)
        if within.working_hours is not None:
            return self._working_time_before(end_at, round(within.working_hours * _HOUR))
        if within.is_calendar_days:
            return self._days_before(end_at, -self._days_from(end_at, within, -1))
        if within.at is not None:
            begin_at = self._time_of_day(end_at, -within.in_days, within.at)
            return begin_at if begin_at < end_at else self._time_of_day(end_at, -1, within.at)
        return _aware(end_at).astimezone(UTC) - _wall(within)

    def is_provisional(self, start_at: datetime, due_at: datetime, within: Within | None = None) -> bool:
        """Whether a day from ``start_at`` to ``due_at`` has no published notice yet, so that ``due_at`` may still move.

        With ``within`` given, False where no notice can move it: wall time, times of day, elapsed calendar days.
        """
        if within is not None and not self.asks_notice(within):
            return False
        first, last = min(_aware(start_at), _aware(due_at)), max(start_at, due_at)
        for begins_at, ends_at in self._noticed:  # noqa: SIM110 a generator takes as long as all the rest
            if begins_at <= first and last < ends_at:
                return False
        return True

    def asks_notice(self, within: Within) -> bool:
        """Whether a notice of holidays may move what ``within`` counts; wall time and times of day it never moves."""
        by_day = within.is_calendar_days and self.counting is Counting.WHOLE_DAYS
        return by_day or within.working_days is not None or within.working_hours is not None

    def part_of(self, start_at: datetime, end_at: datetime, share: int, within: Within | None) -> datetime:
        """The instant at which ``share`` per cent of the time between two instants has passed.

        Of working time where ``within`` counts it and there is any, else of all time.
        """
        worked = self.working_seconds(start_at, end_at) if within is not None and self.asks_notice(within) else 0
        if worked > 0:
            return self._working_time_after(start_at, round(worked * 10_000 * share))
        return _aware(start_at).astimezone(UTC) + (end_at - start_at) * share / 100

    def working_seconds(self, start_at: datetime, end_at: datetime) -> float:
        """Working time between two instants; negative when ``end_at`` is the earlier."""
        return (self._worked_until(self._covered(end_at)) - self._worked_until(self._covered(start_at))) / 1_000_000

    def is_working(self, at: datetime) -> bool:
        """Whether ``at`` lies in a working span."""
        return self._span(self._covered(at))[1]

    def is_working_day(self, day: date) -> bool:
        """Whether the place works on ``day``, local date."""
        at = bisect_left(self._days, day.toordinal())
        return at < len(self._days) and self._days[at] == day.toordinal()

    def __repr__(self) -> str:
        return f"<Calendar {self.notice.id} v{self.notice.version} {self.counting}>"

    # Working days and days

    def _working_days_after(self, at: datetime, count: int) -> datetime:
        if self.counting is Counting.WHOLE_DAYS:
            return self._closing(bisect_right(self._days, self._today(at)) + count - 1)
        span, inside = self._span(self._covered(at))
        if inside:
            return self._same_time(at, span // len(self.hours.intervals) + count)
        return _instant(self._read(self._opens, span + 1 + count * len(self.hours.intervals)))

    def _working_days_before(self, at: datetime, count: int) -> datetime:
        if self.counting is Counting.WHOLE_DAYS:
            return self._closing(bisect_left(self._days, self._today(at)) - count)
        span, inside = self._span(self._covered(at))
        if inside:
            return self._same_time(at, span // len(self.hours.intervals) - count)
        return _instant(self._read(self._closes, span - count * len(self.hours.intervals)))

    def _days_after(self, at: datetime, count: int) -> datetime:
        if self.counting is Counting.WHOLE_DAYS:
            return self._closing(bisect_left(self._days, self._today(at) + count))
        return _utc(self._local(at).replace(tzinfo=None) + timedelta(days=count), self._zone)

    def _days_before(self, at: datetime, count: int) -> datetime:
        if self.counting is Counting.WHOLE_DAYS:
            return self._closing(bisect_right(self._days, self._today(at) - count) - 1)
        return _utc(self._local(at).replace(tzinfo=None) - timedelta(days=count), self._zone)

    def _days_from(self, at: datetime, within: Within, direction: int = 1) -> int:
        """The calendar days from ``at`` to the end of ``within``, or with ``direction`` -1 back to its beginning.

        Months lead to the same day of the month, or to the last day of one that is shorter.
        """
        if within.days is not None or within.weeks is not None:
            return direction * (within.days or 7 * (within.weeks or 0))
        day = self._local(at).date()
        months = within.months or 12 * (within.years or 0)
        year, month = divmod(day.year * 12 + day.month - 1 + direction * months, 12)
        last = monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last)).toordinal() - day.toordinal()

    def _same_time(self, at: datetime, day: int) -> datetime:
        local = self._local(at).replace(tzinfo=None)
        return _utc(local + timedelta(days=self._read(self._days, day) - local.toordinal()), self._zone)

    def _closing(self, day: int) -> datetime:
        closing = self._closings.get(day)
        if closing is None:
            micros = self._read(self._closes, (day + 1) * len(self.hours.intervals) - 1)
            closing = self._closings[day] = _instant(micros)
            if micros < self._range[1]:
                self._ordinals[closing] = self._local(closing).toordinal()
        return closing

    def _time_of_day(self, at: datetime, in_days: int, clock_time: str) -> datetime:
        local = self._local(at)
        midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - local wall-clock time
        return _utc(midnight + timedelta(days=in_days, minutes=minute_of_day(clock_time)), self._zone)

    # Working time

    def _working_time_after(self, at: datetime, micros: int) -> datetime:
        total = self._worked_until(self._covered(at)) + micros
        span = bisect_left(self._worked, total) - 1  # ends in this span, at its closing rather than the next opening
        return _instant(self._read(self._opens, span) + total - self._worked[span])

    def _working_time_before(self, at: datetime, micros: int) -> datetime:
        total = self._worked_until(self._covered(at)) - micros
        span = bisect_right(self._worked, total) - 1  # begins in this span, at its opening rather than a closing before
        return _instant(self._read(self._opens, span) + total - self._worked[span])

    def _worked_until(self, micros: int) -> int:
        span = bisect_right(self._opens, micros) - 1
        return self._worked[span] + min(micros, self._closes[span]) - self._opens[span] if span >= 0 else 0

    def _span(self, micros: int) -> tuple[int, bool]:
        """The last span opened by then (-1 before the first), and whether it is still open."""
        span = bisect_right(self._opens, micros) - 1
        return span, span >= 0 and micros < self._closes[span]

    # The edges

    def _local(self, at: datetime) -> datetime:
        return _aware(at).astimezone(self._zone)

    def _today(self, at: datetime) -> int:
        day = self._ordinals.get(at)  # by whole days most limits end with a closing, and the next one begins there
        if day is None:
            self._covered(at)
            day = self._local(at).toordinal()
        return day

    def _covered(self, at: datetime) -> int:
        micros = _micros(at)
        if self._range[0] <= micros < self._range[1]:
            return micros
        raise self._outside(at.isoformat())

    def _read(self, table: list[int], index: int) -> int:
        if 0 <= index < len(table):
            return table[index]
        raise self._outside(Sentence("the deadline", "期限"))

    def _outside(self, what: str) -> CalendarError:
        return CalendarError(
            Sentence(
                f"calendar {self.notice.id}: {what} lies outside {FIRST_YEAR} to {LAST_YEAR}, the years it covers: "
                "check the instant and the duration",
                f"日历 {self.notice.id}：{in_chinese(what)} 不在其所涵盖的 {FIRST_YEAR} 至 {LAST_YEAR} 年之内："
                "请检查时刻和时长",
            )
        )


def _working_days(notice: CalendarNotice, hours: WorkingHours) -> Iterator[int]:
    off = {day.toordinal() for day in notice.holidays}
    on = {day.toordinal() for day in notice.workdays}
    weekdays = {WEEK.index(name) for name in hours.weekdays}
    for day in range(date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR + 1, 1, 1).toordinal()):
        if day in on or (day not in off and (day - 1) % 7 in weekdays):  # ordinal 1 was a Monday
            yield day


def _noticed(notice: CalendarNotice, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Each stretch of years with a notice, up to the days that the notice of the year after it may still rule."""
    for year in sorted(notice.years):
        if year - 1 not in notice.years:
            begins = datetime(year, 1, 1)  # noqa: DTZ001 - local wall-clock time, as below
        if year + 1 not in notice.years:
            yield _utc(begins, zone), _utc(datetime(year + 1, 1, 1) - _REACH, zone)  # noqa: DTZ001


def _spans(days: list[int], hours: WorkingHours, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Opening and closing of every span; by plain arithmetic except on the few days when the clocks change."""
    bounds = [interval.minutes for interval in hours.intervals]
    for day in days:
        midnight = datetime.fromordinal(day)
        offset = midnight.replace(tzinfo=zone).utcoffset()
        if offset == (midnight + timedelta(days=1)).replace(tzinfo=zone).utcoffset() and offset is not None:
            start = ((day - _EPOCH_DAY) * 86_400 - offset.days * 86_400 - offset.seconds) * 1_000_000
            yield from ((start + opens * 60_000_000, start + closes * 60_000_000) for opens, closes in bounds)
        else:
            for pair in bounds:
                opens, closes = (_micros(_utc(midnight + timedelta(minutes=minute), zone)) for minute in pair)
                yield opens, closes


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive local time: the first of two, or the jump itself where the clocks skip it."""
    first = wall.replace(tzinfo=zone)
    before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert before is not None
    assert after is not None
    if before < after:
        return _jump((wall - after).replace(tzinfo=UTC), (wall - before).replace(tzinfo=UTC), zone)
    return first.astimezone(UTC)


def _jump(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two instants at which the clocks go forward; they do so on a whole second."""
    offset = early.astimezone(zone).utcoffset()
    low, high = int(early.timestamp()), int(late.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise CalendarError(f"{at.isoformat()} has no time zone: instants are aware, in UTC")
    return at


def _micros(at: datetime) -> int:
    return (_aware(at) - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _wall(within: Within) -> timedelta:
    return timedelta(hours=within.hours or 0, minutes=within.minutes or 0)
