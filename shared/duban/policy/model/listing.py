"""Lists on which enterprises and units stand for a time, and rewards for whoever reported: what a pack says. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from duban.calendar import Within
from duban.policy.model.entry import Founded, Id, Name, Text, Written
from duban.sentence import Sentence

#: What the texts of a list may mention.
LISTING_FIELDS = ("number", "list", "of", "ground", "bars", "until", "until_date")


class Ground(Founded):
    """A typed reason to stand on a list."""

    id: Id
    title: Text


class AppealRule(Founded):
    """Who decides an appeal (申诉), never the keeper of the list, until when, and what follows if not."""

    to: Name
    within: Within
    ladder: Id


class Platform(Founded):
    """Another system that records go on to, such as a credit platform (信用信息共享平台); settings say where it is."""

    id: Id
    title: Text


class PassingOn(Founded):
    """To which platform each entry goes on, by when its receipt is there, and what follows if not."""

    to: Id
    within: Within
    ladder: Id


class ListingTexts(Written):
    """What is told when somebody is to stand on the list, stands on it, and is off it again."""

    noticed: str = Field(min_length=1)
    listed: str = Field(min_length=1)
    delisted: str = Field(min_length=1)


class ListRule(Founded):
    """A list: a blacklist (黑名单), cards (红黄牌), credit records; ``of`` enterprises or of units.

    Whoever is to stand on it is told, and stands on it when ``notice`` is over without an answer; without ``notice``
    at once. It stands there for the ``term``; without one until it is taken off. ``bars`` is what it bars from.
    ``passed_on`` says where an entry goes on to when it counts, and when it does no more.
    """

    id: Id
    title: Text
    of: Literal["enterprise", "unit"]
    keeper: Name
    grounds: tuple[Ground, ...] = Field(min_length=1)
    notice: Within | None = None
    term: Within | None = None
    appeal: AppealRule | None = None
    public: bool = False
    passed_on: PassingOn | None = None
    bars: tuple[Text, ...] = ()
    texts: ListingTexts


class RewardRule(Founded):
    """A class of rewards: what it is paid for, and to whom: whoever ``reporter`` is, or the ``worker`` of the cell.

    ``by`` fixes an amount from ``at_least`` to ``at_most``, in whole units of ``currency``, and no more than ``budget``
    in one year; ``pays`` pays it out to whoever shows the code of the report. What is not collected in time is
    forfeited.
    """

    id: Id
    title: Text
    to: Literal["reporter", "worker"] = "reporter"
    at_least: int = Field(ge=1)
    at_most: int = Field(ge=1)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    budget: int | None = Field(default=None, ge=1)
    by: Name
    fixed_within: Within
    ladder: Id
    pays: Name
    collect_within: Within

    @model_validator(mode="after")
    def _is_a_range(self) -> RewardRule:
        if self.at_least > self.at_most:
            raise ValueError(
                Sentence(
                    f"`at_least` {self.at_least} is more than `at_most` {self.at_most}",
                    f"`at_least` {self.at_least} 大于 `at_most` {self.at_most}",
                )
            )
        if self.budget is not None and self.budget < self.at_least:
            raise ValueError(
                Sentence(
                    f"`budget` {self.budget} does not reach for one reward of {self.at_least}",
                    f"`budget` {self.budget} 不够发放一次 {self.at_least} 的奖励",
                )
            )
        return self
