"""What the router decides: a command on a problem gives events, or a refusal with its reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from duban.deadlines import due
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.policy.rules import Rules
from duban.problem import NEXT, OPEN, Deadline, Event, Problem, Status, evolve
from duban_router.responsibility import assign


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not carried out: a short stable word, and a sentence for people."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What a command gave: each event with the problem as it stands after it."""

    steps: tuple[tuple[Event, Problem], ...]

    @property
    def problem(self) -> Problem:
        """The problem after the last event."""
        return self.steps[-1][1]


#: Who may send a command: units in one of these roles towards the problem.
PERMITTED: Final[dict[type[do.Command], frozenset[str]]] = {
    do.Register: frozenset({"engine"}),
    do.Attach: frozenset({"engine"}),
    do.Reject: frozenset({"office", "desk"}),
    do.Dispatch: frozenset({"office", "desk"}),
    do.Acknowledge: frozenset({"lead"}),
    do.HandBack: frozenset({"lead"}),
    do.Plan: frozenset({"lead"}),
    do.Progress: frozenset({"lead", "co"}),
    do.Complete: frozenset({"lead"}),
    do.Verify: frozenset({"office"}),
    do.StrikeOff: frozenset({"office"}),
    do.Reopen: frozenset({"office"}),
    do.Escalate: frozenset({"engine"}),
    do.Recompute: frozenset({"engine", "office"}),
}


def decide(
    problem: Problem | None, command: Message[do.Command], rules: Rules, now: datetime, serial: int = 0
) -> Decided | Refusal:
    """What ``command`` does to ``problem`` at ``now``: events, or a refusal.

    ``serial`` is the next free number of the register; it is used when the command registers a problem.
    """
    wanted = command.data
    refusal = _inadmissible(problem, wanted, rules)
    if refusal:
        return refusal
    outcome = (
        _register(wanted, rules, now, serial) if isinstance(wanted, do.Register) else _act(problem, wanted, rules, now)
    )
    if isinstance(outcome, Refusal):
        return outcome
    return _apply(problem, command, outcome, rules, now)


def _inadmissible(problem: Problem | None, command: do.Command, rules: Rules) -> Refusal | None:
    """The reasons that do not depend on what exactly is wanted: no such problem, or not for this unit to do."""
    if problem is None and not isinstance(command, do.Register):
        return Refusal("unknown_problem", "no problem with this id stands in the ledger")
    if problem is not None and isinstance(command, do.Register):
        return Refusal("already_registered", f"the problem stands in the ledger already, as {problem.number}")
    wanted = PERMITTED[type(command)]
    if wanted.isdisjoint(_roles(command.actor.unit, problem, rules)):
        return Refusal("not_permitted", f"{command.actor.unit} may not do this; it is for: {', '.join(sorted(wanted))}")
    return None


def _roles(unit: str, problem: Problem | None, rules: Rules) -> Iterator[str]:
    if unit == do.ENGINE:
        yield "engine"
    if unit == rules.pack.office:
        yield "office"
    if unit == rules.pack.fallback.unit:
        yield "desk"
    if problem is not None and unit == problem.lead_unit:
        yield "lead"
    if problem is not None and unit in problem.co_units:
        yield "co"


def _register(command: do.Register, rules: Rules, now: datetime, serial: int) -> list[c.Change] | Refusal:
    filed = command.filed
    category = filed.report.category or rules.pack.default_category
    for known, name, what in (
        (rules.categories, category, "category"),
        (rules.channels, filed.report.channel, "channel"),
        (rules.areas, filed.report.area, "area"),
    ):
        if name is not None and name not in known:
            return Refusal(f"unknown_{what}", f"{rules.pack.ref} has no {what} {name}")
    number = rules.number(now.astimezone(rules.zone).year, serial)
    found = assign(filed.report, category, rules)
    return [
        c.Registered(number=number, pack=rules.pack.ref, category=category, filed=filed),
        c.Dispatched(lead_unit=found.lead_unit, co_units=found.co_units, clause=found.clause),
    ]


def _act(problem: Problem | None, command: do.Command, rules: Rules, now: datetime) -> list[c.Change] | Refusal:
    """The changes that ``command`` makes to a problem that stands in the ledger."""
    assert problem is not None
    match command:
        case do.Attach():
            return [c.Attached(filed=command.filed)]
        case do.Dispatch():
            return _dispatch(command, rules)
        case do.Acknowledge():
            return [c.Acknowledged()]
        case do.HandBack():
            return _hand_back(problem, command, rules)
        case do.Plan():
            return [c.Planned(plan=command.plan)]
        case do.Progress():
            return [c.Progressed(note=command.note, evidence=command.evidence)]
        case do.Complete():
            return _complete(command, rules)
        case do.Verify():
            return _verify(problem, command, rules)
        case do.StrikeOff():
            return _strike_off(problem, rules)
        case do.Reject():
            return [c.Rejected()] if command.reason else _missing_reason("a rejection")
        case do.Reopen():
            return [c.Reopened()] if command.reason else _missing_reason("a reopening")
        case do.Escalate():
            return _escalate(problem, command, rules, now)
        case do.Recompute():
            return [c.Recomputed()]
        case _:
            raise TypeError(f"{type(command).__name__} has no rule")


