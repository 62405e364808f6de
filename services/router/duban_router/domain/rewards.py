"""Rewards: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from hmac import compare_digest
from typing import assert_never

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.handle import handle_of
from duban.messages.records import AnyRecord, Reward
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.kinds import OfRewards
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def reward_owed(command: do.Reward, rules: Rules) -> Changes:
    """A reward for a report that proved true, which only somebody who can be found again can collect."""
    reward_rule = rules.rewards.get(command.reward)
    if reward_rule is None:
        return Refusal("unknown_reward", f"{rules.pack.ref} has no reward {command.reward}")
    if command.handle is None and command.worker is None:
        return Refusal("nobody_to_reward", "the reporter left no handle, and no worker is named")
    return [
        c.RewardOwed(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{reward_rule.id}/{command.cause.number}",
            pack=rules.pack.ref,
            reward=reward_rule.id,
            title=reward_rule.title.native,
            fixed_by=reward_rule.by,
            cause=command.cause,
            handle=command.handle,
            worker=command.worker,
        )
    ]


def budget_of(record: AnyRecord | None, command: do.Command, rules: Rules) -> str | None:
    """The budget that ``command`` takes its money from: that of the reward's class, where it has one."""
    if not isinstance(command, do.Award) or not isinstance(record, Reward):
        return None
    return record.reward if rules.rewards[record.reward].budget is not None else None


def settle(reward: Reward, command: OfRewards, rules: Rules, allocated: int) -> Changes:
    """The changes that ``command`` makes to a reward."""
    match command:
        case do.Award():
            return _award(reward, command, rules, allocated)
        case do.Decline():
            return [c.Declined()] if command.reason else missing_reason("declining a reward")
        case do.Collect():
            return _collect(reward, command, rules)
        case _:
            assert_never(command)


def _award(reward: Reward, command: do.Award, rules: Rules, allocated: int) -> Changes:
    """An amount inside the range of the class and inside what is left of this year's budget."""
    rule, amount = rules.rewards[reward.reward], command.amount
    if not rule.at_least <= amount <= rule.at_most:
        range_ = f"{rule.id} is from {rule.at_least} to {rule.at_most} {rule.currency}"
        return Refusal("out_of_range", f"{range_}, not {amount}")
    if rule.budget is not None and allocated + amount > rule.budget:
        left = f"{rule.budget - allocated} of {rule.budget} {rule.currency} are left this year"
        return Refusal("over_budget", f"{amount} {rule.currency} are more than the budget of {rule.id}: {left}")
    return [c.Awarded(amount=amount)]


def _collect(reward: Reward, command: do.Collect, rules: Rules) -> Changes:
    """The payment, to whoever shows the code of the report; a worker needs none."""
    reward_rule = rules.rewards[reward.reward]
    if command.actor.unit != reward_rule.pays:
        return not_permitted(command.actor.unit, named("the unit that pays", reward_rule.pays))
    if reward.handle is not None and not _shows(command.code, reward.handle):
        return Refusal("wrong_code", "the code is not that of the report for which this reward is owed")
    return [c.Collected(unit=command.actor.unit)]


def _shows(code: str | None, handle: str) -> bool:
    try:
        return code is not None and compare_digest(handle_of(code).encode(), handle.encode())
    except ValueError:
        return False
