"""``duban.audit.v1``: which dead letters were sent back, by whom and why, and who has one in hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from duban.errors import Undecodable
from duban.io.decode import delivery
from duban.messages.audit import AUDIT, LetterPlace, LetterReplayed, ReplayStep
from duban_console.kafka.topic_reader import Raw, looking, records, taken, topics_of

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from duban.io.settings import Settings


class Replays:
    """Who sent which letter back. The order of the lines settles who may: whoever began first."""

    def __init__(self, lines: Iterable[LetterReplayed] = ()) -> None:
        self._stacks: defaultdict[LetterPlace, list[LetterReplayed]] = defaultdict(list)
        for line in lines:
            self.add(line)

    def add(self, line: LetterReplayed) -> None:
        """Take the next line of the audit in."""
        stack = self._stacks[line.letter]
        if line.step is ReplayStep.BEGUN:
            if not stack or line.again:
                stack.append(line)
        elif stack and stack[-1].replay == line.replay:
            stack.pop()
            if line.step is ReplayStep.SENT:
                stack.append(line)

    def latest(self, letter: LetterPlace) -> LetterReplayed | None:
        """The latest line of the replay that has ``letter`` in hand or has sent it back; None where none has."""
        stack = self._stacks.get(letter)
        return stack[-1] if stack else None

    def sent_back(self, letter: LetterPlace) -> bool:
        """Whether ``letter`` is known to have gone."""
        latest = self.latest(letter)
        return latest is not None and latest.step is ReplayStep.SENT


class AuditTrail:
    """Who has which letter in hand, as far as the audit was read."""

    def __init__(self, consumer: AIOKafkaConsumer | None) -> None:
        self._consumer = consumer
        self.replays = Replays()

    async def read_on(self) -> None:
        """Take in what has been written meanwhile."""
        if self._consumer is not None:
            async for line in _lines(taken(self._consumer)):
                self.replays.add(line)


@asynccontextmanager
async def audit_trail(settings: Settings) -> AsyncIterator[AuditTrail]:
    """The audit, read to its present end; empty on a broker that has no such topic."""
    if LetterReplayed.TOPIC not in await topics_of(settings):
        yield AuditTrail(None)
        return
    async with looking(settings, [LetterReplayed.TOPIC]) as consumer:
        trail = AuditTrail(consumer)
        await trail.read_on()
        yield trail


async def audit_lines(settings: Settings) -> AsyncGenerator[LetterReplayed, None]:
    """Every line of the audit, in order."""
    async with aclosing(records(settings, [LetterReplayed.TOPIC])) as stream:
        async for line in _lines(stream):
            yield line


async def _lines(stream: AsyncIterable[Raw]) -> AsyncGenerator[LetterReplayed, None]:
    """The lines in ``stream``; what is none is passed over."""
    async for record in stream:
        try:
            line = delivery(record, AUDIT).message.data
        except Undecodable:
            continue
        yield line
