"""An episode as reports: the first opens it, later ones go on with it, the last says that it is over. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from duban.messages.envelope import Message, derived_text
from duban.messages.report import MOST_OF_TITLE, Report
from duban.policy.model.detection import DetectionRule
from duban_detector.domain.episode import Episode, EpisodeTurn, Happening, Station

SOURCE: Final = "duban/detector"


def episode_id(station: Station, episode: Episode) -> str:
    """The id of the first report of an episode: the same readings give the same, whoever found it."""
    return derived_text(
        "episode", station.jurisdiction, episode.rule, station.station, episode.factor, episode.begun_at.timestamp()
    )


def episode_report(happening: Happening, rule: DetectionRule, zone: ZoneInfo) -> Message[Report]:
    """The report of ``happening``; of an episode all have one key, and so their order."""
    station, episode = happening.station, happening.episode
    first = episode_id(station, episode)
    id_ = first if happening.turn is EpisodeTurn.BEGUN else _later_id(first, happening.turn, happening.at)
    title = f"{rule.title.native}：{station.site}" if rule.title.zh else f"{rule.title.en}: {station.site}"
    report = Report(
        jurisdiction=station.jurisdiction,
        channel=rule.channel,
        title=title[:MOST_OF_TITLE],
        text=_text(happening, rule, zone),
        category=rule.category,
        matter=rule.matter,
        area=station.area,
        location=station.location,
        enterprise=station.enterprise,
        observed_at=happening.at,
        continues=_told_before(happening, first),
        ended_at=happening.at if happening.turn is EpisodeTurn.OVER else None,
        attributes=_attributes(happening, rule),
    )
    return Message(id_, SOURCE, id_, happening.at, station.jurisdiction, f"{SOURCE}/{first}", report)


def _later_id(first: str, turn: EpisodeTurn, at: datetime) -> str:
    return derived_text(first, turn, at.timestamp())


def _told_before(happening: Happening, first: str) -> str | None:
    """The id of the report before; so that whatever became of it, a problem of its own too, is gone on with."""
    if happening.turn is EpisodeTurn.BEGUN:
        return None
    episode = happening.episode
    told_at = episode.told_at if happening.turn is EpisodeTurn.OVER else episode.told_before_at
    if told_at is None or told_at == episode.raised_at:
        return first
    return _later_id(first, EpisodeTurn.LASTS, told_at)


def _attributes(happening: Happening, rule: DetectionRule) -> dict[str, str]:
    episode = happening.episode
    figures = {
        "rule": rule.id,
        "station": happening.station.station,
        "factor": episode.factor,
        "begun_at": episode.begun_at.isoformat(),
        "latest_at": episode.latest_at.isoformat(),
        "readings": str(episode.readings) if episode.readings else "",
        "worst": "" if episode.worst is None else f"{episode.worst:g}",
        "measured_in": rule.measured_in or "",
    }
    return {name: value for name, value in figures.items() if value}


def _text(happening: Happening, rule: DetectionRule, zone: ZoneInfo) -> str:
    """What happened, in the language of the city."""
    episode, chinese = happening.episode, rule.title.zh is not None
    since, at = _local(episode.begun_at, zone), _local(happening.at, zone)
    what = episode.factor
    if episode.worst is not None:
        what += f" {episode.worst:g}{' ' + rule.measured_in if rule.measured_in else ''}"
    if not episode.factor:
        begun = (f"自{since}起未收到任何数据", f"nothing has come since {since}")
        over = (f"{at}起恢复报送", f"it is heard again since {at}")
    else:
        begun = (
            f"自{since}起{episode.readings}次读数异常，最不利值{what}",
            f"{episode.readings} bad readings since {since}, the worst {what}",
        )
        over = (f"{begun[0]}；{at}起恢复正常", f"{begun[1]}; over since {at}")
    words = over if happening.turn is EpisodeTurn.OVER else begun
    return words[0] if chinese else words[1]


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
