"""How far every group has committed, told by the broker's own topic of commits as they come, instead of asked for.

The layout is Kafka's ``OffsetCommitKey`` and ``OffsetCommitValue``: what is read here has stood since version 0.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from duban.io.broker import connection
from duban.io.settings import Settings

TOPIC: Final = "__consumer_offsets"
#: Versions of a key that name a committed place; later ones name a group and its members.
_OF_PLACES: Final = (0, 1)
_VERSION: Final = struct.Struct(">h")
_PARTITION: Final = struct.Struct(">i")
_OFFSET: Final = struct.Struct(">hq")


class Commits:
    """The offsets that each group has committed, as far as the topic has been read."""

    def __init__(self) -> None:
        self._consumer: AIOKafkaConsumer | None = None
        self._of: dict[str, dict[TopicPartition, int]] = defaultdict(dict)

    async def start(self, settings: Settings, partitions: int) -> None:
        """Read the topic, which has so many ``partitions``, from its beginning."""
        self._consumer = AIOKafkaConsumer(
            **connection(settings, "duban-commits"),
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await self._consumer.start()
        self._consumer.assign([TopicPartition(TOPIC, partition) for partition in range(partitions)])

    async def stop(self) -> None:
        """Read no more."""
        if self._consumer is not None:
            await self._consumer.stop()

    def of(self, group: str, place: TopicPartition) -> int | None:
        """The first offset that ``group`` has not done at ``place``; None where it has committed nothing."""
        return self._of[group].get(place)

    async def read_on(self, within_ms: int) -> None:
        """Take in what has come since; waits for something to come, but no longer than ``within_ms``."""
        assert self._consumer is not None
        for records in (await self._consumer.getmany(timeout_ms=within_ms)).values():
            for record in records:
                self.take(record.key, record.value)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record; without a ``value`` the broker has forgotten that commit."""
        if key is None or _VERSION.unpack_from(key)[0] not in _OF_PLACES:
            return
        group, at = _text(key, _VERSION.size)
        topic, at = _text(key, at)
        place = TopicPartition(topic, _PARTITION.unpack_from(key, at)[0])
        if value is None:
            self._of[group].pop(place, None)
        else:
            self._of[group][place] = _OFFSET.unpack_from(value)[1]


def _text(raw: bytes, at: int) -> tuple[str, int]:
    """The string at ``at``, which its length stands before, and where it ends."""
    start = at + _VERSION.size
    end = start + _VERSION.unpack_from(raw, at)[0]
    return raw[start:end].decode(), end
