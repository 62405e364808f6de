"""What the simulation found once, each as a story of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.world import World


@pytest.fixture
def world(patch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(seed=1)
    yield world
    world.close()


def test_a_member_whose_broker_goes_away_while_it_begins_waits_for_it(world: World) -> None:
    beginning = world.lives["router", 0]
    beginning.struck["end offsets"] = lambda life, point: world.lose("broker")
    world.run(10)
    assert world.broker.is_away
    world.restore()
    world.run(10)
    assert world.ended == []
    assert world.lives["router", 0] is beginning
    assert beginning.stop is not None
