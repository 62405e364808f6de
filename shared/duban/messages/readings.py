"""Readings (监测数据): what a station measured, as it said it at once. Gateways of sensors write them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from duban.messages.envelope import Payload
from duban.messages.report import Location, Name, in_range
from duban.messages.struct import AwareDatetime, Frozen, Unfit

#: What a device sends besides its numbers: short, and not always text.
Remark = Annotated[str, Meta(max_length=1_000)]


class FactorReading(Frozen):
    """One factor: what it was, whether that counts, and between which limits it should lie.

    ``value`` is that of the moment, or the average of the span; ``converted`` the same at the reference of its limits,
    as smoke is at a share of oxygen; ``total`` what passed in the span. ``flag`` is the station's own: N is normal in
    HJ 212. ``measured_in`` is the unit, where the station says one. ``others`` are all further fields as they were
    sent, also those that should be numbers and are none.
    """

    factor: Name
    value: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    total: float | None = None
    converted: float | None = None
    flag: Annotated[str, Meta(max_length=20)] = ""
    low: float | None = None
    high: float | None = None
    measured_in: Annotated[str, Meta(max_length=40)] | None = None
    others: Annotated[dict[Remark, Remark], Meta(max_length=200)] = field(default_factory=dict)


class StationReadings(Payload):
    """What a station measured at a moment or over a span, as it sent it at once. Gateways of sensors write them.

    ``at`` is the moment, or the beginning of the span, by the station's own clock. ``frame`` are the bytes that it
    sent, a character a byte (Latin-1). A station that sends the same again gives the same id.
    """

    TOPIC: ClassVar[str] = "duban.readings.v1"
    TYPE: ClassVar[str] = "duban.readings.taken"

    jurisdiction: Name
    station: Name
    site: Name
    protocol: Name
    span: Literal["moment", "minute", "hour", "day"]
    at: AwareDatetime
    factors: Annotated[tuple[FactorReading, ...], Meta(max_length=2_000)]
    frame: Annotated[str, Meta(max_length=20_000)]
    system: Name | None = None
    enterprise: Name | None = None
    area: Name | None = None
    location: Location | None = None

    def __post_init__(self) -> None:
        in_range("at", self.at)
        names = [reading.factor for reading in self.factors]
        if len(set(names)) < len(names):
            raise Unfit("factors", "a factor stands twice")


READINGS: Final[dict[str, type[StationReadings]]] = {StationReadings.TYPE: StationReadings}
