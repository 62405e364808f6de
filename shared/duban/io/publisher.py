"""Records to topics: whole batches per partition, in order, acknowledged by all in-sync replicas."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from duban.errors import RecordTooLarge, Unavailable
from duban.io.availability import is_unavailable
from duban.io.backoff import until_available
from duban.io.broker import connection, refusal, rights_named, unanswered
from duban.io.metrics import PUBLISH_SECONDS, PUBLISHED
from duban.io.mishaps import misreport
from duban.io.settings import Settings
from duban.io.tracer import Tracer
from duban.messages.envelope import Publishable, size_of

_log = structlog.get_logger(__name__)

#: The brokers take 1 MiB a batch unless told otherwise; a batch of smaller records stays well below.
_BATCH_BYTES = 768 * 1024
#: Up to so many records go one by one.
_FEW = 8
#: Seconds for what is left at the end: nobody waits for it, and a broker that hangs would take all it is given.
_LEAVING = 1.0
_Ack: TypeAlias = "asyncio.Future[object]"
_REFUSED = (MessageSizeTooLargeError, RecordTooLargeError, RecordListTooLargeError)


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of ``key`` among ``partitions``, as Java clients choose it (murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


@dataclass(frozen=True, slots=True)
class Placed:
    """A record for a partition by its number, whatever its key."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Publisher:
    """Publishes batches: ``start`` once, ``publish`` as often as needed, from any number of tasks, then ``stop``.

    The producer is idempotent, so its own retries neither repeat nor reorder. What is given up after a time-out may
    still arrive; it is waited for before anything else is sent, so a retry repeats records but never overtakes them.
    """

    def __init__(self, settings: Settings, client_id: str = "duban", tracer: Tracer | None = None) -> None:
        self.tracer = tracer
        self._settings = settings
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._abandoned: set[_Ack] = set()
        self._turns: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._renewing = asyncio.Lock()

    async def start(self) -> None:
        """Connect, however long it takes the broker to be there."""
        await until_available("broker", self._connected)

    async def stop(self) -> None:
        """Close the connection; a broker that is away or hangs is hardly waited for."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stopped(producer, _LEAVING)

    async def reachable(self) -> bool:
        """Whether a broker answers now.

        Raises:
            NotGranted: one does, and refuses our password.
        """
        producer = self._producer
        if producer is None:
            return False
        done, _ = await asyncio.wait([producer.client.force_metadata_update()], timeout=2.0)
        answers = bool(done) and bool(done.pop().result())
        if not answers and (refused := refusal(self._settings)) is not None:
            raise refused
        return answers

    def check(self, record: Publishable) -> None:
        """Raise RecordTooLarge if ``record`` is beyond the limit of the settings."""
        size = size_of(record)
        if size > self._settings.max_record_bytes:
            raise RecordTooLarge(
                f"a record of {size} bytes for {record.topic}, key {record.key!r}: the limit is "
                f"{self._settings.max_record_bytes}; make it smaller, or raise DUBAN_MAX_RECORD_BYTES and the topic's "
                "max.message.bytes"
            )

    async def publish(self, records: Sequence[Publishable]) -> None:
        """Publish ``records`` and return when every one is acknowledged; order is kept within a partition.

        Raises:
            Unavailable: no acks within ``publish_timeout``, or a right is missing (:class:`NotGranted`); publishing the
                same records again is right.
            RecordTooLarge: the broker refused one of them; records of other partitions may have been published.
        """
        if not records:
            return
        began = time.time_ns()
        if self.tracer is not None:
            records = self.tracer.carrying(records)
        with PUBLISH_SECONDS.time():
            try:
                async with asyncio.timeout(self._settings.publish_timeout):
                    await self._settle()
                    producer = await self._connected()
                    with rights_named(self._settings, "Write"):
                        await self._deliver(producer, records)
                misreport("publishing")
            except TimeoutError:
                words = f"no acks within {self._settings.publish_timeout} s"
                raise unanswered(self._settings, words) from KafkaTimeoutError()
            except KafkaError as error:
                if not is_unavailable(error):
                    raise
                raise Unavailable(f"{type(error).__name__}: {error}") from error
        for topic, count in Counter(record.topic for record in records).items():
            PUBLISHED.labels(topic).inc(count)
        if self.tracer is not None:
            self.tracer.sent(records, began)

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
                    with rights_named(self._settings, "Write"):
                        await producer.start()
                except BaseException:
                    await _stopped(producer, 1.0)
                    raise
                self._producer = producer
            return self._producer

    async def _deliver(self, producer: AIOKafkaProducer, records: Sequence[Publishable]) -> None:
        places = await _places(producer, records, self._settings.publish_timeout / 2)
        # Whole batches cost half of what single records do; but single records of many callers share a batch.
        singly = len(records) <= _FEW and all(record.value is not None for record in records)
        send = self._singly if singly else self._batched
        waits = [send(producer, *pair) for pair in _by_partition(places, records).items()]
        for outcome in await asyncio.gather(*waits, return_exceptions=True):
            if outcome is not None:
                await self._give_up(producer, outcome)

    async def _singly(self, producer: AIOKafkaProducer, place: TopicPartition, records: Sequence[Publishable]) -> None:
        """Send ``records`` into batches that they share with those of other callers."""
        acks: list[_Ack] = []
        try:
            for record in records:
                headers = list(record.headers)
                acks.append(
                    await producer.send(place.topic, record.value, record.key, place.partition, headers=headers)
                )
            await asyncio.gather(*map(asyncio.shield, acks))
        except BaseException:
            for ack in acks:
                self._abandon(ack)
            raise

    async def _batched(self, producer: AIOKafkaProducer, place: TopicPartition, records: Sequence[Publishable]) -> None:
        """Send ``records`` in as few batches as hold them, one after the other."""
        async with self._turns[place]:
            left = iter(records)
            record = next(left, None)
            while record is not None:
                batch = producer.create_batch()
                while record is not None and _append(batch, record):
                    record = next(left, None)
                batch.close()  # nobody else's records in our batch
                ack: _Ack = await producer.send_batch(batch, place.topic, partition=place.partition)
                try:
                    await asyncio.shield(ack)
                except asyncio.CancelledError:
                    self._abandon(ack)
                    raise

    async def _give_up(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        """A batch that the producer gave up leaves a gap in its sequence numbers, so the producer goes too."""
        if self._producer is producer:
            self._producer = None
            await _stopped(producer, self._settings.publish_timeout)
        if isinstance(error, _REFUSED):
            raise RecordTooLarge(
                "the broker refused a batch as too large; raise the topic's max.message.bytes"
            ) from error
        raise error

    def _abandon(self, ack: _Ack) -> None:
        """Remember a batch that nobody waits for any more, but that the producer still tries to deliver."""
        self._abandoned.add(ack)
        ack.add_done_callback(self._abandoned.discard)
        ack.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _settle(self) -> None:
        """Wait for what earlier calls abandoned, whatever comes of it: nothing may overtake it."""
        if self._abandoned:
            await asyncio.wait(set(self._abandoned))


async def _places(producer: AIOKafkaProducer, records: Sequence[Publishable], seconds: float) -> list[TopicPartition]:
    """The partition of each record, in the same order."""
    counts = {topic: await _partitions(producer, topic, seconds) for topic in {record.topic for record in records}}
    return [
        TopicPartition(
            record.topic,
            record.partition if isinstance(record, Placed) else partition_of(record.key or b"", counts[record.topic]),
        )
        for record in records
    ]


def _by_partition(
    places: Sequence[TopicPartition], records: Sequence[Publishable]
) -> dict[TopicPartition, list[Publishable]]:
    batches: dict[TopicPartition, list[Publishable]] = defaultdict(list)
    for place, record in zip(places, records, strict=True):
        batches[place].append(record)
    return batches


async def _partitions(producer: AIOKafkaProducer, topic: str, seconds: float) -> int:
    try:
        async with asyncio.timeout(seconds):
            return len(await producer.partitions_for(topic))
    except (TimeoutError, UnknownTopicOrPartitionError):
        error = UnknownTopicOrPartitionError(topic)
        raise Unavailable(f"topic {topic} is not there: create it, or wait for the broker") from error


def _append(batch: BatchBuilder, record: Publishable) -> bool:
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is not None


async def _stopped(producer: AIOKafkaProducer, seconds: float) -> None:
    """Stop ``producer``; when its records cannot be flushed in time they are left behind with it."""
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except (TimeoutError, KafkaError) as error:
        _log.warning("producer stopped with records unsent", error=repr(error))
        # ``stop`` cannot be called twice, and its sender would go on for ever.
        producer._sender.sender_task and producer._sender.sender_task.cancel()  # noqa: SLF001 there is no public way
        await producer.client.close()
