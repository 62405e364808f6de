"""The runner over a real broker: at least once, in order, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from duban.errors import NotArrived, Unavailable
from duban.io.backoff import waits
from duban.io.batch import Answers
from duban.io.consumer import Delivery, Handler, Runner, SetAside, Source
from duban.io.dead_letters import dead_letter_topic
from duban.io.postgres import connect_pool
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import present_records
from duban.messages import struct
from duban.messages.envelope import Message, Payload, Record, encode

pytestmark = pytest.mark.stack
T = TypeVar("T")


class Note(Payload):
    TOPIC: ClassVar[str] = "test.notes"
    TYPE: ClassVar[str] = "test.note"
    n: int


TYPES: dict[str, type[Payload]] = {"test.note": Note}
At = datetime(2026, 11, 1, tzinfo=UTC)


def note(topic: str, key: str, n: int) -> Record:
    return struct.replace(encode(Message(f"{key}-{n}", "test", key, At, "", key, Note(n=n))), topic=topic)


def notes(topic: str, keys: int, each: int) -> list[Record]:
    return [note(topic, f"k{key}", n) for n in range(each) for key in range(keys)]


def echo(out: str) -> Handler:
    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        return [note(out, item.message.key, item.message.data.n) for item in batch]

    return handle


async def everything(kafka: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """All records of ``topic``, in order per partition."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found: list[ConsumerRecord[bytes, bytes]] = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def committed(kafka: str, group: str) -> dict[tuple[str, int], int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:  # a broker that never had a group yet
            return {}
        return {(place.topic, place.partition): found.offset for place, found in offsets.items() if found.offset > 0}
    finally:
        await admin.close()


