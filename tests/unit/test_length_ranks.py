"""What stands in the middle of many lengths is the same, found by its rank or by sorting all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban_console.desk.entries import spread
from duban_console.desk.length_ranks import LengthCounts

STEPS = [60.0, 75.0, 100.0, 1000.0]


@given(st.lists(st.integers(0, 2000).map(float)))
def test_ranks_of_counted_steps_lead_to_the_spread_of_all_lengths(lengths: list[float]) -> None:
    steps: defaultdict[int, list[float]] = defaultdict(list)
    for length in sorted(lengths):
        steps[bisect_right(STEPS, length)].append(length)
    counts = LengthCounts("water", Counter({step: len(some) for step, some in steps.items()}))
    ranks = counts.ranks()
    assert {rank.unit for rank in ranks} <= {"water"}
    ranked = counts.spread({rank: steps[rank.step][rank.skip : rank.skip + rank.count] for rank in ranks})
    expected = spread(lengths)
    assert (ranked.count, ranked.ninth_decile) == (expected.count, expected.ninth_decile)
    assert ranked.median == pytest.approx(expected.median)
