"""Which stretch of local time a bulletin is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from duban.clock import within_range
from duban.policy.model.assessment import Period


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a period that had passed by ``as_of``: from ``start_at``, and before ``as_of``; both in UTC.

    ``first`` and ``last`` are its local days.
    """

    period: Period
    start_at: datetime
    as_of: datetime
    first: date
    last: date

    def __contains__(self, at: datetime) -> bool:
        return self.start_at <= at < self.as_of

    @property
    def named(self) -> dict[str, int | str]:
        """What the title of a bulletin may mention of it."""
        part = self.last.isocalendar().week if self.period is Period.WEEKLY else (self.last.month + 2) // 3
        year = self.last.isocalendar().year if self.period is Period.WEEKLY else self.last.year
        first, last = self.first.isoformat(), self.last.isoformat()
        return {
            "year": year, "month": self.last.month, "day": self.last.day, "part": part, "first": first, "last": last,
        }  # fmt: skip


def as_of(text: str, zone: ZoneInfo) -> datetime:
    """The instant that ``text`` means on the local clock: the end of a day (``2022-04-30``), or a time of it.

    A time is written as ``2022-04-30T17:00``, with seconds if need be; of one that the clock shows twice, the first.

    Raises:
        ValueError: what is no date and no local time.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            raise ValueError(f"{text}: leave the offset out, the time is that of {zone.key}") from None
    else:
        within_range(datetime.combine(day, time(), zone))
        local = datetime.combine(day + timedelta(days=1), time())
    return within_range(local.replace(tzinfo=zone)).astimezone(UTC)


def stretch_of(period: Period, until_at: datetime, zone: ZoneInfo) -> Stretch:
    """The period in which the moment just before ``until_at`` lies, up to ``until_at``."""
    last = (until_at - timedelta(microseconds=1)).astimezone(zone).date()
    first = first_day(period, last)
    start_at = datetime.combine(first, time(), zone).astimezone(UTC)
    return Stretch(period, start_at, until_at, first, last)


def first_day(period: Period, day: date) -> date:
    """The day on which the period begins in which ``day`` lies."""
    match period:
        case Period.DAILY:
            return day
        case Period.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Period.MONTHLY:
            return day.replace(day=1)
        case Period.QUARTERLY:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case Period.YEARLY:
            return day.replace(month=1, day=1)