class Place:
    """A broker with a publisher, and runners that end with the test."""

    def __init__(self, kafka: str) -> None:
        self.settings = Settings(kafka=kafka, batch_size=50, drain_timeout=15, session_timeout=6, arrival_timeout=1)
        self.publisher = Publisher(self.settings)
        self.group = f"test-{uuid4().hex[:8]}"
        self.runners: dict[Runner, asyncio.Task[None]] = {}

    def run(self, topic: str, handle: Handler, **callbacks: Any) -> Runner:
        source = Source((topic,), TYPES, handle)
        runner = Runner(self.settings, self.group, [source], self.publisher, **callbacks)
        self.runners[runner] = asyncio.create_task(runner.run())
        return runner

    async def end(self, runner: Runner) -> None:
        runner.stop()
        await self.runners.pop(runner)

    async def handled(self) -> int:
        return sum((await committed(self.settings.kafka, self.group)).values())

    def dlq(self, topic: str) -> str:
        return dead_letter_topic(topic, self.group)

    async def dead(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        return await everything(self.settings.kafka, self.dlq(topic))


Make = Callable[..., Awaitable[str]]
Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def place(stack: Any) -> AsyncIterator[Place]:
    found = Place(stack.kafka)
    await found.publisher.start()
    yield found
    for runner in list(found.runners):
        await found.end(runner)
    await found.publisher.stop()


@asynccontextmanager
async def raw_producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def in_order(records: Sequence[ConsumerRecord[bytes, bytes]]) -> dict[str, list[int]]:
    """For each key, its numbers in order of first appearance."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for record in records:
        assert record.key is not None
        assert record.value is not None
        found[record.key.decode()].setdefault(json.loads(record.value)["n"])
    return {key: list(numbers) for key, numbers in found.items()}


async def test_every_record_is_handled_published_and_committed_in_order(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in", 3), await topic("out", 3)
    await place.publisher.publish(notes(source, keys=7, each=100))
    place.run(source, echo(out))
    await eventually(lambda: _is(place.handled, 700))
    assert in_order(await everything(place.settings.kafka, out)) == {f"k{key}": list(range(100)) for key in range(7)}


@pytest.mark.parametrize("point", ["after_handle", "after_publish", "after_offsets"])
async def test_a_process_killed_at_any_point_loses_nothing_and_keeps_order(
    place: Place, topic: Make, eventually: Eventually, point: str
) -> None:
    source, out = await topic("in", 2), await topic("out", 2)
    await place.publisher.publish(notes(source, keys=5, each=60))
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, __file__, place.settings.kafka, place.group, source, out],
        env={**os.environ, "DUBAN_CRASH_AT": f"{point}:3"},
        timeout=60,
    )
    assert killed.returncode == 137
    left = await place.handled()
    assert left == (150 if point == "after_offsets" else 100)
    place.run(source, echo(out))
    await eventually(lambda: _is(place.handled, 300))
    assert in_order(await everything(place.settings.kafka, out)) == {f"k{key}": list(range(60)) for key in range(5)}


async def test_a_rebalance_waits_for_the_batch_in_hand(place: Place, topic: Make, eventually: Eventually) -> None:
    source, out = await topic("in", 2), await topic("out", 2)
    seen: Counter[tuple[str, int]] = Counter()
    given_up = asyncio.Event()
    joined = asyncio.Event()
    release = asyncio.Event()

    def counting(wait: bool) -> Handler:
        async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
            seen.update((item.message.key, item.message.data.n) for item in batch)
            if wait:
                await release.wait()
            return await echo(out)(batch)

        return handle

    async def revoked(places: frozenset[tuple[str, int]]) -> None:
        if places:
            given_up.set()

    async def assigned(places: frozenset[tuple[str, int]]) -> None:
        joined.set()

    await place.publisher.publish(notes(source, keys=8, each=20))
    first = place.run(source, counting(wait=True), on_revoked=revoked)
    await eventually(lambda: bool(seen))
    place.run(source, counting(wait=False), on_assigned=assigned)
    await eventually(lambda: not first.ready)
    assert not given_up.is_set()
    assert not joined.is_set()
    assert await place.handled() == 0
    release.set()
    await eventually(lambda: _is(place.handled, 160))
    assert given_up.is_set()
    assert joined.is_set()
    assert set(seen.values()) == {1}, "what was drained must not come again"
    assert in_order(await everything(place.settings.kafka, out)) == {f"k{key}": list(range(20)) for key in range(8)}


async def test_a_batch_that_waits_for_a_dependency_goes_to_the_next_owner(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in", 2), await topic("out", 2)

    async def away(batch: Sequence[Delivery[Any]]) -> Answers:
        raise Unavailable("this member's database is away")

    await place.publisher.publish(notes(source, keys=4, each=10))
    stuck = place.run(source, away)
    await eventually(lambda: stuck.waiting_for is not None)
    assert not stuck.ready
    place.run(source, echo(out))
    await eventually(lambda: _between(place.handled, 1, 39))
    await place.end(stuck)
    await eventually(lambda: _is(place.handled, 40))
    assert in_order(await everything(place.settings.kafka, out)) == {f"k{key}": list(range(10)) for key in range(4)}


async def test_what_breaks_the_code_is_set_aside_and_its_neighbours_are_handled(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        if any(item.message.data.n == 7 for item in batch):
            raise ZeroDivisionError("seven")
        return await echo(out)(batch)

    sent = [note(source, "k", n) for n in range(20)]
    await place.publisher.publish(sent)
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 20))
    assert in_order(await everything(place.settings.kafka, out)) == {"k": [n for n in range(20) if n != 7]}
    (letter,) = await place.dead(source)
    assert (letter.key, letter.value, tuple(letter.headers[: len(sent[7].headers)])) == (
        sent[7].key,
        sent[7].value,
        sent[7].headers,
    )
    reasons = dict(letter.headers)
    assert reasons["__streams.errors.message"] == b"seven"
    assert reasons["__streams.errors.offset"] == b"7"
    assert b"in handle" in reasons["__streams.errors.stacktrace"]


POISON: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], bytes]] = [
    (b"k", b"{", [("ce_specversion", b"1.0")], b"invalid"),
    (b"k", b"\x00\xff", [], b"not_cloudevent"),
    (None, b"x", [], b"not_cloudevent"),
    (b"k", None, [], b"empty"),
    (b"\xff", b"[" * 100_000, [("content-type", b"application/cloudevents+json")], b"not_json"),
    (b"k", b"x" * 1_000_000, [], b"not_cloudevent"),
    (b"k", b"\\ud800", [("ce_specversion", b"\xff")], b"invalid"),
]


async def test_bytes_that_are_no_message_are_set_aside_byte_for_byte(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})
    async with raw_producer(place.settings.kafka) as producer:
        for key, value, headers, _ in POISON:
            await producer.send_and_wait(source, value, key, headers=headers)
    await place.publisher.publish([note(source, "k", 1)])
    place.run(source, echo(out))
    await eventually(lambda: _is(place.handled, len(POISON) + 1))
    assert in_order(await everything(place.settings.kafka, out)) == {"k": [1]}
    letters = await place.dead(source)
    assert [(letter.key, letter.value) for letter in letters] == [(key, value) for key, value, _, _ in POISON]
    assert [dict(letter.headers)["duban.dlq.code"] for letter in letters] == [code for *_, code in POISON]


async def test_what_a_handler_rejects_is_set_aside_with_its_words(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True)

    async def handle(batch: Sequence[Delivery[Any]]) -> Sequence[Record | SetAside]:
        answers: list[Record | SetAside] = list(await echo(out)(batch))
        return [
            SetAside(item, "no_pack", "pack x is not known") if item.message.data.n == 1 else answer
            for item, answer in zip(batch, answers, strict=True)
        ]

    await place.publisher.publish(notes(source, keys=1, each=3))
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 3))
    assert in_order(await everything(place.settings.kafka, out)) == {"k0": [0, 2]}
    (letter,) = await place.dead(source)
    reasons = dict(letter.headers)
    assert (reasons["duban.dlq.code"], reasons["__streams.errors.message"]) == (b"no_pack", b"pack x is not known")


async def test_a_dead_letter_that_has_nowhere_to_go_is_waited_for(
    stack: Any, place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    async with raw_producer(stack.kafka) as producer:
        await producer.send_and_wait(source, b"no message", b"k")
    await place.publisher.stop()
    place.settings = place.settings.model_copy(update={"publish_timeout": 1.0})
    place.publisher = Publisher(place.settings)
    runner = place.run(source, echo(out))
    await eventually(lambda: runner.waiting_for == "broker")
    assert await place.handled() == 0
    await topic(place.dlq(source), exact=True)
    await eventually(lambda: _is(place.handled, 1))
    # What was given up after a second may have come to the topic all the same, and was sent again.
    assert {(letter.key, letter.value) for letter in await place.dead(source)} == {(b"k", b"no message")}


async def test_a_result_too_large_for_any_topic_is_the_fault_of_its_message_alone(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        return [
            struct.replace(found, value=b"x" * 2_000_000)
            if item.message.data.n == 3 and isinstance(found, Record)
            else found
            for item, found in zip(batch, await echo(out)(batch), strict=True)
        ]

    await place.publisher.publish(notes(source, keys=1, each=6))
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 6))
    assert in_order(await everything(place.settings.kafka, out)) == {"k0": [0, 1, 2, 4, 5]}
    (letter,) = await place.dead(source)
    assert dict(letter.headers)["__streams.errors.exception"].endswith(b"RecordTooLarge")


async def test_code_that_breaks_on_everything_sets_everything_aside_and_goes_on(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        if any(item.message.key == "k0" for item in batch):
            raise KeyError("a typo")
        return await echo(out)(batch)

    await place.publisher.publish([*notes(source, keys=1, each=150), note(source, "k1", 0)])
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 151))
    assert len(await place.dead(source)) == 150
    assert in_order(await everything(place.settings.kafka, out)) == {"k1": [0]}


async def test_what_names_something_that_never_arrives_is_waited_for_a_while_and_then_set_aside(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})
    asked = Counter[int]()

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        for item in batch:
            asked[item.message.data.n] += 1
            if item.message.data.n in (3, 7):
                raise NotArrived("the pack small@99 has not arrived")
        return await echo(out)(batch)

    await place.publisher.publish(notes(source, keys=1, each=10))
    began = asyncio.get_running_loop().time()
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 10))
    assert asyncio.get_running_loop().time() - began >= 1, "the arrival time-out"
    assert asked[3] > 1
    assert in_order(await everything(place.settings.kafka, out)) == {"k0": [0, 1, 2, 4, 5, 6, 8, 9]}
    letters = await place.dead(source)
    assert [dict(letter.headers)["duban.dlq.code"] for letter in letters] == [b"not_arrived"] * 2


async def test_bytes_of_any_kind_reach_the_dead_letters_and_cost_nothing_else(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "2000000"})

    class Name(str):
        def encode(self, *_: Any) -> bytes:
            return b"\xff\xfe"

    good = note(source, "k", 1)
    async with raw_producer(place.settings.kafka) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(
            magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
            batch_size=65_536,
        )  # fmt: skip
        batch.append(timestamp=None, key=b"odd", value=b"{}", headers=[(Name("zz"), b"v")])
        batch.append(timestamp=None, key=good.key, value=good.value, headers=list(good.headers))
        batch.close()
        await (await producer.send_batch(batch, source, partition=0))
        for key, value, headers in (
            (b"\xff\x00", b"\xfe", []),
            (None, b"", [("", b"")]),
            (b"k", b"x" * 900_000, [(f"h{n}", b"\x00" * 20) for n in range(1000)]),
        ):
            await producer.send_and_wait(source, value, key, headers=headers, partition=0)
    await place.publisher.publish([note(source, "k", 2)])
    place.run(source, echo(out))
    await eventually(lambda: _is(place.handled, 6))
    assert in_order(await everything(place.settings.kafka, out)) == {"k": [1, 2]}
    assert len(await place.dead(source)) == 4


async def test_a_dead_letter_that_its_topic_does_not_take_goes_without_its_bytes(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source = await topic("in")
    await topic(place.dlq(source), exact=True, **{"max.message.bytes": "12000"})
    async with raw_producer(place.settings.kafka) as producer:
        await producer.send_and_wait(source, os.urandom(100_000), b"k")
        await producer.send_and_wait(source, b"y", b"k")
    place.run(source, echo(source))
    await eventually(lambda: _is(place.handled, 2))
    large, small = await place.dead(source)
    assert (large.value, small.value) == (None, b"y")
    assert dict(large.headers)["__streams.errors.offset"] == b"0"


async def test_a_database_that_goes_away_is_waited_for_and_nothing_is_given_up(
    place: Place, topic: Make, database: str, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    pool = await connect_pool(place.settings.model_copy(update={"database": _Secret(database)}), "public")
    await pool.execute("create table done (n int primary key)")
    tries = iter([True, True, False])

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        async with pool.acquire() as connection, connection.transaction():
            numbers = [item.message.data.n for item in batch]
            await connection.execute("insert into done select unnest($1::int[]) on conflict do nothing", numbers)
            if next(tries, False):
                async with _superuser(database) as other:
                    await other.execute("select pg_terminate_backend($1)", connection.get_server_pid())
        return await echo(out)(batch)

    await place.publisher.publish(notes(source, keys=1, each=30))
    place.run(source, handle)
    await eventually(lambda: _is(place.handled, 30))
    assert next(tries, None) is None
    assert await pool.fetchval("select count(*) from done") == 30
    assert in_order(await everything(place.settings.kafka, out)) == {"k0": list(range(30))}
    await pool.close()


async def test_stop_finishes_and_commits_the_batch_in_hand(place: Place, topic: Make, eventually: Eventually) -> None:
    source, out = await topic("in"), await topic("out")
    entered, release = asyncio.Event(), asyncio.Event()

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        entered.set()
        await release.wait()
        return await echo(out)(batch)

    await place.publisher.publish(notes(source, keys=1, each=120))
    runner = place.run(source, handle)
    await entered.wait()
    runner.stop()
    release.set()
    await place.runners.pop(runner)
    assert await place.handled() == 50, "one batch, and no further one"
    assert await _state(place, "Empty"), "the group was left, not timed out"


async def test_stop_does_not_wait_for_a_dependency(place: Place, topic: Make, eventually: Eventually) -> None:
    source = await topic("in")

    async def away(batch: Sequence[Delivery[Any]]) -> Answers:
        raise Unavailable("away")

    await place.publisher.publish(notes(source, keys=1, each=5))
    runner = place.run(source, away)
    await eventually(lambda: runner.waiting_for is not None)
    assert "away" in waits["other"]
    async with asyncio.timeout(30):
        await place.end(runner)
    assert await place.handled() == 0
    assert "other" not in waits, "nobody waits for it any more"


async def test_no_batch_is_taken_before_the_assignment_was_answered(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("in"), await topic("out")
    story: list[str] = []
    go = asyncio.Event()

    async def assigned(places: frozenset[tuple[str, int]]) -> None:
        await go.wait()
        story.append(f"assigned {len(places)}")

    async def handle(batch: Sequence[Delivery[Any]]) -> Answers:
        story.append("batch")
        return await echo(out)(batch)

    await place.publisher.publish(notes(source, keys=1, each=5))
    runner = place.run(source, handle, on_assigned=assigned)
    await eventually(lambda: not runner._idle.is_set())
    go.set()
    await eventually(lambda: _is(place.handled, 5))
    assert story == ["assigned 1", "batch"]


async def test_an_assignment_that_cannot_be_taken_ends_the_runner(place: Place, topic: Make) -> None:
    async def assigned(places: frozenset[tuple[str, int]]) -> None:
        raise ValueError("shard state is broken")

    source = await topic("in")
    runner = place.run(source, echo(source), on_assigned=assigned)
    with pytest.raises(ValueError, match="shard state"):
        await asyncio.wait_for(place.runners.pop(runner), 30)


class _Secret:
    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value


@asynccontextmanager
async def _superuser(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close()


async def _is(count: Callable[[], Awaitable[T]], wanted: T) -> bool:
    return await count() == wanted


async def _between(count: Callable[[], Awaitable[int]], least: int, most: int) -> bool:
    return least <= await count() <= most


async def _state(place: Place, wanted: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=place.settings.kafka)
    await admin.start()
    try:
        reply: Any
        (reply,) = await admin.describe_consumer_groups([place.group])
        return bool(reply.groups[0][2] == wanted)
    finally:
        await admin.close()


async def _run_as_process(kafka: str, group: str, source: str, out: str) -> None:
    settings = Settings(kafka=kafka, batch_size=50, session_timeout=6)
    publisher = Publisher(settings)
    await publisher.start()
    await Runner(settings, group, [Source((source,), TYPES, echo(out))], publisher).run()


if __name__ == "__main__":
    asyncio.run(_run_as_process(*sys.argv[1:]))


async def test_what_a_transaction_aborted_is_seen_by_nobody_and_what_it_committed_by_all(
    place: Place, topic: Make, eventually: Eventually
) -> None:
    source, out = await topic("transactions"), await topic("transactions-out")
    producer = AIOKafkaProducer(bootstrap_servers=place.settings.kafka, transactional_id=f"test-{uuid4().hex[:8]}")
    await producer.start()
    for n, commits in enumerate((True, False, True)):
        await producer.begin_transaction()
        sent = note(source, "k", n)
        await producer.send_and_wait(source, sent.value, sent.key, headers=list(sent.headers))
        await (producer.commit_transaction() if commits else producer.abort_transaction())
    await producer.stop()
    place.run(source, echo(out))
    await eventually(lambda: _is(lambda: _numbers(place, out), [0, 2]))
    present = [record async for record in present_records(place.settings, source, {})]
    assert [json.loads(record.value or b"")["n"] for record in present] == [0, 2]


async def _numbers(place: Place, topic: str) -> list[int]:
    return [json.loads(record.value or b"")["n"] for record in await everything(place.settings.kafka, topic)]
