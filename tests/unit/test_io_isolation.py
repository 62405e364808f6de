"""One message that breaks the code is set aside; everything else is handled, in order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.errors import HandlerBroken, Unavailable
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
    results, faults = await Isolation(Doubling(bad), most_in_a_row=100).run(range(size))
    assert results == [2 * number for number in range(size) if number not in bad]
    assert [fault.item for fault in faults] == [number for number in range(size) if number in bad]


async def test_one_offender_in_five_hundred_costs_few_calls() -> None:
    handle = Doubling({333})
    _, faults = await Isolation(handle, most_in_a_row=100).run(range(500))
    assert handle.calls <= 20
    assert faults[0].attempts == 10
    assert str(faults[0].error) == "cannot bear 333"


async def test_a_handler_that_breaks_on_everything_stops_before_it_gives_up_more_than_allowed() -> None:
    with pytest.raises(HandlerBroken, match="4 messages in a row"):
        await Isolation(Doubling(set(range(500))), most_in_a_row=3).run(range(500))


async def test_the_count_in_a_row_spans_batches_and_any_success_ends_it() -> None:
    isolation = Isolation(Doubling({1, 2, 3, 4}), most_in_a_row=2)
    await isolation.run([1])
    await isolation.run([2])
    await isolation.run([9])
    await isolation.run([3])
    await isolation.run([4])
    with pytest.raises(HandlerBroken):
        await isolation.run([1])


async def test_a_dependency_that_is_away_is_nobodys_fault() -> None:
    async def away(batch: Sequence[int]) -> Sequence[int]:
        raise Unavailable("database")

    with pytest.raises(Unavailable):
        await Isolation(away, most_in_a_row=3).run([1, 2])
