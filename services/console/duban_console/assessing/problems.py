"""Rows that are problems: the ledger by class, and the list for exposure. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from duban.deadlines import due
from duban.messages import changes as c
from duban.moves import Kind, Stage
from duban.policy import Rules
from duban.policy.assessment import Bulletin, BulletinKind, Column, Selection
from duban_console.assessing.claims import Outcome, Verdict
from duban_console.assessing.histories import History
from duban_console.assessing.periods import Window
from duban_console.assessing.tallies import exposures
from duban_console.assessing.words import WORDS, Language, listed, said

_C = Column


def is_wanted(history: History, bulletin: Bulletin, as_of: datetime) -> bool:
    """Whether the bulletin is about this problem; what was exposed is listed even if it is no longer overdue."""
    only, problem = bulletin.only, history.problem
    return (
        (not only.categories or problem.category in only.categories)
        and (not only.stages or problem.stage in only.stages)
        and (only.overdue_by is None or bulletin.kind is BulletinKind.EXPOSURE or bool(_overdue(history, only, as_of)))
    )


def _overdue(history: History, only: Selection, as_of: datetime) -> list[Verdict]:
    """What is unmet beyond its limit by as much as ``only`` asks for, the longest first."""
    found = (one for one in history.verdicts if one.owing and one.outcome is Outcome.LATE)
    long = (
        one
        for one in found
        if only.overdue_by is None or history.rules.calendar.add(one.judged_at, only.overdue_by) <= as_of
    )
    return sorted(long, key=lambda one: (one.judged_at, one.obligation, one.unit))


def problem_rows(
    kind: BulletinKind, found: Iterable[History], only: Selection, window: Window, rules: Rules, language: Language
) -> list[dict[str, Any]]:
    """A row a problem. Ledger: whatever was open within the window, by class. Exposure: exposed or overdue."""
    listed = []
    for history in found:
        if history.problem.kind is not Kind.PROBLEM:
            continue
        exposed = [at for at, _ in exposures(history)]
        overdue = _overdue(history, only, window.as_of)
        exposed_now = any(at in window for at in exposed)
        if (exposed_now or overdue) if kind is BulletinKind.EXPOSURE else _was_open(history, window):
            listed.append((history, exposed, overdue))
    order = {category: index for index, category in enumerate(rules.categories)}
    listed.sort(
        key=lambda one: (
            order.get(one[0].problem.category, len(order)) if kind is BulletinKind.LEDGER else 0,
            one[0].deeds[0].event.at,
            one[0].problem.number,
        )
    )
    return [_row(*one, window, rules, language) for one in listed]


def _was_open(history: History, window: Window) -> bool:
    if history.problem.stage not in (Stage.CLOSED, Stage.REJECTED):
        return True
    return any(d.event.at in window for d in history.deeds if isinstance(d.event.change, c.StruckOff | c.Rejected))


def _row(
    history: History, exposed: list[datetime], overdue: list[Verdict], window: Window, rules: Rules, language: Language
) -> dict[str, Any]:
    problem, plan = history.problem, history.problem.plan
    unit = (overdue[0].unit if overdue else problem.lead_unit) or rules.pack.office
    obligation, due_at = _task(history, overdue)

    def day(at: datetime | None) -> str | None:
        return at.astimezone(rules.zone).date().isoformat() if at is not None else None

    def named(id_: str | None, among: Any) -> str | None:
        return said(among[id_].title, language) if id_ in among else id_

    late = overdue[0].judged_at if overdue else None
    return {
        "unit_id": unit,
        _C.UNIT: named(unit, rules.units),
        _C.NUMBER: problem.number,
        _C.TITLE: problem.title,
        _C.CATEGORY: named(problem.category, rules.categories),
        _C.AREA: named(problem.area, rules.areas),
        _C.CHANNEL: named(problem.channel, {one.id: one for one in rules.pack.channels}),
        _C.ENTERPRISE: problem.enterprise,
        _C.STAGE: said(WORDS[problem.stage], language),
        _C.STATUS: said(WORDS[problem.status], language),
        _C.CO_UNITS: listed([str(named(one, rules.units)) for one in problem.co_units], language),
        _C.CLAUSE: problem.clause or None,
        _C.REGISTERED_ON: day(history.deeds[0].event.at),
        _C.OBLIGATION: said(history.rules.obligation(obligation).title, language) if obligation else None,
        _C.DUE_ON: day(due_at),
        _C.DAYS_LATE: (window.last - late.astimezone(rules.zone).date()).days if late else None,
        _C.TARGET: plan.target if plan else None,
        _C.MEASURES: listed(plan.measures, language) if plan else None,
        _C.PERSON: plan.person if plan else None,
        _C.MEASURE: named(_measure(history), history.rules.measures),
        _C.EXPOSED_ON: day(exposed[-1] if exposed else None),
        _C.REASON: history.word_of(unit) or None,
    }


def _task(history: History, overdue: list[Verdict]) -> tuple[str | None, datetime | None]:
    """What is owed, and until when: overdue the longest, else due next by the limits as they stand now."""
    if overdue:
        return overdue[0].obligation, overdue[0].limit_at
    standing = history.problem.model_copy(update={"deadlines": ()})
    soonest = min(due(standing, history.rules), key=lambda one: (one.lapse_at, one.obligation), default=None)
    return (soonest.obligation, soonest.lapse_at) if soonest else (None, None)


def _measure(history: History) -> str | None:
    """The measure that stands highest: the latest that was taken for a lapse."""
    taken = [d.event.change for d in history.deeds if isinstance(d.event.change, c.Escalated | c.Measured)]
    return taken[-1].measure if taken else None
