"""What the router decides: a command on a record gives events, or a refusal with its reason. Pure.

This module holds the frame: who may send what, which moves are legal, what follows from an event by itself.
:mod:`duban_router.domain.commands` holds what each command asks beyond that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias, assert_never, cast
from uuid import UUID

from duban.calendar import FIRST_YEAR, LAST_YEAR
from duban.deadlines import due, due_after
from duban.errors import CalendarError
from duban.life import effect, evolve
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event, Problem
from duban.messages.struct import replace
from duban.moves import BEGINS, CLOSED, MOVES
from duban.policy.model.ladder import Trigger
from duban.policy.rules import Rules
from duban.policy.scope import is_for
from duban.refusal import Refusal
from duban.texts import is_blank
from duban.turns import follow
from duban_router.domain import closure, duties, kinds, listings, readings, rewards
from duban_router.domain.commands import act, registered
from duban_router.domain.illegal import illegal_move
from duban_router.domain.ladder import recipients
from duban_router.domain.permission import PERMITTED, unpermitted
from duban_router.domain.precedents import Asked, Precedent, Precedents, none_known, of_trigger, so_many
from duban_router.domain.refusal import Changes
from duban_router.domain.replies import NOBODY, Addressee
from duban_router.domain.signs import seen

__all__ = ["PERMITTED", "Decided", "Refusal", "after", "decide"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a command gave: each event with the record as it stands after it, and what of it counts beyond that."""

    steps: tuple[tuple[Event, AnyRecord], ...]
    precedents: tuple[Precedent, ...] = ()

    @property
    def record(self) -> AnyRecord:
        """The record after the last event."""
        return self.steps[-1][1]


#: The name of the register of numbers; every other name is that of a budget.
REGISTER: Final = "register"
#: The commands that may take from a register.
Allocating: TypeAlias = do.Register | do.Award


def pack_of(record: AnyRecord | None, command: do.Command) -> str | None:
    """The pack under which ``command`` is decided, ``id@version``: the one that the record began under.

    What a measure opens begins under the pack of its cause. None where a record begins under the pack of the day.
    """
    if record is not None:
        return record.pack
    cause = command.cause if isinstance(command, do.Open | do.PutOnList | do.Reward) else None
    return cause.pack if cause else None


def decide(
    record: AnyRecord | None, command: Message[do.Command], rules: Rules, now: datetime, allocated: int,
    addressee: Addressee = NOBODY, precedents: Asked = none_known,
) -> Decided | Refusal:  # fmt: skip
    """What ``command`` does to ``record`` at ``now``: events, or a refusal.

    ``allocated`` is how much has been given out before of what the command :func:`allocates_from`: the last number of
    the register, or the money of the budget; 0 where it allocates nothing. ``addressee``: the report that a reply
    is given to, as the ledger knows it. ``precedents`` tells what counts already where a rule counts beyond the record.
    """
    refusal = _inadmissible(record, command.data, rules)
    if refusal:
        return refusal
    # What is decoded is one of COMMANDS, and a test holds these two unions to them; the other one is inadmissible.
    try:
        if record is None:
            outcome = _begun(cast("do.Beginning", command.data), UUID(command.subject), rules, now, allocated)
        else:
            outcome = act(record, cast("do.Action", command.data), rules, now, allocated, addressee)
        return outcome if isinstance(outcome, Refusal) else _apply(record, command, outcome, rules, now, precedents)
    except CalendarError as error:
        return Refusal("outside_calendar", str(error))
    except OverflowError:
        years = f"{FIRST_YEAR} to {LAST_YEAR}"
        return Refusal("outside_calendar", f"an instant in it lies outside the years that can be counted, {years}")


def _begun(beginning: do.Beginning, id_: UUID, rules: Rules, now: datetime, allocated: int) -> Changes:
    match beginning:
        case do.Register():
            return registered(beginning, rules, now, allocated)
        case do.Open():
            return duties.opened(beginning, rules, now)
        case do.Pledge():
            return duties.pledged(beginning, id_, rules, now)
        case do.PutOnList():
            return listings.put_on_list(beginning, id_, rules, now)
        case do.Reward():
            return rewards.reward_owed(beginning, rules)
        case do.TakeReading():
            return readings.taken(beginning, id_, rules, now)
        case _:
            assert_never(beginning)


