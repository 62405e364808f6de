"""Histories and tallies as diagrams: how many stood in which light week by week, and how long things took. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final

from duban.messages.records import Problem, Turn
from duban.policy import Rules
from duban.policy.model.assessment import Period
from duban_console.assessment.histories import History
from duban_console.assessment.indicators import typical
from duban_console.assessment.periods import Stretch, first_day
from duban_console.assessment.tallies import Tallies
from duban_console.assessment.words import Language, said, texts, title_of

_WEEK: Final = timedelta(days=7)


class Lamp(StrEnum):
    """How a problem stands to what is due in it; the first that holds is its lamp."""

    RED = "red"  #: a limit has passed
    YELLOW = "yellow"  #: a limit is near, or runs on because more time was granted
    GREEN = "green"  #: a limit runs
    NONE = "none"  #: it is open, and no limit runs


class Shape(StrEnum):
    """How a diagram is drawn."""

    STACKS = "stacks"  #: a column a label, the rows on top of each other
    BARS = "bars"  #: a group of bars a label, one for each row


@dataclass(frozen=True, slots=True)
class DiagramRow:
    """Values that belong together, one for each label of the diagram; None where nothing was measured."""

    id: str
    title: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """What is drawn, and what the table beside it says. ``measured_in`` stands with the title."""

    id: str
    title: str
    measured_in: str
    shape: Shape
    labels: tuple[str, ...]
    rows: tuple[DiagramRow, ...]


_WORDS: Final = texts(
    {
        "lamps": ("Open problems by lamp, at the end of each week", "各周末在办问题亮灯情况"),
        "problems": ("problems", "件"),
        Lamp.RED: ("Past a limit", "红灯（逾期）"),
        Lamp.YELLOW: ("Soon due, or extended", "黄灯（临期或延期）"),
        Lamp.GREEN: ("In time", "绿灯（期限内）"),
        Lamp.NONE: ("No limit runs", "无时限"),
        "times": ("Time to find, to respond, to resolve, by unit", "各单位发现、响应、办结用时"),
        "hours": ("hours, median", "小时，中位数"),
        "find": ("To find", "发现"),
        "respond": ("To respond (working hours)", "响应（工作小时）"),
        "resolve": ("To resolve (working hours)", "办结（工作小时）"),
        "all": ("All", "合计"),
    }
)


def lamps_by_week(
    histories: Iterable[History], stretch: Stretch, rules: Rules, near: timedelta, language: Language
) -> Diagram:
    """How many problems were open in which light at the end of each week of ``stretch``, and at its own.

    A limit is ``near`` when no more than that is left of it.
    """
    ends = list(_week_ends(stretch, rules))
    counts = [Counter[Lamp]() for _ in ends]
    for history in histories:
        if isinstance(history.record, Problem):
            for at, count in zip(ends, counts, strict=True):
                if (lamp := lamp_at(history, at, near)) is not None:
                    count[lamp] += 1
    days = [(at - timedelta(microseconds=1)).astimezone(rules.zone).date().isoformat() for at in ends]
    rows = [DiagramRow(lamp, _said(lamp, language), tuple(count[lamp] for count in counts)) for lamp in Lamp]
    return _diagram("lamps", "problems", Shape.STACKS, days, rows, language)


def lamp_at(history: History, at: datetime, near: timedelta) -> Lamp | None:
    """The lamp of the problem at that instant; None if it was not open then."""
    if not any(lay.from_at <= at and (lay.to_at is None or at < lay.to_at) for lay in history.holdings):
        return None
    lamps = {_lamp(turn, at, near) for turn in history.turns if _runs(turn, at)}
    return next((lamp for lamp in Lamp if lamp in lamps), Lamp.NONE)


def _runs(turn: Turn, at: datetime) -> bool:
    return turn.began_at <= at and (turn.left_at is None or at < turn.left_at)


def _lamp(turn: Turn, at: datetime, near: timedelta) -> Lamp:
    if turn.limit_at is None:
        return Lamp.NONE
    if turn.lapsed_at is not None and turn.lapsed_at <= at:
        return Lamp.RED
    if turn.limit_at <= at:
        return Lamp.YELLOW if turn.granted else Lamp.RED
    return Lamp.YELLOW if turn.limit_at - at <= near else Lamp.GREEN


def times_by_unit(tallies: Tallies, rules: Rules, language: Language) -> Diagram:
    """The usual time to find, to respond and to resolve of each unit that has any, and of all together last."""
    typicals = {unit: [typical(times) for times in (of.find, of.respond, of.resolve)] for unit, of in tallies.items()}
    measured = {unit: times for unit, times in typicals.items() if any(hours is not None for hours in times)}
    units = sorted((unit for unit in measured if unit is not None), key=lambda unit: list(rules.units).index(unit))
    order = [*units, *([None] if None in measured else [])]
    titles = [_said("all", language) if unit is None else title_of(unit, rules, language) for unit in order]
    rows = [
        DiagramRow(name, _said(name, language), tuple(_rounded(measured[unit][at]) for unit in order))
        for at, name in enumerate(("find", "respond", "resolve"))
    ]
    return _diagram("times", "hours", Shape.BARS, titles, rows, language)


def _diagram(
    name: str, measured_in: str, shape: Shape, labels: list[str], rows: list[DiagramRow], language: Language
) -> Diagram:
    return Diagram(name, _said(name, language), _said(measured_in, language), shape, tuple(labels), tuple(rows))


def _week_ends(stretch: Stretch, rules: Rules) -> Iterator[datetime]:
    """The ends of the local weeks (Sunday, midnight) that lie in the stretch, and its own end."""
    monday = first_day(Period.WEEKLY, stretch.first) + _WEEK
    while (at := datetime.combine(monday, time(), rules.zone)) < stretch.as_of:
        yield at
        monday += _WEEK
    yield stretch.as_of


def _said(word: str, language: Language) -> str:
    return said(_WORDS[word], language)


def _rounded(hours: float | None) -> float | None:
    return None if hours is None else round(hours, 1)
