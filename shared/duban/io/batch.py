"""From fetched bytes to what is published for them: decode, hand over, set aside what got no answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition

from duban.errors import DubanError, NotArrived, Undecodable
from duban.io.dead_letters import DeadLetter, dead_letter, tell
from duban.io.decode import delivery
from duban.io.isolation import Isolation
from duban.io.metrics import RECORDS
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import AnyPayload, Record, Unheeded

Fetched: TypeAlias = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]
Answers: TypeAlias = Sequence[Record | SetAside]
Handle: TypeAlias = Callable[[Sequence[Delivery[Any]]], Awaitable[Answers]]


class Handler(Protocol):
    """What a service does with a batch: everything in one transaction, nothing if it raises."""

    async def __call__(self, batch: Sequence[Delivery[Any]], /) -> Answers:
        """The records to publish, in order, and the deliveries to lay aside; a batch may mix partitions."""


@dataclass(frozen=True, slots=True)
class Source:
    """Topics that one handler serves, and the CloudEvents types that are welcome on them.

    Types that stand for :class:`Unheeded` are passed over undecoded; decoding is most of what a reader costs.
    """

    topics: tuple[str, ...]
    types: Mapping[str, type[AnyPayload]]
    handle: Handler


class Work:
    """The work on one source for one group; a dead letter has at most ``most_bytes``."""

    def __init__(self, group: str, source: Source, handle: Handle, most_bytes: int) -> None:
        self.source = source
        self._group = group
        self._most_bytes = most_bytes
        self._unheeded = {name.encode() for name, model in source.types.items() if model is Unheeded}
        self._isolation = Isolation(handle)

    def heeded(self, fetched: Fetched) -> list[ConsumerRecord[bytes, bytes]]:
        """The records of this source among ``fetched`` that are looked into."""
        return [
            record
            for place, records in fetched.items()
            if place.topic in self.source.topics
            for record in records
            if self._heeds(record)
        ]

    async def on(self, fetched: Fetched) -> list[Record | DeadLetter]:
        """What to publish for the records of this source among ``fetched``: the handler's records, then dead letters.

        Raises:
            Unavailable: when the handler's dependency is away (or whatever else of that kind the handler raised).
        """
        mine = {place: records for place, records in fetched.items() if place.topic in self.source.topics}
        if not mine:
            return []
        batch, letters = self._decoded(mine)
        answers, faults = await self._isolation.run(batch)
        results: list[Record | DeadLetter] = []
        for answer in answers:
            if isinstance(answer, SetAside):
                error = DubanError(answer.reason)
                letters.append(self._dead(_record_of(answer.delivery, mine), error, answer.code, 1, retryable=True))
            else:
                results.append(answer)
        for fault in faults:
            record = _record_of(fault.item, mine)
            code = "not_arrived" if isinstance(fault.error, NotArrived) else "fault"
            letters.append(self._dead(record, fault.error, code, fault.attempts, retryable=True))
        return [*results, *letters]

    def _decoded(self, fetched: Fetched) -> tuple[list[Delivery[Any]], list[DeadLetter]]:
        batch: list[Delivery[Any]] = []
        letters: list[DeadLetter] = []
        for place, records in fetched.items():
            RECORDS.labels(self._group, place.topic).inc(len(records))
            for record in records:
                if self._unheeded and not self._heeds(record):
                    continue
                try:
                    batch.append(delivery(record, self.source.types))
                except Undecodable as error:
                    letters.append(self._dead(record, error, error.code, 1, retryable=False))
        return batch, letters

    def _heeds(self, record: ConsumerRecord[bytes, bytes]) -> bool:
        return dict(record.headers).get("ce_type") not in self._unheeded

    def _dead(
        self, record: ConsumerRecord[bytes, bytes], error: Exception, code: str, attempts: int, *, retryable: bool
    ) -> DeadLetter:
        tell(record, self._group, error, code)
        return dead_letter(
            record, self._group, error, code=code, attempts=attempts, retryable=retryable, most_bytes=self._most_bytes
        )


def _record_of(delivered: Delivery[Any], fetched: Fetched) -> ConsumerRecord[bytes, bytes]:
    records = fetched[TopicPartition(delivered.topic, delivered.partition)]
    return next(record for record in records if record.offset == delivered.offset)
