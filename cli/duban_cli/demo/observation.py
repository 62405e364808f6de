"""What has been seen to happen: every record as it stands and came there, what lapsed, what was taken and refused."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from uuid import UUID

from duban.messages.changes import Attached, Escalated, Measured, Reminded
from duban.messages.records import AnyRecord, Event, in_words


class Seen:
    """The same account of a story, whoever played it: the services on the stack, or the core on virtual time.

    ``history`` is what happened to each problem and when, ``measures`` which were taken, ``opened`` the records that
    its measures opened, all in order. ``refusals``
    and ``refused_reports`` hold codes, by the id of the command and by source and id of the report.
    """

    def __init__(self) -> None:
        self.records: dict[UUID, AnyRecord] = {}
        self.history: dict[UUID, list[tuple[str, datetime]]] = {}
        self.opened: dict[UUID, list[UUID]] = {}
        self.lapsed: dict[UUID, Counter[str]] = {}
        self.measures: dict[UUID, list[str]] = {}
        self.attached: dict[tuple[str, str], UUID] = {}
        self.refusals: dict[str, str] = {}
        self.refused_reports: dict[tuple[str, str], str] = {}

    def take(self, event: Event, record: AnyRecord) -> None:
        """``event`` led to ``record``; what was seen already changes nothing."""
        known = self.records.get(record.id)
        if known is not None and known.version >= record.version:
            return
        self.records[record.id] = record
        history, change = self.history.setdefault(record.id, []), event.change
        # What is overdue the moment its clock begins is taken at once: not before what began it.
        history.append((change.kind, max(event.at, history[-1][1]) if history else event.at))
        if isinstance(change, Reminded | Escalated | Measured) and change.measure:
            self.measures.setdefault(record.id, []).append(change.measure)
        if known is None and (cause := getattr(change, "cause", None)) is not None:
            self.opened.setdefault(cause.problem_id, []).append(record.id)
        if isinstance(change, Escalated):
            self.lapsed.setdefault(record.id, Counter())[in_words(change.obligation, change.part)] += 1
        elif isinstance(change, Attached):
            self.attached[change.filed.source, change.filed.id] = record.id

    def opened_because(self, problem_id: UUID, record: str, of: str | None) -> UUID | None:
        """The first record of this name, and of this unit, enterprise or handle, that a measure opened."""
        for id_ in self.opened.get(problem_id, ()):
            opened = self.records[id_]
            if opened.rule == record and of in (None, opened.subject or opened.holder):
                return id_
        return None
