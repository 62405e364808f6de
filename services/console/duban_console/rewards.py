"""A reward as its reporter may see it: how much, until when, and who pays; never to whom. Pure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel

from duban.messages.records import Reward
from duban.moves import Status
from duban.policy import PolicyPack
from duban.policy.model.entry import Text
from duban.policy.model.listing import RewardRule

#: How a reward comes to its end, by the event.
_ENDINGS: Final[tuple[Literal["collected", "declined", "expired"], ...]] = ("collected", "declined", "expired")


class Desk(BaseModel):
    """A unit with its title."""

    unit: str
    title: Text | None = None


class RewardTold(BaseModel):
    """A reward: ``until`` is when its amount is fixed, or when it is collected at the latest; ``pays`` pays it out.

    ``provisional``: a notice of holidays that is not out yet may move ``until``.
    """

    number: str
    reward: str
    title: str
    status: Status
    ended: Literal["collected", "declined", "expired"] | None = None
    at_least: int | None = None
    at_most: int | None = None
    amount: int | None = None
    currency: str | None = None
    until: AwareDatetime | None = None
    provisional: bool = False
    fixes: Desk
    pays: Desk | None = None
    reason: str | None = None


def reward_told(reward: Reward, pack: PolicyPack | None, reason: str | None = None) -> RewardTold:
    """What is told of ``reward``; currency and payer are known from its ``pack``, the ``reason`` from its history."""
    rule = _rule(reward, pack)
    deadline = reward.deadline("collect" if reward.status is Status.AWARDED else "amount")
    return RewardTold(
        number=reward.number,
        reward=reward.reward,
        title=reward.title,
        status=reward.status,
        ended=next((kind for kind in _ENDINGS if kind in reward.marks), None),
        at_least=rule.at_least if rule and reward.amount is None else None,
        at_most=rule.at_most if rule and reward.amount is None else None,
        amount=reward.amount,
        currency=rule.currency if rule else None,
        until=deadline.lapse_at if deadline else None,
        provisional=bool(deadline and deadline.provisional),
        fixes=_desk(reward.fixed_by, pack),
        pays=_desk(rule.pays, pack) if rule else None,
        reason=reason or None,
    )


def _rule(reward: Reward, pack: PolicyPack | None) -> RewardRule | None:
    rules = pack.rewards if pack else ()
    return next((reward_rule for reward_rule in rules if reward_rule.id == reward.reward), None)


def _desk(unit: str, pack: PolicyPack | None) -> Desk:
    return Desk(
        unit=unit, title=next((entry.title for entry in pack.units if entry.id == unit), None) if pack else None
    )
