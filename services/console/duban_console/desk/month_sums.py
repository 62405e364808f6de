"""The sums by which units are compared over months, asked of PostgreSQL in one snapshot."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, TypeAlias

import asyncpg

from duban_console.desk.length_ranks import LengthCounts, LengthRank
from duban_console.desk.month_questions import BEHIND, MonthQuestion, WholeMonths, whole_months
from duban_console.desk.reader import Spread

Snapshot: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class MonthSums:
    """The sums of a period in which whole months lie, as one snapshot has them."""

    def __init__(
        self, connection: Snapshot, jurisdiction: str, from_at: datetime, before: datetime, months: WholeMonths
    ) -> None:
        self._connection = connection
        self._period = (jurisdiction, from_at, before, months.first_at, months.end_at, list(months.days))

    @classmethod
    async def of(cls, connection: Snapshot, jurisdiction: str, from_at: datetime, before: datetime) -> MonthSums | None:
        """The sums from ``from_at`` until before ``before``; None if no month lies between as a whole."""
        nothing_behind = not await connection.fetchval(BEHIND, jurisdiction, before)
        months = whole_months(from_at, before, nothing_behind=nothing_behind)
        return cls(connection, jurisdiction, from_at, before, months) if months.days else None

    async def figures(self, question: MonthQuestion) -> list[tuple[str, dict[str, Any]]]:
        """What ``question`` comes to for each unit, or (its unit is empty) for the whole city."""
        steps: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for unit, step, count in await self._connection.fetch(question.steps, *self._period):
            steps[unit][step] = count
        match question.sort:
            case "received":
                return [(unit, {"received": sum(counts.values())}) for unit, counts in steps.items()]
            case "closed":
                return [
                    (unit, {"closed": sum(counts.values()), "closed_late": counts.get(1, 0)})
                    for unit, counts in steps.items()
                ]
            case sort:
                figure = {"answer": "respond", "whole": "resolve"}[sort]
                spreads = await self._spreads(question, [LengthCounts(*each) for each in steps.items()])
                return [(unit, {figure: spread}) for unit, spread in spreads]

    async def _spreads(self, question: MonthQuestion, counted: list[LengthCounts]) -> list[tuple[str, Spread]]:
        ranks = list(dict.fromkeys(rank for counts in counted for rank in counts.ranks()))
        columns = ([getattr(rank, name) for rank in ranks] for name in ("unit", "step", "skip", "count"))
        rows = await self._connection.fetch(question.ranked, *self._period, *columns)
        lengths = {LengthRank(*rank): some for *rank, some in rows}
        return [(counts.unit, counts.spread(lengths)) for counts in counted]
