"""How long a problem lay in whose hands: the turns of its lead units, followed event by event. Pure.

The times are those of bulletins (:mod:`duban_console.assessment.tallies`): working time, to the first word of the unit
after each receipt, and in its hands until it completed the work.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from duban.messages import changes as c
from duban.messages.records import Event, Problem
from duban.moves import Status
from duban.policy.rules import Rules
from duban_console.desk.rows import UnitTurn

#: In these the lead unit has the problem; in the other open ones it lies with the office.
_AT_THE_LEAD: Final = frozenset({Status.DISPATCHED, Status.UNDERWAY, Status.PAUSED})


def followed(turns: tuple[UnitTurn, ...], event: Event, problem: Problem, rules: Rules) -> tuple[UnitTurn, ...]:
    """``turns``, the latest last, after ``event`` has led to ``problem``."""
    change, at = event.change, event.at
    past, last = turns[:-1], turns[-1] if turns else None
    current = last if last is not None and last.left_at is None else None
    if isinstance(change, c.Dispatched) and (current is None or current.unit != change.lead_unit):
        past = turns if current is None else (*past, _left(current, at, rules))
        again = any(turn.unit == change.lead_unit for turn in past)
        given = UnitTurn(problem.id, event.version, problem.jurisdiction, change.lead_unit, at, again=again)
        return (*past, _held(given, problem, at, rules))
    if last is None:
        return turns
    changed = _held(_moved(last, event, problem, rules), problem, at, rules)
    if isinstance(change, c.Completed):
        whole = changed.held + sum(turn.held for turn in past if turn.unit == changed.unit)
        in_all = _seconds(problem.begun_at, at, rules)
        changed = replace(changed, completed_at=at, whole=whole, whole_in_all=in_all)
    return turns if changed == last else (*past, changed)


def _moved(turn: UnitTurn, event: Event, problem: Problem, rules: Rules) -> UnitTurn:  # noqa: PLR0911 one line a kind
    """What the event says of the turn, but for how long the unit has had the problem."""
    at = event.at
    match event.change:
        case c.Acknowledged() | c.Completed() if turn.answered_at is None:
            in_all = _seconds(problem.begun_at, at, rules)
            return replace(turn, answered_at=at, answer=_seconds(turn.given_at, at, rules), answer_in_all=in_all)
        case c.HandedBack() | c.Withdrawn():
            return _left(replace(turn, completed_at=None), at, rules) if turn.left_at is None else turn
        case c.StruckOff() | c.Rejected():
            return replace(_left(turn, at, rules), closed_at=at) if turn.left_at is None else turn
        case c.SentBack():
            return replace(turn, completed_at=None)
        case c.Reopened() | c.Rebounded():
            in_hand = problem.status in _AT_THE_LEAD and problem.lead_unit == turn.unit
            return replace(turn, completed_at=None, closed_at=None, left_at=None if in_hand else turn.left_at)
        case c.Escalated(owner=owner, part=part) if turn.unit == (owner or part) and turn.left_at is None:
            return replace(turn, lapses=turn.lapses + 1)
        case _:
            return turn


def _held(turn: UnitTurn, problem: Problem, at: datetime, rules: Rules) -> UnitTurn:
    """The turn with the time that it had the problem, or has it from now on."""
    holds = turn.left_at is None and problem.status in _AT_THE_LEAD
    if holds == (turn.held_from is not None):
        return turn
    if holds:
        return replace(turn, held_from=at)
    assert turn.held_from is not None  # it held until now
    return replace(turn, held_from=None, held=turn.held + _seconds(turn.held_from, at, rules))


def _left(turn: UnitTurn, at: datetime, rules: Rules) -> UnitTurn:
    held = turn.held if turn.held_from is None else turn.held + _seconds(turn.held_from, at, rules)
    return replace(turn, left_at=at, held_from=None, held=held)


def _seconds(from_at: datetime, to_at: datetime, rules: Rules) -> float:
    return rules.calendar.working_seconds(from_at, to_at) if to_at > from_at else 0.0
