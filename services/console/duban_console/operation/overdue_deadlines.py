"""Deadlines that have fallen due and that the router has not answered yet, as escalation waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from duban_console.ledger import asking
from duban_console.operation import metrics

if TYPE_CHECKING:
    import asyncpg

#: So many are shown, those that have waited longest; so many are counted.
MOST_LISTED: Final = 100
MOST_COUNTED: Final = 10_000
_LIST: Final = """
    select problem_id, jurisdiction, obligation, part, level, due_at, partition
    from escalation.published_deadlines where fire_at <= $1 order by fire_at limit $2
"""
_COUNT: Final = """
    select count(*) from (
        select from escalation.published_deadlines where fire_at <= $1 order by fire_at limit $2
    ) as overdue
"""


@dataclass(frozen=True, slots=True)
class OverdueDeadline:
    """A deadline of ``record`` that waits since ``due_at``; ``partition`` is that of the record's events."""

    record: UUID
    jurisdiction: str
    obligation: str
    part: str
    level: int
    due_at: datetime
    partition: int

    def late(self, now: datetime) -> timedelta:
        """For how long it has waited."""
        return now - self.due_at


@dataclass(frozen=True, slots=True)
class OverdueCensus:
    """Those that have waited longest, and how many there are, counted up to :data:`MOST_COUNTED`."""

    listed: list[OverdueDeadline]
    count: int


class OverdueDeadlines:
    """Asks what escalation publishes of what it waits for."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def census(self, now: datetime) -> OverdueCensus:
        """What is overdue ``now``; what falls due this very second is sent and answered within moments.

        Raises:
            Unavailable: the database does not answer.
        """
        async with asking():
            rows = await self._pool.fetch(_LIST, now, MOST_LISTED)
            count = await self._count(now) if len(rows) == MOST_LISTED else len(rows)
        return OverdueCensus([_overdue(row) for row in rows], count)

    async def look(self, now: datetime) -> None:
        """Have Prometheus take how many there are ``now``."""
        async with asking():
            metrics.OVERDUE_DEADLINES.set(await self._count(now))

    async def _count(self, now: datetime) -> int:
        return int(await self._pool.fetchval(_COUNT, now, MOST_COUNTED))


def _overdue(row: asyncpg.Record) -> OverdueDeadline:
    return OverdueDeadline(
        row["problem_id"], row["jurisdiction"], row["obligation"], row["part"], row["level"], row["due_at"],
        row["partition"],
    )  # fmt: skip
