"""Working time: what a duration in a policy pack means on the clocks and calendars of one place.

Pure. Instants go in and come out aware, in UTC; local time exists only in here.

- :class:`Within`: a duration as packs write it.
- :class:`CalendarNotice`, :class:`WorkingHours`, :class:`Counting`: what a place has published and how it counts.
- :class:`Calendar`: the three compiled into tables; ``add`` answers "due when?" in a few microseconds.
"""

from duban.calendar.compiled import Calendar
from duban.calendar.notice import (
    FIRST_YEAR,
    LAST_YEAR,
    WEEK,
    CalendarNotice,
    Interval,
    NoticeYear,
    Statute,
    Weekday,
    WorkingHours,
)
from duban.calendar.within import AMOUNTS, Counting, Within

__all__ = [
    "AMOUNTS",
    "FIRST_YEAR",
    "LAST_YEAR",
    "WEEK",
    "Calendar",
    "CalendarNotice",
    "Counting",
    "Interval",
    "NoticeYear",
    "Statute",
    "Weekday",
    "Within",
    "WorkingHours",
]
