"""What stations have measured, from a CSV or a JSON file: station by station, hour by hour. Pure but for the file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final

from duban.errors import DubanError
from hj212 import Measurement

COLUMNS: Final = ("station", "time", "factor", "value")


class UnusableSeries(DubanError):
    """A file of readings that cannot be played: names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What one station measured in the hour that begins ``at``."""

    at: datetime
    factors: tuple[Measurement, ...]


def load_series(file: Path) -> dict[str, list[Hour]]:
    """The hours of each station in ``file``, in order of time; a value that is missing was not measured.

    Raises:
        UnusableSeries: it cannot be read, or a line of it is no reading.
    """
    try:
        text = file.read_text("utf-8")
        rows = json.loads(text) if file.suffix == ".json" else _rows(text)
    except (OSError, ValueError) as error:
        raise UnusableSeries(f"{file}: {error}") from None
    return series_of(rows, str(file))


def _rows(text: str) -> Iterator[Mapping[str, str]]:
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"has no column {missing[0]}; the columns are {', '.join(COLUMNS)}, others are passed over")
    return rows


def series_of(rows: Iterable[Any], file: str) -> dict[str, list[Hour]]:
    """The hours of each station in ``rows``; ``file`` is named in errors."""
    hours: dict[str, dict[datetime, list[Measurement]]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            station, at, factor, value = (row[name] for name in COLUMNS)
            instant = datetime.fromisoformat(at)
            if instant.tzinfo is None:
                raise ValueError(f"{at} says no offset; write it as {at}+08:00")
            measured = hours.setdefault(str(station), {}).setdefault(instant, [])
            if value not in ("", None):
                measured.append(Measurement(str(factor), {"Avg": _finite(value)}, "N"))
        except (KeyError, TypeError, ValueError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else error
            raise UnusableSeries(f"{file}, row {number}: {what}") from None
    if not hours:
        raise UnusableSeries(f"{file}: holds no reading")
    return {
        station: [Hour(at, tuple(factors)) for at, factors in sorted(by_instant.items()) if factors]
        for station, by_instant in hours.items()
    }


def _finite(value: object) -> float:
    number = float(str(value))
    if not isfinite(number):
        raise ValueError(f"{value} is no number")
    return number
