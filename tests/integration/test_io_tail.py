"""A tail reads a topic from its first record, says when it has caught up, and follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import Tail
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Payload, Record, encode

pytestmark = pytest.mark.stack
Make = Callable[..., Awaitable[str]]
Eventually = Callable[..., Awaitable[None]]


class Tick(Payload):
    TOPIC: ClassVar[str] = "test.clock"
    TYPE: ClassVar[str] = "test.tick"
    n: int


def tick(topic: str, n: int) -> Record:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return struct.replace(encode(Message(str(n), "test", "clock", at, "", "clock", Tick(n=n))), topic=topic)


async def test_everything_is_read_before_it_has_caught_up_and_later_records_follow(
    stack: Any, topic: Make, eventually: Eventually
) -> None:
    settings = Settings(kafka=stack.kafka)
    publisher = Publisher(settings)
    clock = await topic("clock", 2)
    await publisher.publish([tick(clock, n) for n in range(1200)])
    seen: list[int] = []

    async def take(delivered: Delivery[Tick]) -> None:
        seen.append(delivered.message.data.n)

    tail = Tail(settings, [clock], {"test.tick": Tick})
    task = asyncio.create_task(tail.run(take))
    await asyncio.wait_for(tail.caught_up(), 30)
    assert seen == list(range(1200))
    await publisher.publish([Record(clock, b"clock", b"not ours", ()), tick(clock, 1200)])
    await eventually(lambda: seen[-1] == 1200)
    tail.stop()
    await task
    await publisher.stop()


async def test_an_empty_topic_is_caught_up_with_at_once(stack: Any, topic: Make) -> None:
    tail = Tail(Settings(kafka=stack.kafka), [await topic("packs")], {"test.tick": Tick})

    async def take(delivered: Delivery[Tick]) -> None:
        raise AssertionError("there is nothing")

    task = asyncio.create_task(tail.run(take))
    await asyncio.wait_for(tail.caught_up(), 30)
    assert tail.is_caught_up
    tail.stop()
    await task


async def test_a_tail_may_begin_at_an_instant(stack: Any, topic: Make, eventually: Eventually) -> None:
    settings = Settings(kafka=stack.kafka)
    publisher = Publisher(settings)
    clock = await topic("clock", 2)
    await publisher.start()
    await publisher.publish([tick(clock, 1)])
    tail: Tail[Tick] = Tail(settings, [clock], {Tick.TYPE: Tick}, since=datetime.now(UTC) + timedelta(milliseconds=5))
    heard: list[int] = []

    async def take(delivered: Delivery[Tick]) -> None:
        heard.append(delivered.message.data.n)

    reading = asyncio.create_task(tail.run(take))
    await tail.caught_up()
    await publisher.publish([tick(clock, 2)])
    await eventually(lambda: heard == [2])
    tail.stop()
    await reading
    await publisher.stop()
