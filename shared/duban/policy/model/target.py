"""What a pack says of the environment itself: the values that its indicators shall reach, by when, and whose they are.

Pure. :mod:`duban_console.assessment.rows.targets` holds readings against them.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from duban.policy.model.entry import Day, Founded, Id, Name, Text
from duban.sentence import Sentence


class Target(Founded):
    """A value that an indicator shall come to: ``at_least`` or ``at_most`` so much, in the unit ``measured_in``.

    It is to be reached ``by`` the end of a day; without one it is to be held all the time. ``lead`` answers for it,
    and the units in ``co`` with it.
    """

    id: Id
    title: Text
    measured_in: str = Field(min_length=1, max_length=40)
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    by: Day | None = None
    lead: Name
    co: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_bound(self) -> Target:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(
                Sentence(
                    "needs exactly one of `at_least` and `at_most`",
                    "`at_least` 和 `at_most` 须写且只写一个",
                )
            )
        return self

    def gap(self, reading: float) -> float:
        """By how much ``reading`` misses the target, to a thousandth; zero where it is reached."""
        missing = self.at_least - reading if self.at_least is not None else reading - (self.at_most or 0.0)
        return round(max(0.0, missing), 3)
