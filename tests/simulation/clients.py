"""Clients of the broker in memory, with the faces of aiokafka's, so that all of ours above them runs as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.consumer import fetcher
from aiokafka.errors import CommitFailedError, KafkaConnectionError, KafkaError, OutOfOrderSequenceNumber
from aiokafka.structs import ConsumerRecord, TopicPartition

from duban.io.lenient_records import LenientPartitionRecords
from tests.simulation.broker import Broker, Entry, Group
from tests.simulation.life import LIVING


class Consumer:
    """What of ``AIOKafkaConsumer`` our runner and our tails use."""

    def __init__(self, *topics: str, group_id: str | None = None, **_: Any) -> None:
        self.life = LIVING.get()
        self.broker: Broker = self.life.world.broker
        self.topics = topics
        self.awake = asyncio.Event()
        self.asked = asyncio.Event()
        self.is_given_up = False
        self._group = self.broker.groups[group_id] if group_id else None
        self._name = group_id or "tail"
        self._listener: ConsumerRebalanceListener | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._generation = -1
        self._is_joining = False
        self._coordination: asyncio.Task[None] | None = None

    def subscribe(self, topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        self.topics, self._listener = tuple(topics), listener

    async def start(self) -> None:
        await self._ask("start")
        self.broker.connect(self)
        if self._group is None:
            self._positions = {place: 0 for topic in self.topics for place in self.broker.partitions(topic)}
        else:
            self._is_joining = True
            self._group.enter(self)
            self._coordination = asyncio.create_task(self._coordinate(self._group))

    async def stop(self) -> None:
        self.broker.disconnect(self)
        if self._coordination is not None:
            self._coordination.cancel()
            with suppress(asyncio.CancelledError):
                await self._coordination
        if self._group is not None:
            self._group.leave(self)

    async def _coordinate(self, group: Group) -> None:
        assert self._listener is not None
        while True:
            await self.asked.wait()
            await self.life.reach(f"rejoin {self._name}")
            self.asked.clear()
            self._is_joining = True
            await self._listener.on_partitions_revoked(self.assignment())
            self._positions = {}
            self._generation = await group.join(self)
            with suppress(KafkaError):  # which the coordinator of aiokafka tries again by itself
                await self.life.reach(f"joined {self._name}")
            mine = [place for place, owner in group.assigned.items() if owner is self]
            self._positions = {place: group.committed.get(place, 0) for place in mine}
            self._paused.clear()
            self._is_joining = False
            self.awake.set()
            self.life.disturbed()
            await self._listener.on_partitions_assigned(self.assignment())

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    async def getmany(
        self, *, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        while True:
            self.awake.clear()
            if any(self._waiting()):
                await self.life.reach(f"fetch {self._name}")
                # From here on without an await, as a record must not arrive after its partition has gone.
                if fetched := self._fetched(max_records or 500):
                    return fetched
            if timeout_ms == 0:
                return {}
            await self.awake.wait()

    def _waiting(self) -> Iterator[TopicPartition]:
        """The places where something is to be had now."""
        if not self._is_joining and not self.broker.is_away:
            for place, at in sorted(self._positions.items()):
                if at < len(self.broker.logs[place]) and place not in self._paused:
                    yield place

    def _fetched(self, most: int) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        fetched: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {}
        for place in list(self._waiting()):
            at = self._positions[place]
            entries = self.broker.logs[place][at : at + most]
            records = [_record(place, offset, entry) for offset, entry in enumerate(entries, start=at)]
            fetched[place] = records
            self._positions[place] = at + len(records)
            most -= len(records)
            if most <= 0:
                break
        if self._group is not None:
            self.life.fetched_at = self.broker.loop.time()
        return fetched

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        assert self._group is not None
        await self._ask(f"before offsets {self._name}")
        group = self._group
        if self not in group.members or self._generation != group.generation or self._is_joining:
            raise CommitFailedError
        group.committed |= offsets
        await self.life.reach(f"after offsets {self._name}")

    def pause(self, *places: TopicPartition) -> None:
        self._paused.update(places)

    def resume(self, *places: TopicPartition) -> None:
        self._paused.difference_update(places)
        self.awake.set()

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def highwater(self, place: TopicPartition) -> int:
        return len(self.broker.logs[place])

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await self._ask("end offsets")
        return {place: len(self.broker.logs[place]) for place in places}

    async def position(self, place: TopicPartition) -> int:
        return self._positions[place]

    async def _ask(self, point: str) -> None:
        await self.life.reach(point)
        if self.broker.is_away:
            raise KafkaConnectionError("the broker is away")

    def give_up(self) -> None:
        """Its heartbeats have stayed away."""
        if self._group is not None and self in self._group.members:
            self._group.leave(self)
            self.asked.set()  # it learns of it when it runs again


def _record(place: TopicPartition, offset: int, entry: Entry) -> ConsumerRecord[bytes, bytes]:
    headers = [(_text(name), value) for name, value in entry.headers]
    return ConsumerRecord(
        place.topic, place.partition, offset, entry.at_ms, 1, entry.key, entry.value, None, 0, 0, headers  # type: ignore[arg-type]
    )  # fmt: skip


def _text(name: bytes) -> str:
    """A name as aiokafka reads it: strictly, unless it was told to read leniently."""
    is_lenient = vars(fetcher)["PartitionRecords"] is LenientPartitionRecords
    return name.decode("utf-8", "surrogateescape" if is_lenient else "strict")


class Batch:
    """What of aiokafka's ``BatchBuilder`` our publisher uses."""

    MOST = 50

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> object:
        if len(self.entries) == self.MOST:
            return None
        self.entries.append(Entry(key, value, tuple((name.encode(), text) for name, text in headers), 0))
        return self

    def close(self) -> None:
        pass


