"""A batch of notices, taken in: from then on they wait among the deliveries, and their offsets may be committed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias
from uuid import UUID

import orjson

from duban.clock import Clock
from duban.messages.contacts import RegisteredContact, RegisteredRota
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record, decode, encode
from duban.messages.notices import NOTICES as TYPES
from duban.messages.notices import Notice
from duban_escalation.contacts import ContactBook, RotaBook, each_way, trial
from duban_escalation.metrics import NOTICES
from duban_escalation.notices.journal import NoticeOutcome

#: A notice once for each way to people that it goes, with the instant until which it is held there, or None.
Addressed: TypeAlias = Callable[[Message[Notice]], Iterable[tuple[Message[Notice], datetime | None]]]

_TRIAL_LASTS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Where notices stand in line: those for one recipient, in one partition of their topic, go one after another.

    ``recipient`` is the key of its notices.
    """

    partition: int
    recipient: str


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """A notice as it lies in its topic; ``headers`` are a JSON object.

    One that is held does not wait in its line before ``held_until``.
    """

    id: UUID
    line: Line
    offset: int
    headers: bytes
    value: bytes
    taken_at: datetime
    held_until: datetime | None = None

    @classmethod
    def of(cls, delivered: Delivery[Notice], taken_at: datetime) -> WaitingNotice:
        """The notice of a delivery that is taken in now.

        Raises:
            ValueError: its id is no UUID.
        """
        return cls.at(delivered.message, delivered.partition, delivered.offset, taken_at)

    @classmethod
    def at(
        cls,
        message: Message[Notice],
        partition: int,
        offset: int,
        taken_at: datetime,
        held_until: datetime | None = None,
    ) -> WaitingNotice:
        """``message`` as it waits for what lies at that place of its topic.

        Raises:
            ValueError: its id is no UUID.
        """
        record = encode(message)
        line = Line(partition, message.key)
        return cls(UUID(message.id), line, offset, packed_headers(record), record.value, taken_at, held_until)

    @property
    def record_headers(self) -> tuple[tuple[str, bytes], ...]:
        """Its headers as its record has them."""
        return _unpacked(self.headers)

    def message(self) -> Message[Notice]:
        """What is to be sent.

        Raises:
            Undecodable: another release wrote it, and this one cannot read it.
        """
        return packed(self.line.recipient, self.headers, self.value)


def packed_headers(record: Record) -> bytes:
    """The headers of ``record`` as a JSON object, as a row of the database has them."""
    return orjson.dumps({name: value.decode() for name, value in record.headers})


def packed(key: str, headers: bytes, value: bytes) -> Message[Notice]:
    """The notice in a row of the database.

    Raises:
        Undecodable: another release wrote it, and this one cannot read it.
    """
    return decode(key.encode(), value, _unpacked(headers), TYPES)


def _unpacked(headers: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, text.encode()) for name, text in orjson.loads(headers).items())


@dataclass(frozen=True, slots=True)
class LineLength:
    """How many notices wait in a line, since when, and where the first of them lies."""

    line: Line
    count: int
    since: datetime
    first: int


class Deliveries(Protocol):
    """The notices that wait, and those that are done with."""

    async def take(self, notices: Sequence[WaitingNotice]) -> int:
        """Let ``notices`` wait, and say how many were not taken in before; those that were change nothing.

        But for what was set aside and comes again from another place of its topic: it was replayed, and waits anew.
        """

    async def lines(self, partitions: Collection[int]) -> list[LineLength]:
        """Every line of ``partitions`` in which something waits that is not held."""

    async def waiting(self, behind: Mapping[Line, int], each: int) -> list[WaitingNotice]:
        """Of each line, the first ``each`` that wait behind the offset given, in order; what is held is left out."""

    async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        """These wait no longer, and what came of them."""


class HeldNotices(Protocol):
    """The notices that are held, until they go out together."""

    async def held(self, partitions: Collection[int], until: datetime) -> list[WaitingNotice]:
        """Those of ``partitions`` whose time has come, in order of line and offset."""

    async def release(self, ids: Collection[UUID]) -> None:
        """These are held no longer, and wait in their line."""

    async def put_together(self, notices: Sequence[WaitingNotice], instead: WaitingNotice) -> bool:
        """Let ``instead`` wait in the place of ``notices``; nothing, and False, where one of them waits no longer."""


class Wakes(Protocol):
    """Whoever sends what waits."""

    def wake(self, lines: Collection[Line]) -> None:
        """Something new waits in ``lines``."""


class LooksAnew(Protocol):
    """The same, where what waits may lie before what went out of its line."""

    def look_anew(self) -> None:
        """Look at everything that waits."""


class NoticeHandler:
    """Takes notices in, and wakes whoever sends them. Nothing here waits for a receiver.

    A notice waits once for the receiver of all notices, and once for each way in which it is ``addressed`` to people.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        deliverer: Wakes,
        clock: Clock,
        addressed: Addressed = lambda notice: (),
    ) -> None:
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock
        self._addressed = addressed

    async def __call__(self, batch: Sequence[Delivery[Notice]]) -> list[Record]:
        """Let what is new wait."""
        now = self._clock.now()
        notices: dict[UUID, WaitingNotice] = {}
        beside = 0
        for delivered in batch:
            notice = WaitingNotice.of(delivered, now)
            notices.setdefault(notice.id, notice)
            for message, until in self._addressed(delivered.message):
                one_way = WaitingNotice.at(message, delivered.partition, delivered.offset, now, until)
                notices.setdefault(one_way.id, one_way)
                beside += 1
        fresh = await self._deliveries.take(list(notices.values()))
        NOTICES.labels("repeated").inc(len(batch) + beside - fresh)
        self._deliverer.wake({notice.line for notice in notices.values()})
        return []


class ContactHandler:
    """Keeps the books of contacts and rotas, and tells who is to be tried out, by each way, once for all members."""

    def __init__(
        self, contacts: ContactBook, rotas: RotaBook, deliveries: Deliveries, deliverer: LooksAnew, clock: Clock
    ) -> None:
        self._contacts = contacts
        self._rotas = rotas
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock

    async def __call__(self, registered: RegisteredContact | RegisteredRota) -> None:
        """Take what is ``registered`` as it is; a trial that was asked for just now waits: older ones were heard."""
        if isinstance(registered, RegisteredRota):
            self._rotas.put(registered)
            return
        contact, now = registered, self._clock.now()
        self._contacts.put(contact)
        if contact.tested_at is None or now - contact.tested_at > _TRIAL_LASTS:
            return
        # Whoever holds the first partition sends it: there is always such a one.
        notices = [
            WaitingNotice.at(message, 0, 0, now) for message in each_way(contact, trial(contact, contact.tested_at))
        ]
        await self._deliveries.take(notices)
        self._deliverer.look_anew()
