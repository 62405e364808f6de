"""Rows that are units: their counts, their scores, and the problems for which they answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from duban.messages.records import Problem
from duban.policy import Rules
from duban.policy.model.assessment import Assessment, Column, Deduction, Indicator
from duban_console.assessment.claims import Timeliness
from duban_console.assessment.histories import History
from duban_console.assessment.indicators import Score, kept_rate, on_time_rate, ranks, score
from duban_console.assessment.periods import Stretch
from duban_console.assessment.rows.problems import was_open
from duban_console.assessment.tallies import Tallies, Tally
from duban_console.assessment.words import WORDS, Language, listed, said, title_of

Value = str | int | float | None
Row = dict[str, Value]
_C = Column


#: What a tally says in each column of its own.
_COUNTS: Final[dict[Column, Callable[[Tally], Value]]] = {
    _C.RECEIVED: lambda tally: len(tally.received),
    _C.OPEN: lambda tally: len(tally.open),
    _C.COMPLETED: lambda tally: len(tally.completed),
    _C.STRUCK_OFF: lambda tally: len(tally.struck_off),
    _C.DUE: lambda tally: len(tally.judged),
    _C.DONE: lambda tally: sum(verdict.met_at is not None for verdict in tally.judged.values()),
    _C.DUTIES: lambda tally: len(tally.duties),
    _C.DUTIES_ON_TIME: lambda tally: sum(tally.judged[duty].timeliness is Timeliness.ON_TIME for duty in tally.duties),
    _C.ON_TIME: lambda tally: tally.timeliness[Timeliness.ON_TIME],
    _C.EXTENDED: lambda tally: tally.timeliness[Timeliness.EXTENDED],
    _C.LATE: lambda tally: tally.timeliness[Timeliness.LATE],
    _C.OVERDUE: lambda tally: len(tally.overdue),
    _C.NO_DEADLINE: lambda tally: len(tally.no_deadline),
    _C.ON_TIME_RATE: lambda tally: _tenth(on_time_rate(tally)),
    _C.KEPT_RATE: lambda tally: _tenth(kept_rate(tally)),
    _C.HAND_BACKS: lambda tally: tally.deeds["handed_back"],
    _C.EXTENSIONS: lambda tally: tally.deeds["extended"],
    _C.PAUSES: lambda tally: tally.deeds["paused"],
    _C.SENT_BACK: lambda tally: tally.deeds["sent_back"],
    _C.REBOUNDS: lambda tally: len(tally.rebounded),
    _C.ESCALATIONS: lambda tally: tally.deeds["escalated"] + tally.deeds["measured"],
    _C.EXPOSURES: lambda tally: tally.deeds["exposed"],
    _C.HELD_HOURS: lambda tally: _tenth(tally.held_hours),
}


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def unit_rows(tallies: Tallies, rules: Rules, language: Language) -> list[Row]:
    """One row a unit, in the order of the pack, and the whole at the end."""
    return [_row(unit, tallies[unit], rules, language) for unit in [*_occurring(tallies, rules), None]]


def score_rows(assessment: Assessment, tallies: Tallies, rules: Rules, language: Language) -> list[Row]:
    """One row an assessed unit, whatever it did, in the order of their ranks; who has none comes last."""
    units = rules.named(assessment.units, assessment.roles) or _occurring(tallies, rules)
    scores = {unit: score(assessment, unit, tallies.get(unit, Tally()), rules) for unit in units}
    places = ranks(scores, assessment.least_measured)
    ranked = sorted(units, key=lambda unit: places.get(unit, len(scores) + 1))
    return [
        _row(unit, tallies.get(unit, Tally()), rules, language)
        | _score_cells(assessment, scores[unit], places.get(unit))
        for unit in ranked
    ]


def _occurring(tallies: Tallies, rules: Rules) -> list[str]:
    """The units that occur, in the order of the pack; one that has left the pack comes last."""
    known = [unit for unit in rules.units if unit in tallies]
    return [*known, *sorted(unit for unit in tallies if unit is not None and unit not in rules.units)]


def _row(unit: str | None, tally: Tally, rules: Rules, language: Language) -> Row:
    row: Row = {"unit_id": unit, _C.UNIT.value: _name(unit, rules, language)}
    row |= {column.value: count(tally) for column, count in _COUNTS.items()}
    row[_C.REASONS.value] = _reasons(tally, language) if unit is not None else ""
    return row


def _name(unit: str | None, rules: Rules, language: Language) -> str:
    return said(WORDS["total"], language) if unit is None else title_of(unit, rules, language)


def _reasons(tally: Tally, language: Language) -> str:
    """For each overdue problem, what the unit said of it last."""
    reasons: dict[str, str] = {}
    for history, verdict in sorted(tally.overdue.values(), key=lambda case: (case[1].judged_at, case[0].record.number)):
        word = history.word_of(verdict.unit) or said(WORDS["no_reason"], language)
        reasons.setdefault(history.record.number, word)
    mark = "：" if language == "zh" else ": "
    return listed([f"{number}{mark}{word}" for number, word in reasons.items()], language)


def _score_cells(assessment: Assessment, score: Score, place: int | None) -> Row:
    cells: Row = {_C.SCORE.value: score.total, _C.MEASURED.value: score.measured, _C.RANK.value: place}
    for indicator in assessment.indicators:
        cells[indicator.id] = score.values[indicator.id]
        cells[points_of(indicator)] = score.points[indicator.id]
    for deduction in assessment.deductions:
        cells[deduction.id] = score.counts[deduction.id]
        cells[points_of(deduction)] = score.deducted[deduction.id]
    return cells


def points_of(scored: Indicator | Deduction) -> str:
    """The key of the column in which the points for an indicator stand, or those that a deduction takes."""
    return f"{scored.id}.points"


def responsibility_rows(histories: Iterable[History], stretch: Stretch, rules: Rules, language: Language) -> list[Row]:
    """A row a unit that leads a problem open within the stretch, or takes part in one, in the order of the pack.

    What waits for a unit is led by the office.
    """
    led: dict[str, list[History]] = {}
    joined: dict[str, list[History]] = {}
    for history in sorted(histories, key=lambda history: (history.record.begun_at, history.record.number)):
        if isinstance(history.record, Problem) and was_open(history, stretch):
            led.setdefault(history.problem.lead_unit or rules.pack.office, []).append(history)
            for unit in history.problem.co_units:
                joined.setdefault(unit, []).append(history)
    unit_ids = {*led, *joined}
    units = [*(unit for unit in rules.units if unit in unit_ids), *sorted(unit_ids - {*rules.units})]
    return [_responsibility(unit, led.get(unit, []), joined.get(unit, []), rules, language) for unit in units]


def _responsibility(unit: str, leads: list[History], joins: list[History], rules: Rules, language: Language) -> Row:
    def each(texts: Iterable[str | None]) -> str:
        return listed(list(dict.fromkeys(text for text in texts if text)), language)

    return {
        "unit_id": unit,
        _C.UNIT.value: _name(unit, rules, language),
        _C.CLAUSE.value: each(history.problem.clause for history in (*leads, *joins)),
        _C.SPONSOR.value: each(history.problem.sponsor for history in leads),
        _C.PERSON.value: each(history.problem.plan.person for history in leads if history.problem.plan),
        _C.LEADS.value: each(history.problem.number for history in leads),
        _C.JOINS.value: each(history.problem.number for history in joins),
    }
