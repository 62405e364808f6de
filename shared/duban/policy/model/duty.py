"""What the calendar opens by itself: duties, their schedules and windows. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from pydantic import Field, model_validator

from duban.calendar import Within
from duban.calendar.within import ClockTime
from duban.policy.model.entry import Day, Founded, Id, Name, Text, Written
from duban.sentence import Sentence


class Window(Founded):
    """Stretches of days in which some duties are owed, such as an inspection; both days included."""

    id: Id
    title: Text
    periods: tuple[tuple[Day, Day], ...] = Field(min_length=1)


class Every(StrEnum):
    """How often a duty is opened."""

    DAY = "day"
    WORKING_DAY = "working_day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ONCE = "once"
    PLEDGED = "pledged"  #: an enterprise pledges it, each time by a day of its own
    SILENCE = "silence"  #: a source is silent for longer than it may be; whoever keeps the source owes it
    NEVER = "never"  #: only a measure or a draw opens it

    @property
    def is_by_calendar(self) -> bool:
        """Whether days open it, and nothing that happens."""
        return self not in (Every.PLEDGED, Every.SILENCE, Every.NEVER)


class Schedule(Written):
    """When a duty is opened, local time: ``on`` is the weekday (1 to 7), the day of the month, or the month-day.

    ``once`` opens on the day ``date``, ``pledged`` when an enterprise pledges something, ``silence`` when nothing was
    heard of a source for longer than it may be silent, ``never`` only when a measure says so. ``during`` names a window
    outside which nothing is opened.
    """

    every: Every
    on: int | str | None = None
    at: ClockTime = "00:00"
    date: Day | None = None
    during: Id | None = None

    @model_validator(mode="after")
    def _complete(self) -> Schedule:
        if (self.every is Every.ONCE) != (self.date is not None):
            raise ValueError(
                Sentence(
                    "`date` goes with `every: once`, and only with it",
                    "`date` 只能与 `every: once` 同时使用，且必须同时使用",
                )
            )
        if self.every is Every.WEEK and self.on not in range(1, 8):
            raise ValueError(
                Sentence(
                    "`every: week` needs `on`, the weekday from 1 (Monday) to 7",
                    "`every: week` 须写 `on`，即星期几：1（星期一）至 7",
                )
            )
        if self.every in (Every.MONTH, Every.QUARTER) and self.on not in range(1, 29):
            raise ValueError(
                Sentence(
                    f"`every: {self.every}` needs `on`, the day of its first month from 1 to 28",
                    f"`every: {self.every}` 须写 `on`，即首月的哪一天：1 至 28",
                )
            )
        if self.every is Every.YEAR and not re.fullmatch(r"(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])", str(self.on)):
            raise ValueError(
                Sentence(
                    '`every: year` needs `on`, the day as "MM-DD", from "01-01" to "12-28"',
                    '`every: year` 须写 `on`，即月和日 "MM-DD"：从 "01-01" 至 "12-28"',
                )
            )
        return self


#: Who owes a duty that names nobody.
_OWED_BY_OTHERS: Final = {
    Every.NEVER: Sentence("whoever the measure is told to", "措施所通知的单位"),
    Every.SILENCE: Sentence("whoever keeps the source that is silent", "中断的数据来源的管理单位"),
}


class DutyRule(Founded):
    """Something that units owe by the calendar: a report, a check, a bulletin, a dated task; or what is pledged.

    Each of ``units`` (or each unit with one of ``roles``) owes it for itself; what a measure opens is owed by whoever
    the measure is told to, what a draw opens by the unit that checks, what a silence opens by who keeps the source. It
    is due ``within`` a time of its opening, or at the end of the day ``due_on``; what is missing climbs ``ladder``.
    What is ``pledged`` is due on the day that the pledge names; ``units`` take pledges in, and say whether they are
    kept. ``public`` ones are published; those with ``proof`` are submitted with evidence, or not at all.
    """

    id: Id
    title: Text
    units: tuple[Name, ...] = ()
    roles: tuple[Id, ...] = ()
    schedule: Schedule
    within: Within | None = None
    due_on: Day | None = None
    ladder: Id
    public: bool = False
    proof: bool = False

    @model_validator(mode="after")
    def _complete(self) -> DutyRule:
        pledged = self.schedule.every is Every.PLEDGED
        if pledged and (self.within or self.due_on):
            raise ValueError(
                Sentence(
                    "`every: pledged`: each pledge names its own day; leave `within` and `due_on` out",
                    "`every: pledged`：每项承诺各有期限；请勿写 `within` 和 `due_on`",
                )
            )
        if not pledged and (self.within is None) == (self.due_on is None):
            raise ValueError(
                Sentence(
                    "needs exactly one of `within` and `due_on`; there is no default duration",
                    "`within` 和 `due_on` 须写且只写一个；没有默认期限",
                )
            )
        owed_by_others = _OWED_BY_OTHERS.get(self.schedule.every)
        if owed_by_others and (self.units or self.roles or self.due_on):
            raise ValueError(
                Sentence(
                    f"`every: {self.schedule.every}`: {owed_by_others} owes it, `within` a time of that",
                    f"`every: {self.schedule.every}`：由{owed_by_others.chinese}承担，期限以 `within` 起算",
                )
            )
        if not owed_by_others and not self.units and not self.roles:
            raise ValueError(
                Sentence(
                    "names neither `units` nor `roles`: nobody would owe it",
                    "`units` 和 `roles` 都没有写：无人承担",
                )
            )
        return self
