"""How a lamp counts from midnight to midnight, as what changes in the counts of days. Pure.

A problem that is open with a limit is counted under green until the limit is near, then yellow, then red, as far ahead
as that goes; when it is closed, or its limit moves, what lies ahead is taken back. So how many stood in which lamp at
any midnight is the sum of what changed by then, and no history of a problem is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from duban_console.assessment.diagrams import Lamp
from duban_console.desk.rows import ENDED, NO_LIMIT, DayKey

_DAY = timedelta(days=1)


def lamp_of(due_key: datetime, now: datetime, near: timedelta) -> Lamp | None:
    """The lamp of what is due then; None of what is closed."""
    if due_key >= NO_LIMIT:
        return Lamp.NONE if due_key == NO_LIMIT else None
    return lamp_of_limit(due_key, now, near)


def lamp_of_limit(at: datetime, now: datetime, near: timedelta) -> Lamp:
    """The lamp of a limit that ends then."""
    if at <= now:
        return Lamp.RED
    return Lamp.YELLOW if at - now <= near else Lamp.GREEN


def begins(due_key: datetime, at: datetime, zone: ZoneInfo, near: timedelta) -> Iterator[tuple[Lamp, datetime, int]]:
    """What changes at which midnights when something due then is open from ``at`` on, yellow for the last ``near``."""
    return _changes(due_key, at, zone, near, 1)


def ends(due_key: datetime, at: datetime, zone: ZoneInfo, near: timedelta) -> Iterator[tuple[Lamp, datetime, int]]:
    """What of that is taken back when it is so no more from ``at`` on."""
    return _changes(due_key, at, zone, near, -1)


def _changes(
    due_key: datetime, at: datetime, zone: ZoneInfo, near: timedelta, sign: int
) -> Iterator[tuple[Lamp, datetime, int]]:
    """From ``at`` on it counts, or counts no more: both are the same changes, with the opposite sign."""
    if due_key >= NO_LIMIT:
        if due_key == NO_LIMIT:
            yield Lamp.NONE, midnight(at, zone), sign
        return
    first = midnight(at, zone)
    soon = max(first, midnight(due_key - near, zone))
    past = max(first, midnight(due_key, zone))
    for lamp, begin, end in ((Lamp.GREEN, first, soon), (Lamp.YELLOW, soon, past), (Lamp.RED, past, ENDED)):
        if begin < end:
            yield lamp, begin, sign
            if end != ENDED:
                yield lamp, end, -sign


def recounted(
    still_open: Iterable[tuple[str, str | None, datetime, ZoneInfo]], at: datetime, before: timedelta, near: timedelta
) -> Counter[DayKey]:
    """What changes from ``at`` on when what is open is yellow for the last ``near``, and no more for ``before``.

    Of each that is open: the city, the unit, when it is due, the zone. Midnights that are past stay as they were
    counted.
    """
    days: Counter[DayKey] = Counter()
    for city, unit, due_key, zone in still_open:
        for lamp, start, by in (*ends(due_key, at, zone, before), *begins(due_key, at, zone, near)):
            for name in ("",) if unit is None else ("", unit):
                days[city, name, lamp, start] += by
    return days


def midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The first local midnight at ``at`` or after it."""
    local = at.astimezone(zone)
    start = datetime.combine(local.date(), time(), zone)
    return start if start == local else datetime.combine(local.date() + _DAY, time(), zone)
