"""A bulletin of the pack → a sheet: title, columns and rows, as of an instant. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from duban.policy import Rules
from duban.policy.assessment import Assessment, Bulletin, BulletinKind, Column, Indicator, Period
from duban_console.assessing.claims import Outcome
from duban_console.assessing.histories import History
from duban_console.assessing.indicators import Score, kept_rate, on_time_rate, ranks, score
from duban_console.assessing.periods import Window, window
from duban_console.assessing.problems import is_wanted, problem_rows
from duban_console.assessing.tallies import Tallies, Tally, tallied
from duban_console.assessing.words import HEADINGS, WORDS, Language, listed, said

Value = str | int | float | None
Row = dict[str, Value]
_C = Column


@dataclass(frozen=True, slots=True)
class Sheet:
    """A compiled bulletin. ``columns`` are key and heading, in order; every row has every key, and ``unit_id``.

    ``recipients`` are units; ``@units`` has been replaced by those that stand in the sheet.
    """

    bulletin: Bulletin
    title: str
    window: Window
    pack: str
    calendar: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    recipients: tuple[str, ...] = field(default=())


def compiled(
    bulletin: Bulletin,
    assessment: Assessment | None,
    found: Iterable[History],
    rules: Rules,
    as_of: datetime,
    *,
    period: Period | None = None,
    language: Language = "zh",
) -> Sheet:
    """The sheet of ``bulletin`` for the period, or another ``period``, in which ``as_of`` falls, up to ``as_of``."""
    stretch = window(period or bulletin.period, as_of, rules.zone)
    chosen = (one for one in found if is_wanted(one, bulletin, as_of))
    if bulletin.kind in (BulletinKind.EXPOSURE, BulletinKind.LEDGER):
        rows = problem_rows(bulletin.kind, chosen, bulletin.only, stretch, rules, language)
    else:
        tallies = tallied(chosen, stretch, rules, frozenset(assessment.own_channels if assessment else ()))
        if bulletin.kind is BulletinKind.SCORES and assessment is not None:
            rows = _score_rows(assessment, tallies, rules, language)
        else:
            rows = _unit_rows(tallies, rules, language)
    columns = _columns(bulletin, assessment, language)
    kept = ["unit_id", *(key for key, _ in columns)]
    notice = rules.calendar.notice
    return Sheet(
        bulletin=bulletin,
        title=said(bulletin.title, language).format(**stretch.named),
        window=stretch,
        pack=rules.pack.ref,
        calendar=f"{notice.id}@{notice.version}",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in kept} for row in rows),
        recipients=_recipients(bulletin.recipients, rows),
    )


def _recipients(named: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in named:
        units = [str(row["unit_id"]) for row in rows if row["unit_id"]] if one == "@units" else [one]
        found |= dict.fromkeys(units)
    return tuple(found)


def _columns(bulletin: Bulletin, assessment: Assessment | None, language: Language) -> list[tuple[str, str]]:
    columns = []
    for one in bulletin.headings:
        if one.column is _C.SCORE and assessment is not None:
            for indicator in assessment.indicators:
                columns += _indicator_columns(indicator, language)
        columns.append((one.column.value, said(one.title or HEADINGS[one.column], language)))
    return columns


def _indicator_columns(indicator: Indicator, language: Language) -> list[tuple[str, str]]:
    title = said(indicator.title, language)
    return [(indicator.id, title), (_points(indicator), said(WORDS["points"], language).format(title=title))]


def _points(indicator: Indicator) -> str:
    return f"{indicator.id}.points"


#: What a tally says in each column of its own.
_COUNTS: Final[dict[Column, Callable[[Tally], Value]]] = {
    _C.RECEIVED: lambda tally: len(tally.received),
    _C.OPEN: lambda tally: len(tally.open),
    _C.COMPLETED: lambda tally: len(tally.completed),
    _C.STRUCK_OFF: lambda tally: len(tally.struck_off),
    _C.DUE: lambda tally: len(tally.judged),
    _C.DONE: lambda tally: sum(one.met_at is not None for one in tally.judged.values()),
    _C.ON_TIME: lambda tally: tally.outcomes[Outcome.ON_TIME],
    _C.EXTENDED: lambda tally: tally.outcomes[Outcome.EXTENDED],
    _C.LATE: lambda tally: tally.outcomes[Outcome.LATE],
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


def _unit_rows(tallies: Tallies, rules: Rules, language: Language) -> list[Row]:
    """One row a unit, in the order of the pack, and the whole at the end."""
    return [_row(unit, tallies[unit], rules, language) for unit in [*_occurring(tallies, rules), None]]


def _score_rows(assessment: Assessment, tallies: Tallies, rules: Rules, language: Language) -> list[Row]:
    """One row an assessed unit, whatever it did, in the order of their ranks; who has none comes last."""
    units = assessment.units or _occurring(tallies, rules)
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
    title = WORDS["total"] if unit is None else rules.units[unit].title if unit in rules.units else None
    row: Row = {"unit_id": unit, _C.UNIT.value: said(title, language) if title else unit}
    row |= {column.value: count(tally) for column, count in _COUNTS.items()}
    row[_C.REASONS.value] = _reasons(tally, language) if unit is not None else ""
    return row


def _reasons(tally: Tally, language: Language) -> str:
    """For each overdue problem, what the unit said of it last."""
    told: dict[str, str] = {}
    for history, verdict in sorted(tally.overdue.values(), key=lambda one: (one[1].judged_at, one[0].problem.number)):
        word = history.word_of(verdict.unit) or said(WORDS["no_reason"], language)
        told.setdefault(history.problem.number, word)
    mark = "：" if language == "zh" else ": "
    return listed([f"{number}{mark}{word}" for number, word in told.items()], language)


def _score_cells(assessment: Assessment, one: Score, place: int | None) -> Row:
    cells: Row = {_C.SCORE.value: one.total, _C.MEASURED.value: one.measured, _C.RANK.value: place}
    for indicator in assessment.indicators:
        cells[indicator.id] = one.values[indicator.id]
        cells[_points(indicator)] = one.points[indicator.id]
    return cells
