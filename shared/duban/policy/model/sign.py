"""What looks as if work were done for the figures: the signs that a pack has seen, and what is a sign of what. Pure."""

from __future__ import annotations

from enum import StrEnum

from pydantic import model_validator

from duban.calendar import Within
from duban.policy.model.entry import Founded, Id, Text
from duban.sentence import Sentence


class SignKind(StrEnum):
    """What is seen; assessment counts the first two by the same rule."""

    LAST_MOMENT = "last_moment"  #: an obligation met within the limit as first set, but in the last tenth of it
    COPIED_NOTE = "copied_note"  #: a word on progress that stands at another problem or duty of the unit too
    TAKEN_UP_AGAIN = "taken_up_again"  #: closed, and taken up again, or back by itself, within a time


class SignRule(Founded):
    """A sign (迹象) that work is done for the figures. When it is seen that is an event: ``sign_seen:ID``.

    ``last_moment`` is of the ``obligations`` named; ``taken_up_again`` is seen ``within`` a time of the closing.
    """

    id: Id
    kind: SignKind
    title: Text
    obligations: tuple[Id, ...] = ()
    within: Within | None = None

    @model_validator(mode="after")
    def _says_of_what(self) -> SignRule:
        if (self.kind is SignKind.LAST_MOMENT) != bool(self.obligations):
            raise ValueError(
                Sentence(
                    "`obligations` go with `kind: last_moment`, and only with it: what is met so late",
                    "`obligations` 只能与 `kind: last_moment` 同时使用，且必须同时使用：指哪些义务踩点完成",
                )
            )
        if (self.kind is SignKind.TAKEN_UP_AGAIN) != (self.within is not None):
            raise ValueError(
                Sentence(
                    "`within` goes with `kind: taken_up_again`, and only with it: so soon after the closing",
                    "`within` 只能与 `kind: taken_up_again` 同时使用，且必须同时使用：指办结之后多久",
                )
            )
        return self
