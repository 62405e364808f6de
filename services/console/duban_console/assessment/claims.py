"""Who owed what until when, and whether it was met in time, so that no hand-back, extension or pause polishes it. Pure.

The laws of the count:

- Each holder has a clock of its own: the full limit, from the moment it was first given the problem. It stands still
  while the problem is in other hands, and it is not set back when the problem returns.
- Who hands a problem back in time is neither on time nor late; who hands it back too late was late.
- The limit is the one first set. Met only within an extended limit, or thanks to a pause, is a verdict of its own.
- What the rule itself defers to its second limit, has that limit.
- An extension granted after the lapse does not undo it, but for one that the ladder had waited for.
- Work that a reviewer sends back was not done: the clock runs on from where it stood.
- A plan filed anew does not move the date of the first.
- What was owed by a step that is waived is neither on time nor late, unless it was late already.
- What has no limit gets no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from duban import duties
from duban.deadlines import limit_of, owed, planned_date, waits_for_decision
from duban.messages.changes import Deferred, Escalated, Extended
from duban.messages.records import AnyRecord, Duty, Event, Mark, Problem
from duban.moves import Status
from duban.policy import Rules
from duban.policy.model.ladder import HANDLERS, Obligation

#: What takes an obligation from its holder without meeting it, unless the pack says that it does; to dispatch or to
#: reject is what an office may owe, or whoever else does not handle the problem.
WITHDRAWING: Final = frozenset(
    {"handed_back", "withdrawn", "dispatched", "rejected", "flagged", "unflagged", "step_waived"}
)
_OF_THE_OFFICE: Final = frozenset({"dispatched", "rejected"})


class Timeliness(StrEnum):
    """How an obligation ended for its holder."""

    ON_TIME = "on_time"
    EXTENDED = "extended"  #: beyond the limit first set; the ledger granted more and recorded no lapse
    LATE = "late"


@dataclass(slots=True)
class Turn:
    """One obligation in the hands of one unit, from the first receipt to the last departure."""

    obligation: str
    unit: str
    generation: int
    began_at: datetime
    limit_at: datetime | None
    left_at: datetime | None = None
    met: bool = False
    overrun_at: datetime | None = None
    granted: bool = False
    lapsed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.left_at is not None

    def leave(self, at: datetime, *, met: bool) -> None:
        """The obligation is met, or goes out of the unit's hands."""
        self.left_at, self.met = at, met
        self.overrun_at = self._overrun(at)

    def resume(self, at: datetime, generation: int) -> None:
        """It is in the unit's hands again; the time that others had it is not the unit's."""
        if self.left_at is not None and self.limit_at is not None and self.overrun_at is None:
            self.limit_at += at - self.left_at
        self.left_at, self.met, self.generation = None, False, generation

    def _overrun(self, at: datetime) -> datetime | None:
        """When the limit as first set was passed, if it was by ``at``."""
        passed = self.limit_at is not None and at > self.limit_at
        return self.overrun_at or (self.limit_at if passed else None)

    def verdict(self, as_of: datetime) -> Verdict | None:
        """What is certain by ``as_of``; None while the limit runs, and for what was withdrawn in time."""
        if self.limit_at is None:
            return None
        overrun_at = self._overrun(self.left_at or as_of)
        if overrun_at is not None:
            if self.granted and self.lapsed_at is None:
                timeliness, judged_at = Timeliness.EXTENDED, overrun_at
            else:
                # Extended and then lapsed: late since the day when what was granted ended, not before.
                granted_until = self.lapsed_at if self.granted else None
                timeliness, judged_at = Timeliness.LATE, max(overrun_at, granted_until or overrun_at)
        elif self.met and self.left_at is not None:
            timeliness, judged_at = Timeliness.ON_TIME, self.left_at
        else:
            return None
        met_at = self.left_at if self.met else None
        return Verdict(
            self.obligation, self.unit, timeliness, self.began_at, self.limit_at, judged_at, met_at, not self.ended
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """How ``obligation`` ended for ``unit``, certain since ``judged_at``; ``owing``: it is still unmet in its hands."""

    obligation: str
    unit: str
    timeliness: Timeliness
    began_at: datetime
    limit_at: datetime
    judged_at: datetime
    met_at: datetime | None
    owing: bool

    @property
    def at_the_last_moment(self) -> bool:
        """Whether it was met in the last tenth of its time."""
        if self.timeliness is not Timeliness.ON_TIME or self.met_at is None:
            return False
        return self.limit_at - self.met_at < (self.limit_at - self.began_at) / 10


@dataclass(slots=True)
class Claims:
    """Every obligation that ran against one record; :meth:`follow` it event by event."""

    rules: Rules
    _turns: dict[tuple[str, str], Turn] = field(default_factory=dict)
    _past: list[Turn] = field(default_factory=list)
    _before: AnyRecord | None = None

    def follow(self, event: Event, record: AnyRecord) -> None:
        """``record`` is the state after ``event``."""
        self._follow(event, record)
        self._before = record

    def _follow(self, event: Event, record: AnyRecord) -> None:
        if record.status is Status.PAUSED:
            self._note(event)
            return
        running = dict(self._running(record))
        for key, turn in self._turns.items():
            now = running.get(key)
            if not turn.ended and (now is None or _renewed(turn, *now, event)):
                turn.leave(event.at, met=self._meets(turn, event, record))
        for key, (obligation, since) in running.items():
            self._hold(key, obligation, since, event, record)
        self._note(event)

    def verdicts(self, as_of: datetime) -> list[Verdict]:
        """Every verdict that is certain by ``as_of``."""
        verdicts = (turn.verdict(as_of) for turn in (*self._past, *self._turns.values()))
        return [verdict for verdict in verdicts if verdict is not None]

    @property
    def limited(self) -> frozenset[str]:
        """The units that had a limit on anything."""
        return frozenset(turn.unit for turn in (*self._past, *self._turns.values()) if turn.limit_at is not None)

    @property
    def open(self) -> list[Turn]:
        """What is owed at the end, the soonest limit first."""
        return sorted(
            (turn for turn in self._turns.values() if not turn.ended and turn.limit_at is not None),
            key=lambda turn: (turn.limit_at, turn.obligation, turn.unit),
        )

    def _running(self, record: AnyRecord) -> Iterator[tuple[tuple[str, str], tuple[Obligation, Mark]]]:
        for obligation, since, _, unit in owed(record, self.rules):
            if unit is not None:
                yield (obligation.id, unit), (obligation, since)

    def _hold(self, key: tuple[str, str], obligation: Obligation, since: Mark, event: Event, record: AnyRecord) -> None:
        turn = self._turns.get(key)
        if turn is None or (turn.met and turn.generation != since.version):
            if turn is not None:
                self._past.append(turn)
            # Given to the unit now; the clock of the calendar's own duties began when they opened.
            began_at = since.at if since.version == event.version else event.at
            limit_at = self._limit(obligation, began_at, record)
            self._turns[key] = Turn(obligation.id, key[1], since.version, began_at, limit_at)
        elif turn.ended:
            turn.resume(event.at, since.version)
        else:
            turn.generation = since.version

    def _limit(self, obligation: Obligation, began_at: datetime, record: AnyRecord) -> datetime | None:
        if isinstance(record, Duty):
            return duties.lapse_at(self.rules.duties[record.duty], began_at, self.rules, record.due_on)
        if obligation.within is not None:
            instead = obligation.otherwise
            late = instead is not None and self.rules.begins_late(instead, began_at)
            return self.rules.calendar.add(began_at, instead.within if instead and late else obligation.within)
        return planned_date(record, obligation) if isinstance(record, Problem) else None

    def _meets(self, turn: Turn, event: Event, record: AnyRecord) -> bool:
        """Whether ``event``, with which the obligation left the unit's hands, was its fulfilment."""
        kind, obligation = event.change.kind, self.rules.obligation(record, turn.obligation)
        if kind in _OF_THE_OFFICE:
            return obligation.owner not in HANDLERS
        return (kind not in WITHDRAWING or any(kind == occasion.event for occasion in obligation.met_by)) and (
            kind != "part_finished" or (isinstance(record, Problem) and turn.unit in record.parts_finished)
        )

    def _note(self, event: Event) -> None:
        """What the ledger says of limits that were moved, and of such as have lapsed."""
        change = event.change
        for turn in self._turns.values():
            if turn.ended:
                continue
            is_named = isinstance(change, Extended | Escalated) and _is_named(turn, change)
            if change.kind == "paused" or (is_named and change.kind == "extended"):
                turn.granted = True
            if is_named and isinstance(change, Escalated):
                turn.lapsed_at = turn.lapsed_at or change.lapse_at
            if isinstance(change, Deferred) and change.obligation == turn.obligation:
                self._defer(turn, event.at)
            if is_named and isinstance(change, Extended):
                turn.lapsed_at = turn.lapsed_at or self._lapsed_before(turn, event)

    def _defer(self, turn: Turn, at: datetime) -> None:
        """The second limit holds, unless the first had passed when the unit got it."""
        instead = self.rules.obligations[turn.obligation].otherwise
        if instead is not None and turn.limit_at is not None and at <= turn.limit_at:
            turn.limit_at = self.rules.calendar.add(turn.began_at, instead.within)

    def _lapsed_before(self, turn: Turn, extended: Event) -> datetime | None:
        """When the limit that was extended had lapsed; None where it had not, or the ladder waited for the word."""
        problem = self._before
        if not isinstance(problem, Problem):
            return None
        for owing in owed(problem, self.rules):
            if (owing.obligation.id, owing.owner) == (turn.obligation, turn.unit):
                limit = limit_of(problem, owing, self.rules)
                if limit is not None and extended.at > limit and not waits_for_decision(problem, owing, self.rules):
                    return limit
        return None


def _renewed(turn: Turn, obligation: Obligation, since: Mark, event: Event) -> bool:
    """Whether the clock was set going anew because what was owed has been done; a plan filed anew is not doing it."""
    replanned = obligation.until is not None and event.change.kind == "planned"
    return since.version != turn.generation and not replanned


def _is_named(turn: Turn, change: Extended | Escalated) -> bool:
    """Whether ``change`` is of the turn's obligation, and of no other unit's part of it."""
    part = change.part if isinstance(change, Escalated) else None
    return change.obligation == turn.obligation and part in (None, turn.unit)
