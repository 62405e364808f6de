"""A broker in memory: topics of partitions, and groups with generations."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import TopicPartition

from duban.io.publisher import partition_of
from tests.simulation.life import BEGINS_AT, Life

if TYPE_CHECKING:
    from tests.simulation.clients import Consumer

PARTITIONS: Final = {
    "duban.reports.v1": 2, "duban.commands.v1": 2, "duban.problems.v1": 2, "duban.notices.v1": 2, "duban.packs.v1": 1,
}  # fmt: skip
#: Names of headers are bytes here: whoever reads must make text of them.
Headers = tuple[tuple[bytes, bytes | None], ...]


@dataclass(slots=True)
class Entry:
    """A record in its place; ``by`` is the life that sent it, None for what comes from outside.

    ``may_die_of`` are the codes under which it may be laid aside, by nature.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers
    at_ms: int
    by: Life | None = None
    may_die_of: frozenset[str] = frozenset()

    def header(self, name: bytes) -> bytes:
        """The header of that name, or nothing."""
        return dict(self.headers).get(name) or b""


class Broker:
    """Every topic and every group; ``heard`` is told of each record as it is appended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most_bytes: int, session: float, patience: float) -> None:
        self.loop = loop
        self.logs: dict[TopicPartition, list[Entry]] = {
            TopicPartition(topic, number): [] for topic, count in PARTITIONS.items() for number in range(count)
        }
        self.groups: defaultdict[str, Group] = defaultdict(lambda: Group(loop, session, patience))
        self.heard: list[Callable[[TopicPartition, int, Entry], None]] = []
        self.is_away = False
        #: Seconds that an ack takes.
        self.slow = 0.0
        self._most_bytes = most_bytes
        self._consumers: list[Consumer] = []

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of ``topic``, which is made where it is not there."""
        return [self._place(topic, number) for number in range(PARTITIONS.get(topic, 1))]

    def _place(self, topic: str, number: int) -> TopicPartition:
        place = TopicPartition(topic, number)
        self.logs.setdefault(place, [])
        return place

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, **more: Any) -> Entry:
        """Append a record where its key belongs."""
        number = partition_of(key or b"", len(self.partitions(topic)))
        return self._append(TopicPartition(topic, number), Entry(key, value, headers, self._now_ms(), **more))

    def append_batch(self, place: TopicPartition, batch: Sequence[Entry], by: Life) -> None:
        """Append what a producer sent together; all of it or nothing.

        Raises:
            MessageSizeTooLargeError: one of them is larger than its topic takes.
        """
        allowed = self._most_bytes + 500
        for entry in batch:
            size = sum(len(part or b"") for part in (entry.key, entry.value, *(v for _, v in entry.headers)))
            if size > allowed:
                raise MessageSizeTooLargeError
        for entry in batch:
            entry.at_ms, entry.by = self._now_ms(), by
            self._append(place, entry)

    def _append(self, place: TopicPartition, entry: Entry) -> Entry:
        log = self.logs[place]
        log.append(entry)
        for listener in self.heard:
            listener(place, len(log) - 1, entry)
        self.wake()
        return entry

    def _now_ms(self) -> int:
        return int(BEGINS_AT.timestamp() * 1000) + int(self.loop.time() * 1000 + 1e-6)

    def come_back(self) -> None:
        """Answer again."""
        self.is_away = False
        self.wake()

    def wake(self) -> None:
        """Have every reader look."""
        for consumer in self._consumers:
            consumer.awake.set()

    def of(self, life: Life) -> list[Consumer]:
        """The readers of ``life``."""
        return [consumer for consumer in self._consumers if consumer.life is life]

    def connect(self, consumer: Consumer) -> None:
        """A reader begins."""
        self._consumers.append(consumer)

    def disconnect(self, consumer: Consumer) -> None:
        """A reader ends."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)


@dataclass(slots=True)
class Group:
    """A consumer group under one generation after another; what is committed stays."""

    loop: asyncio.AbstractEventLoop
    session: float
    patience: float
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    generation: int = 0
    members: list[Consumer] = field(default_factory=list)
    assigned: dict[TopicPartition, Consumer] = field(default_factory=dict)
    _joined: set[int] = field(default_factory=set)
    _formed: asyncio.Event = field(default_factory=asyncio.Event)
    _timer: asyncio.TimerHandle | None = None

    def enter(self, consumer: Consumer) -> None:
        """Become a member: everybody joins anew."""
        self.members.append(consumer)
        self.rebalance()

    def leave(self, consumer: Consumer) -> None:
        """Be no member any more, by leaving or by being given up."""
        if consumer in self.members:
            self.members.remove(consumer)
            self._joined.discard(id(consumer))
            self.rebalance()

    def rebalance(self) -> None:
        """Have every member give up what it holds and join anew."""
        for member in self.members:
            member.asked.set()
        if self.members and self._timer is None:
            self._timer = self.loop.call_later(self.patience, self._give_up_the_late)
        self._form()

    def _give_up_the_late(self) -> None:
        self._timer = None
        for member in [one for one in self.members if id(one) not in self._joined]:
            member.is_given_up = True
            self.members.remove(member)
        self._form()

    async def join(self, consumer: Consumer) -> int:
        """Wait until everybody has joined; the new generation."""
        if consumer not in self.members:  # it was given up meanwhile, and comes as a new one
            consumer.is_given_up = False
            self.enter(consumer)
            consumer.asked.clear()
        self._joined.add(id(consumer))
        formed = self._formed
        self._form()
        await formed.wait()
        return self.generation

    def _form(self) -> None:
        if not self.members or any(id(member) not in self._joined for member in self.members):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.generation += 1
        self.assigned = {}
        for topic in sorted({topic for member in self.members for topic in member.topics}):
            for place in self.members[0].broker.partitions(topic):
                turn = (place.partition + self.generation) % len(self.members)
                self.assigned[place] = self.members[turn]
        for member in self.members:  # who was asked while it waited has joined what came of it
            member.asked.clear()
        self._joined.clear()
        self._formed.set()
        self._formed = asyncio.Event()
