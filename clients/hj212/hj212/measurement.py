"""What a frame measured: factors with their values and data flags, over the moment or the span that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from math import isfinite
from typing import Final

from hj212.codes import SPANS, TimeSpan
from hj212.errors import Hj212Error
from hj212.frame import Frame

#: The time of devices: China has one zone and no summer time.
ZONE: Final = timezone(timedelta(hours=8), "CST")
#: The field of a factor that holds its data flag.
FLAG: Final = "Flag"
DATA_TIME: Final = "DataTime"
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INSTANT: Final = re.compile(r"\d{14}(?:\d{3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A factor: its numbers by field (Rtd, Min, Avg, Max, Cou, ZsAvg …), its data flag, and the fields that are none.

    A field that should be a number and is none ("", "null", "--") stands among ``texts``: nothing is taken for 0.
    """

    factor: str
    values: Mapping[str, float] = field(default_factory=dict)
    flag: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurements:
    """What one frame measured: ``at`` is the moment, or the beginning of the span.

    ``others`` are the parameters that belong to no factor, ``strays`` what is no parameter.
    """

    span: TimeSpan
    at: datetime
    factors: tuple[Measurement, ...]
    others: tuple[tuple[str, str], ...] = ()
    strays: tuple[str, ...] = ()


def measured(frame: Frame, usual: datetime | None = None) -> Measurements:
    """What ``frame`` measured; ``usual``: its DataTime if it names none, as the later parts of a report may.

    Raises:
        Hj212Error: its CN is none of readings (``not_readings``), or its DataTime is missing or no instant (``time``).
    """
    span = SPANS.get(frame.cn)
    if span is None:
        raise Hj212Error("not_readings", "CN", f"{frame.cn} is none of {', '.join(SPANS)}")
    pairs, strays = parameters(frame.cp)
    factors: dict[str, tuple[dict[str, float], dict[str, str]]] = {}
    others: list[tuple[str, str]] = []
    for name, value in pairs:
        factor, hyphen, attribute = name.rpartition("-")
        if not hyphen:
            others.append((name, value))
            continue
        numbers, texts = factors.setdefault(factor, ({}, {}))
        number = _number(value) if attribute != FLAG else None
        if number is None:
            texts[attribute] = value
        else:
            numbers[attribute] = number
    times = [value for name, value in others if name == DATA_TIME]
    if not times and usual is None:
        raise Hj212Error("time", DATA_TIME, "there is none, and nothing before it in its report had one")
    at = instant(times[0]) if times else usual
    assert at is not None
    made = (Measurement(name, numbers, texts.pop(FLAG, ""), texts) for name, (numbers, texts) in factors.items())
    rest = tuple((name, value) for name, value in others if name != DATA_TIME)
    return Measurements(span, at, tuple(made), rest, strays)


def parameters(cp: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The parameters of ``cp`` in order, as name and value, and what is none. ``;`` and ``,`` part them alike."""
    pairs, strays = [], []
    for item in filter(None, (part.strip() for part in re.split("[;,]", cp))):
        name, equals, value = item.partition("=")
        if equals and name:
            pairs.append((name.strip(), value.strip()))
        else:
            strays.append(item)
    return tuple(pairs), tuple(strays)


def written(at: datetime, factors: Iterable[Measurement]) -> str:
    """The CP of a frame that measured ``factors``; ``at`` in the time of devices.

    Raises:
        Hj212Error: ``at`` says no offset, or a name or a text holds what would end it.
    """
    if at.tzinfo is None:
        raise Hj212Error("time", DATA_TIME, f"{at} says no offset")
    items = [",".join(_attributes(factor)) for factor in factors]
    return ";".join([f"{DATA_TIME}={at.astimezone(ZONE):%Y%m%d%H%M%S}", *items])


def _attributes(factor: Measurement) -> Iterator[str]:
    fields = {name: f"{Decimal(repr(number)):f}" for name, number in factor.values.items()}
    fields |= factor.texts
    if factor.flag:
        fields[FLAG] = factor.flag
    for name, value in fields.items():
        if re.search(r"[;,=&\x00-\x1f]|^\s|\s$", value) or re.search(r"[;,=&\s]", factor.factor + name):
            raise Hj212Error("field", f"{factor.factor}-{name}", f"{value!r} holds one of ; , = &, or blanks around it")
        yield f"{factor.factor}-{name}={value}"


def instant(text: str) -> datetime:
    """The instant that a DataTime or a QN names, in the time of devices.

    Raises:
        Hj212Error: it names none.
    """
    if not _INSTANT.fullmatch(text):
        raise Hj212Error("time", DATA_TIME, f"{text[:40]!r} is not YYYYMMDDhhmmss, with three digits more or without")
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=ZONE)
    except ValueError:
        raise Hj212Error("time", DATA_TIME, f"{text} is on no calendar or clock") from None
    return moment + timedelta(milliseconds=int(text[14:] or 0))


def _number(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if isfinite(number) else None
