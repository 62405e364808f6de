"""The responsibility list (责任清单): which units answer for a report, and by which clause. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from duban.messages.report import Report
from duban.policy.model.organisation import DESK, TERRITORIAL, Responsibility
from duban.policy.rules import Rules


@dataclass(frozen=True, slots=True)
class Assignment:
    """The lead unit, the co-units and the clause; ``matched`` is False at the fallback desk."""

    lead_unit: str
    co_units: tuple[str, ...]
    clause: str
    matched: bool = True


def assign(report: Report, category: str, matter: str | None, rules: Rules) -> Assignment | None:
    """The first line of the list that takes the report; the fallback desk where none does; None: a person assigns."""
    for line in rules.responsible(category, matter, report.area, report.channel):
        if line.lead == DESK:
            return None
        lead = _resolve(line.lead, report, rules)
        if lead is not None:
            return Assignment(lead, _others(line, lead, report, rules), line.clause or "practice")
    desk = rules.pack.fallback
    return Assignment(desk.unit, (), desk.clause or "practice", matched=False)


def _resolve(unit: str, report: Report, rules: Rules) -> str | None:
    return rules.territorial_unit(report.area) if unit == TERRITORIAL else unit


def _others(line: Responsibility, lead: str, report: Report, rules: Rules) -> tuple[str, ...]:
    units = (_resolve(unit, report, rules) for unit in (*line.co, *rules.pack.always_responsible))
    return tuple(dict.fromkeys(unit for unit in units if unit is not None and unit != lead))
