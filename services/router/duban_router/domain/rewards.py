"""Rewards: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from hmac import compare_digest

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.handle import handle_of
from duban.messages.problem import Problem
from duban.moves import Kind
from duban.policy.rules import Rules
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, Refusal, not_permitted


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
    """The budget that ``command`` takes its money from: that of the reward's class, where it has one."""
    if not isinstance(command, do.Award) or problem is None or problem.kind is not Kind.REWARD:
        return None
    return problem.category if rules.rewards[problem.category].budget is not None else None


def award(problem: Problem, command: do.Award, rules: Rules, allocated: int) -> Changes:
    """An amount inside the range of the class and inside what is left of this year's budget."""
    paid = rules.rewards[problem.category]
    if not paid.at_least <= command.amount <= paid.at_most:
        what = f"{paid.id} is from {paid.at_least} to {paid.at_most} {paid.currency}"
        return Refusal("out_of_range", f"{what}, not {command.amount}")
    if paid.budget is not None and allocated + command.amount > paid.budget:
        left = f"{paid.budget - allocated} of {paid.budget} {paid.currency} are left this year"
        return Refusal("over_budget", f"{command.amount} {paid.currency} are more than the budget of {paid.id}: {left}")
    return [c.Awarded(amount=command.amount)]


def collect(problem: Problem, command: do.Collect, rules: Rules) -> Changes:
    """The payment, to whoever shows the code of the report; a worker needs none."""
    paid = rules.rewards[problem.category]
    if command.actor.unit != paid.pays:
        return not_permitted(command.actor.unit, named("the unit that pays", paid.pays))
    assert problem.reward is not None
    if problem.reward.handle is not None and not _shows(command.code, problem.reward.handle):
        return Refusal("wrong_code", "the code is not that of the report for which this reward is owed")
    return [c.Collected(unit=command.actor.unit)]


def _shows(code: str | None, handle: str) -> bool:
    try:
        return code is not None and compare_digest(handle_of(code).encode(), handle.encode())
    except ValueError:
        return False
