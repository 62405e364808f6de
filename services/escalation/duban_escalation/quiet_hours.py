"""When a contact is told: at once, or what waits until later. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

from duban.messages.contacts import QuietHours, RegisteredContact

_DAY = timedelta(days=1)


def held_until(contact: RegisteredContact, at: datetime, zone: tzinfo, *, urgent: bool) -> datetime | None:
    """Until when what comes at ``at`` waits for ``contact``, by the clock of ``zone``; None: it goes at once."""
    if urgent:
        return None
    until = at
    if contact.digest:
        until = min(instant for each in contact.digest for instant in _occurrences(each, at, zone) if instant >= at)
    if contact.quiet is not None:
        until = _after(contact.quiet, until, zone)
    return None if until == at else until


def _after(quiet: QuietHours, at: datetime, zone: tzinfo) -> datetime:
    """``at``, or the end of the quiet hours that it falls into."""
    for begins in _occurrences(quiet.begins, at, zone):
        ends = next(instant for instant in _occurrences(quiet.ends, begins, zone) if instant > begins)
        if begins <= at < ends:
            return ends
    return at


def _occurrences(clock: str, at: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the clock shows ``clock`` around ``at``: the day before, on the day, and for two days after it."""
    day = at.astimezone(zone).date() - _DAY
    hour, minute = map(int, clock.split(":"))
    for number in range(4):
        yield datetime.combine(day + number * _DAY, time(hour, minute), zone).astimezone(UTC)
