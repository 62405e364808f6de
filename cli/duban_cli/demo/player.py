"""The player: moves the driven clock from one event of the story to the next, and waits for quiet in between.

Quiet means that every group has committed everything there is. A service commits only after it has published what came
of a batch, so commits that are read first and ends that are asked for afterwards can agree only if nothing is left to
do. Commits are told by their topic; asking for them instead took half of all requests that the broker served.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from duban.errors import DubanError, Unavailable
from duban.io.broker import connection
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.envelope import Message, Payload, derived_id, encode
from duban.messages.notices import Tick
from duban_cli.demo.commits import TOPIC as COMMITS
from duban_cli.demo.commits import Commits
from duban_cli.demo.feed import Feed

#: Every group and the topics it must have finished.
GROUPS = {
    "duban-intake": ("duban.reports.v1", "duban.problems.v1"),
    "duban-router": ("duban.commands.v1",),
    "duban-escalation": ("duban.problems.v1", "duban.clock.v1"),
    "duban-deliverer": ("duban.notices.v1",),
}
SOURCE = "duban/player"
#: How long a wait for commits lasts before the limit is looked at again.
_WAIT_MS = 200
#: The order of a scene that only moves the clock: after what people do at that instant.
_STOP = sys.maxsize


@dataclass(frozen=True, slots=True)
class Scene:
    """What somebody does at ``at``: ``messages`` is asked then, so that it may look at how things stand.

    Scenes of one instant are played together, unless their ``order`` puts one after another.
    """

    at: datetime
    messages: Callable[[Feed], Sequence[Message[Payload]]]
    order: int = 0


class Player:
    """Plays scenes on the stack in the settings; ``on_step`` hears of the instant and the scenes played so far."""

    def __init__(self, settings: Settings, feed: Feed, on_step: Callable[[datetime, int], None]) -> None:
        self._settings = settings
        self._feed = feed
        self._on_step = on_step
        self._publisher = Publisher(settings, "duban-player")
        self._admin = AIOKafkaAdminClient(**connection(settings, "duban-player"))
        self._consumer = AIOKafkaConsumer(**connection(settings, "duban-player"), group_id=None)
        self._places: list[TopicPartition] = []
        self._commits = Commits()
        self._read_by: dict[str, list[TopicPartition]] = {}
        self._played = 0

    async def __aenter__(self) -> Self:
        await self._publisher.start()
        await self._admin.start()
        await self._consumer.start()
        topics = {topic for group in GROUPS.values() for topic in group} | set(await self._consumer.topics())
        described = await self._admin.describe_topics(sorted(topic for topic in topics if topic.startswith("duban.")))
        self._places = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        self._read_by = {
            group: [place for place in self._places if place.topic in topics] for group, topics in GROUPS.items()
        }
        # Whoever asks who coordinates a group has the broker create the topic of commits, where no group has yet.
        await self._admin.find_coordinator(next(iter(GROUPS)))
        [commits] = await self._admin.describe_topics([COMMITS])
        await self._commits.start(self._settings, len(commits["partitions"]))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._commits.stop()
        await self._consumer.stop()
        await self._admin.close()
        await self._publisher.stop()

    async def play(self, scenes: Sequence[Scene], until: datetime, stops: Iterable[datetime] = ()) -> None:
        """Play ``scenes`` in order; deadlines that fall due between them lapse at their very instant.

        The clock moves to each of ``stops`` besides, so that the calendar opens its duties at their very instant.
        """
        scenes = [*scenes, *(Scene(at, partial(_tick, at), order=_STOP) for at in stops)]
        ordered = sorted(scenes, key=lambda scene: (scene.at, scene.order))
        for (at, _), together in groupby(ordered, key=lambda scene: (scene.at, scene.order)):
            await self._lapse(before=at)
            playing = list(together)
            messages = [message for scene in playing for message in scene.messages(self._feed)]
            self._played += sum(scene.order != _STOP for scene in playing)
            if messages:
                await self._take_in(await self._sent(messages), at)
        await self._lapse(before=until)
        await self._take_in(await self.tick(until), until)

    async def _lapse(self, before: datetime) -> None:
        """Stop the clock at every deadline before that instant; what is done at the instant itself still meets it."""
        last = None
        while (due_at := self._feed.next_due_at) is not None and due_at < before:
            if due_at == last:
                raise DubanError(f"what was due at {due_at.isoformat()} was not fired, and nothing is left to do")
            last = due_at
            await self._take_in(await self.tick(due_at), due_at)

    async def tick(self, at: datetime) -> dict[TopicPartition, int]:
        """Move the clock to ``at``, and wait until everything that follows is done; the ends of all topics then."""
        return await self._sent(_tick(at))

    async def _sent(self, messages: Sequence[Message[Payload]]) -> dict[TopicPartition, int]:
        """Publish ``messages`` and wait for quiet; some group reads each, so nothing is quiet before one commits."""
        await self._publisher.publish([encode(message) for message in messages])
        await self._commits.read_on(_WAIT_MS)
        return await self.quiet()

    async def _take_in(self, ends: dict[TopicPartition, int], at: datetime) -> None:
        await self._feed.read_up_to(ends)
        self._on_step(at, self._played)

    async def quiet(self, within: float = 60.0, groups: Collection[str] = tuple(GROUPS)) -> dict[TopicPartition, int]:
        """Wait until none of ``groups`` has anything left to do; the ends of all topics then.

        Raises:
            Unavailable: when that takes longer than ``within`` seconds; the lagging groups are named.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            ends: dict[TopicPartition, int] = await self._consumer.end_offsets(self._places)
            lagging = self._lagging(groups, ends)
            if not lagging:
                return ends
            while lagging := self._lagging(groups, ends):
                if loop.time() > deadline:
                    raise Unavailable(f"not quiet within {within:.0f} s: {', '.join(lagging)}")
                await self._commits.read_on(_WAIT_MS)

    def _lagging(self, groups: Collection[str], ends: Mapping[TopicPartition, int]) -> list[str]:
        """Where ``groups`` have not committed everything before ``ends``, as far as the commits have been read."""
        return [
            f"{group} on {place.topic}/{place.partition}"
            for group in groups
            for place in self._read_by[group]
            if ends[place] > 0 and (self._commits.of(group, place) or 0) < ends[place]
        ]


def _tick(at: datetime, feed: Feed | None = None) -> list[Message[Payload]]:
    """The message that moves the clock to ``at``; ``feed`` is there for the form of a scene."""
    return [Message(str(derived_id("tick", at)), SOURCE, "clock", at, "", "clock", Tick(at=at))]
