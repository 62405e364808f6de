"""Topics and consumer groups as the brokers have them, and how far each group was behind in the last hour."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import structlog

from duban.clock import Clock
from duban.errors import Unavailable
from duban.io.availability import is_unavailable
from duban_console.kafka.dead_letters import SUFFIX
from duban_console.kafka.lag import Lag, ends_of, lags
from duban_console.kafka.topic_reader import partition_counts

if TYPE_CHECKING:
    from duban.io.settings import Settings

_log = structlog.get_logger(__name__)
#: Seconds between two looks, and how many looks are remembered: an hour.
_EVERY: Final = 30.0
SAMPLES: Final = 120


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic: its partitions, and how many records have gone through it."""

    name: str
    partitions: int
    records: int

    @property
    def holds_letters(self) -> bool:
        """Whether it is one of dead letters."""
        return self.name.endswith(SUFFIX)


@dataclass(frozen=True, slots=True)
class GroupLag:
    """How far a group is behind in a topic, over all its partitions."""

    group: str
    topic: str
    partitions: int
    lag: int


@dataclass(frozen=True, slots=True)
class LagSample:
    """How far behind something was at an instant."""

    at: datetime
    lag: int


class BrokerWatch:
    """Looks at the brokers of ``settings``, when it is asked and, while it runs, each half minute."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._past: defaultdict[tuple[str, str], deque[LagSample]] = defaultdict(lambda: deque(maxlen=SAMPLES))
        self._stopping = asyncio.Event()

    async def topics(self) -> list[TopicState]:
        """Every topic by its name, those of dead letters last.

        Raises:
            Unavailable: no broker answers.
        """
        from aiokafka.structs import TopicPartition

        counts = await partition_counts(self._settings)
        places = [TopicPartition(topic, part) for topic, count in counts.items() for part in range(count)]
        ends = await ends_of(self._settings, places)
        records: defaultdict[str, int] = defaultdict(int)
        for place, end in ends.items():
            records[place.topic] += end
        states = [TopicState(name, count, records[name]) for name, count in counts.items()]
        return sorted(states, key=lambda state: (state.holds_letters, state.name))

    async def groups(self) -> list[GroupLag]:
        """How far each group is behind in each topic.

        Raises:
            Unavailable: no broker answers.
        """
        return summed(await lags(self._settings))

    def past(self, group: GroupLag) -> list[LagSample]:
        """How far it was behind at the looks of the last hour, the first first."""
        return list(self._past[group.group, group.topic])

    def stop(self) -> None:
        """End ``run``."""
        self._stopping.set()

    async def run(self) -> None:
        """Look until ``stop``; brokers that are away leave a gap."""
        while not self._stopping.is_set():
            await self._look()
            try:
                await asyncio.wait_for(self._stopping.wait(), _EVERY)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        try:
            at = self._clock.now()
            for group in await self.groups():
                self._past[group.group, group.topic].append(LagSample(at, group.lag))
        except Unavailable:
            _log.info("brokers away")
        except Exception as error:
            if not is_unavailable(error):
                raise
            _log.info("brokers away", error=str(error))


def summed(places: Iterable[Lag]) -> list[GroupLag]:
    """The lags by group and topic, in order."""
    whole: dict[tuple[str, str], list[int]] = {}
    for place in places:
        whole.setdefault((place.group, place.topic), []).append(place.lag)
    return [GroupLag(group, topic, len(parts), sum(parts)) for (group, topic), parts in sorted(whole.items())]