class Producer:
    """What of ``AIOKafkaProducer`` our publisher uses: it retries by itself, and keeps the order."""

    def __init__(self, **_: Any) -> None:
        self.life = LIVING.get()
        self._broker: Broker = self.life.world.broker
        self._waiting: asyncio.Queue[tuple[TopicPartition, list[Entry], asyncio.Future[object]]] = asyncio.Queue()
        self._gaps: set[TopicPartition] = set()
        self._unanswered: list[asyncio.Future[object]] = []
        self._task: asyncio.Task[None] | None = None
        #: What our publisher closes by itself, when a stop does not come to its end.
        self._sender = SimpleNamespace(sender_task=None)
        self.client = SimpleNamespace(close=self._closed)

    async def start(self) -> None:
        await self.life.reach("start")
        if self._broker.is_away:
            raise KafkaConnectionError("the broker is away")
        self._task = self._sender.sender_task = asyncio.create_task(self._send())

    async def _closed(self) -> None: ...

    async def stop(self) -> None:
        """Send what waits, however long that takes, and end."""
        if self._task is not None:
            if self._unanswered:
                await asyncio.wait(self._unanswered)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def partitions_for(self, topic: str) -> set[int]:
        return {place.partition for place in self._broker.partitions(topic)}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[object]:
        ack: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._unanswered.append(ack)
        ack.add_done_callback(self._unanswered.remove)
        self._waiting.put_nowait((TopicPartition(topic, partition), batch.entries, ack))
        return ack

    async def send(
        self, topic: str, value: bytes, key: bytes | None, partition: int, *, headers: Sequence[tuple[str, bytes]]
    ) -> asyncio.Future[object]:
        batch = self.create_batch()
        batch.append(timestamp=None, key=key, value=value, headers=headers)
        return await self.send_batch(batch, topic, partition=partition)

    async def _send(self) -> None:
        while True:
            place, entries, ack = await self._waiting.get()
            try:
                await self._sent(place, entries)
            except Exception as error:
                if not ack.done():
                    ack.set_exception(error)
            else:
                if not ack.done():
                    ack.set_result(None)

    async def _sent(self, place: TopicPartition, entries: list[Entry]) -> None:
        if place in self._gaps:
            raise OutOfOrderSequenceNumber
        try:
            await self.life.reach("before publish")
            while self._broker.is_away:  # noqa: ASYNC110 as the producer does, which tries again and again
                await asyncio.sleep(0.5)
            self._broker.append_batch(place, entries, self.life)
        except Exception:
            self._gaps.add(place)  # the broker takes nothing more of this producer there: a number is missing
            raise
        if self._broker.slow:
            await asyncio.sleep(self._broker.slow)
        await self.life.reach("after publish")
