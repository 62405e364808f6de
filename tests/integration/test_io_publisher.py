"""Publishing to a real broker: in order, acknowledged, or an error that says what to do."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from duban.errors import RecordTooLarge, Unavailable
from duban.io.availability import dependency
from duban.io.broker import durability
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.envelope import Record

pytestmark = pytest.mark.stack
Make = Callable[..., Awaitable[str]]


@pytest.fixture
async def publisher(stack: Any) -> AsyncIterator[Publisher]:
    found = Publisher(Settings(kafka=stack.kafka))
    await found.start()
    yield found
    await found.stop()


async def read(kafka: str, topic: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_order_is_kept_within_a_key_across_many_batches(stack: Any, publisher: Publisher, topic: Make) -> None:
    out = await topic("out", 3)
    sent = [Record(out, f"k{n % 5}".encode(), f"{n}".encode() + b" " * 4000, ()) for n in range(2000)]
    await asyncio.gather(publisher.publish(sent[:1000]), publisher.publish(sent[1000:]))
    found: dict[bytes, list[int]] = defaultdict(list)
    for record in await read(stack.kafka, out, 2000):
        found[record.key].append(int(record.value))
    for key, numbers in found.items():
        assert [n for n in numbers if n < 1000] == list(range(int(key[1:]), 1000, 5))
        assert [n for n in numbers if n >= 1000] == list(range(1000 + int(key[1:]), 2000, 5))


async def test_a_key_lands_where_other_clients_look_for_it(stack: Any, publisher: Publisher, topic: Make) -> None:
    out = await topic("out", 16)
    keys = [f"problem-{n}".encode() for n in range(50)]
    await publisher.publish([Record(out, key, b"ours", ()) for key in keys])
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka)
    await producer.start()
    places = {key: (await producer.send_and_wait(out, b"theirs", key)).partition for key in keys}
    await producer.stop()
    assert {record.key: record.partition for record in await read(stack.kafka, out, 100)} == places


async def test_a_batch_that_the_broker_refuses_is_named_and_the_next_one_goes_through(
    stack: Any, publisher: Publisher, topic: Make
) -> None:
    out = await topic("out", 1, **{"max.message.bytes": "2000"})
    await publisher.publish([Record(out, b"k", b"1", ())])
    with pytest.raises(RecordTooLarge, match=r"raise the topic's max\.message\.bytes"):
        await publisher.publish([Record(out, b"k", os.urandom(5000), ())])
    await publisher.publish([Record(out, b"k", b"2", ())])
    assert [record.value for record in await read(stack.kafka, out, 2)] == [b"1", b"2"]


async def test_a_broker_that_is_away_is_unavailable_after_the_time_out(unused_tcp_port: int) -> None:
    publisher = Publisher(Settings(kafka=f"127.0.0.1:{unused_tcp_port}", publish_timeout=0.5))
    with pytest.raises(Unavailable) as caught:
        await publisher.publish([Record("t", b"k", b"v", ())])
    assert dependency(caught.value) == "broker"
    assert not await publisher.reachable()
    await publisher.stop()


async def test_what_an_ack_means_here_is_said(stack: Any, topic: Make) -> None:
    out = await topic("out")
    assert (await durability(Settings(kafka=stack.kafka), [out])).startswith("single broker")
