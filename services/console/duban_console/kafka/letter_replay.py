"""Dead letters on their way back to the topics they came from; each is written down before it goes and after."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from duban.clock import Clock
from duban.errors import RecordTooLarge
from duban.messages.audit import LetterPlace, LetterReplayed, ReplayStep
from duban.messages.envelope import Message, Record, derived_id, encode
from duban_console.kafka.audit import AuditTrail
from duban_console.kafka.dead_letters import (
    Reason,
    Returned,
    Unreturnable,
    Which,
    as_it_came,
    home_of,
    reason_of,
    returned,
)
from duban_console.kafka.topic_reader import Raw, record_at, records

if TYPE_CHECKING:
    from duban.io.settings import Settings
    from duban.messages.envelope import Publishable

SOURCE: Final = "duban/console"
#: So many letters, or bytes, are written down, sent and written down again at once.
_CHUNK_LETTERS, _CHUNK_BYTES = 200, 512 * 1024


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies in its topic."""

    raw: Raw
    reason: Reason

    @property
    def place(self) -> LetterPlace:
        """Where it lies."""
        return LetterPlace(topic=self.raw.topic, partition=self.raw.partition, offset=self.raw.offset)

    @property
    def laid_at(self) -> datetime:
        """When it was laid aside."""
        return datetime.fromtimestamp(self.raw.timestamp / 1000, UTC)

    @property
    def origin(self) -> LetterPlace | None:
        """Where it lay before, as far as its headers say."""
        topic, partition, offset = self.reason.topic, self.reason.partition, self.reason.offset
        if topic is None or partition is None or offset is None:
            return None
        return LetterPlace(topic=topic, partition=partition, offset=offset)


async def letters(
    settings: Settings, topics: Sequence[str], which: Which = Which(), at: tuple[int, int] | None = None
) -> AsyncGenerator[Letter, None]:
    """Those letters of ``topics`` that are meant, in order within a partition; ``at``: of that partition and offset."""
    async with aclosing(records(settings, topics)) as stream:
        async for raw in stream:
            letter = Letter(raw, reason_of(raw.headers))
            if at in (None, (raw.partition, raw.offset)) and which.takes(letter.reason, letter.laid_at):
                yield letter
                if at is not None:
                    return


class Fate(StrEnum):
    """What becomes of a letter that is to go back."""

    SENT = "sent"  #: the broker has it
    WOULD_GO = "would_go"  #: it would, were it meant
    KEPT = "kept"  #: it went before, or another replay has it in hand
    REFUSED = "refused"  #: it cannot go, and why


