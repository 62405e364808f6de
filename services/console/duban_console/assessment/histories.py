"""One problem's events, followed up to ``as_of``: verdicts, who held it when, and what was done. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from duban.life import evolve
from duban.masks import published
from duban.messages import changes as c
from duban.messages.records import AnyRecord, Event, Problem, Turn
from duban.moves import CLOSED, OPEN, Status
from duban.policy import PolicyPack, Rules
from duban_console.assessment.claims import Claims, Verdict

#: The rules of a pack by its reference, ``id@version``.
RulesOf = Callable[[str], Rules]
#: In these the lead unit has the problem; in the other open ones it lies with the office.
_AT_THE_LEAD = frozenset({Status.DISPATCHED, Status.UNDERWAY, Status.PAUSED})


@dataclass(frozen=True, slots=True)
class Holding:
    """The problem lay in the hands of ``unit``; ``to_at`` is None while it still does."""

    unit: str
    from_at: datetime
    to_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """An event and the lead unit it is told of: that which had the problem, or gets it."""

    event: Event
    unit: str | None


@dataclass(slots=True)
class History:
    """A record as it stood at ``as_of``, and all that counts of how it came there."""

    record: AnyRecord
    rules: Rules
    deeds: list[Deed] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    open: list[Turn] = field(default_factory=list)
    limited: frozenset[str] = frozenset()

    @property
    def problem(self) -> Problem:
        """The problem, where the history is one's."""
        assert isinstance(self.record, Problem)
        return self.record

    @property
    def first(self) -> c.Registered | None:
        """The registration with the first report; None for what the calendar opened."""
        change = self.deeds[0].event.change
        return change if isinstance(change, c.Registered) else None

    def was_over(self, at: datetime) -> bool:
        """Whether the record was closed and at rest before ``at``: of what is counted since then it is no part."""
        record = self.record
        return (
            record.status in CLOSED
            and not record.deadlines
            and self.deeds[-1].event.at < at
            and not any(climb.lapses and climb.obligation in lasting([self.rules.pack]) for climb in record.climbs)
        )

    def word_of(self, unit: str) -> str:
        """What the unit said last: a note, or the reason of anything that it did; empty if it never said why.

        Without what tells who somebody is: a unit may quote a reporter.
        """
        for deed in reversed(self.deeds):
            event = deed.event
            if event.actor.unit == unit:
                word = event.change.note if isinstance(event.change, c.Progressed) else event.reason
                if word:
                    return published(word)
        return ""


@dataclass(frozen=True, slots=True)
class AtRest:
    """Records that were closed and at rest ``before`` an instant, in which none of ``lasting`` had ever lapsed."""

    before: datetime
    lasting: tuple[str, ...] = ()


def lasting(packs: Iterable[PolicyPack]) -> tuple[str, ...]:
    """The obligations that may be owed of a closed record: one that has lapsed is, with nothing more to come."""
    return tuple(sorted({known.id for pack in packs for known in pack.obligations if CLOSED & {*known.running}}))


def histories(events: Iterable[Event], rules_of: RulesOf, jurisdiction: str, as_of: datetime) -> Iterator[History]:
    """The history of each problem of ``jurisdiction`` before ``as_of``: what happened then or later is not there.

    ``events`` come problem by problem, in order.
    """
    for _, some in groupby(events, key=lambda event: event.problem_id):
        past = [event for event in some if event.at < as_of]
        if past and _jurisdiction(past[0]) == jurisdiction:
            yield follow(past, rules_of, as_of)


def _jurisdiction(first: Event) -> str | None:
    """Where the problem belongs that begins with ``first``; None if it does not begin there."""
    match first.change:
        case c.Registered():
            return first.change.filed.report.jurisdiction
        case c.Opened(due_on=None):  # whether a pledge is kept is no merit of the unit that watches
            return first.change.jurisdiction
        case _:
            return None


def follow(events: list[Event], rules_of: RulesOf, as_of: datetime) -> History:
    """The history that ``events`` of one record make; with the first of them it begins."""
    record = evolve(None, events[0])
    rules = rules_of(record.pack)
    claims, history = Claims(rules), History(record, rules)
    holder: tuple[str, datetime] | None = None
    for event in events:
        before = record
        if event.version > 1:
            record = evolve(record, event)
        claims.follow(event, record)
        history.deeds.append(Deed(event, _told_of(event, before, record)))
        unit = _holder(record, rules)
        if holder is not None and holder[0] != unit:
            if holder[1] < event.at:  # registered and dispatched at once, it has lain nowhere
                history.holdings.append(Holding(*holder, event.at))
            holder = None
        if holder is None and unit is not None:
            holder = (unit, event.at)
    if holder is not None:
        history.holdings.append(Holding(*holder, None))
    history.record = record
    history.verdicts, history.turns = claims.verdicts(as_of), claims.turns
    history.open, history.limited = claims.open, claims.limited
    return history


def _told_of(event: Event, before: AnyRecord, after: AnyRecord) -> str | None:
    return event.change.unit if isinstance(event.change, c.HandedBack | c.Withdrawn) else after.holder or before.holder


def _holder(record: AnyRecord, rules: Rules) -> str | None:
    if record.status not in OPEN:
        return None
    return (record.holder if record.status in _AT_THE_LEAD else None) or rules.pack.office
