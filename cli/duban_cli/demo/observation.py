"""What has been seen to happen: every problem as it stands and came there, what lapsed, what was taken and refused."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from duban.messages.changes import Attached, Escalated, Measured, Reminded
from duban.messages.problem import Event, Problem


class Seen:
    """The same account of a story, whoever played it: the services on the stack, or the core on virtual time.

    ``history`` is what happened to each problem and when, ``measures`` which were taken, ``opened`` the records that
    its measures opened, all in order. ``refusals``
    and ``refused_reports`` hold codes, by the id of the command and by source and id of the report.
    """

    def __init__(self) -> None:
        self.problems: dict[UUID, Problem] = {}
        self.history: dict[UUID, list[tuple[str, datetime]]] = {}
        self.opened: dict[UUID, list[UUID]] = {}
        self.lapsed: dict[UUID, Counter[str]] = {}
        self.measures: dict[UUID, list[str]] = {}
        self.attached: dict[tuple[str, str], UUID] = {}
        self.refusals: dict[str, str] = {}
        self.refused_reports: dict[tuple[str, str], str] = {}

    def take(self, event: Event, problem: Problem) -> None:
        """``event`` led to ``problem``; what was seen already changes nothing."""
        known = self.problems.get(problem.id)
        if known is not None and known.version >= problem.version:
            return
        self.problems[problem.id] = problem
        history, change = self.history.setdefault(problem.id, []), event.change
        # What is overdue the moment its clock begins is taken at once: not before what began it.
        history.append((change.kind, max(event.at, history[-1][1]) if history else event.at))
        if isinstance(change, Reminded | Escalated | Measured):
            self.measures.setdefault(problem.id, []).append(change.measure)
        if known is None and (cause := getattr(change, "cause", None)) is not None:
            self.opened.setdefault(cause.problem_id, []).append(problem.id)
        if isinstance(change, Escalated):
            self.lapsed.setdefault(problem.id, Counter())[change.obligation] += 1
        elif isinstance(change, Attached):
            self.attached[change.filed.source, change.filed.id] = problem.id

    def opened_because(self, problem_id: UUID, record: str, of: str | None) -> UUID | None:
        """The first record of this name, and of this unit, enterprise or handle, that a measure opened."""
        for id_ in self.opened.get(problem_id, ()):
            one = self.problems[id_]
            if one.category == record and of in (None, one.subject or one.lead_unit):
                return id_
        return None
