"""Which topics of MQTT are whose. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from duban.messages.sources import RegisteredSource
from duban_intake.channels.columns import MappingError
from duban_intake.channels.kinds import READINGS, carrier_of, measured, spoken
from duban_intake.channels.mqtt import MqttMapping
from duban_intake.channels.readings import ReadingMapping


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a source has us listen to."""

    source: RegisteredSource
    mapping: MqttMapping | ReadingMapping

    def hears(self, topic: str) -> bool:
        """Whether what is published under ``topic`` is this source's."""
        return any(matches(filter_, topic) for filter_ in self.mapping.topics)


def subscriptions(sources: Iterable[RegisteredSource]) -> tuple[list[Subscription], list[str]]:
    """What ``sources`` have us listen to, off or not, and what is wrong with those whose mapping is none."""
    listened, faults = [], []
    for source in sources:
        if carrier_of(source) != "mqtt":
            continue
        try:
            listened.append(Subscription(source, mapping_of(source)))
        except MappingError as error:
            faults.append(str(error))
    return listened, faults


def mapping_of(source: RegisteredSource) -> MqttMapping | ReadingMapping:
    """How the messages of ``source`` are read, and which are its own.

    Raises:
        MappingError: its mapping is none.
    """
    if source.kind == READINGS:
        return measured(source)
    spoken_by = spoken(source)
    if spoken_by is None or not isinstance(spoken_by[1], MqttMapping):
        raise MappingError(f"{source.name} does not come by MQTT")
    return spoken_by[1]


def filters(listened: Sequence[Subscription]) -> set[str]:
    """What to subscribe to."""
    return {filter_ for subscription in listened for filter_ in subscription.mapping.topics}


def matches(filter_: str, topic: str) -> bool:
    """Whether ``topic`` is one of those that the filter ``filter_`` stands for."""
    for level, published in zip_longest(filter_.split("/"), topic.split("/")):
        if level == "#":
            return True
        if level is None or published is None or level not in ("+", published):
            return False
    return True
