"""A bulletin as it is compiled, with what of the same histories is drawn beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from duban.policy import Rules
from duban.policy.model.assessment import Bulletin, Period
from duban_console.assessment.diagrams import Diagram, lamps_by_week, times_by_unit
from duban_console.assessment.histories import History
from duban_console.assessment.rows.targets import TargetReading
from duban_console.assessment.selection import offered
from duban_console.assessment.sheet import Sheet, compiled
from duban_console.assessment.tallies import tallied
from duban_console.assessment.words import Language


@dataclass(frozen=True, slots=True)
class Edition:
    """A bulletin, and its diagrams."""

    sheet: Sheet
    diagrams: tuple[Diagram, ...] = ()


def edition(
    bulletin: Bulletin,
    past: Sequence[History],
    readings: Iterable[TargetReading],
    rules: Rules,
    until_at: datetime,
    period: Period | None,
    language: Language,
    near: timedelta | None,
) -> Edition:
    """``bulletin`` up to ``until_at`` from the histories up to then; without ``near`` nothing is drawn."""
    assessment = offered(rules.pack)[0]
    sheet = compiled(bulletin, assessment, past, rules, until_at, period=period, language=language, readings=readings)
    return Edition(sheet, tuple(_drawn(past, sheet, rules, near, language)) if near is not None and past else ())


def _drawn(
    past: Sequence[History], sheet: Sheet, rules: Rules, near: timedelta, language: Language
) -> Iterator[Diagram]:
    yield lamps_by_week(past, sheet.stretch, rules, near, language)
    assessment = offered(rules.pack)[0]
    own = frozenset(assessment.own_channels if assessment else ())
    times = times_by_unit(tallied(past, sheet.stretch, rules, own), rules, language)
    if times.labels:
        yield times
