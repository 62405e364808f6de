"""Readings for tests of the detector: twelve stations of Beijing over twelve days, and rules over them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from duban.messages.envelope import Message, derived_text
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.report import Location
from duban.policy.model.detection import DetectionRule
from tests.given import small_rules

SERIES = Path(__file__).parent / "data/air/readings.csv"


def rule(**fields: Any) -> DetectionRule:
    """A rule for fine dust above 150, with some fields changed."""
    usual: dict[str, Any] = {
        "id": "dust", "title": {"en": "Fine dust"}, "factors": ["PM2.5"], "span": "hour", "measured_in": "ug/m3",
        "when": {"above": 150}, "category": "river", "channel": "patrol", "basis": "practice",
    }  # fmt: skip
    return DetectionRule.model_validate({**usual, **fields})


def rules() -> tuple[DetectionRule, ...]:
    """Those of the small pack: one of each kind, over the real series."""
    detection = small_rules().pack.detection
    assert detection is not None
    return detection.rules


@cache
def series() -> tuple[StationReadings, ...]:
    """The readings hour by hour; an hour in which a station sent nothing at all is not there."""
    found: dict[tuple[datetime, str], dict[str, float]] = {}
    with SERIES.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(f"{row.pop('time')}:00+08:00")
            factor = row.pop("factor")
            for station, value in row.items():
                if value:
                    found.setdefault((at, station), {})[factor] = float(value)
    return tuple(
        readings(station, at, values) for (at, station), values in sorted(found.items(), key=lambda one: one[0])
    )


def readings(station: str, at: datetime, values: Mapping[str, float], **fields: Any) -> StationReadings:
    """What a station of Smallville measured; each lies a kilometre and more from every other."""
    factors = tuple(FactorReading(factor=factor, value=value, flag="N") for factor, value in values.items())
    usual: dict[str, Any] = {"span": "hour", "factors": factors, "location": Location(latitude=31.4, longitude=104.7)}
    return StationReadings(
        jurisdiction="smallville",
        station=station,
        site=station,
        protocol="test",
        at=at,
        frame="",
        **{**usual, **fields},
    )


def message(data: StationReadings) -> Message[StationReadings]:
    """The message that carries ``data``."""
    id_ = derived_text("test readings", data.station, data.span, data.at)
    return Message(id_, "duban/test", data.station, data.at, data.jurisdiction, data.station, data)


def hours(begin: datetime, *values: float | None, station: str = "S1") -> Iterator[StationReadings]:
    """Readings of PM2.5 hour by hour; None: an hour without it."""
    for number, value in enumerate(values):
        yield readings(station, begin + timedelta(hours=number), {} if value is None else {"PM2.5": value})
