"""Everything that happens, one JSON object a line: for people with ``jq``, and for comparing two runs. Pure."""

from __future__ import annotations

from typing import Any, BinaryIO

import orjson

from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.messages.struct import plain
from duban.refusal import Refusal
from duban_intake.domain import Arrival


class Timeline:
    """A witness that writes to ``file`` what it is told, in the order of time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """A line for an event: what, to which record, by whom, and how it stands after it."""
        change = {name: value for name, value in plain(event.change).items() if name not in ("kind", "filed")}
        filed = getattr(event.change, "filed", None)
        report = {"source": filed.source, "report": filed.id} if filed else {}
        fields = {"at": event.at, "what": event.change.kind, record.kind.value: record.id, "number": record.number}
        self._write({**fields, "by": event.actor.unit, "status": record.status, **report, **change})

    def repeats(self, arrival: Arrival) -> None:
        """A line for a report that had come before."""
        self._write({"at": arrival.at, "what": "report_repeated", "source": arrival.source, "report": arrival.id})

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A line for a report that was refused."""
        about = {"source": arrival.source, "report": arrival.id, "code": why.code, "reason": why.reason}
        self._write({"at": arrival.at, "what": "report_refused", **about})

    def refused(self, message: Message[Command], why: Refusal) -> None:
        """A line for an act that was refused."""
        action, unit = message.data.TYPE.rpartition(".")[2], message.data.actor.unit
        about = {"problem": message.subject, "action": action, "by": unit, "code": why.code, "reason": why.reason}
        self._write({"at": message.time, "what": "refused", **about})

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
