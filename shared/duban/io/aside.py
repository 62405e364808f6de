"""Dead letters of records whose offsets are committed already, and that turn out later to be nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from duban.errors import RecordTooLarge
from duban.io.dead_letters import DeadLetter, dead_letter, tell, without_value
from duban.io.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Committed:
    """A record with where it lies, and why nobody will have it; ``code`` is a short stable word."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    error: Exception
    code: str


class Aside:
    """Lays records aside for ``group``, as its runner does with what it could not handle."""

    def __init__(self, publisher: Publisher, group: str, most_bytes: int) -> None:
        self._publisher = publisher
        self._group = group
        self._most_bytes = most_bytes

    async def __call__(self, records: Sequence[Committed]) -> None:
        """Publish the dead letters of ``records``; what their topic will not take goes without its bytes.

        Raises:
            Unavailable: the broker is away; laying the same records aside again is right.
        """
        letters = [self._letter(record) for record in records]
        try:
            await self._publisher.publish(letters)
        except RecordTooLarge:
            for letter in letters:
                await self._lay_aside(letter)
        for record in records:
            tell(record, self._group, record.error, record.code)

    async def _lay_aside(self, letter: DeadLetter) -> None:
        try:
            await self._publisher.publish([letter])
        except RecordTooLarge:
            await self._publisher.publish([without_value(letter)])

    def _letter(self, record: Committed) -> DeadLetter:
        came = ConsumerRecord(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=0,
            timestamp_type=0,
            key=record.key,
            value=record.value,
            checksum=None,
            serialized_key_size=len(record.key),
            serialized_value_size=len(record.value),
            headers=record.headers,
        )
        return dead_letter(
            came, self._group, record.error, code=record.code, attempts=1, retryable=True, most_bytes=self._most_bytes
        )
