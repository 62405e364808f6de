"""What the calendar opens by itself: which unit owes which duty from when on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from duban.calendar import Within
from duban.messages.commands import Cause
from duban.messages.envelope import derived_id
from duban.policy.model.duty import DutyRule, Every, Schedule, Window
from duban.policy.rules import Rules

_DAY = timedelta(days=1)
#: The router refuses for good what opens later than the broker's clock shows, so whoever opens by a clock of its own
#: looks so far behind it.
OPENING_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """One duty that one unit owes from ``opens_at`` on, and that lapses at ``lapse_at``."""

    opens_at: datetime
    duty: str
    unit: str
    lapse_at: datetime

    def problem_id(self, jurisdiction: str) -> str:
        """The id of the record that it opens; the same opening has the same id in every process and replay."""
        return str(derived_id("duty", jurisdiction, self.duty, self.unit, self.opens_at.isoformat()))


def called_id(cause: Cause, duty: str, unit: str) -> UUID:
    """The id of the record in which ``unit`` owes a duty that no calendar opens, because of an event of a problem."""
    return derived_id("duty", cause.problem_id, cause.version, duty, unit)


def openings(rules: Rules, after: datetime, until: datetime) -> Iterator[Opening]:
    """The duties of ``rules`` that open after ``after`` and at or before ``until``, in order of time.

    Nothing opens before the day on which the policy takes effect.
    """
    due = [
        Opening(opens_at, duty.id, unit, lapse_at(duty, opens_at, rules))
        for duty in rules.pack.duties
        if duty.schedule.every.is_by_calendar
        for opens_at in _instants(duty.schedule, rules, after, until)
        for unit in rules.owing(duty)
    ]
    yield from sorted(due)


def lapse_at(duty: DutyRule, opens_at: datetime, rules: Rules, due_on: date | None = None) -> datetime:
    """When a duty that opened at ``opens_at`` lapses: after its time limit, or at the end of its day.

    ``due_on`` is the day that a pledge names.
    """
    if duty.within is not None:
        return rules.calendar.add(opens_at, duty.within)
    last = due_on or duty.due_on
    assert last is not None
    return datetime.combine(last + _DAY, time(), rules.zone).astimezone(UTC)


def _instants(schedule: Schedule, rules: Rules, after: datetime, until: datetime) -> Iterator[datetime]:
    first, last = (at.astimezone(rules.zone).date() for at in (after, until))
    if rules.pack.effective_from is not None:
        first = max(first, rules.pack.effective_from)
    clock = Within(at=schedule.at, in_days=1)
    for day in _days(schedule, first, last, rules):
        opens_at = rules.calendar.add(datetime.combine(day - _DAY, time(12), rules.zone), clock)
        if after < opens_at <= until and _inside(day, schedule, rules):
            yield opens_at


def _days(schedule: Schedule, first: date, last: date, rules: Rules) -> Iterator[date]:
    """The days from ``first`` to ``last`` on which ``schedule`` opens."""
    if schedule.date is not None:
        if first <= schedule.date <= last:
            yield schedule.date
        return
    day = first
    while day <= last:
        if _falls_on(schedule, day, rules):
            yield day
        day += _DAY


def _falls_on(schedule: Schedule, day: date, rules: Rules) -> bool:  # noqa: PLR0911 one line a kind
    match schedule.every:
        case Every.DAY:
            return True
        case Every.WORKING_DAY:
            return rules.calendar.is_working_day(day)
        case Every.WEEK:
            return day.isoweekday() == schedule.on
        case Every.MONTH:
            return day.day == schedule.on
        case Every.QUARTER:
            return day.day == schedule.on and day.month in (1, 4, 7, 10)
        case Every.YEAR:
            return f"{day:%m-%d}" == schedule.on
        case Every.ONCE:
            return day == schedule.date
        case Every.PLEDGED | Every.SILENCE | Every.NEVER:
            return False


def _inside(day: date, schedule: Schedule, rules: Rules) -> bool:
    """Whether ``day`` lies in the window of the schedule; always, where it names none."""
    if schedule.during is None:
        return True
    window: Window = rules.windows[schedule.during]
    return any(first <= day <= last for first, last in window.periods)
