"""The clocks: the machine's, and one that a player drives over a topic.

A service asks its clock two things only: what time it is now, and at what instant a record counts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol

#: What a person or a producer may name lies from the first on, and before the second: there calendars, zones and
#: databases can all count.
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def within_range(at: datetime) -> datetime:
    """``at``, which is aware.

    Raises:
        ValueError: it lies outside the years 1900 to 2199.
    """
    if not _EARLIEST <= at < _LATEST:
        raise ValueError("is an instant outside the years 1900 to 2199; check the year")
    return at


class Clock(Protocol):
    """Where every instant of a service comes from."""

    def now(self) -> datetime:
        """The instant now, aware, in UTC."""

    def instant(self, appended_at: datetime, stated_at: datetime) -> datetime:
        """When a record counts: ``appended_at`` is the broker's time stamp, ``stated_at`` the sender's ``ce_time``."""


class SystemClock:
    """Production: a record counts from the moment the broker appended it, whatever its sender states."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def instant(self, appended_at: datetime, stated_at: datetime) -> datetime:
        return appended_at


class DrivenClock:
    """Demo, acceptance and replay: time stands still until a tick moves it, and never moves back.

    A record counts at the instant that its sender states, so the same story gives the same ledger every time.
    """

    def __init__(self, start_at: datetime = datetime.fromtimestamp(0, UTC)) -> None:
        self._now = start_at

    def now(self) -> datetime:
        return self._now

    def instant(self, appended_at: datetime, stated_at: datetime) -> datetime:
        return stated_at

    def tick(self, at: datetime) -> None:
        """Move the clock to ``at``; an earlier instant is passed over."""
        self._now = max(self._now, at)
