"""The episodes in readings that are all there, by plain lists: what the detector must find, and analysts ask. Pure.

It shares with the watch what a rule says of a single reading, and how an episode is told; what it remembers, and how
it looks back, it does its own way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import cast

from duban.messages.readings import StationReadings
from duban.policy.model.detection import DetectionRule, length
from duban_detector.domain.episode import Episode, EpisodeTurn, Happening, Station, silence
from duban_detector.domain.grades import Grade, GradedReading, applies, grade_of, is_ahead, worse
from duban_detector.domain.watch import MOST_AHEAD

#: Readings, and when they came.
Arrived = tuple[StationReadings, datetime]


def evaluated(
    arrived: Sequence[Arrived], rules: Mapping[str, Sequence[DetectionRule]], until: datetime | None = None
) -> list[Happening]:
    """Everything that is told of ``arrived``, which are in the order in which they came, by the rules of their cities.

    ``until``: the instant at which whoever was not heard since is held to be silent; without it, nobody.
    """
    of_stations: defaultdict[tuple[str, str], list[Arrived]] = defaultdict(list)
    for readings, at in arrived:
        of_stations[readings.jurisdiction, readings.station].append((readings, at))
    return [
        happening
        for (jurisdiction, _), own in of_stations.items()
        for happening in _of_station(list(_in_time(own)), rules.get(jurisdiction, ()), until)
    ]


def _in_time(arrived: Sequence[Arrived]) -> Iterator[Arrived]:
    """Those that are neither too late nor from the future."""
    for span in ("moment", "minute", "hour", "day"):
        newest: datetime | None = None
        for place, (readings, at) in enumerate(arrived):
            if readings.span != span or is_ahead(readings, at, MOST_AHEAD):
                continue
            if newest is None or readings.at > newest:
                newest = readings.at
                yield arrived[place]


def _of_station(arrived: list[Arrived], rules: Sequence[DetectionRule], until: datetime | None) -> Iterator[Happening]:
    for rule in rules:
        if rule.when.silent is not None:
            yield from _silences(arrived, rule, length(rule.when.silent), until)
            continue
        heard = [readings for readings, _ in arrived if applies(rule, readings)]
        for factor in rule.factors:
            yield from _of_series(heard, rule, factor)


def _silences(
    arrived: list[Arrived], rule: DetectionRule, longest: timedelta, until: datetime | None
) -> Iterator[Happening]:
    """The gaps between what came, in the order in which it came."""
    heard = sorted(arrived, key=lambda arrival: arrival[1])
    newest_at = heard[0][0].at
    for (before, came_at), (after, next_at) in pairwise(heard):
        newest_at = max(newest_at, before.at)
        if max(after.at - newest_at, next_at - came_at) > longest:
            yield Happening(
                turn=EpisodeTurn.BEGUN, episode=silence(rule, newest_at), station=Station.of(before), at=newest_at
            )
            yield Happening(
                turn=EpisodeTurn.OVER, episode=silence(rule, newest_at), station=Station.of(before), at=after.at
            )
    last, came_at = heard[-1]
    newest_at = max(newest_at, last.at)
    if until is not None and until - came_at > longest:
        yield Happening(
            turn=EpisodeTurn.BEGUN, episode=silence(rule, newest_at), station=Station.of(last), at=newest_at
        )


def _of_series(heard: Sequence[StationReadings], rule: DetectionRule, factor: str) -> Iterator[Happening]:
    places: dict[datetime, Station] = {}
    graded: list[GradedReading] = []
    before: float | None = None
    for readings in heard:
        reading, number = grade_of(rule, factor, readings, before)
        before = before if number is None else number
        if reading is not None and not (rule.when.missing and not graded and reading.grade is Grade.BAD):
            graded.append(reading)
            places[reading.at] = Station.of(readings)
    for spell, is_last in _spells(graded, rule):
        for turn, episode, at, seen_at in _in_spell(spell, rule, factor, is_last=is_last):
            yield Happening(turn=turn, episode=episode, station=places[seen_at], at=at)


def _spells(
    graded: list[GradedReading], rule: DetectionRule
) -> Iterator[tuple[list[GradedReading], GradedReading | None]]:
    """The stretches of ``graded`` without too long a gap in them, each with the reading after it."""
    if rule.ends_after is None:
        yield graded, None
        return
    begin = 0
    for at in range(1, len(graded)):
        if graded[at].at - graded[at - 1].at > length(rule.ends_after):
            yield graded[begin:at], graded[at]
            begin = at
    yield graded[begin:], None


def _in_spell(
    spell: list[GradedReading], rule: DetectionRule, factor: str, *, is_last: GradedReading | None
) -> Iterator[tuple[EpisodeTurn, Episode, datetime, datetime]]:
    """What is told of a stretch: the turn, the episode then, its instant, and when it was seen."""
    start = 0
    while (begun := _beginning(spell, start, rule)) is not None:
        first, raised = begun
        cleared = _clearing(spell, raised + 1, rule)
        bad = [
            reading
            for reading in spell[first : len(spell) if cleared is None else cleared]
            if reading.grade is Grade.BAD
        ]
        told_at, told_before_at = spell[raised].at, cast("datetime | None", None)
        worst: float | None = None
        episode: Episode | None = None
        for number, reading in enumerate(bad, start=1):
            worst = worse(rule, worst, reading.figure)
            if reading.at < spell[raised].at:
                continue
            lasts = reading.at - told_at >= length(rule.told_every)
            told_at, told_before_at = (reading.at, told_at) if lasts else (told_at, told_before_at)
            episode = Episode(
                rule=rule.id, factor=factor, begun_at=spell[first].at, raised_at=spell[raised].at,
                latest_at=reading.at, told_at=told_at, told_before_at=told_before_at, readings=number, worst=worst,
            )  # fmt: skip
            if reading.at == spell[raised].at:
                yield EpisodeTurn.BEGUN, episode, reading.at, reading.at
            elif lasts:
                yield EpisodeTurn.LASTS, episode, reading.at, reading.at
        assert episode is not None
        if cleared is None:
            if is_last is not None:
                yield EpisodeTurn.OVER, episode, spell[-1].at, is_last.at
            return
        start = cleared + rule.cleared_by.readings
        yield EpisodeTurn.OVER, episode, spell[cleared].at, spell[start - 1].at


def _beginning(spell: list[GradedReading], start: int, rule: DetectionRule) -> tuple[int, int] | None:
    """Where an episode begins from ``start`` on, and where it is found: the first place at which the rule is met."""
    raised = rule.raised_by
    for place in range(start, len(spell)):
        if raised.within is None:
            low = place - raised.readings + 1
            window = range(low, place + 1) if low >= start else range(0)
        else:
            since = spell[place].at - length(raised.within)
            window = range(next(at for at in range(start, place + 1) if spell[at].at > since), place + 1)
        bad = [at for at in window if spell[at].grade is Grade.BAD]
        enough = len(window) >= raised.readings and len(bad) * 100 >= len(window) * (raised.share or 100)
        if enough and bad and bad[-1] == place:
            return bad[0], place
    return None


def _clearing(spell: list[GradedReading], start: int, rule: DetectionRule) -> int | None:
    """The first of so many readings in a row from ``start`` on that are well."""
    row = rule.cleared_by.readings
    for place in range(start, len(spell) - row + 1):
        if all(reading.grade is Grade.WELL for reading in spell[place : place + row]):
            return place
    return None
