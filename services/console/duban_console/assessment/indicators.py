"""Counts → the values of indicators, their points, and the score. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from duban.policy import Rules
from duban.policy.model.assessment import Assessment, Deduction, Indicator, IndicatorKind
from duban_console.assessment.claims import Timeliness
from duban_console.assessment.tallies import Tally, Times

_K = IndicatorKind


@dataclass(frozen=True, slots=True)
class Score:
    """What an assessment makes of one unit; ``values`` and ``points`` by indicator, None where nothing was measured.

    ``counts`` says how often each deduction applies, ``deducted`` how many points it takes. ``total`` is the points for
    every hundred of the weight that could be measured, less what was deducted, and never below 0.
    """

    values: dict[str, float | None]
    points: dict[str, float | None]
    counts: dict[str, int]
    deducted: dict[str, float]
    measured: int
    total: float | None


def on_time_rate(tally: Tally) -> float | None:
    """The share of judged obligations that were met within the limit as first set, in per cent.

    Each obligation of a holder counts once. A simulation's figure of the same name is another one: it counts every
    time that a clock was set going, by the limit then in force, so that extensions and bouncing are in it.
    """
    return _share(tally.timeliness[Timeliness.ON_TIME], len(tally.judged))


def kept_rate(tally: Tally) -> float | None:
    """As :func:`on_time_rate`, within the limit as extended or paused."""
    return _share(len(tally.judged) - tally.timeliness[Timeliness.LATE], len(tally.judged))


def typical(times: Times) -> float | None:
    """The median. What still waits counts with the time that it has waited, once that is longer than what has ended
    took: leaving the hard cases lying makes nobody quick."""
    middle = median(times.ended) if times.ended else 0.0
    counted = [*times.ended, *(hours for hours in times.waiting if hours > middle)]
    return median(counted) if counted else None


def _rebound_rate(tally: Tally) -> float | None:
    return _share(len(tally.rebounded), len(tally.struck_off | tally.rebounded))


def _last_moment_rate(tally: Tally) -> float | None:
    met = [verdict for verdict in tally.judged.values() if verdict.timeliness is Timeliness.ON_TIME]
    return _share(sum(verdict.at_the_last_moment for verdict in met), len(met))


def copied(tally: Tally) -> list[bool]:
    """Of each note, whether it stands at another problem of the unit too."""
    problems = Counter(note for _, note in set(tally.notes))
    return [problems[note] > 1 for _, note in tally.notes]


def _copied_note_rate(tally: Tally) -> float | None:
    return _share(sum(copied(tally)), len(tally.notes))


def duty_rate(tally: Tally, only: Sequence[str] = ()) -> float | None:
    """The share of the duties that were due, or of those ``named``, that were submitted in time, in per cent."""
    due = [tally.judged[claim] for claim in tally.duties if not only or claim[1] in only]
    return _share(sum(verdict.timeliness is Timeliness.ON_TIME for verdict in due), len(due))


def target_rate(tally: Tally, only: Sequence[str] = ()) -> float | None:
    """The share of the targets that were read, or of those among ``only``, that are reached, in per cent."""
    read = [reached for target, reached in tally.targets.items() if not only or target in only]
    return _share(sum(read), len(read))


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


#: How each kind is measured; coverage needs to know the areas too, and a rate of duties which ones are meant.
_MEASURES: Final[dict[IndicatorKind, Callable[[Tally], float | None]]] = {
    _K.TIME_TO_FIND: lambda tally: typical(tally.find),
    _K.TIME_TO_RESPOND: lambda tally: typical(tally.respond),
    _K.TIME_TO_RESOLVE: lambda tally: typical(tally.resolve),
    _K.ON_TIME_RATE: on_time_rate,
    _K.KEPT_RATE: kept_rate,
    _K.SATISFACTION: lambda tally: _share(sum(tally.ratings), len(tally.ratings)),
    _K.FEEDBACK_RATE: lambda tally: _share(len(tally.answered), len(tally.closed)),
    _K.FOUND_BY_OTHERS_FIRST: lambda tally: _share(len(tally.found_by_others), len(tally.in_territory)),
    _K.REBOUND_RATE: _rebound_rate,
    _K.SENT_BACK_RATE: lambda tally: _share(
        tally.deeds["sent_back"], max(tally.deeds["completed"], tally.deeds["sent_back"])
    ),
    _K.HAND_BACK_RATE: lambda tally: _share(
        tally.deeds["handed_back"], max(tally.deeds["dispatched"], tally.deeds["handed_back"])
    ),
    _K.LAST_MOMENT_RATE: _last_moment_rate,
    _K.COPIED_NOTE_RATE: _copied_note_rate,
}


def measured(indicator: Indicator, unit: str | None, tally: Tally, rules: Rules) -> float | None:
    """The value of ``indicator`` for ``unit``, to a tenth; None where there was nothing to measure."""
    if indicator.kind is _K.COVERAGE:
        mine = {area for area in rules.areas if rules.territorial_unit(area) == unit}
        value = _share(len(tally.areas_heard & mine), len(mine))
    elif indicator.kind is _K.DUTY_RATE:
        value = duty_rate(tally, indicator.duties)
    elif indicator.kind is _K.TARGET_RATE:
        value = target_rate(tally, indicator.targets)
    else:
        value = _MEASURES[indicator.kind](tally)
    return None if value is None else round(value, 1)


def points(indicator: Indicator, value: float) -> float:
    """The points for ``value``: the whole weight at ``full_at``, none at ``zero_at``, in proportion between."""
    share = (value - indicator.zero_at) / (indicator.full_at - indicator.zero_at)
    return round(indicator.weight * min(1.0, max(0.0, share)), 2)


def score(assessment: Assessment, unit: str | None, tally: Tally, rules: Rules) -> Score:
    """What ``assessment`` makes of the tally of ``unit``."""
    values = {indicator.id: measured(indicator, unit, tally, rules) for indicator in assessment.indicators}
    earned = {
        indicator.id: None if (value := values[indicator.id]) is None else points(indicator, value)
        for indicator in assessment.indicators
    }
    weight = sum(indicator.weight for indicator in assessment.indicators if values[indicator.id] is not None)
    sum_ = sum(points for points in earned.values() if points is not None)
    counts = {
        deduction.id: sum(tally.measures[measure] for measure in deduction.measures)
        for deduction in assessment.deductions
    }
    deducted = {deduction.id: _deducted(deduction, counts[deduction.id]) for deduction in assessment.deductions}
    total = max(0.0, round(100 * sum_ / weight - sum(deducted.values()), 1)) if weight else None
    return Score(values, earned, counts, deducted, weight, total)


def _deducted(deduction: Deduction, count: int) -> float:
    points = count * deduction.points
    return round(points if deduction.at_most is None else min(points, deduction.at_most), 2)


def ranks(scores: Mapping[str, Score], least_measured: int) -> dict[str, int]:
    """The place of each unit of whom enough could be measured, 1 for the best; equal scores share a place."""
    totals = {
        unit: score.total
        for unit, score in scores.items()
        if score.total is not None and score.measured >= least_measured
    }
    return {unit: 1 + sum(other > total for other in totals.values()) for unit, total in totals.items()}
