"""How a lamp counts from midnight to midnight, as what changes in the counts of days. Pure.

A problem that is open with a limit is counted under green until the limit is near, then yellow, then red, as far ahead
as that goes; when it is closed, or its limit moves, what lies ahead is taken back. So how many stood in which lamp at
any midnight is the sum of what changed by then, and no history of a problem is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from duban_console.assessment.diagrams import Lamp
from duban_console.desk.reader import NEAR
from duban_console.desk.rows import ENDED, NO_LIMIT

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


def begins(due_key: datetime, at: datetime, zone: ZoneInfo) -> Iterator[tuple[Lamp, datetime, int]]:
    """What changes at which midnights when something due then is open from ``at`` on."""
    return _changes(due_key, at, zone, 1)


def ends(due_key: datetime, at: datetime, zone: ZoneInfo) -> Iterator[tuple[Lamp, datetime, int]]:
    """What of that is taken back when it is so no more from ``at`` on."""
    return _changes(due_key, at, zone, -1)


def _changes(due_key: datetime, at: datetime, zone: ZoneInfo, sign: int) -> Iterator[tuple[Lamp, datetime, int]]:
    """From ``at`` on it counts, or counts no more: both are the same changes, with the opposite sign."""
    if due_key >= NO_LIMIT:
        if due_key == NO_LIMIT:
            yield Lamp.NONE, midnight(at, zone), sign
        return
    first = midnight(at, zone)
    near = max(first, midnight(due_key - NEAR, zone))
    past = max(first, midnight(due_key, zone))
    for lamp, begin, end in ((Lamp.GREEN, first, near), (Lamp.YELLOW, near, past), (Lamp.RED, past, ENDED)):
        if begin < end:
            yield lamp, begin, sign
            if end != ENDED:
                yield lamp, end, -sign


def midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """The first local midnight at ``at`` or after it."""
    local = at.astimezone(zone)
    start = datetime.combine(local.date(), time(), zone)
    return start if start == local else datetime.combine(local.date() + _DAY, time(), zone)
