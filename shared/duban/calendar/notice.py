"""What a place has published: its days off and make-up workdays, and the hours it works."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from duban.calendar.within import ClockTime, minute_of_day
from duban.sentence import Sentence

FIRST_YEAR = 2004
LAST_YEAR = 2050
"""Working time is known from the first of January of ``FIRST_YEAR`` to the end of ``LAST_YEAR``, local time."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class NoticeYear(BaseModel):
    """The days of one year's notice, each with the name of its occasion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)
    """Which notice or law says so."""
    holidays: dict[date, str]
    workdays: dict[date, str] = {}
    """Make-up workdays 调休: days that would be off, and are worked."""


class Statute(BaseModel):
    """The days off that the law itself fixes, year by year: they hold until the notice of their year is out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)
    """Which law says so."""
    holidays: dict[date, str]

    @field_validator("holidays")
    @classmethod
    def _in_the_years_that_are_counted(cls, days: dict[date, str]) -> dict[date, str]:
        for day in days:
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise ValueError(
                    Sentence(
                        f"{day} lies outside {FIRST_YEAR} to {LAST_YEAR}, the years that a calendar covers",
                        f"{day} 不在日历所涵盖的 {FIRST_YEAR} 至 {LAST_YEAR} 年之内",
                    )
                )
        return days


class CalendarNotice(BaseModel):
    """One published calendar, as one file in ``deploy/calendars`` holds it; a correction is a new ``version``.

    A notice for a year may also rule days of the December before it (元旦). Years that are absent have no notice yet:
    the days of the ``statute`` are off in them, and what is counted over them is provisional.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = Field(ge=1)
    timezone: str
    weekend: tuple[Weekday, ...] | None = None
    """Which days of the week are off in this place; said by lint of a pack whose hours run otherwise."""
    years: dict[Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)], NoticeYear]
    statute: Statute | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError) as error:
            raise ValueError(
                Sentence(
                    f"{name!r} is no time zone: write an IANA name such as Asia/Shanghai",
                    f"{name!r} 不是时区：请写 IANA 名称，如 Asia/Shanghai",
                )
            ) from error
        return name

    @model_validator(mode="after")
    def _each_day_once_and_in_its_year(self) -> Self:
        seen: dict[date, int] = {}
        for year, notice in self.years.items():
            for day in (*notice.holidays, *notice.workdays):
                if day.year != year and (day.year, day.month) != (year - 1, 12):
                    raise ValueError(
                        Sentence(
                            f"{day} stands under {year}: move it to its own year",
                            f"{day} 写在 {year} 年之下：请移到其所属年份",
                        )
                    )
                if day in seen:
                    raise ValueError(
                        Sentence(
                            f"{day} stands twice, under {seen[day]} and {year}: say once whether it is worked",
                            f"{day} 在 {seen[day]} 年和 {year} 年之下各出现一次：是否上班只写一次",
                        )
                    )
                seen[day] = year
        return self

    @property
    def holidays(self) -> frozenset[date]:
        """Every day off, of all years: by the notice of its year where that is out, else by the statute."""
        by_law = self.statute.holidays if self.statute else {}
        noticed = (day for year in self.years.values() for day in year.holidays)
        return frozenset([*noticed, *(day for day in by_law if day.year not in self.years)])

    @property
    def workdays(self) -> frozenset[date]:
        """Every make-up workday, of all years."""
        return frozenset(day for year in self.years.values() for day in year.workdays)


class Interval(BaseModel):
    """A stretch of a working day: from ``start`` up to but not including ``end``, local time of day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: ClockTime
    end: ClockTime

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes from local midnight."""
        return minute_of_day(self.start), minute_of_day(self.end)


class WorkingHours(BaseModel):
    """When a place works: the same intervals on each working day, in order.

    ``{start: "08:30", end: "17:00"}`` is short for one interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intervals: tuple[Interval, ...] = Field(min_length=1)
    weekdays: tuple[Weekday, ...] = Field(default=WEEK[:5], min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_interval_in_short(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not given.keys() & {"start", "end"} or "intervals" in given:
            return given
        only = {key: value for key, value in given.items() if key in ("start", "end")}
        return {key: value for key, value in given.items() if key not in only} | {"intervals": [only]}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        bounds = [bound for interval in self.intervals for bound in (interval.start, interval.end)]
        for at, (earlier, later) in enumerate(pairwise(bounds)):
            if earlier > later or (earlier == later and at % 2 == 0):
                raise ValueError(
                    Sentence(
                        f"working hours must run forward and not overlap: {later} does not follow {earlier}",
                        f"工作时间须先后相接、互不重叠：{later} 不在 {earlier} 之后",
                    )
                )
        return self
