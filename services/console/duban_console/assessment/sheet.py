"""A bulletin of the pack → a sheet: title, columns and rows, as of an instant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from duban.messages.report import Location
from duban.policy import Rules
from duban.policy.model.assessment import Assessment, Bulletin, BulletinKind, Column, Deduction, Indicator, Period
from duban_console.assessment.histories import History
from duban_console.assessment.periods import Stretch, stretch_of
from duban_console.assessment.rows.problems import OF_PROBLEMS, is_wanted, problem_rows
from duban_console.assessment.rows.targets import TargetReading, latest, target_rows
from duban_console.assessment.rows.units import Row, points_of, responsibility_rows, score_rows, unit_rows
from duban_console.assessment.tallies import Tally, tallied
from duban_console.assessment.words import HEADINGS, WORDS, Language, said


@dataclass(frozen=True, slots=True)
class Sheet:
    """A compiled bulletin. ``columns`` are key and heading, in order; every row has every key, and ``unit_id``.

    ``recipients`` are units; ``@units`` has been replaced by those that stand in the sheet. ``places`` say for each
    row where its problem lies, if it is about one that is still open and has a location.
    """

    bulletin: Bulletin
    title: str
    stretch: Stretch
    pack: str
    calendar: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    recipients: tuple[str, ...] = field(default=())
    places: tuple[Location | None, ...] = field(default=())


def compiled(
    bulletin: Bulletin,
    assessment: Assessment | None,
    histories: Iterable[History],
    rules: Rules,
    as_of: datetime,
    *,
    period: Period | None = None,
    language: Language = "zh",
    readings: Iterable[TargetReading] = (),
) -> Sheet:
    """The sheet of ``bulletin`` for the period, or another ``period``, in which ``as_of`` falls, up to ``as_of``.

    Only a bulletin of targets, and scores of targets, ask for ``readings``; only the former asks for no histories.
    """
    stretch = stretch_of(period or bulletin.period, as_of, rules.zone)
    rows = _rows(bulletin, assessment, histories, rules, stretch, language, readings)
    columns = _columns(bulletin, assessment, language)
    keys = ["unit_id", *(key for key, _ in columns)]
    notice = rules.calendar.notice
    return Sheet(
        bulletin=bulletin,
        title=said(bulletin.title, language).format(**stretch.named),
        stretch=stretch,
        pack=rules.pack.ref,
        calendar=f"{notice.id}@{notice.version}",
        columns=tuple(columns),
        rows=tuple({key: row[key] for key in keys} for row in rows),
        recipients=_recipients(bulletin.recipients, rows),
        places=tuple(row.get("place") for row in rows),
    )


def _rows(
    bulletin: Bulletin,
    assessment: Assessment | None,
    histories: Iterable[History],
    rules: Rules,
    stretch: Stretch,
    language: Language,
    readings: Iterable[TargetReading],
) -> Sequence[dict[str, Any]]:
    if bulletin.kind is BulletinKind.TARGETS:
        return target_rows(readings, stretch, rules, language)
    present = (history for history in histories if not history.was_over(stretch.start_at))
    selected = (history for history in present if is_wanted(history, bulletin, stretch.as_of))
    if bulletin.kind in OF_PROBLEMS:
        return problem_rows(bulletin.kind, selected, bulletin.only, stretch, rules, language)
    if bulletin.kind is BulletinKind.RESPONSIBILITIES:
        return responsibility_rows(selected, stretch, rules, language)
    tallies = tallied(selected, stretch, rules, frozenset(assessment.own_channels if assessment else ()))
    if bulletin.kind is BulletinKind.SCORES and assessment is not None:
        for (target, unit), reading in latest(readings, stretch, rules, since=stretch.first).items():
            tallies.setdefault(unit, Tally()).targets[target] = not rules.targets[target].gap(reading.value)
        return score_rows(assessment, tallies, rules, language)
    return unit_rows(tallies, rules, language)


def _recipients(recipients: Sequence[str], rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    unit_ids: dict[str, None] = {}
    for recipient in recipients:
        units = [str(row["unit_id"]) for row in rows if row["unit_id"]] if recipient == "@units" else [recipient]
        unit_ids |= dict.fromkeys(units)
    return tuple(unit_ids)


def _columns(bulletin: Bulletin, assessment: Assessment | None, language: Language) -> list[tuple[str, str]]:
    columns = []
    for heading in bulletin.headings:
        if heading.column is Column.SCORE and assessment is not None:
            for indicator in assessment.indicators:
                columns += _columns_of(indicator, "points", language)
            for deduction in assessment.deductions:
                columns += _columns_of(deduction, "points_off", language)
        columns.append((heading.column.value, said(heading.title or HEADINGS[heading.column], language)))
    return columns


def _columns_of(scored: Indicator | Deduction, points: str, language: Language) -> list[tuple[str, str]]:
    """What was counted, and the points for it, or off."""
    title = said(scored.title, language)
    return [(scored.id, title), (points_of(scored), said(WORDS[points], language).format(title=title))]
