"""How far each consumer group is behind the end of what it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duban_console.kafka.topic_reader import administering, looking, topics_of

if TYPE_CHECKING:
    from aiokafka.structs import TopicPartition

    from duban.io.settings import Settings


@dataclass(frozen=True, slots=True)
class Lag:
    """One partition that a group has committed to: ``lag`` records lie between ``committed`` and ``end``."""

    group: str
    topic: str
    partition: int
    committed: int
    end: int

    @property
    def lag(self) -> int:
        return max(0, self.end - self.committed)


async def lags(settings: Settings) -> list[Lag]:
    """The lag of every group in every partition that it has committed an offset for, ordered by name."""
    committed: dict[str, dict[TopicPartition, int]] = defaultdict(dict)
    async with administering(settings) as admin:
        for group in sorted({listed[0] for listed in await admin.list_consumer_groups()}):
            for place, position in (await admin.list_consumer_group_offsets(group)).items():
                if position.offset >= 0:
                    committed[group][place] = position.offset
    ends = await ends_of(settings, {place for places in committed.values() for place in places})
    return [
        Lag(group, place.topic, place.partition, offset, ends[place])
        for group, places in committed.items()
        for place, offset in sorted(places.items())
        if place in ends
    ]


async def ends_of(settings: Settings, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The offset after the last record of each of ``places`` that still exists."""
    partitions = set(places)
    there = {place.topic for place in partitions} & await topics_of(settings)
    if not there:
        return {}
    async with looking(settings, there) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(sorted(partitions & consumer.assignment()))
        return ends
