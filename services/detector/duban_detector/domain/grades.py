"""Whether a reading is bad by a rule, well, or neither; of what does not count, nothing is said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from duban.messages.readings import FactorReading, StationReadings
from duban.messages.struct import AwareDatetime, Frozen
from duban.policy.model.detection import DetectionRule


class Grade(StrEnum):
    """What a reading is by a rule; ``between`` lies in the band in which an episode neither begins nor ends."""

    BAD = "bad"
    BETWEEN = "between"
    WELL = "well"


class GradedReading(Frozen):
    """What the reading ``at`` an instant is by a rule; ``figure``: the number by which, if it is one."""

    at: AwareDatetime
    grade: Grade
    figure: float | None = None


#: What a unit is, of the one of its kind that others are reckoned in.
_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    f"{prefix}g/{volume}": (volume, of_grams)
    for volume in ("m3", "L")
    for prefix, of_grams in (("u", 1e-6), ("µ", 1e-6), ("m", 1e-3), ("", 1.0))
}


def factor_between(unit: str | None, other: str | None) -> float | None:
    """By what a number in ``unit`` becomes one in ``other``: 1 where one is not said, None where nobody knows."""
    if unit is None or other is None or unit == other:
        return 1.0
    here, there = _UNITS.get(unit), _UNITS.get(other)
    if here is None or there is None or here[0] != there[0]:
        return None
    return here[1] / there[1]


def applies(rule: DetectionRule, readings: StationReadings) -> bool:
    """Whether ``rule`` looks at what the station sent."""
    if rule.systems and readings.system not in rule.systems:
        return False
    return rule.span is None or rule.span == readings.span


def grade_of(
    rule: DetectionRule, factor: str, readings: StationReadings, before: float | None
) -> tuple[GradedReading | None, float | None]:
    """What ``rule`` says of ``factor`` in ``readings``, if anything; and its number, if that counts.

    ``before`` is the number that counted last, by which jumps are seen.
    """
    by_factor = {reading.factor: reading for reading in readings.factors}
    reading, when = by_factor.get(factor), rule.when
    if when.missing or (when.flagged and reading is not None):
        bad = reading is None or (
            reading.flag in when.flagged if when.flagged else getattr(reading, when.number) is None
        )
        return GradedReading(at=readings.at, grade=Grade.BAD if bad else Grade.WELL), None
    number = None if reading is None else _number(rule, reading)
    if reading is None or number is None:
        return None, None
    whole = by_factor.get(when.above_factor or "")
    figure = _figure(rule, number, before, None if whole is None else _number(rule, whole))
    grade = None if figure is None else _grade(rule, figure, reading)
    return None if grade is None else GradedReading(at=readings.at, grade=grade, figure=figure), number


def _number(rule: DetectionRule, reading: FactorReading) -> float | None:
    """The number of ``reading`` in the unit of ``rule``; None where it does not count."""
    if reading.flag and reading.flag not in rule.valid_flags:
        return None
    number: float | None = getattr(reading, rule.when.number)
    scale = factor_between(reading.measured_in, rule.measured_in)
    return None if number is None or scale is None else number * scale


def _figure(rule: DetectionRule, number: float, before: float | None, whole: float | None) -> float | None:
    """What the condition of ``rule`` is about: the number itself, or how far it is from another one."""
    when = rule.when
    if when.above_factor is not None:
        return None if whole is None else number - whole
    if when.jump is not None or when.unchanged is not None:
        return None if before is None else abs(number - before)
    return number


def _grade(rule: DetectionRule, figure: float, reading: FactorReading) -> Grade | None:
    when, back = rule.when, rule.cleared_by.at
    if when.limits:
        if reading.low is None and reading.high is None:
            return None
        too_high = reading.high is not None and figure > reading.high
        too_low = reading.low is not None and figure < reading.low
        return Grade.BAD if too_high or too_low else Grade.WELL
    if when.unchanged is not None:
        return Grade.BAD if figure <= when.unchanged else Grade.WELL
    if when.below is not None:
        return Grade.BAD if figure < when.below else Grade.BETWEEN if back is not None and figure < back else Grade.WELL
    limit = when.above if when.above is not None else when.jump or 0.0
    return Grade.BAD if figure > limit else Grade.BETWEEN if back is not None and figure > back else Grade.WELL


def worse(rule: DetectionRule, worst: float | None, figure: float | None) -> float | None:
    """The worse of two figures by ``rule``: the lower one where it looks for what is too low."""
    if worst is None or figure is None:
        return figure if worst is None else worst
    return min(worst, figure) if rule.when.below is not None else max(worst, figure)


def is_ahead(readings: StationReadings, arrived_at: datetime, most_seconds: float) -> bool:
    """Whether the station's clock runs so far ahead that what it says of the time is not believed."""
    return (readings.at - arrived_at).total_seconds() > most_seconds
