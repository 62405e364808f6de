"""How far two places are from each other, and the box in which everything within a distance lies. Pure."""

from __future__ import annotations

from math import asin, cos, degrees, radians, sin, sqrt
from typing import Final

from duban_console.desk.reader import MapBox

#: Mean radius of the earth.
_EARTH_METRES: Final = 6_371_008.8
#: A box is this much larger than it need be, so that rounding leaves nobody out.
_SLACK: Final = 1 + 1e-9


def metres_between(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The great-circle distance (haversine)."""
    up = sin(radians(other_latitude - latitude) / 2) ** 2
    along = sin(radians(other_longitude - longitude) / 2) ** 2
    across = cos(radians(latitude)) * cos(radians(other_latitude)) * along
    return 2 * _EARTH_METRES * asin(min(1.0, sqrt(up + across)))


def box_around(latitude: float, longitude: float, metres: float) -> MapBox:
    """The box around everything within ``metres``, which are few beside the earth."""
    up = degrees(metres / _EARTH_METRES) * _SLACK
    widest = min(89.0, abs(latitude) + up)
    along = degrees(2 * asin(min(1.0, sin(metres / 2 / _EARTH_METRES) / cos(radians(widest))))) * _SLACK
    return MapBox(latitude - up, longitude - along, latitude + up, longitude + along)
