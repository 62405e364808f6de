"""An episode, and what is told in its life. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from duban.messages.readings import StationReadings
from duban.messages.report import Location
from duban.messages.struct import AwareDatetime, Frozen
from duban.policy.model.detection import DetectionRule


class EpisodeTurn(StrEnum):
    """What is told of an episode: that it is there, that it lasts, that it is over."""

    BEGUN = "begun"
    LASTS = "lasts"
    OVER = "over"


class Station(Frozen):
    """Who measured, and where, as its latest readings say."""

    jurisdiction: str
    station: str
    site: str
    enterprise: str | None = None
    area: str | None = None
    location: Location | None = None

    @classmethod
    def of(cls, readings: StationReadings) -> Station:
        """The station that sent ``readings``."""
        return cls(
            jurisdiction=readings.jurisdiction,
            station=readings.station,
            site=readings.site,
            enterprise=readings.enterprise,
            area=readings.area,
            location=readings.location,
        )


class Episode(Frozen):
    """What a rule found at a station, as far as it has come; ``factor`` is empty where it is of the whole station.

    ``begun_at`` is its first bad reading, ``raised_at`` the one by which it was found, ``latest_at`` the last bad one;
    ``readings`` are the bad ones, ``worst`` is their worst figure. ``told_at``: until when it was told of, and before
    that ``told_before_at``.
    """

    rule: str
    factor: str
    begun_at: AwareDatetime
    raised_at: AwareDatetime
    latest_at: AwareDatetime
    told_at: AwareDatetime
    told_before_at: AwareDatetime | None = None
    readings: int
    worst: float | None = None


class Happening(Frozen):
    """A turn in the life of an episode, ``at`` an instant; what is over was so from then on."""

    turn: EpisodeTurn
    episode: Episode
    station: Station
    at: AwareDatetime


def silence(rule: DetectionRule, since_at: datetime) -> Episode:
    """The silence of a station of which the latest readings are those of ``since_at``."""
    return Episode(
        rule=rule.id, factor="", begun_at=since_at, raised_at=since_at, latest_at=since_at, told_at=since_at, readings=0
    )
