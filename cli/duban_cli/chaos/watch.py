"""What the engine does, as its topics tell: people learn of problems by it, and recoveries are measured by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from duban.messages.events import LedgerEvent

#: What each group reads; its lag is what it has not committed yet.
GROUPS: Final = {
    "duban-intake": ("duban.reports.v1", "duban.problems.v1"),
    "duban-router": ("duban.commands.v1",),
    "duban-escalation": ("duban.problems.v1",),
    "duban-deliverer": ("duban.notices.v1",),
}
_PAUSE: Final = 0.5


@dataclass(slots=True)
class Recovery:
    """How a fault was got over: seconds from ``since`` to the first good operation, and to having caught up."""

    since: datetime
    by_lapse: bool
    first_good_s: float | None = None
    caught_up_s: float | None = None


class Watch:
    """Follows the topic of events, and how far the groups are behind; ``take`` hears each event, as plain JSON."""

    def __init__(self, kafka: str, take: Callable[[dict[str, Any]], None]) -> None:
        self._kafka = kafka
        self._take = take
        self._recoveries: list[Recovery] = []
        self.lag: dict[str, int] | None = None
        self.lapses = 0
        self.registered = 0

    def expect(self, since: datetime, *, by_lapse: bool) -> Recovery:
        """A recovery that begins at ``since``: good is a lapse, or else a registration, that began after it."""
        recovery = Recovery(since, by_lapse)
        self._recoveries.append(recovery)
        return recovery

    async def events(self) -> None:
        """Follow the topic of events until cancelled, from its beginning, whatever happens to the broker."""
        places: dict[TopicPartition, int] = {}
        while True:
            with suppress(KafkaError, OSError, TimeoutError, AssertionError):
                await self._follow(places)
            await asyncio.sleep(_PAUSE)

    async def _follow(self, places: dict[TopicPartition, int]) -> None:
        consumer = AIOKafkaConsumer(
            LedgerEvent.TOPIC, bootstrap_servers=self._kafka, auto_offset_reset="earliest", enable_auto_commit=False,
            request_timeout_ms=5000,
        )  # fmt: skip
        try:
            await consumer.start()
            for place, offset in places.items():
                consumer.seek(place, offset)
            while True:
                for place, records in (await consumer.getmany(timeout_ms=200, max_records=1000)).items():
                    for record in records:
                        self._heard(record.value)
                    places[place] = records[-1].offset + 1
        finally:
            await consumer.stop()

    def _heard(self, value: bytes | None) -> None:
        try:
            tale = orjson.loads(value or b"null")
            event = tale["event"]
            change = event["change"]
            at = datetime.fromisoformat(event["at"])
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
            return
        begun_at = None
        if change["kind"] == "escalated":
            self.lapses += 1
            begun_at = datetime.fromisoformat(change["due_at"])
        elif change["kind"] == "registered":
            self.registered += 1
            begun_at = datetime.fromisoformat(change["filed"]["received_at"])
        for recovery in self._recoveries:
            good = begun_at is not None and begun_at > recovery.since
            if good and recovery.first_good_s is None and recovery.by_lapse == (change["kind"] == "escalated"):
                recovery.first_good_s = round((at - recovery.since).total_seconds(), 3)
        self._take(tale)

    async def lags(self, enough: int) -> None:
        """Watch the groups until cancelled; who is behind by no more than ``enough`` records has caught up."""
        while True:
            with suppress(KafkaError, OSError, TimeoutError, AssertionError):
                await self._measure(enough)
            self.lag = None
            await asyncio.sleep(_PAUSE)

    async def _measure(self, enough: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=4000)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, request_timeout_ms=4000)
        try:
            await admin.start()
            await consumer.start()
            read_by = await _read_by(admin)
            while True:
                self.lag = await asyncio.wait_for(_lags(admin, consumer, read_by), 5.0)
                self._recoveries = [recovery for recovery in self._recoveries if not self._done(recovery, enough)]
                await asyncio.sleep(_PAUSE)
        finally:
            await consumer.stop()
            await admin.close()

    def _done(self, recovery: Recovery, enough: int) -> bool:
        """Whether there is nothing left to learn of it; the deliverer may still wait for its receiver."""
        behind = sum(lag for group, lag in (self.lag or {}).items() if group != "duban-deliverer")
        if recovery.first_good_s is not None and recovery.caught_up_s is None and behind <= enough:
            seconds = (datetime.now(UTC) - recovery.since).total_seconds()
            recovery.caught_up_s = round(max(seconds, recovery.first_good_s), 3)
        return recovery.caught_up_s is not None


async def _read_by(admin: Any) -> dict[str, list[TopicPartition]]:
    """The places that each group reads."""
    described = await admin.describe_topics(sorted({topic for topics in GROUPS.values() for topic in topics}))
    partitions = {topic["topic"]: range(len(topic["partitions"])) for topic in described}
    if not all(partitions.values()):
        raise UnknownTopicOrPartitionError
    return {
        group: [TopicPartition(t, number) for t in topics for number in partitions[t]]
        for group, topics in GROUPS.items()
    }


async def _lags(
    admin: Any, consumer: AIOKafkaConsumer, read_by: Mapping[str, Sequence[TopicPartition]]
) -> dict[str, int]:
    """How far each group is behind; commits are asked for before ends, so that it is never told too small."""
    committed = {group: await admin.list_consumer_group_offsets(group) for group in read_by}
    ends = await consumer.end_offsets(sorted({place for places in read_by.values() for place in places}))
    return {
        group: sum(
            max(0, ends[place] - max(0, committed[group][place].offset if place in committed[group] else 0))
            for place in places
        )
        for group, places in read_by.items()
    }
