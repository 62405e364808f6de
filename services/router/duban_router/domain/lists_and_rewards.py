"""What is asked of entries on lists and of rewards, and which changes each command makes. Pure."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.handle import handle_of
from duban.messages.problem import Problem
from duban.moves import Kind, Status
from duban.policy.rules import Rules
from duban_router.domain.refusal import Changes, Refusal, missing_reason

#: The commands that make sense for one kind of record only; the ladder's own are for all.
OF_LISTINGS = frozenset({do.Appeal, do.DecideAppeal, do.TakeOffList})
OF_REWARDS = frozenset({do.Award, do.Decline, do.Collect})
_OF_OTHERS = OF_LISTINGS | OF_REWARDS
_OF_ALL = frozenset({do.Escalate, do.Recompute, do.Approve, do.Withhold})
#: What would put off a duty, or pass it on.
_NOT_OF_DUTIES = frozenset({do.HandBack, do.Plan, do.Pause, do.AskExtension})


def foreign(problem: Problem, command: do.Command) -> Refusal | None:
    """Why ``command`` makes no sense for this kind of record."""
    wanted = type(command)
    match problem.kind:
        case _ if wanted in _OF_ALL:
            return None
        case Kind.LISTING if wanted not in OF_LISTINGS:
            return Refusal(
                "is_a_listing", f"{problem.number} is an entry on a list: it is appealed against, or made good"
            )
        case Kind.REWARD if wanted not in OF_REWARDS:
            return Refusal("is_a_reward", f"{problem.number} is a reward: it is awarded or declined, and collected")
        case Kind.DUTY if wanted in _NOT_OF_DUTIES:
            why = "it is submitted, not handed back, planned or paused"
            return Refusal("is_a_duty", f"{problem.number} is a duty: {why}")
        case Kind.PROBLEM | Kind.DUTY if wanted in _OF_OTHERS:
            return Refusal("is_a_problem", f"{problem.number} is neither an entry on a list nor a reward")
    return None


def put_on_list(command: do.PutOnList, id_: UUID, rules: Rules, now: datetime) -> Changes:
    """An entry on a list; where its subject may answer first, it is only told of it."""
    kept = rules.lists.get(command.list)
    if kept is None:
        return Refusal("unknown_list", f"{rules.pack.ref} has no list {command.list}")
    by_hand = command.actor.unit != do.ENGINE
    if by_hand and command.actor.unit != kept.keeper:
        return Refusal("not_permitted", f"{kept.id} is kept by {kept.keeper}")
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
        return Refusal("not_permitted", f"an appeal is entered by {problem.lead_unit} or by {rule.to}")
    if "appealed" in problem.marks:
        return Refusal("appealed", "it has been appealed against once already")
    return [c.Appealed(text=command.text, evidence=command.evidence)]


def decide_appeal(problem: Problem, command: do.DecideAppeal, rules: Rules) -> Changes:
    """The decision on an appeal; dismissed before the entry counted, it counts from now on."""
    rule = rules.lists[problem.category].appeal
    if rule is None or command.actor.unit != rule.to:
        return Refusal("not_permitted", f"appeals are decided by {rule.to if rule else 'nobody'}")
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


def reward_owed(command: do.Reward, rules: Rules) -> Changes:
    """A reward for a report that proved true, which only somebody who can be found again can collect."""
    paid = rules.rewards.get(command.reward)
    if paid is None:
        return Refusal("unknown_reward", f"{rules.pack.ref} has no reward {command.reward}")
    if command.handle is None and command.worker is None:
        return Refusal("nobody_to_reward", "the reporter left no handle, and no worker is named")
    return [
        c.RewardOwed(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{paid.id}/{command.cause.number}",
            pack=rules.pack.ref,
            reward=paid.id,
            title=paid.title.native,
            fixed_by=paid.by,
            cause=command.cause,
            handle=command.handle,
            worker=command.worker,
        )
    ]


def budget_of(problem: Problem | None, command: do.Command, rules: Rules) -> str | None:
    """The budget that ``command`` draws on: that of the reward's class, where it has one."""
    if not isinstance(command, do.Award) or problem is None or problem.kind is not Kind.REWARD:
        return None
    return problem.category if rules.rewards[problem.category].budget is not None else None


def award(problem: Problem, command: do.Award, rules: Rules, spent: int) -> Changes:
    """An amount inside the range of the class and inside what is left of this year's budget."""
    paid = rules.rewards[problem.category]
    if not paid.at_least <= command.amount <= paid.at_most:
        what = f"{paid.id} is from {paid.at_least} to {paid.at_most} {paid.currency}"
        return Refusal("out_of_range", f"{what}, not {command.amount}")
    if paid.budget is not None and spent + command.amount > paid.budget:
        left = f"{paid.budget - spent} of {paid.budget} {paid.currency} are left this year"
        return Refusal("over_budget", f"{command.amount} {paid.currency} are more than the budget of {paid.id}: {left}")
    return [c.Awarded(amount=command.amount)]


def collect(problem: Problem, command: do.Collect, rules: Rules) -> Changes:
    """The payment, to whoever shows the code of the report; a worker needs none."""
    paid = rules.rewards[problem.category]
    if command.actor.unit != paid.pays:
        return Refusal("not_permitted", f"{paid.id} is paid out by {paid.pays}")
    assert problem.reward is not None
    if problem.reward.handle is not None and not _shows(command.code, problem.reward.handle):
        return Refusal("wrong_code", "the code is not that of the report for which this reward is owed")
    return [c.Collected(unit=command.actor.unit)]


def _shows(code: str | None, handle: str) -> bool:
    try:
        return code is not None and compare_digest(handle_of(code).encode(), handle.encode())
    except ValueError:
        return False
