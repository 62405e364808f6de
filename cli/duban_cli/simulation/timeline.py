"""Everything that happens, one JSON object a line: for people with ``jq``, and for comparing two runs. Pure.

Instants are in the time of the city, and whatever is told of a problem names its number and the report it began with.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, BinaryIO
from uuid import UUID

import orjson

from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.messages.struct import plain
from duban.refusal import Refusal
from duban_intake.domain import Arrival


class Timeline:
    """A witness that writes to ``file`` what it is told, in the order of time."""

    def __init__(self, file: BinaryIO, zone: tzinfo) -> None:
        self._file = file
        self._zone = zone
        self._names: dict[UUID, dict[str, str]] = {}

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """A line for an event: what, to which record, by whom, and how it stands after it."""
        change = {name: value for name, value in plain(event.change).items() if name not in ("kind", "filed")}
        filed = getattr(event.change, "filed", None)
        names = self._names.setdefault(record.id, {"number": record.number})
        if filed:
            names.setdefault("report", filed.id)
        report = {"source": filed.source, **names, "report": filed.id} if filed else names
        about = {record.kind.value: record.id, **report}
        self._write(event.at, event.change.kind, {**about, "by": event.actor.unit, "status": record.status, **change})

    def repeats(self, arrival: Arrival) -> None:
        """A line for a report that had come before."""
        self._write(arrival.at, "report_repeated", {"source": arrival.source, "report": arrival.id})

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A line for a report that was refused."""
        about = {"source": arrival.source, "report": arrival.id, "code": why.code, "reason": why.reason}
        self._write(arrival.at, "report_refused", about)

    def refused(self, message: Message[Command], why: Refusal) -> None:
        """A line for an act that was refused."""
        action, unit = message.data.TYPE.rpartition(".")[2], message.data.actor.unit
        names = self._names.get(UUID(message.subject), {})
        about = {
            "problem": message.subject,
            **names,
            "action": action,
            "by": unit,
            "code": why.code,
            "reason": why.reason,
        }
        self._write(message.time, "refused", about)

    def _write(self, at: datetime, what: str, about: dict[str, Any]) -> None:
        line = {"at": at.astimezone(self._zone).isoformat(), "what": what, **about}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
