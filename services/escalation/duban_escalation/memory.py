"""The deadlines in memory: for the simulator and for tests, held to the same contract as those in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from heapq import nsmallest
from uuid import UUID

from duban_escalation.callbacks import CallbackReport
from duban_escalation.calls import Call
from duban_escalation.domain import Armed, Position
from duban_escalation.handlers import ArmedVersion, Writing
from duban_escalation.measures import MeasureTaken


class MemoryDeadlines:
    """The deadlines behind :class:`duban_escalation.handlers.ProblemHandler`, in dictionaries."""

    def __init__(self) -> None:
        self._heads: dict[UUID, int] = {}
        self._armed: dict[UUID, dict[tuple[str, str], Armed]] = {}
        self._calls: dict[tuple[UUID, str], Call] = {}
        self._reports: dict[tuple[UUID, int], CallbackReport] = {}
        self._measures: dict[tuple[UUID, int], tuple[MeasureTaken, datetime | None]] = {}

    async def write(self, writing: Writing) -> None:
        for call in writing.calls:
            held_call = self._calls.get((call.record_id, call.unit))
            is_news = self._heads.get(call.problem_id, 0) < call.version
            if is_news and (held_call is None or held_call.version < call.version):
                self._calls[call.record_id, call.unit] = call
        self._calls = {
            called: call
            for called, call in self._calls.items()
            if call.version >= writing.answered.get(call.record_id, 0)
        }
        news = {problem_id for problem_id, version in writing.heads.items() if version > self._heads.get(problem_id, 0)}
        self._heads |= {problem_id: writing.heads[problem_id] for problem_id in news}
        held_before = {problem_id: self._armed.pop(problem_id, {}) for problem_id in news}
        for deadline in writing.armed:
            if deadline.problem_id in news:
                key = (deadline.obligation, deadline.part or "")
                held = held_before[deadline.problem_id].get(key)
                stands = (
                    held is not None and replace(held, fire_at=deadline.fire_at, command=deadline.command) == deadline
                )
                self._armed.setdefault(deadline.problem_id, {})[key] = held if held and stands else deadline
        for report in writing.reports:
            self._reports.setdefault((report.problem_id, report.version), report)
        for measure in writing.measures:
            self._measures.setdefault((measure.problem_id, measure.version), (measure, None))
        for problem_id, version, at in sorted(writing.closed, key=lambda closing: closing[1]):
            for place, (measure, ended_at) in self._measures.items():
                if place[0] == problem_id and place[1] < version and measure.effect.standing and ended_at is None:
                    self._measures[place] = (measure, at)

    async def armed_versions(self, problem_ids: Collection[UUID]) -> dict[UUID, ArmedVersion]:
        return {
            problem_id: ArmedVersion(
                self._heads[problem_id], tuple(held for _, held in sorted(self._armed.get(problem_id, {}).items()))
            )
            for problem_id in problem_ids
            if problem_id in self._heads
        }

    async def calls_due(self, partitions: Collection[int], until: datetime, limit: int) -> list[Call]:
        due = [call for call in self._calls.values() if call.partition in partitions and call.next_at <= until]
        return sorted(due, key=lambda call: (call.next_at, call.record_id, call.unit))[:limit]

    async def called(self, call: Call, next_at: datetime) -> None:
        if self._calls.get((call.record_id, call.unit)) == call:
            self._calls[call.record_id, call.unit] = replace(call, again=call.again + 1, next_at=next_at)

    async def call_ended(self, record_id: UUID, unit: str) -> None:
        self._calls.pop((record_id, unit), None)

    async def callback_reports(self, problem_ids: Collection[UUID]) -> list[CallbackReport]:
        return [report for (problem_id, _), report in sorted(self._reports.items()) if problem_id in problem_ids]

    async def rearm(self, changed: Mapping[UUID, Armed]) -> None:
        for armed in self._armed.values():
            for key, held in armed.items():
                armed[key] = changed.get(held.command, held)

    async def set_right(self, beyond: datetime, partitions: Collection[int]) -> None:
        for armed in self._armed.values():
            for key, held in armed.items():
                if held.partition in partitions and held.fire_at > max(held.due_at, beyond):
                    armed[key] = replace(held, fire_at=held.due_at)

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        waiting = (deadline for deadline in self._waiting(after, partitions) if deadline.fire_at <= until)
        return nsmallest(limit, waiting, key=lambda deadline: deadline.position)

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        return min((deadline.fire_at for deadline in self._waiting(after, partitions)), default=None)

    async def published_measures(self) -> list[tuple[MeasureTaken, datetime | None]]:
        """What stands on a board or is public, each with the instant it ended, in order of problem and version."""
        return [
            (measure, ended_at)
            for _, (measure, ended_at) in sorted(self._measures.items())
            if measure.effect.board or measure.public
        ]

    def _waiting(self, after: Position, partitions: Collection[int]) -> Iterator[Armed]:
        for armed in self._armed.values():
            for deadline in armed.values():
                # An instant later than that of ``after`` needs no further look, and most are.
                if deadline.partition in partitions and (deadline.fire_at > after.fire_at or deadline.position > after):
                    yield deadline


class MemorySchedules:
    """Up to when duties have been opened, in a dictionary."""

    def __init__(self) -> None:
        self._reached: dict[str, datetime] = {}

    async def opened_until(self) -> dict[str, datetime]:
        return dict(self._reached)

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        for jurisdiction, at in reached.items():
            self._reached[jurisdiction] = max(at, self._reached.get(jurisdiction, at))
