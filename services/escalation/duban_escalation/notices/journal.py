"""Where a notice can go, and the simplest such place: the log of the service, and a file if one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import orjson
import structlog

from duban.messages.envelope import Message, structured
from duban.messages.notices import Notice
from duban.texts import printable_json

#: What became of a notice that is done with; set aside: it is a dead letter; digested: it went out with others.
NoticeOutcome: TypeAlias = Literal["posted", "logged", "set_aside", "digested"]

_log = structlog.get_logger(__name__)


class Outlet(Protocol):
    """A way to people or systems."""

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """See ``notice`` off; raises Unavailable if it has to be tried again."""


class Journal:
    """Writes each notice as a line ``notice.issued`` of the log, and as a CloudEvent to ``file``, one a line."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        data = notice.data
        _log.info(
            "notice.issued",
            notice=notice.id,
            problem=notice.subject,
            jurisdiction=notice.jurisdiction,
            number=data.number,
            recipient=data.recipient,
            measure=data.measure,
            level=data.level,
            concern=data.concern,
            text=data.text,
        )
        if self._file is not None:
            self._append(self._file, printable_json(orjson.dumps(structured(notice)).decode()) + "\n")
        return "logged"

    def _append(self, file: Path, line: str) -> None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(line)
