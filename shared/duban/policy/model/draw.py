"""Random draws (抽查): which problems may be drawn, how many, and what is owed for each; what a pack says. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from duban.moves import OF_OTHERS, Status
from duban.policy.model.entry import Founded, Id, Name, Text
from duban.sentence import Sentence


def _drawable(statuses: tuple[Status, ...]) -> tuple[Status, ...]:
    for status in statuses:
        if status in OF_OTHERS:
            raise ValueError(
                Sentence(
                    f"only problems are drawn, and a problem is never {status}",
                    f"只抽查问题，而问题没有 {status} 状态",
                )
            )
    return statuses


class DrawRule(Founded):
    """A random draw among the problems in ``statuses``: so many by ``number``, or a ``share`` of them in per cent.

    Without ``categories``, ``matters`` or ``channels`` it is among all. For each problem that is drawn, the unit ``by``
    owes the duty that the draw ``opens``. ``spares`` is a list of enterprises: whoever stands on it is not drawn,
    unless the problem came by one of the channels that ``never_spares`` names. ``duban draw`` draws.
    """

    id: Id
    title: Text
    statuses: Annotated[tuple[Status, ...], Field(min_length=1), AfterValidator(_drawable)]
    categories: tuple[Name, ...] = ()
    matters: tuple[Name, ...] = ()
    channels: tuple[Name, ...] = ()
    number: int | None = Field(default=None, ge=1)
    share: int | None = Field(default=None, ge=1, le=100)
    by: Name
    opens: Id
    spares: Id | None = None
    never_spares: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _says_how_many(self) -> DrawRule:
        if (self.number is None) == (self.share is None):
            raise ValueError(
                Sentence(
                    "needs exactly one of `number` and `share`",
                    "`number` 和 `share` 须写且只写一个",
                )
            )
        if self.never_spares and self.spares is None:
            raise ValueError(
                Sentence(
                    "`never_spares` goes with `spares`, and only with it",
                    "`never_spares` 只能与 `spares` 同时使用",
                )
            )
        return self

    def many(self, candidates: int) -> int:
        """How many are drawn of so many; a share is rounded up, so that a few are not too few to draw from."""
        if self.number is not None:
            return min(self.number, candidates)
        assert self.share is not None
        return -(-candidates * self.share // 100)
