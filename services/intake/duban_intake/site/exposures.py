"""The exposure board: the measures of a city that everybody may read of, in a view that escalation publishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from duban.policy.model.entry import Text
from duban.policy.rules import Rules
from duban_intake.gateway.published_views import rows

#: As many as a page shows at most.
MOST: Final = 500
_EXPOSED: Final = f"""
    select problem_id, number, measure, owner, at, ended_at from escalation.published_exposures
    where jurisdiction = $1 and at >= $2 order by at desc, problem_id, version limit {MOST}
"""  # noqa: S608 - constant


@dataclass(frozen=True, slots=True)
class Exposure:
    """A measure that was taken before everybody's eyes: on which record, against whom, and since when it is over."""

    problem_id: UUID
    number: str
    measure: str
    owner: str
    at: datetime
    ended_at: datetime | None

    def titles(self, rules: Rules) -> tuple[Text | None, Text | None]:
        """What the pack calls the measure, and the unit; None of what it no longer knows."""
        measure, unit = rules.measures.get(self.measure), rules.units.get(self.owner)
        return measure.title if measure else None, unit.title if unit else None


class ExposureBoard(Protocol):
    """Where it is read."""

    async def exposures(self, city: str, since: datetime) -> list[Exposure]:
        """Those of ``city`` since then, the latest first.

        Raises:
            Unavailable: it cannot be read now.
        """


class PostgresBoard:
    """The board in escalation's view."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def exposures(self, city: str, since: datetime) -> list[Exposure]:
        """Those of ``city`` since then, the latest first."""
        return [Exposure(**dict(row)) for row in await rows(self._pool, _EXPOSED, city, since, of="board")]
