"""Rows that are problems: the ledger by class, lists, the wall chart, and the list for exposure. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from math import inf
from typing import Any, Final, NamedTuple

from duban.deadlines import due
from duban.masks import published
from duban.messages import changes as c
from duban.messages.records import Problem
from duban.messages.struct import replace
from duban.moves import STAGE, Stage
from duban.policy import Rules
from duban.policy.model.assessment import FITTING, Bulletin, BulletinKind, Column, Selection
from duban.policy.scope import is_for
from duban_console.assessment.claims import Timeliness, Verdict
from duban_console.assessment.histories import History
from duban_console.assessment.periods import Stretch
from duban_console.assessment.rows.plans import days_behind, milestones, planned_from, standing
from duban_console.assessment.tallies import exposures
from duban_console.assessment.words import WORDS, Language, listed, said

_C = Column
#: The kinds whose rows are problems.
OF_PROBLEMS: Final = frozenset(kind for kind, columns in FITTING.items() if Column.NUMBER in columns)


def is_wanted(history: History, bulletin: Bulletin, as_of: datetime) -> bool:
    """Whether the bulletin is about this record; what was exposed is listed even if it is no longer overdue."""
    only, record = bulletin.only, history.record
    matter = record.matter if isinstance(record, Problem) else None
    return (
        is_for(only, record.rule, matter)
        and (not only.stages or STAGE.get(record.status) in only.stages)
        and (only.overdue_by is None or bulletin.kind is BulletinKind.EXPOSURE or bool(_overdue(history, only, as_of)))
    )


def _overdue(history: History, only: Selection, as_of: datetime) -> list[Verdict]:
    """What is unmet beyond its limit by as much as ``only`` asks for, the longest first."""
    unmet = (verdict for verdict in history.verdicts if verdict.owing and verdict.timeliness is Timeliness.LATE)
    long = (
        verdict
        for verdict in unmet
        if only.overdue_by is None or history.rules.calendar.add(verdict.judged_at, only.overdue_by) <= as_of
    )
    return sorted(long, key=lambda verdict: (verdict.judged_at, verdict.obligation, verdict.unit))


def problem_rows(
    kind: BulletinKind,
    histories: Iterable[History],
    only: Selection,
    stretch: Stretch,
    rules: Rules,
    language: Language,
) -> list[dict[str, Any]]:
    """A row a problem of those that belong in a list of this ``kind``, in its order.

    Ledger and problems: whatever was open within the stretch, by class. Tasks: what is open at its end, the nearest
    deadline first. Wall chart: what was open and has a plan, by the date of the plan. Exposure: exposed or overdue.
    """
    chosen = []
    for history in histories:
        if not isinstance(history.record, Problem):
            continue
        exposed = [at for at, _ in exposures(history)]
        overdue = _overdue(history, only, stretch.as_of)
        if _belongs(kind, history, stretch, exposed, overdue):
            chosen.append((_place_in(kind, history, overdue, rules), history, exposed, overdue))
    chosen.sort(key=lambda row: (row[0], row[1].deeds[0].event.at, row[1].problem.number))
    return [_row(*row[1:], stretch, rules, language) for row in chosen]


def _belongs(
    kind: BulletinKind, history: History, stretch: Stretch, exposed: list[datetime], overdue: list[Verdict]
) -> bool:
    match kind:
        case BulletinKind.EXPOSURE:
            return bool(overdue) or any(at in stretch for at in exposed)
        case BulletinKind.TASKS:
            return _is_open(history)
        case BulletinKind.WALL_CHART:
            return history.problem.plan is not None and was_open(history, stretch)
        case _:
            return was_open(history, stretch)


def _place_in(kind: BulletinKind, history: History, overdue: list[Verdict], rules: Rules) -> float:
    """What the rows of a kind are sorted by, before the time at which they began."""
    problem = history.problem
    match kind:
        case BulletinKind.EXPOSURE:
            return 0
        case BulletinKind.TASKS:
            due_at = _task(history, overdue).due_at
            return due_at.timestamp() if due_at else inf
        case BulletinKind.WALL_CHART:
            return problem.plan.due_at.timestamp() if problem.plan else inf
        case _:
            order = list(rules.categories)
            return order.index(problem.category) if problem.category in rules.categories else len(order)


def _is_open(history: History) -> bool:
    return history.problem.stage not in (Stage.CLOSED, Stage.REJECTED)


def was_open(history: History, stretch: Stretch) -> bool:
    """Whether the problem was open at any time within ``stretch``."""
    if _is_open(history):
        return True
    return any(d.event.at in stretch for d in history.deeds if isinstance(d.event.change, c.StruckOff | c.Rejected))


def _row(
    history: History,
    exposed: list[datetime],
    overdue: list[Verdict],
    stretch: Stretch,
    rules: Rules,
    language: Language,
) -> dict[str, Any]:
    problem, plan = history.problem, history.problem.plan
    unit = (overdue[0].unit if overdue else problem.lead_unit) or rules.pack.office
    task = _task(history, overdue)

    def day_of(at: datetime) -> date:
        return at.astimezone(rules.zone).date()

    def day(at: datetime | None) -> str | None:
        return day_of(at).isoformat() if at is not None else None

    def named(id_: str | None, among: Any) -> str | None:
        return said(among[id_].title, language) if id_ in among else id_

    late = overdue[0].judged_at if overdue else None
    behind = days_behind(problem, stretch, day_of)
    return {
        "unit_id": unit,
        "place": problem.location if _is_open(history) else None,
        _C.UNIT: named(unit, rules.units),
        _C.NUMBER: problem.number,
        _C.TITLE: published(problem.title),
        _C.CATEGORY: named(problem.category, rules.categories),
        _C.MATTER: named(problem.matter, rules.matters),
        _C.AREA: named(problem.area, rules.areas),
        _C.CHANNEL: named(problem.channel, {channel.id: channel for channel in rules.pack.channels}),
        _C.ENTERPRISE: published(problem.enterprise) if problem.enterprise else None,
        _C.STAGE: said(WORDS[problem.stage], language),
        _C.STATUS: said(WORDS[problem.status], language),
        _C.CO_UNITS: listed([str(named(unit, rules.units)) for unit in problem.co_units], language),
        _C.CLAUSE: problem.clause or None,
        _C.REGISTERED_ON: day(history.deeds[0].event.at),
        _C.OBLIGATION: said(history.rules.obligation(problem, task.obligation).title, language)
        if task.obligation
        else None,
        _C.OWNER: named(task.owner, rules.units),
        _C.DUE_ON: day(task.due_at),
        _C.DAYS_LATE: (stretch.last - day_of(late)).days if late else None,
        _C.SPONSOR: problem.sponsor,
        _C.TARGET: plan.target if plan else None,
        _C.MEASURES: listed(plan.measures, language) if plan else None,
        _C.PERSON: plan.person if plan else None,
        _C.MILESTONES: milestones(problem, day_of, language),
        _C.PLANNED_FROM: day(planned_from(history)) if plan else None,
        _C.PLANNED_TO: day(plan.due_at) if plan else None,
        _C.STANDING: standing(problem, behind, language),
        _C.DAYS_BEHIND: behind,
        _C.MEASURE: named(_measure(history), history.rules.measures),
        _C.EXPOSED_ON: day(exposed[-1] if exposed else None),
        _C.REASON: history.word_of(unit) or None,
    }


class _Task(NamedTuple):
    """What is owed, by whom, and until when; nothing where nothing has a limit."""

    obligation: str | None = None
    owner: str | None = None
    due_at: datetime | None = None


def _task(history: History, overdue: list[Verdict]) -> _Task:
    """What is overdue the longest, else what falls due next by the limits as they stand now."""
    if overdue:
        return _Task(overdue[0].obligation, overdue[0].unit, overdue[0].limit_at)
    anew = replace(history.problem, deadlines=())
    soonest = min(due(anew, history.rules), key=lambda deadline: (deadline.lapse_at, deadline.obligation), default=None)
    return _Task(soonest.obligation, soonest.owner, soonest.lapse_at) if soonest else _Task()


def _measure(history: History) -> str | None:
    """The measure that stands highest: the latest that was taken for a lapse."""
    lapses = (d.event.change for d in history.deeds if isinstance(d.event.change, c.Escalated | c.Measured))
    measures = [change.measure for change in lapses if change.measure]
    return measures[-1] if measures else None
