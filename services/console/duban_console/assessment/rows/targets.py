"""Rows that are targets: what each indicator shall come to, beside the latest reading of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from duban.policy import Rules
from duban.policy.model.assessment import Column
from duban.policy.model.target import Target
from duban_console.assessment.periods import Stretch
from duban_console.assessment.words import WORDS, Language, listed, said

_C = Column


@dataclass(frozen=True, slots=True)
class Reading:
    """What the indicator of ``target`` came to on a local day, in the unit that the target is measured in."""

    target: str
    read_on: date
    value: float


def target_rows(
    readings: Iterable[Reading], stretch: Stretch, rules: Rules, language: Language
) -> list[dict[str, Any]]:
    """A row a target, in the order of the pack, with the last reading of its indicator by the end of ``stretch``."""
    latest: dict[str, Reading] = {}
    for reading in sorted(readings, key=lambda reading: reading.read_on):
        if reading.read_on <= stretch.last:
            latest[reading.target] = reading
    return [_row(target, latest.get(target.id), rules, language) for target in rules.pack.targets]


def _row(target: Target, reading: Reading | None, rules: Rules, language: Language) -> dict[str, Any]:
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
