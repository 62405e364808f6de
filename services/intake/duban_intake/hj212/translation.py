"""From a frame of HJ 212 to readings, or to the reason why it is none. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from duban.clock import within_range
from duban.messages.envelope import Message, derived_id
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.report import MOST_OF_NAME, Location
from duban_intake.channels.limits import Limit
from duban_intake.hj212.registry import Device
from hj212 import CommandCode, Frame, Hj212Error, Measurement, measured
from hj212.codes import SPANS

SOURCE: Final = "duban/hj212"
PROTOCOL: Final = "hj212"
#: Answers of devices, to what others have asked them.
_ANSWERS: Final = frozenset(
    {CommandCode.REQUEST_ANSWER, CommandCode.RESULT_ANSWER, CommandCode.NOTICE_ANSWER, CommandCode.DATA_ANSWER}
)
_NOTICES: Final = frozenset({CommandCode.HEARTBEAT, CommandCode.TIME_REQUEST})
_MOST_OF_REMARK: Final = 1_000
#: A CP shorter than a block of SM4 is not encrypted.
_BLOCK: Final = 16
#: The fields of a factor that have a place of their own, in the order in which they are looked for.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "value": ("Rtd", "Avg"),
    "minimum": ("Min",),
    "maximum": ("Max",),
    "total": ("Cou",),
    "converted": ("ZsRtd", "ZsAvg"),
}


class FrameAnswer(StrEnum):
    """What a device is answered once its frame is safe: 9014, 9013, or nothing."""

    DATA = "data"
    NOTICE = "notice"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Taken:
    """Readings, to be published."""

    message: Message[StationReadings]


@dataclass(frozen=True, slots=True)
class NoReading:
    """A frame to be laid aside: a short stable word, and what to do."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class FrameVerdict:
    """What becomes of a frame: readings, laid aside, or neither; and what its device is answered after that."""

    outcome: Taken | NoReading | None
    reply: FrameAnswer


def judge(frame: Frame, device: Device | None, usual: datetime | None) -> FrameVerdict:
    """What becomes of ``frame``, which says that it comes from ``device``; ``usual``: the DataTime of the part before.

    Only who is known, and shows what the registry demands, is answered.
    """
    stranger = _stranger(frame, device)
    if stranger is not None:
        return FrameVerdict(stranger, FrameAnswer.NONE)
    assert device is not None
    if frame.cn in _ANSWERS or frame.cn in _NOTICES:
        return FrameVerdict(None, FrameAnswer.NOTICE if frame.cn in _NOTICES else FrameAnswer.NONE)
    if frame.cn in device.passed_over:
        return FrameVerdict(None, FrameAnswer.DATA)
    return FrameVerdict(_outcome(frame, device, usual), FrameAnswer.DATA)


def _outcome(frame: Frame, device: Device, usual: datetime | None) -> Taken | NoReading:
    try:
        return Taken(readings(frame, device, usual))
    except Hj212Error as error:
        return NoReading(error.code, str(error))
    except ValueError as error:
        return NoReading("time", f"DataTime: {error}")


def _stranger(frame: Frame, device: Device | None) -> NoReading | None:
    if device is None:
        return NoReading(
            "unknown_device", f"MN {frame.mn or '(none)'} is not in the registry: enter it, or have it stopped"
        )
    if device.password is not None and frame.pw != device.password.get_secret_value():
        return NoReading("wrong_password", f"the PW of {frame.mn} is not the password that the registry has")
    if device.key is not None and not frame.encrypted and frame.cn in SPANS and len(frame.cp) >= _BLOCK:
        return NoReading("not_encrypted", f"{frame.mn} has a key in the registry, and sent its readings in plain")
    return None


def readings(frame: Frame, device: Device, usual: datetime | None) -> Message[StationReadings]:
    """The readings in ``frame``.

    Raises:
        Hj212Error: it holds none, or says no DataTime.
        ValueError: its DataTime is none that calendars can count.
    """
    measurements = measured(frame, usual)
    within_range(measurements.at)
    place = device.location
    data = StationReadings(
        jurisdiction=device.jurisdiction or "",
        station=device.mn,
        site=device.site,
        protocol=PROTOCOL,
        span=measurements.span.value,
        at=measurements.at,
        factors=tuple(_reading(factor, device.limits) for factor in measurements.factors if _is_name(factor.factor)),
        frame=frame.raw.decode("latin-1"),
        system=frame.st if _is_name(frame.st) else None,
        enterprise=device.enterprise,
        area=device.area,
        location=Location(latitude=place.latitude, longitude=place.longitude) if place else None,
    )
    id_ = str(derived_id("readings", device.mn, data.frame))
    return Message(id_, SOURCE, device.mn, measurements.at, data.jurisdiction, device.mn, data)


def _is_name(word: str) -> bool:
    """Whether ``word`` can be a name; what cannot stands in the frame alone."""
    return 0 < len(word) <= MOST_OF_NAME and word.isprintable() and not word.startswith(("@", " "))


def _reading(factor: Measurement, limits: Mapping[str, Limit]) -> FactorReading:
    placed = {place: next((name for name in names if name in factor.values), None) for place, names in _PLACES.items()}
    others = dict(_others(factor, {name for name in placed.values() if name}))
    numbers: dict[str, Any] = {place: factor.values[name] for place, name in placed.items() if name}
    limit = limits.get(factor.factor)
    return FactorReading(
        factor=factor.factor,
        **numbers,
        flag=factor.flag[:20],
        low=limit.low if limit else None,
        high=limit.high if limit else None,
        others=others,
    )


def _others(factor: Measurement, placed: set[str]) -> Iterator[tuple[str, str]]:
    fields = {name: repr(number) for name, number in factor.values.items() if name not in placed} | dict(factor.texts)
    for name, value in list(fields.items())[:200]:
        yield name[:_MOST_OF_REMARK], value[:_MOST_OF_REMARK]
