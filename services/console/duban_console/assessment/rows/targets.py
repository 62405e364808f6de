"""Rows that are targets: what each indicator shall come to, beside the latest reading of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from duban.messages import changes as c
from duban.messages.records import Event
from duban.policy import Rules
from duban.policy.model.assessment import Column
from duban.policy.model.target import Target
from duban_console.assessment.periods import Stretch
from duban_console.assessment.words import WORDS, Language, listed, said

_C = Column


@dataclass(frozen=True, slots=True)
class TargetReading:
    """What the indicator of ``target`` came to on a local day, for ``unit``: None is the unit that leads the target.

    The value is in the unit that the target is measured in; ``correction`` is the how many-th of the same reading.
    """

    target: str
    read_on: date
    value: float
    unit: str | None = None
    correction: int = 0


def readings_of(events: Iterable[Event], jurisdiction: str, as_of: datetime) -> list[TargetReading]:
    """The readings of ``jurisdiction`` among ``events`` that were entered before ``as_of``."""
    changes = (event.change for event in events if event.at < as_of and isinstance(event.change, c.ReadingTaken))
    return [
        TargetReading(change.target, change.read_on, change.value, change.unit, change.correction)
        for change in changes
        if change.jurisdiction == jurisdiction
    ]


def latest(
    readings: Iterable[TargetReading], stretch: Stretch, rules: Rules, since: date = date.min
) -> dict[tuple[str, str], TargetReading]:
    """The last reading of each target for each unit by the end of ``stretch``, of ``since`` or later, as corrected."""
    last: dict[tuple[str, str], TargetReading] = {}
    for reading in sorted(readings, key=lambda reading: (reading.read_on, reading.correction)):
        target = rules.targets.get(reading.target)
        if target is not None and since <= reading.read_on <= stretch.last:
            last[target.id, reading.unit or target.lead] = reading
    return last


def target_rows(
    readings: Iterable[TargetReading], stretch: Stretch, rules: Rules, language: Language
) -> list[dict[str, Any]]:
    """A row a target, in the order of the pack, with its lead unit's last reading by the end of ``stretch``."""
    last = latest(readings, stretch, rules)
    return [_row(target, last.get((target.id, target.lead)), rules, language) for target in rules.pack.targets]


def _row(target: Target, reading: TargetReading | None, rules: Rules, language: Language) -> dict[str, Any]:
    gap = target.gap(reading.value) if reading else None
    return {
        "unit_id": target.lead,
        _C.UNIT: said(rules.units[target.lead].title, language),
        _C.CO_UNITS: listed([said(rules.units[unit].title, language) for unit in target.co], language),
        _C.CLAUSE: target.clause,
        _C.INDICATOR: said(target.title, language),
        _C.BOUND: _bound(target),
        _C.MEASURED_IN: target.measured_in,
        _C.REACH_BY: target.by.isoformat() if target.by else None,
        _C.READING: reading.value if reading else None,
        _C.READ_ON: reading.read_on.isoformat() if reading else None,
        _C.REACHED: _reached(gap, language),
        _C.GAP: gap,
    }


def _bound(target: Target) -> str:
    return f"≥ {target.at_least:.10g}" if target.at_least is not None else f"≤ {target.at_most:.10g}"


def _reached(gap: float | None, language: Language) -> str:
    if gap is None:
        return said(WORDS["not_read"], language)
    return said(WORDS["missed"], language).format(gap=f"{gap:.10g}") if gap else said(WORDS["reached"], language)
