"""What is remembered of a source for whoever asks how it does: bounded, and nothing of who reported. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from duban.masks import masked
from duban.messages.envelope import Message
from duban.messages.readings import StationReadings
from duban.messages.report import Report

#: So many refusals are remembered, and so many reports are shown of a payload.
MOST_REFUSALS: Final = 10
_MOST_MADE: Final = 3
#: Of a payload that is larger, and of a text that is longer, only how much there is.
_LARGEST: Final = 65_536
_MOST_SHOWN: Final = 4_096
_DEEPEST: Final = 8
_LONGEST: Final = 300


@dataclass(slots=True)
class SourcePage:
    """What a source did since the page before was written."""

    spoke_at: datetime
    accepted: int = 0
    refused: int = 0
    refusals: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))
    payload: bytes | None = None
    made: list[dict[str, Any]] | None = None

    def refuse(self, at: datetime, code: str, place: str | None, message: str) -> None:
        """Note a refusal."""
        self.refused += 1
        shown = {"at": at.isoformat(), "code": code, "field": place, "message": masked(message)[:_LONGEST]}
        self.refusals.appendleft(shown)

    def accept(self, message: Message[Report]) -> None:
        """Note a report that is with the broker."""
        self.accepted += 1
        self.made = self.made or []
        if len(self.made) < _MOST_MADE:
            self.made.append(shown_report(message))

    def accept_readings(self, message: Message[StationReadings]) -> None:
        """Note readings that are with the broker."""
        self.accepted += 1
        self.made = self.made or []
        if len(self.made) < _MOST_MADE:
            self.made.append(shown_readings(message.data))

    def hear(self, payload: bytes) -> None:
        """Note the bytes of a request, whose reports follow."""
        self.payload, self.made = payload, None


def shape_of(payload: bytes) -> Any:
    """The names of the fields in ``payload`` and the sorts of what they hold: enough to see what a mapping may name."""
    if len(payload) > _LARGEST:
        return f"{len(payload)} bytes, more than are looked into"
    try:
        shape = _shape(orjson.loads(payload), _DEEPEST)
    except orjson.JSONDecodeError:
        return f"{len(payload)} bytes that are no JSON"
    return shape if len(orjson.dumps(shape)) <= _MOST_SHOWN else f"{len(payload)} bytes with more fields than are shown"


def _shape(value: Any, depth: int) -> Any:  # noqa: PLR0911 one line a sort
    match value:
        case dict() | list() if depth == 0:
            return "…"
        case dict():
            return {name[:_LONGEST]: _shape(inner, depth - 1) for name, inner in value.items()}
        case list():
            return [_shape(value[0], depth - 1), f"{len(value)} in all"] if value else []
        case str():
            return f"a text of {len(value)}"
        case bool():
            return "true or false"
        case None:
            return "null"
        case _:
            return "a number"


def shown_report(message: Message[Report]) -> dict[str, Any]:
    """A report as a mapping made it, for an operator: of what may name somebody only how much there is.

    It lies here in the clear, and what packs have sealed may not: nobody here knows which pack the report comes under.
    """
    report = message.data
    fields = {
        "id": message.id,
        "title": f"a text of {len(report.title)}",
        "text": f"a text of {len(report.text)}" if report.text else "",
        "jurisdiction": report.jurisdiction,
        "channel": report.channel,
        "category": report.category,
        "area": report.area,
        "location": "a place" if report.location else None,
        "observed_at": report.observed_at.isoformat() if report.observed_at else None,
        "attributes": list(report.attributes),
    }
    return {name: shown for name, shown in fields.items() if shown}


def shown_readings(readings: StationReadings) -> dict[str, Any]:
    """Readings as a mapping made them, for an operator."""
    factors = {reading.factor: reading.value for reading in readings.factors[:50]}
    return {"station": readings.station, "at": readings.at.isoformat(), "span": readings.span, "factors": factors}


def columns(pages: Sequence[tuple[str, SourcePage]]) -> tuple[list[object], ...]:
    """``pages`` by their sources, as the columns of the table."""
    return (
        [source for source, _ in pages],
        [page.spoke_at for _, page in pages],
        [page.accepted for _, page in pages],
        [page.refused for _, page in pages],
        [orjson.dumps(list(page.refusals)).decode() for _, page in pages],
        [None if page.payload is None else orjson.dumps(shape_of(page.payload)).decode() for _, page in pages],
        [None if page.made is None else orjson.dumps(page.made).decode() for _, page in pages],
    )
