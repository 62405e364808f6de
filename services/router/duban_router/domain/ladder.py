"""The ladder: which level is taken, to whom it is told, and what becomes of a measure that waits for approval. Pure."""

from __future__ import annotations

from datetime import datetime

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.problem import Deadline, Problem, Waiting
from duban.policy.rules import Passing, Rules
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, Refusal, missing_reason, not_permitted


def _waiting(problem: Problem, command: do.Approve | do.Withhold, rules: Rules) -> Waiting | Refusal:
    """The measure that waits for the word of this unit."""
    waiting = problem.awaiting_approval.get(command.version)
    if waiting is None:
        return Refusal("nothing_asked", f"no measure of version {command.version} waits for approval")
    approver = rules.measures[waiting.measure].approval
    if command.actor.unit != approver:
        return not_permitted(command.actor.unit, named("the unit that approves the measure", approver))
    return waiting


def approve(problem: Problem, command: do.Approve, rules: Rules) -> Changes:
    """A measure that waited is released."""
    waiting = _waiting(problem, command, rules)
    if isinstance(waiting, Refusal):
        return waiting
    return [c.Approved(version=command.version, **dict(waiting))]


def withhold(problem: Problem, command: do.Withhold, rules: Rules) -> Changes:
    """A measure that waited is not released, with the reason."""
    waiting = _waiting(problem, command, rules)
    if isinstance(waiting, Refusal):
        return waiting
    if not command.reason:
        return missing_reason("withholding a measure")
    return [c.Withheld(version=command.version, measure=waiting.measure)]


def escalate(problem: Problem, command: do.Escalate, rules: Rules, now: datetime) -> Changes:
    """The next level, if it is still the one that is due."""
    deadline = next((one for one in problem.deadlines if one.obligation == command.obligation), None)
    if deadline is None or (deadline.generation, deadline.level) != (command.generation, command.level):
        return Refusal("moved_on", f"{command.obligation} is no longer due at this level: the problem has moved on")
    if deadline.due_at > now:
        return Refusal("not_due", f"{command.obligation} is due at {deadline.due_at.isoformat()}, not before")
    return [_climbed(problem, deadline, rules)]


def _climbed(problem: Problem, deadline: Deadline, rules: Rules) -> c.Change:
    """The step of the ladder that ``deadline`` takes: a reminder before the lapse, a measure from the lapse on.

    Where nobody owes anything, what has passed is itself the change.
    """
    obligation = rules.obligation(deadline.obligation)
    if isinstance(obligation, Passing):
        return c.Listed() if obligation.then == "listed" else c.Expired()
    level = rules.levels_of(obligation)[deadline.level - 1]
    what = {
        "obligation": deadline.obligation,
        "generation": deadline.generation,
        "level": deadline.level,
        "measure": deadline.measure,
        "due_at": deadline.due_at,
        "lapse_at": deadline.lapse_at,
        "to": tuple(recipients(problem, deadline.owner, level.to, rules)),
        "owner": deadline.owner,
    }
    if level.before is not None:
        return c.Reminded.model_validate(what)
    return c.Escalated.model_validate({**what, "approval": rules.measures[deadline.measure].approval})


def recipients(problem: Problem, owner: str, named: tuple[str, ...], rules: Rules) -> dict[str, None]:
    """The units that ``named`` means, each once, in order."""
    found: dict[str, None] = {}
    for one in named:
        match one:
            case "@owner":
                found[owner] = None
            case "@superior":
                found[rules.units[owner].parent or rules.pack.office] = None
            case "@co":
                found |= dict.fromkeys(problem.co_units)
            case "@territorial":
                found[rules.territorial_unit(problem.area) or rules.pack.office] = None
            case "@sponsor":
                found[problem.sponsor or rules.pack.office] = None
            case "@lead" | "@office":
                found[rules.unit_of(problem, one)] = None
            case _:
                found[one] = None
    return found
