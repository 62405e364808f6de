"""A reward as its reporter may see it: how much, until when, and who pays; never to whom. Pure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel

from duban.messages.problem import Problem
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
    """A reward: ``until`` is when its amount is fixed, or when it is collected at the latest; ``pays`` pays it out."""

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
    fixes: Desk
    pays: Desk | None = None
    reason: str | None = None


def reward_told(record: Problem, pack: PolicyPack | None, reason: str | None = None) -> RewardTold:
    """What is told of ``record``; currency and payer are known from its ``pack``, the ``reason`` from its history."""
    assert record.reward is not None
    rule = _rule(record, pack)
    return RewardTold(
        number=record.number,
        reward=record.category,
        title=record.title,
        status=record.status,
        ended=next((kind for kind in _ENDINGS if kind in record.marks), None),
        at_least=rule.at_least if rule and record.reward.amount is None else None,
        at_most=rule.at_most if rule and record.reward.amount is None else None,
        amount=record.reward.amount,
        currency=rule.currency if rule else None,
        until=record.ends_at("collect" if record.status is Status.AWARDED else "amount"),
        fixes=_desk(record.lead_unit or "", pack),
        pays=_desk(rule.pays, pack) if rule else None,
        reason=reason or None,
    )


def _rule(record: Problem, pack: PolicyPack | None) -> RewardRule | None:
    return (
        next((reward_rule for reward_rule in pack.rewards if reward_rule.id == record.category), None) if pack else None
    )


def _desk(unit: str, pack: PolicyPack | None) -> Desk:
    return Desk(unit=unit, title=next((one.title for one in pack.units if one.id == unit), None) if pack else None)