@dataclass(frozen=True, slots=True)
class Passage:
    """One letter, what became of it, and the record that goes, with its partition, where one does."""

    letter: Letter
    fate: Fate
    words: str = ""
    record: Returned | None = None
    partition: int | None = None

    @property
    def value_bytes(self) -> int:
        """The size of the value that goes."""
        return len(self.record.value or b"") if self.record else 0

    @property
    def value_sha256(self) -> str:
        """The SHA-256 of the value that goes."""
        return sha256((self.record.value if self.record else None) or b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Errand:
    """One replay: who sends letters back and why, and whether also those that went before."""

    id: UUID
    by: str
    why: str
    again: bool = False


class Sends(Protocol):
    """What publishes records."""

    async def publish(self, records: Sequence[Publishable]) -> None: ...


class LetterReplay:
    """Sends letters back on one errand. ``partitions``: how many each topic has, as far as they exist.

    A letter goes once: ``trail`` says which have gone, and whoever wrote first into it has a letter in hand.
    """

    def __init__(
        self, settings: Settings, trail: AuditTrail, errand: Errand, partitions: Mapping[str, int], clock: Clock
    ) -> None:
        self._settings = settings
        self._trail = trail
        self._errand = errand
        self._partitions = partitions
        self._clock = clock

    async def considered(self, meant: AsyncIterable[Letter]) -> AsyncGenerator[Passage, None]:
        """What would become of each letter of ``meant``; nothing is sent and nothing written."""
        from duban.io.publisher import partition_of

        async for letter in meant:
            before = self._trail.replays.latest(letter.place)
            if before is not None and not self._errand.again:
                yield Passage(letter, Fate.KEPT, _kept(before))
                continue
            try:
                record = await self._returned(letter)
            except Unreturnable as error:
                yield Passage(letter, Fate.REFUSED, str(error))
            else:
                partition = partition_of(record.key or b"", self._partitions[record.topic])
                yield Passage(letter, Fate.WOULD_GO, "", record, partition)

    async def sent(self, meant: AsyncIterable[Letter], publisher: Sends) -> AsyncGenerator[Passage, None]:
        """Send each letter of ``meant`` that may go, and say what became of it.

        Raises:
            Unavailable: the broker is away; of the letters in hand the audit says only that they were begun.
        """
        chunk: list[Passage] = []
        async with aclosing(self.considered(meant)) as passages:
            async for passage in passages:
                if passage.fate is not Fate.WOULD_GO:
                    yield passage
                    continue
                chunk.append(passage)
                if len(chunk) == _CHUNK_LETTERS or sum(waiting.value_bytes for waiting in chunk) > _CHUNK_BYTES:
                    for outcome in await self._send(chunk, publisher):
                        yield outcome
                    chunk = []
        if chunk:
            for outcome in await self._send(chunk, publisher):
                yield outcome

    async def _returned(self, letter: Letter) -> Returned:
        """The record that goes for ``letter``; one that was cut is fetched from where it came from."""
        topic = home_of(letter.raw.topic, letter.raw.headers)
        if topic not in self._partitions:
            raise Unreturnable(f"there is no topic {topic} to send it back to")
        key, value, came = letter.raw.key, letter.raw.value, as_it_came(letter.raw.headers)
        if letter.reason.cut is not None:
            whole = await self._whole(letter)
            key, value, came = whole.key, whole.value, whole.headers
        errand = self._errand
        return returned(topic, key, value, came, id_=str(errand.id), by=errand.by, why=errand.why)

    async def _whole(self, letter: Letter) -> Raw:
        origin, cut = letter.origin, letter.reason.cut
        assert cut is not None
        if origin is None:
            raise Unreturnable("it was cut, and no header says where the whole of it lies")
        is_there = origin.topic in self._partitions
        whole = await record_at(self._settings, origin.topic, origin.partition, origin.offset) if is_there else None
        if whole is None:
            raise Unreturnable(f"it was cut, and {origin} no longer holds the whole of it; send it from its source")
        if not cut.of(whole.key, whole.value):
            raise Unreturnable(f"it was cut, and what lies at {origin} is another record: its SHA-256 differs")
        return whole

    async def _send(self, chunk: Sequence[Passage], publisher: Sends) -> list[Passage]:
        await publisher.publish([self._line(passage, ReplayStep.BEGUN) for passage in chunk])
        await self._trail.read_on()
        outcomes: list[Passage] = []
        going: list[Passage] = []
        for passage in chunk:
            holder = self._trail.replays.latest(passage.letter.place)
            if holder is not None and holder.replay == self._errand.id:
                going.append(passage)
            else:
                outcomes.append(Passage(passage.letter, Fate.KEPT, _kept(holder)))
        return [*outcomes, *await self._publish(going, publisher)]

    async def _publish(self, going: Sequence[Passage], publisher: Sends) -> list[Passage]:
        """Send ``going`` at once; where the broker finds them too large, one by one."""
        try:
            await publisher.publish([passage.record for passage in going if passage.record])
        except RecordTooLarge as error:
            if len(going) > 1:
                return [outcome for passage in going for outcome in await self._publish([passage], publisher)]
            await publisher.publish([self._line(passage, ReplayStep.FAILED, str(error)) for passage in going])
            return [Passage(passage.letter, Fate.REFUSED, str(error)) for passage in going]
        await publisher.publish([self._line(passage, ReplayStep.SENT) for passage in going])
        return [Passage(passage.letter, Fate.SENT, "", passage.record, passage.partition) for passage in going]

    def _line(self, passage: Passage, step: ReplayStep, error: str | None = None) -> Record:
        errand, letter, at = self._errand, passage.letter, self._clock.now()
        assert passage.record is not None
        line = LetterReplayed(
            replay=errand.id,
            step=step,
            letter=letter.place,
            origin=letter.origin,
            to=passage.record.topic,
            code=letter.reason.code,
            size=passage.value_bytes,
            sha256=passage.value_sha256,
            by=errand.by,
            reason=errand.why,
            at=at,
            again=errand.again,
            error=error,
        )
        key = str(letter.place)
        return encode(Message(str(derived_id(errand.id, key, step)), SOURCE, key, at, "", key, line))


def _kept(before: LetterReplayed | None) -> str:
    if before is None:
        return "another replay had it in hand at the same time, and could not send it; try again"
    how = f"{before.by} at {before.at.isoformat(timespec='seconds')} as replay {before.replay}"
    if before.step is ReplayStep.SENT:
        return f"it was sent back by {how}; --again sends it once more"
    return f"sending it back was begun by {how}, and nobody noted that it went; look in {before.to}, or send it --again"
