"""Records to topics: whole batches per partition, in order, acknowledged by all in-sync replicas."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from duban.errors import DubanError, Unavailable
from duban.io.broker import connection
from duban.io.metrics import PUBLISH_SECONDS, PUBLISHED
from duban.io.settings import Settings
from duban.io.waiting import is_unavailable, until_available

_log = structlog.get_logger(__name__)

#: The brokers take 1 MiB a batch unless told otherwise; a batch of smaller records stays well below.
_BATCH_BYTES = 768 * 1024
_REFUSED = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)


class Publishable(Protocol):
    """Anything with the shape of a record: a message of ours, or a dead letter."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class RecordTooLarge(DubanError):
    """A record that no topic would take, with its topic, key, size and the limit."""


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of ``key`` among ``partitions``, as Java clients choose it (murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Publisher:
    """Publishes batches: ``start`` once, ``publish`` as often as needed, from any number of tasks, then ``stop``.

    The producer is idempotent, so its own retries neither repeat nor reorder. What is given up after a time-out may
    still arrive; it is waited for before anything else is sent, so a retry repeats records but never overtakes them.
    """

    def __init__(self, settings: Settings, client_id: str = "duban") -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._abandoned: set[asyncio.Future[object]] = set()
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect, however long it takes the broker to be there."""
        await until_available("broker", self._connected)

    async def stop(self) -> None:
        """Close the connection; a broker that is away is not waited for longer than the publish time-out."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer, self._settings.publish_timeout)

    async def reachable(self) -> bool:
        """Whether a broker answers now."""
        producer = self._producer
        if producer is None:
            return False
        done, _ = await asyncio.wait([producer.client.force_metadata_update()], timeout=2.0)
        return bool(done) and bool(done.pop().result())

    def check(self, record: Publishable) -> None:
        """Raise RecordTooLarge if ``record`` is beyond the limit of the settings."""
        size = _size(record)
        if size > self._settings.max_record_bytes:
            raise RecordTooLarge(
                f"a record of {size} bytes for {record.topic}, key {record.key!r}: the limit is "
                f"{self._settings.max_record_bytes}; make it smaller, or raise DUBAN_MAX_RECORD_BYTES and the topic's "
                "max.message.bytes"
            )

    async def publish(self, records: Sequence[Publishable]) -> None:
        """Publish ``records`` and return when every one is acknowledged; order is kept within a partition.

        Raises:
            Unavailable: no acks within ``publish_timeout``; publishing the same records again is right.
            RecordTooLarge: the broker refused one of them; records of other partitions may have been published.
        """
        if not records:
            return
        with PUBLISH_SECONDS.time():
            try:
                async with asyncio.timeout(self._settings.publish_timeout):
                    await self._settle()
                    producer = await self._connected()
                    await self._deliver(producer, await self._batches(producer, records))
            except TimeoutError as error:
                raise Unavailable(f"no acks within {self._settings.publish_timeout} s") from error
            except KafkaError as error:
                if not is_unavailable(error):
                    raise
                raise Unavailable(f"{type(error).__name__}: {error}") from error
        for topic, count in Counter(record.topic for record in records).items():
            PUBLISHED.labels(topic).inc(count)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._renewing:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **connection(self._settings, self._client_id),
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=0,
                    max_batch_size=_BATCH_BYTES,
                    max_request_size=32 * 1024 * 1024,
                    compression_type=None if self._settings.compression == "none" else self._settings.compression,
                )
                try:
                    await producer.start()
                except BaseException:
                    await _stopped(producer, 1.0)
                    raise
                self._producer = producer
            return self._producer

    async def _batches(
        self, producer: AIOKafkaProducer, records: Sequence[Publishable]
    ) -> dict[TopicPartition, list[BatchBuilder]]:
        """``records`` as full batches per partition, each in the order given."""
        counts = {topic: len(await _partitions(producer, topic)) for topic in {record.topic for record in records}}
        batches: dict[TopicPartition, list[BatchBuilder]] = defaultdict(list)
        for record in records:
            place = TopicPartition(record.topic, partition_of(record.key or b"", counts[record.topic]))
            opened = batches[place]
            if not opened or not _append(opened[-1], record):
                opened.append(producer.create_batch())
                _append(opened[-1], record)
        return batches

    async def _deliver(self, producer: AIOKafkaProducer, batches: dict[TopicPartition, list[BatchBuilder]]) -> None:
        async def one_partition(place: TopicPartition, opened: list[BatchBuilder]) -> None:
            for batch in opened:
                batch.close()  # nobody else's records in our batch
                ack = await producer.send_batch(batch, place.topic, partition=place.partition)
                try:
                    await asyncio.shield(ack)
                except asyncio.CancelledError:
                    self._abandon(ack)
                    raise

        places = list(batches)
        outcomes = await asyncio.gather(
            *(one_partition(place, batches[place]) for place in places), return_exceptions=True
        )
        failed = [(place, error) for place, error in zip(places, outcomes, strict=True) if error is not None]
        if failed:
            await self._give_up(producer, *failed[0])

    async def _give_up(self, producer: AIOKafkaProducer, place: TopicPartition, error: BaseException) -> None:
        """A batch that the producer gave up leaves a gap in its sequence numbers, so the producer goes too."""
        if self._producer is producer:
            self._producer = None
            await _stopped(producer, self._settings.publish_timeout)
        if isinstance(error, _REFUSED):
            raise RecordTooLarge(
                f"{place.topic}: the broker refused a batch as too large; raise the topic's max.message.bytes"
            ) from error
        raise error

    def _abandon(self, ack: asyncio.Future[object]) -> None:
        """Remember a batch that nobody waits for any more, but that the producer still tries to deliver."""
        self._abandoned.add(ack)
        ack.add_done_callback(self._abandoned.discard)
        ack.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _settle(self) -> None:
        """Wait for what earlier calls abandoned, whatever comes of it: nothing may overtake it."""
        if self._abandoned:
            await asyncio.wait(set(self._abandoned))


async def _partitions(producer: AIOKafkaProducer, topic: str) -> Sequence[int]:
    try:
        return list(await producer.partitions_for(topic))
    except UnknownTopicOrPartitionError as error:
        raise Unavailable(f"topic {topic} is not there: {type(error).__name__}; create it") from error


def _append(batch: BatchBuilder, record: Publishable) -> bool:
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is not None


def _size(record: Publishable) -> int:
    headers = sum(len(name) + len(value or b"") + 4 for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


async def _stopped(producer: AIOKafkaProducer, seconds: float) -> None:
    """Stop ``producer``; when its records cannot be flushed in time they are left behind with it."""
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except (TimeoutError, KafkaError) as error:
        _log.warning("producer stopped with records unsent", error=repr(error))
        # ``stop`` cannot be called twice, and its sender would go on for ever.
        producer._sender.sender_task and producer._sender.sender_task.cancel()
        await producer.client.close()
