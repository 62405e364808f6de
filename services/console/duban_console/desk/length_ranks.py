"""What stands in the middle of many lengths, found by its rank: counts of steps say in which of them it lies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from duban_console.desk.reader import Spread

_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class LengthRank:
    """As many as ``count`` lengths of a unit (empty: of the whole city), behind ``skip`` shorter ones of their step."""

    unit: str
    step: int
    skip: int
    count: int = 1


class LengthCounts:
    """How many lengths of ``unit`` lie in each step."""

    def __init__(self, unit: str, counts: Mapping[int, int]) -> None:
        """``counts`` are by step, each of longer ones than the step before."""
        self.unit = unit
        self._counts = sorted(counts.items())
        self._count = sum(counts.values())

    def ranks(self) -> tuple[LengthRank, ...]:
        """Of which lengths the spread is made: those in the middle, and at last the ninth decile."""
        if not self._count:
            return ()
        low, high = self._rank((self._count - 1) // 2), self._rank(self._count // 2)
        ninth = self._rank(ceil(0.9 * self._count) - 1)
        if low.step == high.step:
            return replace(low, count=1 + high.skip - low.skip), ninth
        return low, high, ninth

    def spread(self, lengths: Mapping[LengthRank, Sequence[float]]) -> Spread:
        """Median and ninth decile, as ``percentile_cont`` and ``percentile_disc`` of the database have them."""
        if not self._count:
            return Spread()
        *middle, ninth = (lengths[rank] for rank in self.ranks())
        low, high = middle[0][0], middle[-1][-1]
        return Spread(count=self._count, median=(low + 0.5 * (high - low)) / _HOUR, ninth_decile=ninth[0] / _HOUR)

    def _rank(self, place: int) -> LengthRank:
        for step, count in self._counts:
            if place < count:
                return LengthRank(self.unit, step, place)
            place -= count
        raise AssertionError("there are fewer lengths")
