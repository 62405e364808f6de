"""A topic from its beginning, without a group: every process reads all of it, then follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from duban.errors import Undecodable
from duban.io.backoff import until_available
from duban.io.broker import COMMITTED, connection, rights_named
from duban.io.decode import delivery
from duban.io.lenient_records import read_leniently
from duban.io.metrics import PASSED_OVER
from duban.io.settings import Settings
from duban.messages.delivery import Delivery
from duban.messages.envelope import AnyPayload

D = TypeVar("D", bound=AnyPayload)
_log = structlog.get_logger(__name__)

_POLL_MS = 500


class Tail(Generic[D]):
    """Follows topics from the first record on: packs, ticks of the clock, ``duban tail``.

    Either iterate over it, or give ``run`` a callback. A record that cannot be decoded is logged and passed over:
    without a group there is nobody to keep a dead letter for.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[str], types: Mapping[str, type[D]], since: datetime | None = None
    ) -> None:
        """``since``: from the first record that was appended at that instant or later, instead of from the first."""
        self._settings = settings
        self._since = since
        self._topics = tuple(topics)
        self._types = types
        self._caught_up = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def is_caught_up(self) -> bool:
        """Whether everything that was in the topics when reading began has been taken."""
        return self._caught_up.is_set()

    async def caught_up(self) -> None:
        """Return when everything that was in the topics when reading began has been taken."""
        await self._caught_up.wait()

    def stop(self) -> None:
        """End the iteration at the next record or within the poll time-out."""
        self._stopping.set()

    async def run(self, take: Callable[[Delivery[D]], Awaitable[None]]) -> None:
        """Await ``take`` for every record, in order per partition, until ``stop``; what it cannot take is passed over.

        So no pack and no tick, however odd, ends a service that would also have to do with others.
        """
        async for delivered in self:
            try:
                await take(delivered)
            except Exception as error:
                _log.exception(
                    "record passed over", topic=delivered.topic, partition=delivered.partition, offset=delivered.offset,
                    error=repr(error)[:500],
                )  # fmt: skip
                PASSED_OVER.labels(delivered.topic).inc()

    async def present(self) -> list[Delivery[D]]:
        """Everything that lies in the topics now, in order per partition; the tail ends with it."""
        deliveries: list[Delivery[D]] = []

        async def take(delivered: Delivery[D]) -> None:
            deliveries.append(delivered)

        reading, caught_up = asyncio.create_task(self.run(take)), asyncio.create_task(self.caught_up())
        try:
            await asyncio.wait({reading, caught_up}, return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await reading
        finally:
            reading.cancel()
            caught_up.cancel()
        return deliveries

    async def __aiter__(self) -> AsyncIterator[Delivery[D]]:
        consumer, ends = await until_available("broker", partial(_begun, self._settings, self._topics, "duban-tail"))
        try:
            if self._since is not None:
                await until_available("broker", partial(_forwarded, consumer, ends, self._since))
            while not self._stopping.is_set():
                if not self._caught_up.is_set() and await _reached(consumer, ends):
                    self._caught_up.set()
                fetched = await self._fetch(consumer)
                for records in fetched.values():
                    for record in records:
                        if record.value is None:  # its key is gone, which was said before in a record of that key
                            continue
                        try:
                            yield delivery(record, self._types)
                        except Undecodable as error:
                            _log.warning(
                                "record passed over", topic=record.topic, offset=record.offset, error=str(error)
                            )
                            PASSED_OVER.labels(record.topic).inc()
        finally:
            await consumer.stop()

    async def _fetch(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        """What came within the poll time-out; a fetch that fails is one in which nothing came."""
        try:
            fetched: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = await consumer.getmany(
                timeout_ms=_POLL_MS, max_records=self._settings.batch_size
            )
        except Exception as error:  # whatever a topic holds, its reader goes on
            _log.warning("fetch failed", topics=self._topics, error=repr(error)[:500])
            await asyncio.sleep(_POLL_MS / 1000)
            return {}
        return fetched


def reader(settings: Settings, topics: Iterable[str], client_id: str) -> AIOKafkaConsumer:
    """A consumer of no group on all of ``topics``, from their beginning, whatever they hold; to be started."""
    read_leniently()
    return AIOKafkaConsumer(
        *topics,
        **connection(settings, client_id),
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level=COMMITTED,
    )


async def _begun(
    settings: Settings, topics: Iterable[str], client_id: str
) -> tuple[AIOKafkaConsumer, dict[TopicPartition, int]]:
    """A reader of ``topics`` that has begun, and where each partition ended then."""
    consumer = reader(settings, topics, client_id)
    try:
        with rights_named(settings, "Read"):
            await consumer.start()
            ends = await consumer.end_offsets(sorted(consumer.assignment()))
    except BaseException:
        await consumer.stop()
        raise
    return consumer, ends


async def _forwarded(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], since: datetime) -> None:
    """Have ``consumer`` read on from what was appended at ``since`` or later."""
    offsets = await consumer.offsets_for_times({place: int(since.timestamp() * 1000) for place in ends})
    for place, end in ends.items():
        later = offsets.get(place)
        consumer.seek(place, end if later is None else later.offset)


async def present_records(
    settings: Settings, topic: str, since: Mapping[int, int]
) -> AsyncGenerator[ConsumerRecord[bytes, bytes], None]:
    """Every record of ``topic`` to where it ends now, from the offsets ``since`` of its partitions on, else the first.

    Of a topic that ends before such an offset, as one that was made anew, everything is read.
    """
    consumer, ends = await _begun(settings, [topic], "duban-reader")
    try:
        for place, end in ends.items():
            offset = since.get(place.partition, 0)
            if offset > end:
                _log.warning("topic ends before it was read to", topic=topic, partition=place.partition, offset=offset)
            consumer.seek(place, offset if offset <= end else 0)
        while not await _reached(consumer, ends):
            for records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=settings.batch_size)).values():
                for record in records:
                    yield record
            await asyncio.sleep(0)  # what was fetched already is had without waiting: others come first
    finally:
        await consumer.stop()


async def records_between(
    settings: Settings, topic: str, partition: int, begin: int, end: int
) -> tuple[Sequence[ConsumerRecord[bytes, bytes]], int]:
    """A batch of a partition of ``topic`` from ``begin`` to before ``end``, and where the rest of it begins."""
    place = TopicPartition(topic, partition)
    consumer = reader(settings, (), "duban-reader")
    consumer.assign([place])
    try:
        with rights_named(settings, "Read"):
            await consumer.start()
        consumer.seek(place, begin)
        records: Sequence[ConsumerRecord[bytes, bytes]] = ()
        while not records and await consumer.position(place) < end:
            records = (await consumer.getmany(timeout_ms=_POLL_MS, max_records=settings.batch_size)).get(place, ())
        return [record for record in records if record.offset < end], await consumer.position(place)
    finally:
        await consumer.stop()


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if end > 0 and await consumer.position(place) < end:
            return False
    return True
