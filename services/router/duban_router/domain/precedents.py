"""What is counted beyond the state of one record: over a time, over other problems, over a unit's notes. Pure.

A precedent is an event that counts. The ledger holds it beside the states, under what it counts for, written with the
event; whoever counts has the turn on that, so of two that happen at once one is the first and the other the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from duban.calendar import Calendar
from duban.policy.model.ladder import Trigger
from duban.texts import folded

#: So many other problems are named at most where something is the so many-th time.
_NAMED: Final = 20


class Count(NamedTuple):
    """What is counted, and of whom, in one jurisdiction."""

    jurisdiction: str
    what: str
    of: str


class Precedent(NamedTuple):
    """An event that counts: of which record, which of its events, and when."""

    under: Count
    problem_id: UUID
    version: int
    at: datetime


#: What stands in the ledger under a count.
Asked = Callable[[Count], Sequence[Precedent]]


def none_known(_count: Count) -> Sequence[Precedent]:
    """Where nothing is counted."""
    return ()


@dataclass(frozen=True, slots=True)
class Precedents:
    """What counts already: as the ledger tells when it is ``asked``, and what is ``fresh`` with this command."""

    asked: Asked
    fresh: list[Precedent] = field(default_factory=list)

    def take(self, precedent: Precedent) -> list[Precedent]:
        """Those that came before ``precedent``, which counts from now on."""
        under = precedent.under
        before = [*self.asked(under), *(other for other in self.fresh if other.under == under)]
        self.fresh.append(precedent)
        return before


def of_note(jurisdiction: str, unit: str, note: str) -> Count:
    """What the same note of the same unit is counted under."""
    return Count(jurisdiction, "note", f"{unit}/{sha256(folded(note).encode()).hexdigest()}")


def of_trigger(trigger: Trigger, jurisdiction: str, of: str) -> Count:
    """What is counted under for ``trigger``: of an enterprise, a unit or a problem."""
    return Count(jurisdiction, f"trigger/{trigger.id}", folded(of) if trigger.per == "enterprise" else of)


def so_many(
    trigger: Trigger, own: Precedent, before: Sequence[Precedent], calendar: Calendar
) -> tuple[UUID, ...] | None:
    """The other problems with which ``own`` is the so many-th that ``trigger`` asks for; None where it is not.

    The order in which those of one time were written does not count, but their instants alone: wherever ``times`` of
    them lie ``within`` the time, the one that is written last completes them. Of an enterprise or a unit each problem
    counts once in a time, and only the event with which it begins to count completes a number.
    """
    spans = [span for span in _spans(trigger, own, before, calendar) if not _is_in(own, span, trigger)]
    best = max(spans, key=lambda span: _many(trigger, span), default=[])
    many = _many(trigger, best)
    if many != trigger.times if trigger.once else many < trigger.times:
        return None
    others = dict.fromkeys(other.problem_id for other in best if other.problem_id != own.problem_id)
    return tuple(others)[-_NAMED:]


def _is_in(own: Precedent, span: Sequence[Precedent], trigger: Trigger) -> bool:
    """Whether the problem counts in ``span`` without ``own``, where each counts once."""
    if trigger.per is None:
        return False
    return any(other.problem_id == own.problem_id and other != own for other in span)


def _spans(
    trigger: Trigger, own: Precedent, before: Sequence[Precedent], calendar: Calendar
) -> Iterator[list[Precedent]]:
    """What lies within one time together with ``own``, for each beginning of such a time; in order."""
    events = sorted((*before, own), key=lambda precedent: (precedent.at, precedent.problem_id, precedent.version))
    if trigger.within is None:
        yield events
        return
    for first in {event.at for event in events if event.at <= own.at}:
        last = calendar.add(first, trigger.within)
        if own.at <= last:
            yield [event for event in events if first <= event.at <= last]


def _many(trigger: Trigger, span: Sequence[Precedent]) -> int:
    return len(span) if trigger.per is None else len({event.problem_id for event in span})
