"""Topics and consumer groups as the brokers have them, and how far each group was behind in the last hour."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from duban.clock import Clock
from duban_console.kafka.dead_letters import SUFFIX
from duban_console.kafka.lag import Lag, ends_of, lags
from duban_console.kafka.topic_reader import partition_counts
from duban_console.operation import metrics

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: How many looks are remembered: with one each half minute, an hour.
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
    """Looks at the brokers of ``settings`` when it is asked, and remembers the looks that are told to be kept."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._past: defaultdict[tuple[str, str], deque[LagSample]] = defaultdict(lambda: deque(maxlen=SAMPLES))

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

    async def look(self) -> None:
        """Note how far each group is behind now; Prometheus is told of groups and topics.

        Raises:
            Unavailable: no broker answers.
        """
        at, groups, topics = self._clock.now(), await self.groups(), await self.topics()
        for group in groups:
            self._past[group.group, group.topic].append(LagSample(at, group.lag))
        tell_of_groups(groups)
        tell_of_topics(topics)


def tell_of_groups(groups: Iterable[GroupLag]) -> None:
    """Have Prometheus take what is of ``groups``, and of no others."""
    metrics.GROUP_PARTITIONS.clear()
    metrics.GROUP_LAG.clear()
    for group in groups:
        metrics.GROUP_PARTITIONS.labels(group.group, group.topic).set(group.partitions)
        metrics.GROUP_LAG.labels(group.group, group.topic).set(group.lag)


def tell_of_topics(topics: Iterable[TopicState]) -> None:
    """Have Prometheus take what is of ``topics``, and of no others."""
    metrics.TOPIC_PARTITIONS.clear()
    metrics.TOPIC_RECORDS.clear()
    for topic in topics:
        metrics.TOPIC_PARTITIONS.labels(topic.name).set(topic.partitions)
        metrics.TOPIC_RECORDS.labels(topic.name).set(topic.records)


def summed(places: Iterable[Lag]) -> list[GroupLag]:
    """The lags by group and topic, in order."""
    whole: dict[tuple[str, str], list[int]] = {}
    for place in places:
        whole.setdefault((place.group, place.topic), []).append(place.lag)
    return [GroupLag(group, topic, len(parts), sum(parts)) for (group, topic), parts in sorted(whole.items())]