def allocates_from(record: AnyRecord | None, command: do.Command, rules: Rules) -> str | None:
    """The register of numbers or the budget that ``command`` takes from, by name within its jurisdiction and year."""
    if isinstance(command, do.Register):
        return REGISTER
    return rewards.budget_of(record, command, rules)


def allocation(command: do.Command) -> int:
    """How much ``command`` takes of that: an amount of money, or one number."""
    return command.amount if isinstance(command, do.Award) else 1


def _inadmissible(record: AnyRecord | None, command: do.Command, rules: Rules) -> Refusal | None:
    """The reasons that do not depend on what exactly is wanted: no such problem, or not for this unit to do."""
    begins = type(command) in kinds.BEGINNING
    if record is None and not begins:
        return Refusal("unknown_problem", "no problem with this id stands in the ledger")
    if record is not None and begins:
        return Refusal("already_registered", f"the {record.kind} stands in the ledger already, as {record.number}")
    foreign = kinds.foreign(record, command) if record is not None else None
    if foreign is not None:
        return foreign
    return unpermitted(record, command, rules)


def _apply(
    record: AnyRecord | None, command: Message[do.Command], changes: list[c.Change], rules: Rules, now: datetime,
    known: Asked,
) -> Decided | Refusal:  # fmt: skip
    """Fold ``changes`` onto the record, each a legal move, with what follows by itself: from each, and its closing."""
    steps: list[tuple[Event, AnyRecord]] = []
    id_ = record.id if record else UUID(command.subject)
    waiting, precedents = deque(changes), Precedents(known)
    while waiting:
        change = waiting.popleft()
        if steps and isinstance(change, c.Flagged) and isinstance(record, Problem) and change.flag in record.flags:
            continue  # two measures of one event may set the same flag
        if not _is_legal(record, change):
            assert record is not None  # what a record begins with is legal
            return illegal_move(record, change)
        event = Event(
            problem_id=id_,
            version=record.version + 1 if record else 1,
            at=now,
            actor=command.data.actor,
            reason=command.data.reason,
            command=command.id,
            change=change,
        )
        before, record = record, after(record, event, rules)
        steps.append((event, record))
        if len(steps) >= len(changes) and isinstance(record, Problem):  # what the command itself does is done
            happened = changes if len(steps) == len(changes) else (change,)
            if closure.closed_by(record, happened, rules):
                waiting.append(c.StruckOff())
        if rules.signs:
            waiting.extend(seen(before, event, record, rules, precedents))
        waiting.extend(_consequences(record, event, rules, precedents))
    return Decided(tuple(steps), tuple(precedents.fresh))


def _is_legal(record: AnyRecord | None, change: c.Change) -> bool:
    if record is None:
        return change.kind in BEGINS
    return (record.status, change.kind) in MOVES[record.kind]


def after(record: AnyRecord | None, event: Event, rules: Rules) -> AnyRecord:
    """The state after ``event`` with what is due in it: what the ledger holds and the topic carries."""
    if record is None:
        begun = evolve(None, event)
        begun = replace(begun, deadlines=due(begun, rules))
        return _with_turns(None, event, begun, rules) if rules.watched else begun
    moved = effect(record, event)
    changed = replace(record, **moved)
    deadlines = due_after(record, changed, event.change, moved, rules)
    if deadlines is not changed.deadlines:
        changed = replace(changed, deadlines=deadlines)
    return _with_turns(record, event, changed, rules) if rules.watched else changed


def _with_turns(before: AnyRecord | None, event: Event, record: AnyRecord, rules: Rules) -> AnyRecord:
    """``record`` with the turns of the obligations that the pack watches."""
    if not isinstance(record, Problem):
        return record
    turns = {(turn.obligation, turn.unit): turn for turn in record.turns}
    follow(turns, before, event, record, rules, rules.watched)
    now = tuple(turns.values())
    return record if now == record.turns else replace(record, turns=now)


