"""Readings to reports, a record at a time: what a station is remembered by goes in and comes out as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from duban.clock import Clock
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, encode
from duban.messages.readings import StationReadings
from duban.messages.struct import from_json, to_json
from duban.policy.library import Library
from duban.policy.model.detection import DetectionRule
from duban.policy.rules import Rules
from duban_detector.domain.episode import Happening
from duban_detector.domain.episode_reports import episode_report
from duban_detector.domain.watch import Watched, silent, unjudged, watched


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of readings: a word for it, the reports, and what the station is remembered by once they are out."""

    outcome: str
    reports: tuple[Record, ...] = ()
    remembered: bytes | None = None


class ReadingHandler:
    """Judges readings by the rules of their city, as its newest pack has them."""

    def __init__(self, library: Library, clock: Clock) -> None:
        self._library = library
        self._clock = clock

    def __call__(self, delivery: Delivery[StationReadings], remembered: bytes | None) -> Judged:
        """What becomes of the readings at a station that was ``remembered``; the same give the same."""
        message = delivery.message
        at = self._clock.instant(delivery.appended_at, message.time)
        rules = self._library.current(message.data.jurisdiction, at)
        if rules is None or not _of(rules):
            return Judged("no_rules")
        state = None if remembered is None else from_json(remembered, Watched)
        why = unjudged(state, message.data, at)
        if why is not None:
            return Judged(why)
        state, happenings = watched(state, message.data, at, _of(rules))
        return Judged("judged", tuple(_reports(happenings, rules)), to_json(state))

    def silences(self, remembered: Iterable[bytes]) -> Iterator[Record]:
        """The reports of those stations among the ``remembered`` that have been silent for too long."""
        now = self._clock.now()
        for data in remembered:
            state = from_json(data, Watched)
            rules = self._library.current(state.station.jurisdiction, now)
            if rules is not None:
                yield from _reports(silent(state, now, _of(rules)), rules)


def _of(rules: Rules) -> tuple[DetectionRule, ...]:
    return rules.pack.detection.rules if rules.pack.detection is not None else ()


def _reports(happenings: Iterable[Happening], rules: Rules) -> Iterator[Record]:
    by_id = {rule.id: rule for rule in _of(rules)}
    for happening in happenings:
        yield encode(episode_report(happening, by_id[happening.episode.rule], rules.zone))


def station_key(data: StationReadings) -> bytes:
    """By what a station is remembered."""
    return f"{data.jurisdiction}/{data.station}".encode()
