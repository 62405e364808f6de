"""Units beside each other: figures and diagrams of a period, from what the desk has counted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from duban.pages.words import msgid
from duban.policy.model.assessment import Period
from duban_console.assessment.diagram_svg import drawn
from duban_console.assessment.diagrams import Diagram, DiagramRow, Lamp, Shape
from duban_console.assessment.periods import first_day
from duban_console.desk.reader import UnitFigures, WeekLamps
from duban_console.pages.labels import LAMPS
from duban_console.pages.record_words import RecordWords

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
#: The periods over which units are compared, and what they are called.
PERIODS: Final = {
    Period.WEEKLY: msgid("this week"),
    Period.MONTHLY: msgid("this month"),
    Period.QUARTERLY: msgid("this quarter"),
    Period.YEARLY: msgid("this year"),
}
#: So many weeks of lamps are drawn.
WEEKS: Final = 12


@dataclass(frozen=True, slots=True)
class ShownDiagram:
    """A diagram, drawn, and what the table beside it says: its headings, and a row a label."""

    title: str
    svg: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def beginning(period: Period, now: datetime, zone: ZoneInfo) -> datetime:
    """When the period began in which ``now`` lies."""
    return datetime.combine(first_day(period, now.astimezone(zone).date()), time(), zone)


def week_ends(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """The ends of the last weeks before ``now``, local Sundays at midnight, the earliest first."""
    monday = first_day(Period.WEEKLY, now.astimezone(zone).date())
    return [datetime.combine(monday - _WEEK * back, time(), zone) for back in reversed(range(WEEKS))]


def lamps_diagram(weeks: Sequence[WeekLamps], words: RecordWords) -> ShownDiagram:
    """How many problems were open in which lamp at the ends of weeks."""
    labels = tuple((week.ends_at - _DAY).astimezone(words.zone).strftime("%m-%d") for week in weeks)
    rows = tuple(
        DiagramRow(lamp.value, words.say(LAMPS[lamp.value]), tuple(getattr(week, lamp.value) for week in weeks))
        for lamp in Lamp
    )
    title, of = words.say("Open problems by lamp, at the ends of weeks"), words.say("problems")
    return _drawn(Diagram("lamps", title, of, Shape.STACKS, labels, rows), words.say("Week until"))


def times_diagram(figures: Sequence[UnitFigures], words: RecordWords) -> ShownDiagram | None:
    """How long it usually takes each unit to answer, and to put it right; None where nobody has done either."""
    measured = [each for each in figures if each.respond.count or each.resolve.count]
    if not measured:
        return None
    rows = (
        DiagramRow("respond", words.say("to acknowledge"), tuple(_tenth(each.respond.median) for each in measured)),
        DiagramRow("resolve", words.say("to complete"), tuple(_tenth(each.resolve.median) for each in measured)),
    )
    labels = tuple(name_of(each, words) for each in measured)
    title, of = words.say("Time to acknowledge and to complete"), words.say("working hours, median")
    return _drawn(Diagram("times", title, of, Shape.BARS, labels, rows), words.say("Unit"))


def open_diagram(figures: Sequence[UnitFigures], words: RecordWords) -> ShownDiagram | None:
    """What lies with each unit, and how much of it is past a limit; None where nothing lies with any."""
    holding = sorted((each for each in figures if each.unit and each.open), key=lambda each: -each.open)
    if not holding:
        return None
    rows = (
        DiagramRow("red", words.say("past a limit"), tuple(float(each.overdue) for each in holding)),
        DiagramRow("green", words.say("the others"), tuple(float(each.open - each.overdue) for each in holding)),
    )
    labels = tuple(name_of(each, words) for each in holding)
    title = words.say("Open problems of each unit")
    return _drawn(Diagram("open", title, words.say("problems"), Shape.BARS, labels, rows), words.say("Unit"))


def name_of(figures: UnitFigures, words: RecordWords) -> str:
    """Whose the figures are."""
    return words.unit(figures.unit) if figures.unit is not None else words.say("All together")


def shown(diagram: Diagram, svg: str, first: str) -> ShownDiagram:
    """``diagram``, drawn as ``svg``, with its table; what the ``first`` column is of."""
    table = tuple(
        (label, *(_figure(row.values[at]) for row in diagram.rows)) for at, label in enumerate(diagram.labels)
    )
    return ShownDiagram(diagram.title, svg, (first, *(row.title for row in diagram.rows)), table)


def _drawn(diagram: Diagram, first: str) -> ShownDiagram:
    return shown(diagram, drawn(diagram), first)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
