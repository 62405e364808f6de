"""What readings make of a station, one after the other, in as much memory as its rules look back. Pure.

Time is the station's own: what it measured at the same instant as before, or earlier, was judged already or comes too
late, and is not judged. So readings that come again change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import field
from msgspec.structs import replace

from duban.messages.readings import StationReadings
from duban.messages.struct import AwareDatetime, Frozen
from duban.policy.model.detection import DetectionRule, length
from duban_detector.domain.episode import Episode, EpisodeTurn, Happening, Station, silence
from duban_detector.domain.grades import Grade, GradedReading, applies, grade_of, is_ahead, worse

#: Seconds by which a station's clock may be ahead of the broker's.
MOST_AHEAD: Final = 3_600.0

#: A turn of an episode, the episode as it is then, and the instant.
News: TypeAlias = tuple[EpisodeTurn, Episode, datetime]


class Unjudged(StrEnum):
    """Why readings are not judged."""

    LATE = "late"  #: as old as the newest of their span, or older: they came again, or too late
    AHEAD = "ahead"  #: from the future, so that the station's clock is not believed


class Series(Frozen):
    """What a rule remembers of a factor at a station: what it looks back on, and the episode that lasts.

    ``number`` is the last one that counted, ``last_at`` when something was judged last.
    """

    recent: tuple[GradedReading, ...] = ()
    number: float | None = None
    last_at: AwareDatetime | None = None
    episode: Episode | None = None


class Watched(Frozen):
    """What is remembered of a station: the newest instant of each span, when it was last heard, its series by name."""

    station: Station
    newest_at: AwareDatetime
    heard_at: AwareDatetime
    spans: dict[str, AwareDatetime] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)


def unjudged(state: Watched | None, readings: StationReadings, arrived_at: datetime) -> Unjudged | None:
    """Why ``readings`` are not judged, if so."""
    if is_ahead(readings, arrived_at, MOST_AHEAD):
        return Unjudged.AHEAD
    newest_at = None if state is None else state.spans.get(readings.span)
    return Unjudged.LATE if newest_at is not None and readings.at <= newest_at else None


def watched(
    state: Watched | None, readings: StationReadings, arrived_at: datetime, rules: Sequence[DetectionRule]
) -> tuple[Watched, list[Happening]]:
    """What is remembered after ``readings``, which are to be judged, and what is told."""
    station = Station.of(readings)
    happenings: list[Happening] = []
    if state is None:
        state = Watched(station=station, newest_at=readings.at, heard_at=arrived_at)
    else:
        happenings += _silences(state, readings.at, arrived_at, rules)
    series = {name: state.series[name] for name in _names(rules) if name in state.series}
    for name, rule, factor in _looks(rules, readings):
        after, news = _advanced(series.get(name), rule, factor, readings)
        if after is not None:
            series[name] = after
        happenings += [Happening(turn=turn, episode=episode, station=station, at=at) for turn, episode, at in news]
    newest_at, heard_at = max(state.newest_at, readings.at), max(state.heard_at, arrived_at)
    spans = {**state.spans, readings.span: readings.at}
    return Watched(station=station, newest_at=newest_at, heard_at=heard_at, spans=spans, series=series), happenings


def silent(state: Watched, now: datetime, rules: Sequence[DetectionRule]) -> Iterator[Happening]:
    """The silences of a station that has not been heard until ``now``."""
    for rule in rules:
        spell = rule.when.silent
        if spell is not None and now - state.heard_at > length(spell):
            yield Happening(
                turn=EpisodeTurn.BEGUN,
                episode=silence(rule, state.newest_at),
                station=state.station,
                at=state.newest_at,
            )


def _silences(
    state: Watched, at: datetime, arrived_at: datetime, rules: Sequence[DetectionRule]
) -> Iterator[Happening]:
    """The silences that end with what has come, by the station's clock or by ours."""
    gap = max(at - state.newest_at, arrived_at - state.heard_at)
    for rule in rules:
        spell = rule.when.silent
        if spell is not None and gap > length(spell):
            episode = silence(rule, state.newest_at)
            yield Happening(turn=EpisodeTurn.BEGUN, episode=episode, station=state.station, at=state.newest_at)
            yield Happening(turn=EpisodeTurn.OVER, episode=episode, station=state.station, at=at)


