"""Who owed what until when, so that no hand-back, extension or pause polishes it. Pure.

Assessment counts by it, and what a pack calls a sign is seen by it: both mean the same. The laws of the count:

- Each holder has a clock of its own: the full limit, from the moment it was first given the problem. It stands still
  while the problem is in other hands, and it is not set back when the problem returns.
- The limit is the one first set; a new notice of holidays counts it anew.
- What the rule itself defers to its second limit, has that limit.
- An extension granted after the lapse does not undo it, but for one that the ladder had waited for.
- Work that a reviewer sends back was not done: the clock runs on from where it stood.
- A plan filed anew does not move the date of the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from duban import duties
from duban.deadlines import limit_of, owed, planned_date, waits_for_decision
from duban.messages import changes as c
from duban.messages.records import AnyRecord, Duty, Event, Mark, Problem, Turn
from duban.messages.struct import replace
from duban.moves import Status
from duban.policy.model.ladder import HANDLERS, Obligation
from duban.policy.rules import Rules

#: What takes an obligation from its holder without meeting it, unless the pack says that it does; to dispatch or to
#: reject is what an office may owe, or whoever else does not handle the problem.
WITHDRAWING: Final = frozenset(
    {"handed_back", "withdrawn", "dispatched", "rejected", "flagged", "unflagged", "step_waived"}
)
_OF_THE_OFFICE: Final = frozenset({"dispatched", "rejected"})

#: The latest turn of each unit with each obligation.
Turns: TypeAlias = dict[tuple[str, str], Turn]


class Followed(NamedTuple):
    """What an event did to turns: those that ``left`` their unit's hands, and those ``past``, which others replaced."""

    left: list[Turn]
    past: list[Turn]


def follow(
    turns: Turns, before: AnyRecord | None, event: Event, record: AnyRecord, rules: Rules,
    only: Collection[str] | None = None,
) -> Followed:  # fmt: skip
    """Bring ``turns`` up to ``record``, to which ``event`` has led from ``before``.

    With ``only`` the turns of these obligations alone are followed.
    """
    followed = Followed([], [])
    if record.status is not Status.PAUSED:
        running = dict(_running(record, rules, only))
        for key, turn in turns.items():
            now = running.get(key)
            if not turn.ended and (now is None or _renewed(turn, *now, event)):
                turns[key] = _left(turn, event.at, met=_meets(turn, event, record, rules))
                followed.left.append(turns[key])
        for key, (obligation, since) in running.items():
            held = turns.get(key)
            if held is not None and held.met and held.generation != since.version:
                followed.past.append(held)
                held = None
            turns[key] = (
                _begun(key[1], obligation, since, event, record, rules) if held is None else _held(held, since, event)
            )
    for key, turn in turns.items():
        turns[key] = _noted(turn, before, event, record, rules)
    return followed


def overrun(turn: Turn, at: datetime) -> datetime | None:
    """When the limit as first set was passed in the unit's hands, if it was by ``at``."""
    passed = turn.limit_at is not None and at > turn.limit_at
    return turn.overrun_at or (turn.limit_at if passed else None)


def is_last_moment(began_at: datetime, limit_at: datetime, met_at: datetime) -> bool:
    """Whether what was met in time was met in the last tenth of it."""
    return limit_at - met_at < (limit_at - began_at) / 10


def at_the_last_moment(turn: Turn) -> bool:
    """Whether the unit met its obligation within the limit as first set, but in the last tenth of it."""
    if not turn.met or turn.left_at is None or turn.limit_at is None or turn.overrun_at is not None:
        return False
    return is_last_moment(turn.began_at, turn.limit_at, turn.left_at)


def _running(
    record: AnyRecord, rules: Rules, only: Collection[str] | None
) -> Iterator[tuple[tuple[str, str], tuple[Obligation, Mark]]]:
    for obligation, since, _, unit in owed(record, rules):
        if unit is not None and (only is None or obligation.id in only):
            yield (obligation.id, unit), (obligation, since)


def _renewed(turn: Turn, obligation: Obligation, since: Mark, event: Event) -> bool:
    """Whether the clock was set going anew because what was owed has been done; a plan filed anew is not doing it."""
    replanned = obligation.until is not None and event.change.kind == "planned"
    return since.version != turn.generation and not replanned


def _left(turn: Turn, at: datetime, *, met: bool) -> Turn:
    """The obligation is met, or goes out of the unit's hands."""
    return replace(turn, left_at=at, met=met, overrun_at=overrun(turn, at))


