"""The deadlines in memory: for the simulator and for tests, held to the same contract as those in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban_escalation.domain import Armed, Position
from duban_escalation.handlers import Standing, Writing
from duban_escalation.measures import MeasureTaken


class MemoryDeadlines:
    """The deadlines behind :class:`duban_escalation.handlers.ProblemHandler`, in dictionaries."""

    def __init__(self) -> None:
        self._heads: dict[UUID, int] = {}
        self._armed: dict[tuple[UUID, str], Armed] = {}
        self._measures: dict[tuple[UUID, int], tuple[MeasureTaken, datetime | None]] = {}

    async def write(self, writing: Writing) -> None:
        news = {one for one, version in writing.heads.items() if version > self._heads.get(one, 0)}
        self._heads |= {one: writing.heads[one] for one in news}
        wanted = {(one.problem_id, one.obligation): one for one in writing.armed if one.problem_id in news}
        for place in [place for place in self._armed if place[0] in news and place not in wanted]:
            del self._armed[place]
        for place, one in wanted.items():
            held = self._armed.get(place)
            if held is None or replace(held, fire_at=one.fire_at, command=one.command) != one:
                self._armed[place] = one
        for taken in writing.measures:
            self._measures.setdefault((taken.problem_id, taken.version), (taken, None))
        for problem_id, version, at in writing.closed:
            for key, (taken, ended_at) in self._measures.items():
                if key[0] == problem_id and key[1] < version and taken.effect.standing and ended_at is None:
                    self._measures[key] = (taken, at)

    async def standing(self, problem_ids: Collection[UUID]) -> dict[UUID, Standing]:
        return {
            one: Standing(self._heads[one], tuple(held for key, held in sorted(self._armed.items()) if key[0] == one))
            for one in problem_ids
            if one in self._heads
        }

    async def rearm(self, changed: Mapping[UUID, Armed]) -> None:
        for place, held in self._armed.items():
            self._armed[place] = changed.get(held.command, held)

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        waiting = [one for one in self._waiting(after, partitions) if one.fire_at <= until]
        return waiting[:limit]

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        return next((one.fire_at for one in self._waiting(after, partitions)), None)

    async def published_measures(self) -> list[tuple[MeasureTaken, datetime | None]]:
        """What stands on a board or is public, each with the instant it ended, in order of problem and version."""
        return [one for _, one in sorted(self._measures.items()) if one[0].effect.board or one[0].public]

    def _waiting(self, after: Position, partitions: Collection[int]) -> list[Armed]:
        found = (one for one in self._armed.values() if one.position > after and one.partition in partitions)
        return sorted(found, key=lambda one: one.position)


class MemorySchedules:
    """Up to when duties have been opened, in a dictionary."""

    def __init__(self) -> None:
        self._reached: dict[str, datetime] = {}

    async def opened_until(self) -> dict[str, datetime]:
        return dict(self._reached)

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        for jurisdiction, at in reached.items():
            self._reached[jurisdiction] = max(at, self._reached.get(jurisdiction, at))
