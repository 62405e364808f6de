"""The ladder: which level is taken, to whom it is told, and what becomes of a measure that waits for approval. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import asdict

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import AnyRecord, Deadline, Problem, Waiting
from duban.policy.rules import Passing, Rules
from duban.refusal import Refusal
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def _waiting(record: AnyRecord, command: do.Approve | do.Withhold, rules: Rules) -> Waiting | Refusal:
    """The measure that waits for the word of this unit."""
    waiting = record.awaiting_approval.get(command.version)
    if waiting is None:
        return Refusal("nothing_asked", f"no measure of version {command.version} waits for approval")
    approver = rules.approver(rules.measures[waiting.measure], record)
    if command.actor.unit != approver:
        return not_permitted(command.actor.unit, named("the unit that approves the measure", approver))
    return waiting


def approve(record: AnyRecord, command: do.Approve, rules: Rules) -> Changes:
    """A measure that waited is released."""
    waiting = _waiting(record, command, rules)
    if isinstance(waiting, Refusal):
        return waiting
    return [c.Approved(version=command.version, **asdict(waiting))]


def withhold(record: AnyRecord, command: do.Withhold, rules: Rules) -> Changes:
    """A measure that waited is not released, with the reason."""
    waiting = _waiting(record, command, rules)
    if isinstance(waiting, Refusal):
        return waiting
    if not command.reason:
        return missing_reason("withholding a measure")
    return [c.Withheld(version=command.version, measure=waiting.measure)]


def pass_on(record: AnyRecord, command: do.PassOn, rules: Rules) -> Changes:
    """The record has gone on to a platform of the pack; by hand, that is shown by its receipt or by evidence."""
    if command.platform not in rules.platforms:
        known = f"the platforms are {', '.join(rules.platforms)}" if rules.platforms else "it has none"
        return Refusal("unknown_platform", f"{rules.pack.ref} has no platform {command.platform}; {known}")
    if command.version is not None and command.version > record.version:
        return Refusal("unknown_event", f"{record.number} has no event {command.version} yet; it has {record.version}")
    if command.actor.unit != do.ENGINE and not (command.receipt.strip() or command.evidence):
        why = "who passes a record on by hand gives the `receipt` that the platform gave, or evidence"
        return Refusal("missing_evidence", why)
    return [
        c.PassedOn(
            platform=command.platform,
            version=command.version,
            status=command.status,
            receipt=command.receipt,
            evidence=command.evidence,
        )
    ]


def escalate(record: AnyRecord, command: do.Escalate, rules: Rules, now: datetime) -> Changes:
    """The next level, if it is still the one that is due."""
    deadline = record.deadline(command.obligation, command.part)
    if deadline is None or (deadline.generation, deadline.level) != (command.generation, command.level):
        return Refusal(
            "moved_on", f"{command.obligation} is no longer due at this level: the {record.kind} has moved on"
        )
    if deadline.due_at > now:
        return Refusal("not_due", f"{command.obligation} is due at {deadline.due_at.isoformat()}, not before")
    return [_climbed(record, deadline, rules)]


def _climbed(record: AnyRecord, deadline: Deadline, rules: Rules) -> c.Change:
    """The step of the ladder that ``deadline`` takes: a reminder before the lapse, a measure from the lapse on.

    Where the ladder takes nothing at the lapse itself, that is recorded without a measure. Where nobody owes anything,
    what has passed is itself the change.
    """
    obligation = rules.obligation(record, deadline.obligation)
    if type(obligation) is Passing:
        return c.Listed() if obligation.then == "listed" else c.Expired()
    level = rules.levels_of(obligation)[deadline.level - 1]
    owner = deadline.owner or rules.pack.office
    what: dict[str, Any] = {
        "obligation": deadline.obligation,
        "part": deadline.part,
        "generation": deadline.generation,
        "level": deadline.level,
        "measure": deadline.measure,
        "due_at": deadline.due_at,
        "lapse_at": deadline.lapse_at,
        "to": tuple(recipients(record, owner, level.to, rules)) if deadline.measure else (),
        "owner": owner,
        "provisional": deadline.provisional,
    }
    if level.is_reminder:
        return c.Reminded(**what)
    approval = rules.approver(rules.measures[deadline.measure], record) if deadline.measure else None
    return c.Escalated(**what, approval=approval)


def recipients(record: AnyRecord, owner: str, names: tuple[str, ...], rules: Rules) -> dict[str, None]:
    """The units that ``named`` means, each once, in order."""
    problem = record if isinstance(record, Problem) else None
    units: dict[str, None] = {}
    for name in names:
        match name:
            case "@owner":
                units[owner] = None
            case "@superior":
                known = rules.units.get(owner)  # a sponsor may be none of the units
                units[(known.parent if known else None) or rules.pack.office] = None
            case "@co":
                units |= dict.fromkeys(problem.co_units if problem else ())
            case _ if name in rules.with_role:
                units |= dict.fromkeys(rules.with_role[name])
            case _:
                units[rules.unit_of(record, name)] = None
    return units