#: What takes a measure, or releases it.
_TAKING: Final = (c.Escalated, c.Measured, c.Approved)


def _consequences(record: AnyRecord, event: Event, rules: Rules, precedents: Precedents) -> Iterator[c.Change]:
    """What follows from ``event`` to a problem by itself: the flag of a measure, the measures triggered.

    A measure that waits for approval puts its flag on when it is approved; what is closed bears no new flag.
    """
    if not isinstance(record, Problem):
        return
    change = event.change
    if isinstance(change, _TAKING):
        flag = rules.measures[change.measure].flag if change.measure else None
        waits = not isinstance(change, c.Approved) and change.approval is not None
        if flag is not None and flag not in record.flags and not waits and record.status not in CLOSED:
            yield c.Flagged(flag=flag)
        return
    for trigger in rules.triggers_on(change.kind):
        if not _fits(trigger, record, change):
            continue
        counted = _so_often(trigger, record, event, rules, precedents)
        if counted is not None and _concerns_somebody(trigger, record, rules):
            owner = _against(trigger, record, change) or rules.pack.office
            yield c.Measured(
                ground=trigger.id,
                measure=trigger.measure,
                to=tuple(recipients(record, owner, trigger.to, rules)),
                owner=owner,
                approval=rules.approver(rules.measures[trigger.measure], record),
                counted=counted,
            )


def _so_often(
    trigger: Trigger, problem: Problem, event: Event, rules: Rules, precedents: Precedents
) -> tuple[UUID, ...] | None:
    """The other problems that count with ``event`` where it is the so many-th time; None where it is not."""
    if not trigger.counts:
        mark = problem.mark(trigger.on)
        times = mark.times if mark else 0
        return () if (times == trigger.times if trigger.once else times >= trigger.times) else None
    of = {None: str(problem.id), "enterprise": problem.enterprise, "unit": _in_hand(problem, event.change)}[trigger.per]
    if of is None or is_blank(of):
        return None
    own = Precedent(of_trigger(trigger, problem.jurisdiction, of), problem.id, event.version, event.at)
    return so_many(trigger, own, precedents.take(own), rules.calendar)


def _in_hand(problem: Problem, change: c.Change) -> str | None:
    """The unit that did what ``change`` says, or from which the problem was taken; else who has it."""
    return change.unit if isinstance(change, c.SignSeen | c.HandedBack | c.Withdrawn) else problem.lead_unit


def _against(trigger: Trigger, problem: Problem, change: c.Change) -> str | None:
    """Whom the measure of ``trigger`` is taken against: who has shown a sign or is counted, else the lead."""
    named = trigger.per == "unit" or isinstance(change, c.SignSeen)
    return _in_hand(problem, change) if named else problem.lead_unit


def _fits(trigger: Trigger, problem: Problem, change: c.Change) -> bool:
    """Whether ``change``, which has just happened to ``problem``, is what ``trigger`` speaks of, however often."""
    mark = problem.mark(trigger.on)
    if mark is None or mark.version != problem.version:
        return False  # it happened to another flag, body or step
    return (
        is_for(trigger, problem.category, problem.matter)
        and (not trigger.channels or problem.channel in trigger.channels)
        and (not trigger.outcomes or problem.outcome in trigger.outcomes)
        and (not trigger.flags or not set(trigger.flags).isdisjoint(problem.flags))
        and (not isinstance(change, c.Flagged) or not trigger.flags or change.flag in trigger.flags)
    )


def _concerns_somebody(trigger: Trigger, problem: Problem, rules: Rules) -> bool:
    """Whether there is somebody to stand on the list, or to be rewarded, where the measure opens that."""
    opens = rules.measures[trigger.measure].opens
    if opens in rules.rewards:
        return any(rules.rewarded(problem, opens))
    return opens not in rules.lists or rules.lists[opens].of == "unit" or problem.enterprise is not None