def _missing_reason(what: str) -> Refusal:
    return Refusal("missing_reason", f"{what} needs a reason")


def _dispatch(command: do.Dispatch, rules: Rules) -> list[c.Change] | Refusal:
    for unit in (command.lead_unit, *command.co_units):
        if unit not in rules.units:
            return Refusal("unknown_unit", f"{unit} is not among the units of {rules.pack.ref}")
    return [c.Dispatched(lead_unit=command.lead_unit, co_units=command.co_units, clause=command.clause)]


def _hand_back(problem: Problem, command: do.HandBack, rules: Rules) -> list[c.Change] | Refusal:
    rule = rules.pack.hand_back
    if not command.reason:
        return _missing_reason("a hand-back")
    if rule.evidence and not command.evidence:
        return Refusal("missing_evidence", "a hand-back needs sealed evidence")
    if rule.clause_cited and not command.clause:
        return Refusal("missing_clause", "a hand-back cites the clause by which another unit is responsible")
    if problem.handbacks >= rule.at_most:
        return Refusal(
            "too_many_handbacks", f"handed back {problem.handbacks} times already; the office has ruled finally"
        )
    return [c.HandedBack(unit=command.actor.unit, clause=command.clause, evidence=command.evidence)]


def _complete(command: do.Complete, rules: Rules) -> list[c.Change] | Refusal:
    closing = rules.pack.closing
    if command.outcome not in closing.outcomes:
        return Refusal("unknown_outcome", f"{command.outcome} is not among {', '.join(closing.outcomes)}")
    done: list[c.Change] = [c.Completed(outcome=command.outcome, evidence=command.evidence)]
    if not closing.verify and closing.strike_off == "automatic":
        done.append(c.StruckOff())
    return done


def _verify(problem: Problem, command: do.Verify, rules: Rules) -> list[c.Change] | Refusal:
    if command.actor.unit == problem.lead_unit:
        return Refusal("reviewer_is_handler", "who handled the problem cannot review it")
    if not command.passed:
        return [c.SentBack(evidence=command.evidence)] if command.reason else _missing_reason("sending back")
    passed: list[c.Change] = [c.Verified(evidence=command.evidence)]
    if rules.pack.closing.strike_off == "automatic":
        passed.append(c.StruckOff())
    return passed


def _strike_off(problem: Problem, rules: Rules) -> list[c.Change] | Refusal:
    if problem.status is Status.VERIFYING and rules.pack.closing.verify:
        return Refusal("not_verified", "the work has not been verified yet")
    return [c.StruckOff()]


def _escalate(problem: Problem, command: do.Escalate, rules: Rules, now: datetime) -> list[c.Change] | Refusal:
    deadline = next((one for one in problem.deadlines if one.obligation == command.obligation), None)
    if deadline is None or (deadline.generation, deadline.level) != (command.generation, command.level):
        return Refusal("moved_on", f"{command.obligation} is no longer due at this level: the problem has moved on")
    if deadline.due_at > now:
        return Refusal("not_due", f"{command.obligation} is due at {deadline.due_at.isoformat()}, not before")
    rung = rules.ladders[rules.obligations[deadline.obligation].ladder].rungs[deadline.level - 1]
    kind = c.Escalated if rung.before is None else c.Reminded
    return [
        kind(
            obligation=deadline.obligation,
            generation=deadline.generation,
            level=deadline.level,
            measure=deadline.measure,
            due_at=deadline.due_at,
            lapse_at=deadline.lapse_at,
            to=tuple(_recipients(problem, deadline, rung.to, rules)),
        )
    ]


def _recipients(problem: Problem, deadline: Deadline, named: tuple[str, ...], rules: Rules) -> dict[str, None]:
    """The units that ``named`` means, each once, in order."""
    found: dict[str, None] = {}
    for one in named:
        if one == "@co":
            found |= dict.fromkeys(problem.co_units)
        elif one == "@superior":
            found[rules.units[deadline.owner].parent or rules.pack.office] = None
        else:
            found[deadline.owner if one == "@owner" else rules.unit_of(problem, one) if one[0] == "@" else one] = None
    return found


def _apply(
    problem: Problem | None, command: Message[do.Command], changes: list[c.Change], rules: Rules, now: datetime
) -> Decided | Refusal:
    """Fold ``changes`` onto the problem, each a legal move, and evaluate what is due after each of them."""
    steps: list[tuple[Event, Problem]] = []
    for change in changes:
        status = problem.status if problem else None
        if (status, change.kind) not in NEXT:
            where = "closed" if status not in OPEN else status
            return Refusal("illegal_move", f"a problem that is {where} cannot be {change.kind.replace('_', ' ')}")
        event = Event(
            problem_id=UUID(command.subject),
            version=problem.version + 1 if problem else 1,
            at=now,
            actor=command.data.actor,
            reason=command.data.reason,
            command=command.id,
            change=change,
        )
        problem = after(problem, event, rules)
        steps.append((event, problem))
    return Decided(tuple(steps))


def after(problem: Problem | None, event: Event, rules: Rules) -> Problem:
    """The state after ``event`` with what is due in it: what the ledger holds and the topic carries."""
    changed = evolve(problem, event)
    return changed.model_copy(update={"deadlines": due(changed, rules)})
