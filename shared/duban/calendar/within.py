"""Durations as policy packs write them, and the two ways of counting them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from duban.sentence import Sentence, listed

_CLOCK_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")
AMOUNTS = ("minutes", "hours", "days", "weeks", "months", "years", "working_days", "working_hours")
"""The kinds of durations that are so many of something."""
_KINDS = (*AMOUNTS, "at")
_MOST_DAYS = 10_000  # some 27 years: more is a slip of the pen


def _clock_time(value: object) -> object:
    # YAML 1.1 reads an unquoted 17:00 as the number 1020; guessing back would turn a stray 12 into 00:12.
    if isinstance(value, str) and _CLOCK_TIME.fullmatch(value):
        return value
    raise ValueError(
        Sentence(
            f'{value!r} is no time of day: write "HH:MM", in quotes, from "00:00" to "24:00"',
            f'{value!r} 不是时刻：请写 "HH:MM"，加引号，从 "00:00" 至 "24:00"',
        )
    )


ClockTime = Annotated[str, BeforeValidator(_clock_time)]
"""A wall-clock time of day, "HH:MM"; "24:00" is the end of the day."""


def minute_of_day(clock_time: ClockTime) -> int:
    """Minutes from local midnight: "08:30" is 510, "24:00" is 1440."""
    return int(clock_time[:2]) * 60 + int(clock_time[3:])


class Counting(StrEnum):
    """How days are counted. Hours and minutes run from the moment itself under both."""

    ELAPSED = "elapsed"
    """From the moment: n days later at the same time of day. For working days a start outside the hours waits for the
    next opening, and n working days later it is due at the same time of day."""

    WHOLE_DAYS = "whole_days"
    """By the Civil Code of the PRC, art. 201 to 203: the day of the event is not counted, and the period ends with the
    business hours of its last day. Where that day is off (calendar days), it ends with the next working day."""


class Within(BaseModel):
    """A duration as a pack writes it, of exactly one kind: ``{hours: 24}``, ``{working_days: 3}``, ``{at: "12:00"}``.

    A new kind is one field here, and a branch in :meth:`Calendar.add` and :meth:`Calendar.subtract`, or, where it comes
    to so many calendar days, a line in what they ask.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False, le=_MOST_DAYS * 1440)] | None = None
    """Wall time: runs on through nights and holidays."""
    hours: Annotated[float, Field(gt=0, allow_inf_nan=False, le=_MOST_DAYS * 24)] | None = None
    """Wall time: runs on through nights and holidays."""
    days: Annotated[int, Field(gt=0, le=_MOST_DAYS)] | None = None
    """Calendar days on the local clock: the hour stays the same across a clock change."""
    weeks: Annotated[int, Field(gt=0, le=_MOST_DAYS // 7)] | None = None
    """Seven calendar days each, and counted as days are."""
    months: Annotated[int, Field(gt=0, le=_MOST_DAYS // 365 * 12)] | None = None
    """To the same day of a later month, or the last day of a shorter one, and counted as days are."""
    years: Annotated[int, Field(gt=0, le=_MOST_DAYS // 365)] | None = None
    """Twelve months each."""
    working_days: Annotated[int, Field(gt=0, le=_MOST_DAYS)] | None = None
    working_hours: Annotated[float, Field(gt=0, allow_inf_nan=False, le=_MOST_DAYS * 24)] | None = None
    """Counts only inside the working hours."""
    at: ClockTime | None = None
    """A local time of day, ``in_days`` calendar days after the local date of the start."""
    in_days: Annotated[int, Field(ge=0, le=_MOST_DAYS)] = 1
    """0 is the same day, or the next one when ``at`` is not after the start. Goes with ``at`` only."""

    @property
    def is_calendar_days(self) -> bool:
        """Whether it comes to so many calendar days: of days, weeks, months or years."""
        return (self.days or self.weeks or self.months or self.years) is not None

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            kinds, here = listed(_KINDS), listed(given)
            raise ValueError(
                Sentence(
                    f"give exactly one of {kinds}; here: {here or 'none'}",
                    f"{kinds.chinese} 须写且只写一个；此处写了：{here.chinese or '无'}",
                )
            )
        if "in_days" in self.model_fields_set and self.in_days != 1 and self.at is None:
            raise ValueError(
                Sentence(
                    'in_days goes with at only, as in {at: "12:00", in_days: 0}',
                    'in_days 只能与 at 同时使用，如 {at: "12:00", in_days: 0}',
                )
            )
        return self
