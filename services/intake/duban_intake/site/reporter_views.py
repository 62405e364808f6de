"""What the page of a followed report says of answers, ratings and rewards, in one of two languages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duban.masks import masked, published
from duban.messages.records import Reward
from duban.moves import Status
from duban.pages.words import PageLanguage, msgid
from duban.policy.rules import Rules
from duban.texts import printable
from duban_intake.site.views import words_in

#: By the code of a refusal: why a rating does not count.
_REFUSALS: Final = {
    "illegal_move": msgid("The problem stands where nothing of it can be rated: it may have been taken up again."),
    "no_ground": msgid("The policy that it lives under asks for a ground of its list, or for none."),
    "missing_reason": msgid("Whoever is not satisfied says why."),
}
_OTHERWISE: Final = msgid("The policy that it lives under does not take it.")
#: How a reward stands, by its status, or by the event that ended it.
_STANDINGS: Final = {
    "owed": msgid("A reward is due to you; its amount is not fixed yet."),
    "awarded": msgid("A reward waits for you."),
    "collected": msgid("The reward was paid out."),
    "declined": msgid("No reward is granted."),
    "expired": msgid("The reward was forfeited, for nobody collected it in time."),
}


@dataclass(frozen=True, slots=True)
class GivenReply:
    """What the reporter was told, and when."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class RatingOutcome:
    """What came of a rating: it stands in the ledger as ``satisfied`` or not, or was ``refused`` by a code."""

    satisfied: bool | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class ReporterReward:
    """A reward as the ledger has it, and the ``reason`` if it was declined."""

    reward: Reward
    reason: str | None


@dataclass(frozen=True, slots=True)
class RewardView:
    """A reward: ``until`` the amount is fixed by ``fixes``, or it is paid out by ``pays`` to whoever shows the code."""

    title: str
    number: str
    standing: str
    is_waiting: bool
    amount: str
    until: datetime | None
    fixes: str
    pays: str
    reason: str


def reply_lines(replies: Sequence[GivenReply], rules: Rules) -> list[tuple[datetime, str]]:
    """When something was said to the reporter, by the clock of the city, and what, without numbers and names."""
    return [(reply.at.astimezone(rules.zone), printable(masked(reply.text), but="\n")) for reply in replies]


def refusal_words(outcome: RatingOutcome) -> str | None:
    """Why the rating does not count, in English; None where it does."""
    return None if outcome.refused is None else _REFUSALS.get(outcome.refused, _OTHERWISE)


def reward_view(owed: ReporterReward, rules: Rules, language: PageLanguage, say: Callable[[str], str]) -> RewardView:
    """The reward by the ``rules`` that it lives under."""
    reward, text = owed.reward, words_in(language)
    rule = rules.rewards.get(reward.reward)
    standing = next(
        (name for name in ("collected", "declined", "expired") if name in reward.marks), reward.status.value
    )
    deadline = reward.deadline("collect" if reward.status is Status.AWARDED else "amount")

    def unit(name: str | None) -> str:
        return text(rules.units[name].title) if name in rules.units else name or ""

    return RewardView(
        title=text(rule.title) if rule else reward.title,
        number=reward.number,
        standing=say(_STANDINGS[standing]),
        is_waiting=reward.status is Status.AWARDED,
        amount=_amount(reward, rules),
        until=deadline.lapse_at.astimezone(rules.zone) if deadline else None,
        fixes=unit(reward.fixed_by),
        pays=unit(rule.pays if rule else None),
        reason=published(owed.reason or ""),
    )


def _amount(reward: Reward, rules: Rules) -> str:
    """The amount, or between which it will lie, in whole units of the class's currency."""
    rule = rules.rewards.get(reward.reward)
    if reward.amount is not None:
        return f"{reward.amount:,} {rule.currency if rule else ''}".rstrip()
    return f"{rule.at_least:,}–{rule.at_most:,} {rule.currency}" if rule else ""
