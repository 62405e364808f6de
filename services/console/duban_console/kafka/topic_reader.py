"""Records as they lie in their topics, byte for byte, without a group: for looking, never for handling."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from duban.io.availability import is_unavailable
from duban.io.broker import connection, unanswered

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord
    from aiokafka.structs import TopicPartition

    from duban.io.settings import Settings

Raw: TypeAlias = "ConsumerRecord[bytes, bytes]"
_POLL_MS = 250


@asynccontextmanager
async def administering(settings: Settings) -> AsyncIterator[Any]:
    """Kafka's admin client; :class:`Unavailable` when no broker answers."""
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(**connection(settings, "duban-console"))
    try:
        try:
            await admin.start()
        except Exception as error:
            raise away(error, settings) from error
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def looking(settings: Settings, topics: Iterable[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group on all of ``topics``, which exist; :class:`Unavailable` when no broker answers."""
    from duban.io.tail import reader

    consumer = reader(settings, topics, "duban-console")
    try:
        try:
            await consumer.start()
        except Exception as error:
            raise away(error, settings) from error
        yield consumer
    finally:
        await consumer.stop()


def away(error: Exception, settings: Settings) -> Exception:
    """What to raise for ``error``: words for people when the broker cannot be reached, else the error itself."""
    if is_unavailable(error):
        words = f"Kafka does not answer at {settings.kafka} (DUBAN_KAFKA): {type(error).__name__}: {error}"
        return unanswered(settings, words)
    return error


async def topics_of(settings: Settings) -> set[str]:
    """Every topic on the broker, its own internal ones left out."""
    async with administering(settings) as admin:
        return {name for name in await admin.list_topics() if not name.startswith("__")}


async def partition_counts(settings: Settings) -> dict[str, int]:
    """How many partitions each topic on the broker has, its own internal ones left out."""
    async with administering(settings) as admin:
        described: list[dict[str, Any]] = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["topic"].startswith("__")}


async def record_at(settings: Settings, topic: str, partition: int, offset: int) -> Raw | None:
    """The record at that very place of a ``topic`` that exists; None where none lies there any more, or ever did."""
    from aiokafka.structs import TopicPartition

    place = TopicPartition(topic, partition)
    async with looking(settings, [topic]) as consumer:
        if place not in consumer.assignment():
            return None
        first, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
        if not first[place] <= offset < end[place]:
            return None
        consumer.pause(*(consumer.assignment() - {place}))
        consumer.seek(place, offset)
        while await consumer.position(place) <= offset:
            for record in (await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=1)).get(place, ()):
                return record if record.offset == offset else None
    return None


async def records(
    settings: Settings, topics: Sequence[str], *, from_beginning: bool = True, follow: bool = False
) -> AsyncGenerator[Raw, None]:
    """The records of ``topics``, in order within a partition, to their present end; with ``follow``, without end."""
    there = sorted(set(topics) & await topics_of(settings))
    if not there:
        return
    async with looking(settings, there) as consumer:
        if not from_beginning:
            await consumer.seek_to_end()
        async for record in taken(consumer, follow=follow):
            yield record


async def taken(consumer: AIOKafkaConsumer, *, follow: bool = False) -> AsyncGenerator[Raw, None]:
    """What ``consumer`` has before it, to the present end of its topics; with ``follow``, without end."""
    ends = await consumer.end_offsets(sorted(consumer.assignment()))
    while follow or await _before(consumer, ends):
        for batch in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in batch:
                yield record


async def _before(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether something lies before ``ends`` that has not been taken."""
    for place, end in ends.items():
        if await consumer.position(place) < end:
            return True
    return False
