"""Dead letters as pages show them: counted, looked at, and sent back with a reason."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from duban.clock import Clock
from duban.errors import Fault
from duban.io.publisher import Publisher
from duban.messages.audit import LetterReplayed
from duban_console.kafka.audit import audit_trail
from duban_console.kafka.dead_letters import SUFFIX, LetterCount, LetterCounts, Which
from duban_console.kafka.letter_replay import Errand, Letter, LetterReplay, Passage, letters
from duban_console.kafka.record_format import written_out
from duban_console.kafka.topic_reader import partition_counts, topics_of

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: So many letters are read for one page; of what is no JSON, so many bytes are shown.
MOST_READ: Final = 20_000
_MOST_BYTES: Final = 20_000
#: So many are shown on a page, and sent back at once.
MOST_SHOWN: Final = 50
#: The longest reason, in characters.
MOST_OF_REASON: Final = 2000


@dataclass(frozen=True, slots=True)
class LetterCensus:
    """How many letters lie where and why; ``complete``: all of them were read."""

    counts: list[LetterCount]
    topics: int
    complete: bool


@dataclass(frozen=True, slots=True)
class LetterShown:
    """A letter, what its value says line by line, and who has sent it back, if anybody."""

    letter: Letter
    lines: list[str]
    replayed: LetterReplayed | None


class LetterDesk:
    """Looks at dead letters by ``looking``, and sends them back by ``sending``, where that is given."""

    def __init__(self, looking: Settings, sending: Settings | None, clock: Clock) -> None:
        self._looking = looking
        self._sending = sending
        self._clock = clock

    @property
    def sends(self) -> bool:
        """Whether letters can be sent back from here."""
        return self._sending is not None

    async def census(self, which: Which) -> LetterCensus:
        """How many of the letters that are meant lie in which topic, for which reason."""
        topics = sorted(name for name in await topics_of(self._looking) if name.endswith(SUFFIX))
        counts, read = LetterCounts(), 0
        async with audit_trail(self._looking) as trail, aclosing(letters(self._looking, topics, which)) as meant:
            async for letter in meant:
                sent_back = trail.replays.sent_back(letter.place)
                counts.add(letter.place.topic, letter.reason, letter.laid_at, sent_back=sent_back)
                read += 1
                if read == MOST_READ:
                    break
        return LetterCensus(counts.in_order(), len(topics), read < MOST_READ)

    async def shown(self, topic: str, which: Which, at: tuple[int, int] | None = None) -> list[LetterShown]:
        """The letters of ``topic`` that are meant, at most :data:`MOST_SHOWN`, or the one ``at`` that place.

        Raises:
            Fault: 404, there is no such topic of dead letters.
        """
        await self._must_hold_letters(topic)
        letters_shown: list[LetterShown] = []
        async with audit_trail(self._looking) as trail, aclosing(letters(self._looking, [topic], which, at)) as meant:
            async for letter in meant:
                lines = written_out(letter.raw, _MOST_BYTES)
                letters_shown.append(LetterShown(letter, lines, trail.replays.latest(letter.place)))
                if len(letters_shown) == MOST_SHOWN:
                    break
        return letters_shown

    async def considered(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]:
        """What would become of the letter ``at`` that place of ``topic``; nothing is sent."""
        return await self._passages(topic, at, by, why, again=again, settings=None)

    async def sent(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]:
        """Send it back, and say what became of it; the audit says who and why.

        Raises:
            Fault: 403, nothing is sent back from here.
        """
        if self._sending is None:
            raise Fault(403, "no_replay", "no dead letter is sent back from here: `duban dlq replay` does")
        return await self._passages(topic, at, by, why, again=again, settings=self._sending)

    async def _passages(
        self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool, settings: Settings | None
    ) -> list[Passage]:
        await self._must_hold_letters(topic)
        looks = settings or self._looking
        counts = await partition_counts(looks)
        errand = Errand(uuid4(), by, why, again)
        async with audit_trail(looks) as trail, aclosing(letters(looks, [topic], at=at)) as meant:
            replay = LetterReplay(looks, trail, errand, counts, self._clock)
            if settings is None:
                return [passage async for passage in replay.considered(meant)]
            publisher = Publisher(settings, "duban-pages")
            await publisher.start()
            try:
                return [passage async for passage in replay.sent(meant, publisher)]
            finally:
                await publisher.stop()

    async def _must_hold_letters(self, topic: str) -> None:
        if not topic.endswith(SUFFIX) or topic not in await topics_of(self._looking):
            raise Fault(404, "unknown_topic", f"there is no topic {topic[:200]} of dead letters", "topic")


def which_of(code: str, because: str, since: datetime | None) -> Which:
    """Which letters a form means: what is empty does not matter."""
    return Which(code.strip() or None, because.strip() or None, since)