def _begun(unit: str, obligation: Obligation, since: Mark, event: Event, record: AnyRecord, rules: Rules) -> Turn:
    """It is given to the unit now; the clock of the calendar's own duties began when they opened."""
    began_at = since.at if since.version == event.version else event.at
    limit_at = _limit(obligation, began_at, record, rules, deferred=False)
    return Turn(
        obligation=obligation.id, unit=unit, generation=since.version, began_at=began_at, counted_at=limit_at,
        limit_at=limit_at,
    )  # fmt: skip


def _held(turn: Turn, since: Mark, event: Event) -> Turn:
    """It is in the unit's hands still, or again; the time that others had it is not the unit's."""
    if turn.left_at is None:
        return turn if turn.generation == since.version else replace(turn, generation=since.version)
    away = event.at - turn.left_at
    limit_at = turn.limit_at + away if turn.limit_at is not None and turn.overrun_at is None else turn.limit_at
    return replace(turn, limit_at=limit_at, left_at=None, met=False, generation=since.version)


def _limit(
    obligation: Obligation, began_at: datetime, record: AnyRecord, rules: Rules, *, deferred: bool
) -> datetime | None:
    if isinstance(record, Duty):
        return duties.lapse_at(rules.duties[record.duty], began_at, rules, record.due_on)
    if obligation.within is not None:
        instead = obligation.otherwise
        late = instead is not None and (deferred or rules.begins_late(instead, began_at))
        return rules.calendar.add(began_at, instead.within if instead and late else obligation.within)
    return planned_date(record, obligation) if isinstance(record, Problem) else None


def _meets(turn: Turn, event: Event, record: AnyRecord, rules: Rules) -> bool:
    """Whether ``event``, with which the obligation left the unit's hands, was its fulfilment."""
    kind, obligation = event.change.kind, rules.obligation(record, turn.obligation)
    if kind in _OF_THE_OFFICE:
        return obligation.owner not in HANDLERS
    return (kind not in WITHDRAWING or any(kind == occasion.event for occasion in obligation.met_by)) and (
        kind != "part_finished" or (isinstance(record, Problem) and turn.unit in record.parts_finished)
    )


def _noted(turn: Turn, before: AnyRecord | None, event: Event, record: AnyRecord, rules: Rules) -> Turn:  # noqa: PLR0911 one line a kind
    """What the ledger says of limits that were moved, and of such as have lapsed."""
    match event.change:
        case c.Recomputed():
            return _recounted(turn, record, rules, deferred=turn.deferred)
        case _ if turn.ended:
            return turn
        case c.Paused():
            return replace(turn, granted=True)
        case c.Deferred(obligation=turn.obligation):
            return _deferred(turn, event.at, record, rules)
        case c.Escalated(lapse_at=lapse_at) as escalated if _is_named(turn, escalated):
            return replace(turn, lapsed_at=turn.lapsed_at or lapse_at)
        case c.Extended() as extended if _is_named(turn, extended):
            return replace(turn, granted=True, lapsed_at=turn.lapsed_at or _lapsed_before(turn, before, event, rules))
        case _:
            return turn


def _is_named(turn: Turn, change: c.Extended | c.Escalated) -> bool:
    """Whether ``change`` is of the turn's obligation, and of no other unit's part of it."""
    part = change.part if isinstance(change, c.Escalated) else None
    return change.obligation == turn.obligation and part in (None, turn.unit)


def _deferred(turn: Turn, at: datetime, record: AnyRecord, rules: Rules) -> Turn:
    """The second limit holds, unless the first had passed when the unit got it."""
    if turn.limit_at is None or at > turn.limit_at:
        return turn
    return _recounted(turn, record, rules, deferred=True)


def _recounted(turn: Turn, record: AnyRecord, rules: Rules, *, deferred: bool) -> Turn:
    """The limit as it is counted now, with the time that others had the problem; what a plan names does not move."""
    obligation = rules.obligation(record, turn.obligation)
    if turn.limit_at is None or turn.counted_at is None or turn.overrun_at is not None or obligation.within is None:
        return turn
    counted_at = _limit(obligation, turn.began_at, record, rules, deferred=deferred)
    assert counted_at is not None  # what is within a time has a limit
    limit_at = counted_at + (turn.limit_at - turn.counted_at)
    return replace(turn, counted_at=counted_at, limit_at=limit_at, deferred=deferred)


def _lapsed_before(turn: Turn, before: AnyRecord | None, extended: Event, rules: Rules) -> datetime | None:
    """When the limit that was extended had lapsed; None where it had not, or the ladder waited for the word."""
    if not isinstance(before, Problem):
        return None
    for owing in owed(before, rules):
        if (owing.obligation.id, owing.owner) == (turn.obligation, turn.unit):
            limit = limit_of(before, owing, rules)
            if limit is not None and extended.at > limit and not waits_for_decision(before, owing, rules):
                return limit
    return None
