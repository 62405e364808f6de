"""Messages of MQTT with what stations measured, by the mapping of their source. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import msgspec
import orjson
from pydantic import Field, model_validator

from duban.errors import Fault
from duban.messages.envelope import Message, derived_id
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.struct import flaw_of, from_data, replace
from duban.policy.model.entry import Name, Written
from duban.policy.plain_data import one_line
from duban_intake.channels.columns import BrokenCell, Fields, column_of, fill
from duban_intake.channels.items import listed, text_at
from duban_intake.channels.limits import Limit
from duban_intake.channels.mqtt import BESIDE, Topics, items_of
from duban_intake.channels.table import BadRow

PROTOCOL: Final = "mqtt"
_MOST_OF_FRAME: Final = 20_000
_Path = Annotated[str, Field(min_length=1)]

#: What a column, a constant or a value map may fill.
ReadingTarget = Literal[
    "jurisdiction", "station", "site", "span", "system", "enterprise", "area", "latitude", "longitude", "coordinates",
    "observed_at",
]  # fmt: skip


class FactorColumns(Written):
    """Where the numbers of a factor stand, and its flag."""

    value: _Path | None = None
    minimum: _Path | None = None
    maximum: _Path | None = None
    total: _Path | None = None
    converted: _Path | None = None
    flag: _Path | None = None


class FactorList(FactorColumns):
    """Factors that stand in a list: where it is, and in each of its items the name, the numbers and the flag."""

    items: _Path
    name: _Path


class ReadingMapping(Fields[ReadingTarget]):
    """How messages become readings; ``topics``: which of them do, ``items``: the path of the list, where one has more.

    ``factors``: the path of each factor's value, or where each of its numbers stands. ``factor_list``: for factors that
    name themselves; ``names`` puts our names in place of theirs. ``limits``: between which values they should lie.
    """

    OF_SOURCE: ClassVar[tuple[str, ...]] = ("jurisdiction",)

    source: Name
    topics: Topics
    items: str | None = None
    factors: dict[Name, _Path | FactorColumns] = Field(default_factory=dict)
    factor_list: FactorList | None = None
    names: dict[str, Name] = Field(default_factory=dict)
    limits: dict[Name, Limit] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.need("jurisdiction", "station")
        if "observed_at" not in self.columns:
            # What is told again and what was measured again would look the same.
            raise ValueError("nothing says when it was measured; name the column under columns.observed_at")
        if not self.factors and self.factor_list is None:
            raise ValueError(
                "names no factor; say under factors where each stands, or under factor_list where they are"
            )
        return self


def read_readings(body: bytes, payload: bytes, mapping: ReadingMapping) -> list[Message[StationReadings] | BadRow]:
    """The readings in ``payload``, which was carried as ``body`` (see ``mqtt``), and what gives none, by its number.

    The frame of readings is the payload, or of a payload with several their own part of it.

    Raises:
        Fault: 400, it holds no list where the mapping has one.
    """
    items = items_of(body, mapping.items)
    frames = [payload] if len(items) == 1 else [_part(item) for item in items]
    return [
        _read(number, item, frame, mapping) for number, (item, frame) in enumerate(zip(items, frames, strict=True), 1)
    ]


def _part(item: dict[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in item.items() if name != BESIDE})


def _read(
    number: int, item: dict[str, Any], frame: bytes, mapping: ReadingMapping
) -> Message[StationReadings] | BadRow:
    try:
        return _readings(item, frame.decode("latin-1"), mapping)
    except BrokenCell as broken:
        return BadRow(number, broken.field, one_line(str(broken)))
    except Fault as fault:
        return BadRow(number, fault.field or "(item)", str(fault))


def _readings(item: dict[str, Any], frame: str, mapping: ReadingMapping) -> Message[StationReadings]:
    filled = fill({path: text_at(item, path) for path in mapping.columns.values()}, mapping)
    filled.setdefault("site", filled.get("station", ""))
    filled.setdefault("span", "moment")
    if (at := filled.pop("observed_at", None)) is not None:
        filled["at"] = at
    if len(frame) > _MOST_OF_FRAME:
        raise BrokenCell("(item)", f"has {len(frame)} bytes; readings of one instant may have {_MOST_OF_FRAME}")
    factors = tuple(_factors(item, mapping))
    if not factors:
        raise BrokenCell("factors", "none of the factors stands there; compare the mapping with what is sent")
    try:
        data = from_data({**filled, "protocol": PROTOCOL, "factors": (), "frame": frame}, StationReadings, texts=True)
        data = replace(data, factors=factors)
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, StationReadings)
        field = "observed_at" if flaw.place[-1:] == ("at",) else next(iter(flaw.place), "(item)")
        what = "is empty; fill it" if flaw.sort == "missing" else f"{flaw.what}; correct it"
        raise BrokenCell(column_of(field, mapping), what) from None
    id_ = str(derived_id("readings", mapping.source, item[BESIDE]["id"]))
    return Message(id_, mapping.source, data.station, data.at, data.jurisdiction, data.station, data)


def _factors(item: dict[str, Any], mapping: ReadingMapping) -> Iterator[FactorReading]:
    seen: set[str] = set()
    for name, holder, columns in _told(item, mapping):
        read = ((place, _number(holder, path)) for place, path in columns if place != "flag")
        numbers = {place: number for place, number in read if number is not None}
        flag = next((text_at(holder, path) for place, path in columns if place == "flag"), "")
        if not numbers and not flag:
            continue
        if name in seen:
            raise BrokenCell("factors", f"{name} stands twice; a factor has one value at an instant")
        seen.add(name)
        limit = mapping.limits.get(name)
        low, high = (limit.low, limit.high) if limit else (None, None)
        yield replace(FactorReading(factor=name, flag=flag[:20], low=low, high=high), **numbers)


def _told(item: dict[str, Any], mapping: ReadingMapping) -> Iterator[tuple[str, Any, list[tuple[str, str]]]]:
    """Each factor by its name, what it is read from, and where its numbers stand in that."""
    for name, where in mapping.factors.items():
        yield name, item, _columns(where) if isinstance(where, FactorColumns) else [("value", where)]
    if (of_list := mapping.factor_list) is not None:
        for entry in listed(item, of_list.items):
            name = text_at(entry, of_list.name)
            known = mapping.names.get(name, name)
            if not 0 < len(known) <= 120 or not known.isprintable() or known.startswith(("@", " ")):
                raise BrokenCell(f"{of_list.items}.{of_list.name}", "is no name of a factor; name it under names")
            yield known, entry, _columns(of_list)


def _columns(where: FactorColumns) -> list[tuple[str, str]]:
    return [(place, path) for place in FactorColumns.model_fields if (path := getattr(where, place)) is not None]


def _number(entry: Any, path: str) -> float | None:
    text = text_at(entry, path)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise BrokenCell(path, f"{text[:40]} is no number; correct it, or take the factor out of the mapping")
    return number
