"""One message that breaks the code is set aside; everything else is handled, in order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.errors import Unavailable
from duban.io.isolation import Isolation


class Doubling:
    """Doubles numbers, all or nothing; breaks on those it was told to."""

    def __init__(self, breaks_on: set[int]) -> None:
        self.breaks_on = breaks_on
        self.calls = 0

    async def __call__(self, batch: Sequence[int]) -> Sequence[int]:
        self.calls += 1
        for number in batch:
            if number in self.breaks_on:
                raise ValueError(f"cannot bear {number}")
        return [2 * number for number in batch]


@given(st.integers(0, 60), st.sets(st.integers(0, 59)))
async def test_exactly_the_offenders_are_set_aside_and_the_others_keep_their_order(size: int, bad: set[int]) -> None:
    results, faults = await Isolation(Doubling(bad)).run(range(size))
    assert results == [2 * number for number in range(size) if number not in bad]
    assert [fault.item for fault in faults] == [number for number in range(size) if number in bad]


async def test_one_offender_in_five_hundred_costs_few_calls() -> None:
    handle = Doubling({333})
    _, faults = await Isolation(handle).run(range(500))
    assert handle.calls <= 20
    assert faults[0].attempts == 10
    assert str(faults[0].error) == "cannot bear 333"


async def test_poison_in_any_number_is_set_aside_and_what_follows_is_handled() -> None:
    isolation = Isolation(Doubling(set(range(500))))
    results, faults = await isolation.run(range(501))
    assert (results, len(faults)) == ([1000], 500)


async def test_a_dependency_that_is_away_is_nobodys_fault() -> None:
    async def away(batch: Sequence[int]) -> Sequence[int]:
        raise Unavailable("database")

    with pytest.raises(Unavailable):
        await Isolation(away).run([1, 2])
