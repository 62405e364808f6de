"""Small batches wait for company, full ones for nobody; on virtual time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest
from aiokafka.structs import TopicPartition

from duban.io.consumer import Runner, Source
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.envelope import Unheeded
from tests.simulation.loop import VirtualLoop

PLACE = TopicPartition("t", 0)


class Topic:
    """A consumer that finds as many records at each fetch as ``counts`` says, and notes when it is asked."""

    def __init__(self, counts: list[int]) -> None:
        self._counts = iter(counts)
        self.asked_at: list[float] = []
        self.loop: VirtualLoop | None = None

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        assert self.loop is not None
        self.asked_at.append(round(self.loop.time(), 6))
        record = SimpleNamespace(headers=[("ce_type", b"x")], offset=0, timestamp=0)
        return {PLACE: [record] * next(self._counts)}

    async def commit(self, offsets: object) -> None: ...

    def paused(self) -> list[TopicPartition]:
        return []

    def resume(self, *places: TopicPartition) -> None: ...

    def highwater(self, place: TopicPartition) -> None: ...


def asked(counts: list[int], clock: Literal["system", "driven"], spacing: float = 0.03) -> list[float]:
    """When a runner asks for its batches, in seconds."""

    async def handle(batch: object) -> list[Any]:
        return []

    settings = Settings(clock=clock, batch_spacing=spacing)
    runner = Runner(settings, "g", [Source(("t",), {"x": Unheeded}, handle)], Publisher(settings))
    runner._ours.set()
    topic = Topic(counts)
    topic.loop = VirtualLoop(lambda task: None)

    async def run() -> None:
        for _ in counts:
            await runner._take_one(topic)  # type: ignore[arg-type]

    try:
        topic.loop.run_until_complete(run())
    finally:
        topic.loop.close()
    return topic.asked_at


def test_after_a_small_batch_the_next_waits_and_after_a_large_one_it_does_not() -> None:
    assert asked([1, 49, 50, 500, 1, 1], "system") == [0.0, 0.03, 0.06, 0.06, 0.06, 0.09]


@pytest.mark.parametrize(("clock", "spacing"), [("driven", 0.03), ("system", 0.0)])
def test_nobody_waits_on_the_driven_clock_or_where_no_spacing_is_set(
    clock: Literal["system", "driven"], spacing: float
) -> None:
    assert asked([1, 1, 1], clock, spacing) == [0.0, 0.0, 0.0]
