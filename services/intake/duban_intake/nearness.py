"""When two reports are one problem: great-circle distance, and a grid in which neighbours are found by key. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from math import asin, cos, degrees, floor, radians, sin, sqrt
from typing import Final
from uuid import UUID

from duban.messages.report import Location
from duban.policy.model.organisation import Nearness

#: Mean radius of the earth.
EARTH_METRES: Final = 6_371_008.8
#: Cells are this much larger than they need be, so that rounding never puts two neighbours two cells apart.
_SLACK: Final = 1 + 1e-9


def is_nowhere(location: Location) -> bool:
    """Whether it is latitude 0, longitude 0, which exports write where they know no place: no city lies there."""
    return location.latitude == 0 and location.longitude == 0


def metres_between(here: Location, other: Location) -> float:
    """The great-circle distance (haversine)."""
    up = sin(radians(other.latitude - here.latitude) / 2) ** 2
    along = sin(radians(other.longitude - here.longitude) / 2) ** 2
    across = cos(radians(here.latitude)) * cos(radians(other.latitude)) * along
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(up + across)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an open problem lies, and when the reports that were filed under it were seen: the last, and the first."""

    problem_id: UUID
    jurisdiction: str
    category: str
    location: Location
    cell: int
    latest_at: datetime
    earliest_at: datetime
    matter: str | None = None

    def with_report(self, seen_at: datetime) -> Place:
        """The place when another report is filed under it."""
        earliest_at, latest_at = min(self.earliest_at, seen_at), max(self.latest_at, seen_at)
        return replace(self, latest_at=latest_at, earliest_at=earliest_at)

    def metres_to(self, location: Location, at: datetime, near: Nearness) -> float | None:
        """How far off a report of the same city, category and matter lies; None if it is not about this problem."""
        hours = timedelta(hours=near.hours)
        if not self.earliest_at - hours <= at <= self.latest_at + hours:
            return None
        metres = metres_between(self.location, location)
        return metres if metres <= near.metres else None


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells at least ``metres`` high and wide: whatever lies within ``metres`` lies in one of 3 × 3 of them.

    A cell is a 64-bit number for jurisdiction, category, size, row and column. Two cells may share a number, so
    what is found under it is still to be measured. Neighbours across the date line are not found: no city lies on it.
    """

    jurisdiction: str
    category: str
    metres: float

    def cell(self, location: Location) -> int:
        """The cell in which ``location`` lies."""
        row = self._row(location)
        return _number(_seed(self.jurisdiction, self.category, self.metres), row, self._column(row, location))

    def around(self, location: Location) -> list[int]:
        """The cells in which a neighbour of ``location`` may lie, its own among them."""
        middle = self._row(location)
        seed = _seed(self.jurisdiction, self.category, self.metres)
        return [
            _number(seed, row, near)
            for row in (middle - 1, middle, middle + 1)
            for column in (self._column(row, location),)
            for near in (column - 1, column, column + 1)
        ]

    def _row(self, location: Location) -> int:
        return floor(location.latitude / _height(self.metres))

    def _column(self, row: int, location: Location) -> int:
        return floor(location.longitude / _width(self.metres, row))


def _number(seed: int, row: int, column: int) -> int:
    mixed = seed + row * 0x9E3779B97F4A7C15 + column * 0xC2B2AE3D27D4EB4F
    return (mixed & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


@lru_cache(maxsize=1024)
def _height(metres: float) -> float:
    return degrees(metres / EARTH_METRES) * _SLACK


@lru_cache(maxsize=65_536)
def _width(metres: float, row: int) -> float:
    """The width in degrees of the cells of ``row``: meridians draw together, so it grows towards the poles.

    It is that of the narrowest parallel in the row and its neighbours; around a pole one cell goes all the way round.
    """
    height = _height(metres)
    farthest = min(90.0, max(abs(row - 1), abs(row + 2)) * height)
    reach = sin(metres / EARTH_METRES / 2) / max(cos(radians(farthest)), 1e-12)
    return 360.0 if reach >= 1 else degrees(2 * asin(reach)) * _SLACK


@lru_cache(maxsize=65_536)
def _seed(jurisdiction: str, category: str, metres: float) -> int:
    return int.from_bytes(sha256(f"{jurisdiction}\x1f{category}\x1f{metres!r}".encode()).digest()[:8])