def _names(rules: Sequence[DetectionRule]) -> Iterator[str]:
    """The series that there may be; what a rule remembered that is gone is forgotten."""
    for rule in rules:
        yield from (f"{rule.id}/{factor}" for factor in rule.factors)


def _looks(rules: Sequence[DetectionRule], readings: StationReadings) -> Iterator[tuple[str, DetectionRule, str]]:
    """Each rule that looks at ``readings``, factor by factor, with the name of the series."""
    for rule in rules:
        if rule.when.silent is None and applies(rule, readings):
            for factor in rule.factors:
                yield f"{rule.id}/{factor}", rule, factor


def _advanced(
    series: Series | None, rule: DetectionRule, factor: str, readings: StationReadings
) -> tuple[Series | None, list[News]]:
    """The series after ``readings``, and what is told; None where there is none yet."""
    reading, number = grade_of(rule, factor, readings, None if series is None else series.number)
    if series is None:
        if reading is None and number is None:
            return None, []
        if rule.when.missing and reading is not None and reading.grade is Grade.BAD:
            return None, []  # what a station has never measured it does not miss
        series = Series()
    news: list[News] = []
    if reading is not None:
        series = _after_gap(series, rule, reading.at, news)
        series = _graded(series, rule, factor, reading, news)
    return (series if number is None else replace(series, number=number)), news


def _after_gap(series: Series, rule: DetectionRule, at: datetime, news: list[News]) -> Series:
    """The series, begun anew where too much time has passed."""
    last_at = series.last_at
    if rule.ends_after is None or last_at is None or at - last_at <= length(rule.ends_after):
        return series
    if series.episode is not None:
        news.append((EpisodeTurn.OVER, series.episode, last_at))
    return Series(number=series.number)


def _graded(series: Series, rule: DetectionRule, factor: str, reading: GradedReading, news: list[News]) -> Series:
    recent = (*series.recent, reading)
    episode, at = series.episode, reading.at
    if episode is None:
        recent = _looked_back_on(recent, rule)
        episode = _begun(recent, rule, factor)
        if episode is not None:
            news.append((EpisodeTurn.BEGUN, episode, at))
            recent = ()
    elif reading.grade is Grade.BAD:
        recent = ()
        worst = worse(rule, episode.worst, reading.figure)
        episode = replace(episode, latest_at=at, readings=episode.readings + 1, worst=worst)
        if at - episode.told_at >= length(rule.told_every):
            episode = replace(episode, told_at=at, told_before_at=episode.told_at)
            news.append((EpisodeTurn.LASTS, episode, at))
    elif reading.grade is Grade.BETWEEN:
        recent = ()
    elif len(recent) >= rule.cleared_by.readings:
        news.append((EpisodeTurn.OVER, episode, recent[0].at))
        episode, recent = None, ()
    return Series(recent=recent, number=series.number, last_at=at, episode=episode)


def _looked_back_on(recent: tuple[GradedReading, ...], rule: DetectionRule) -> tuple[GradedReading, ...]:
    """What the rule still looks at: so many, or what lies within its time."""
    raised = rule.raised_by
    if raised.within is None:
        return recent[-raised.readings :]
    since = recent[-1].at - length(raised.within)
    return tuple(reading for reading in recent if reading.at > since)


def _begun(recent: tuple[GradedReading, ...], rule: DetectionRule, factor: str) -> Episode | None:
    """The episode that begins with the latest of ``recent``, if one does."""
    bad = [reading for reading in recent if reading.grade is Grade.BAD]
    raised, latest = rule.raised_by, recent[-1]
    if latest.grade is not Grade.BAD or len(recent) < raised.readings:
        return None
    if 100 * len(bad) < (100 if raised.share is None else raised.share) * len(recent):
        return None
    worst = None
    for reading in bad:
        worst = worse(rule, worst, reading.figure)
    return Episode(
        rule=rule.id, factor=factor, begun_at=bad[0].at, raised_at=latest.at, latest_at=latest.at, told_at=latest.at,
        readings=len(bad), worst=worst,
    )  # fmt: skip
