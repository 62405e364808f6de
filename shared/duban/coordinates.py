"""Coordinates as maps of China write them, brought to WGS 84. Pure.

GCJ-02 shifts every point within China by up to some 700 m, BD-09 shifts that once more. The formulae are those that are
published everywhere (https://en.wikipedia.org/wiki/Restrictions_on_geographic_data_in_China); their inverse is found by
steps. The packages that do this have not been kept for years.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, hypot, pi, sin, sqrt
from typing import Final, Literal, TypeAlias, get_args

#: Latitude and longitude, degrees.
Point: TypeAlias = tuple[float, float]
#: By what they are measured.
System = Literal["wgs84", "gcj02", "bd09"]
SYSTEMS: Final[tuple[System, ...]] = get_args(System)

#: The ellipsoid of Krasovsky: its half axis in metres, and its eccentricity squared.
_AXIS: Final = 6378245.0
_ECCENTRICITY: Final = 0.00669342162296594323
_BAIDU: Final = pi * 3000 / 180
_STEPS: Final = 12


def to_wgs84(point: Point, system: System) -> Point:
    """``point`` of ``system`` in WGS 84, to a centimetre; outside China all of them are the same."""
    if system == "wgs84" or not _is_shifted(point):
        return point
    if system == "bd09":
        point = _inverse(gcj02_to_bd09, point)
    latitude, longitude = _inverse(wgs84_to_gcj02, point)
    return round(latitude, 7), round(longitude, 7)


def wgs84_to_gcj02(point: Point) -> Point:
    """``point`` as GCJ-02 has it."""
    latitude, longitude = point
    y, x = latitude - 35.0, longitude - 105.0
    waves = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + waves
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + waves
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    angle = latitude / 180 * pi
    curve = 1 - _ECCENTRICITY * sin(angle) ** 2
    degree_north = _AXIS * (1 - _ECCENTRICITY) / (curve * sqrt(curve)) * pi / 180
    degree_east = _AXIS / sqrt(curve) * cos(angle) * pi / 180
    return latitude + north / degree_north, longitude + east / degree_east


def gcj02_to_bd09(point: Point) -> Point:
    """``point`` of GCJ-02 as BD-09 has it."""
    y, x = point
    radius = hypot(x, y) + 0.00002 * sin(y * _BAIDU)
    angle = atan2(y, x) + 0.000003 * cos(x * _BAIDU)
    return radius * sin(angle) + 0.006, radius * cos(angle) + 0.0065


def _inverse(shift: Callable[[Point], Point], shifted: Point) -> Point:
    """What ``shift`` brings to ``shifted``; shifts change so slowly that each step is nearer by hundreds of times."""
    latitude, longitude = shifted
    for _ in range(_STEPS):
        there = shift((latitude, longitude))
        latitude, longitude = latitude - there[0] + shifted[0], longitude - there[1] + shifted[1]
    return latitude, longitude


def _is_shifted(point: Point) -> bool:
    """Whether ``point`` lies in the box in which maps of China shift."""
    return 0.8293 <= point[0] <= 55.8271 and 72.004 <= point[1] <= 137.8347
