"""Entries on lists: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.problem import Problem
from duban.moves import Status
from duban.policy.rules import Rules
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, Refusal, missing_reason, not_permitted


def put_on_list(command: do.PutOnList, id_: UUID, rules: Rules, now: datetime) -> Changes:
    """An entry on a list; where its subject may answer first, it is only told of it."""
    kept = rules.lists.get(command.list)
    if kept is None:
        return Refusal("unknown_list", f"{rules.pack.ref} has no list {command.list}")
    by_hand = command.actor.unit != do.ENGINE
    if by_hand and command.actor.unit != kept.keeper:
        return not_permitted(command.actor.unit, named("the keeper of the list", kept.keeper))
    if by_hand and not command.evidence:
        return Refusal("missing_evidence", "an entry that no measure makes goes with its evidence")
    if command.ground not in {ground.id for ground in kept.grounds}:
        return Refusal("unknown_ground", f"{command.ground} is no ground of {kept.id}")
    if kept.of == "unit" and command.of not in rules.units:
        return Refusal("unknown_unit", f"{command.of} is not among the units of {rules.pack.ref}")
    day = now.astimezone(rules.zone).date().isoformat()
    told: list[c.Change] = [
        c.Noticed(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{kept.id}/{command.cause.ref if command.cause else f'{day}/{str(id_)[:8]}'}",
            pack=rules.pack.ref,
            list=kept.id,
            title=kept.title.native,
            keeper=kept.keeper,
            of=command.of,
            ground=command.ground,
            bars=tuple(bar.native for bar in kept.bars),
            public=kept.public,
            cause=command.cause,
            evidence=command.evidence,
        )
    ]
    return told if kept.notice is not None else [*told, c.Listed()]


def appeal(problem: Problem, command: do.Appeal, rules: Rules) -> Changes:
    """An answer of whoever stands on the list, entered by the keeper or by the unit that decides."""
    rule = rules.lists[problem.category].appeal
    if rule is None:
        return Refusal("no_appeal", f"{rules.pack.ref} hears no appeal against {problem.category}")
    if command.actor.unit not in (problem.lead_unit, rule.to):
        keeper = named("the keeper of the list", problem.lead_unit)
        return not_permitted(command.actor.unit, keeper, named("the unit that hears appeals", rule.to))
    if "appealed" in problem.marks:
        return Refusal("appealed", "it has been appealed against once already")
    return [c.Appealed(text=command.text, evidence=command.evidence)]


def decide_appeal(problem: Problem, command: do.DecideAppeal, rules: Rules) -> Changes:
    """The decision on an appeal; dismissed before the entry counted, it counts from now on."""
    rule = rules.lists[problem.category].appeal
    if rule is None or command.actor.unit != rule.to:
        hears = named("the unit that hears appeals", rule.to) if rule else "nobody, where no appeal is heard"
        return not_permitted(command.actor.unit, hears)
    if "appealed" not in problem.marks or "appeal_dismissed" in problem.marks:
        return Refusal("nothing_asked", "no appeal waits for a decision")
    if not command.reason:
        return missing_reason("the decision on an appeal")
    if command.upheld:
        return [c.AppealUpheld()]
    dismissed: list[c.Change] = [c.AppealDismissed()]
    return [*dismissed, c.Listed()] if problem.status is Status.CONTESTED else dismissed


def take_off_list(command: do.TakeOffList) -> Changes:
    """The end of an entry before its term, on proof."""
    if not command.evidence:
        return Refusal("missing_evidence", "whoever comes off a list early has proved that all is made good")
    return [c.Exited(evidence=command.evidence)] if command.reason else missing_reason("an early end")
