"""The deadlines in memory: for the simulator and for tests, held to the same contract as those in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from heapq import nsmallest
from uuid import UUID

from duban_escalation.domain import Armed, Position
from duban_escalation.handlers import Standing, Writing
from duban_escalation.measures import MeasureTaken


class MemoryDeadlines:
    """The deadlines behind :class:`duban_escalation.handlers.ProblemHandler`, in dictionaries."""

    def __init__(self) -> None:
        self._heads: dict[UUID, int] = {}
        self._armed: dict[UUID, dict[tuple[str, str], Armed]] = {}
        self._measures: dict[tuple[UUID, int], tuple[MeasureTaken, datetime | None]] = {}

    async def write(self, writing: Writing) -> None:
        news = {one for one, version in writing.heads.items() if version > self._heads.get(one, 0)}
        self._heads |= {one: writing.heads[one] for one in news}
        held_before = {one: self._armed.pop(one, {}) for one in news}
        for one in writing.armed:
            if one.problem_id in news:
                key = (one.obligation, one.part or "")
                held = held_before[one.problem_id].get(key)
                stands = held is not None and replace(held, fire_at=one.fire_at, command=one.command) == one
                self._armed.setdefault(one.problem_id, {})[key] = held if held and stands else one
        for taken in writing.measures:
            self._measures.setdefault((taken.problem_id, taken.version), (taken, None))
        for problem_id, version, at in writing.closed:
            for place, (taken, ended_at) in self._measures.items():
                if place[0] == problem_id and place[1] < version and taken.effect.standing and ended_at is None:
                    self._measures[place] = (taken, at)

    async def standing(self, problem_ids: Collection[UUID]) -> dict[UUID, Standing]:
        return {
            one: Standing(self._heads[one], tuple(held for _, held in sorted(self._armed.get(one, {}).items())))
            for one in problem_ids
            if one in self._heads
        }

    async def rearm(self, changed: Mapping[UUID, Armed]) -> None:
        for armed in self._armed.values():
            for key, held in armed.items():
                armed[key] = changed.get(held.command, held)

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        waiting = (one for one in self._waiting(after, partitions) if one.fire_at <= until)
        return nsmallest(limit, waiting, key=lambda one: one.position)

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        return min((one.fire_at for one in self._waiting(after, partitions)), default=None)

    async def published_measures(self) -> list[tuple[MeasureTaken, datetime | None]]:
        """What stands on a board or is public, each with the instant it ended, in order of problem and version."""
        return [one for _, one in sorted(self._measures.items()) if one[0].effect.board or one[0].public]

    def _waiting(self, after: Position, partitions: Collection[int]) -> Iterator[Armed]:
        for armed in self._armed.values():
            for one in armed.values():
                # An instant later than that of ``after`` needs no further look, and most are.
                if one.partition in partitions and (one.fire_at > after.fire_at or one.position > after):
                    yield one


class MemorySchedules:
    """Up to when duties have been opened, in a dictionary."""

    def __init__(self) -> None:
        self._reached: dict[str, datetime] = {}

    async def opened_until(self) -> dict[str, datetime]:
        return dict(self._reached)

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        for jurisdiction, at in reached.items():
            self._reached[jurisdiction] = max(at, self._reached.get(jurisdiction, at))
