"""What another policy would have made of a city's past: a history in, the differences out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from duban.messages.records import Event
from duban.moves import Kind
from duban.policy import Rules
from duban.policy.library import Library
from duban_simulation.figures import Figures, Lapse, Punctuality
from duban_simulation.history import folded, ordered
from duban_simulation.replay import Comparison, Divergence, replay

#: So many problems of each kind of difference are named; all of them are counted.
MOST_NAMED: Final = 200


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is played: the past of ``jurisdiction`` under ``rules`` up to ``until``; ``library`` has what held then."""

    rules: Rules
    library: Library
    jurisdiction: str
    until: datetime


def differences(experiment: Experiment, events: Iterable[Event], on_step: Callable[[], None]) -> dict[str, Any]:
    """What would have been otherwise, as plain data; ``on_step`` is called twice for each event, or nearly.

    ``events`` come record by record, each from its first.

    Raises:
        HistoryError: a pack of the history is not in the library.
    """
    steps = ordered(folded(events, experiment.library), experiment.jurisdiction)
    comparison = replay(steps, experiment.rules, experiment.until, on_step)
    return {"events": len(steps), **_summary(comparison)}


def _summary(comparison: Comparison) -> dict[str, Any]:
    before, after = comparison.before, comparison.after
    by_kind: dict[str, list[Divergence]] = {"lapses": [], "no_longer": [], "otherwise": []}
    for change in comparison.changes:
        by_kind[change.what].append(change)
    units = sorted({*before.units, *after.units, *before.in_hand, *after.in_hand})
    return {
        "problems": _sides(before, after, lambda side: len(side.of_kind(Kind.PROBLEM))),
        "lapsed": _sides(before, after, lambda side: side.lapsed),
        **{
            what: {"total": len(changes), "named": [_named(change) for change in changes[:MOST_NAMED]]}
            for what, changes in by_kind.items()
        },
        "units": [{"unit": unit, "then": _load(before, unit), "now": _load(after, unit)} for unit in units],
        "refused": _counted(Counter(act.code for act in after.refused_acts) + after.refused_reports),
        "moved": comparison.moved.total(),
        "provisional": after.provisional_lapses,
    }


def _sides(before: Figures, after: Figures, figure: Callable[[Figures], int]) -> dict[str, int]:
    return {"then": figure(before), "now": figure(after)}


def _load(side: Figures, unit: str) -> dict[str, Any]:
    """What a unit had in hand on one side, and how it met what it owed."""
    punctuality = side.units.get(unit, Punctuality())
    hands: set[UUID] = side.in_hand.get(unit, set())
    return {"problems": len(hands), **punctuality.json()}


def _named(change: Divergence) -> dict[str, Any]:
    return {
        "problem": str(change.problem_id),
        "number": change.number,
        "then": [_lapse(lapse) for lapse in change.before],
        "now": [_lapse(lapse) for lapse in change.after],
    }


def _lapse(lapse: Lapse) -> dict[str, Any]:
    return {
        "obligation": lapse.obligation,
        "part": lapse.part,
        "at": lapse.at.isoformat(),
        "owner": lapse.owner,
        "provisional": lapse.provisional,
    }


def _counted(codes: Counter[str]) -> dict[str, Any]:
    return {"total": codes.total(), "by_code": dict(sorted(codes.items()))}
