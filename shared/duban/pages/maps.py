"""The maps of cities: a file each, as the city itself has drawn it. None is ours, and no server of others is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic import Field

from duban.coordinates import SYSTEMS, System, to_wgs84
from duban.errors import SettingsError
from duban.io.settings import Settings

#: How the file of a city ends; before it stands the city's id.
SUFFIX: Final = ".geojson"
_MOST_BYTES: Final = 4_000_000
_MOST_OF_NOTE: Final = 300
_GEOMETRIES: Final = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
#: How deep the positions of the deepest geometry lie.
_DEPTH: Final = 4
#: Of degrees: a decimetre, which no page shows.
_DIGITS: Final = 6


class MapSettings(Settings):
    """What a service is told that shows maps."""

    maps: Path | None = Field(
        None,
        description="Folder with the maps of cities, each `JURISDICTION.geojson`, read at the start and open to who "
        "reaches the pages; empty: pages show none ([operating.md](operating.md#maps))",
    )


@dataclass(frozen=True, slots=True)
class CityMap:
    """A map in WGS 84: its name and its bytes, where it ends (west, south, east, north), what stands under it."""

    name: str
    body: bytes
    bounds: tuple[float, float, float, float]
    note: str = ""


def maps_in(folder: Path | None) -> Mapping[str, CityMap]:
    """The maps in ``folder`` by the ids of their cities; none without one.

    Raises:
        SettingsError: there is no such folder, or a file in it is no map; both are named.
    """
    if folder is None:
        return MappingProxyType({})
    if not folder.is_dir():
        raise SettingsError(f"DUBAN_MAPS: {folder} is no folder")
    return MappingProxyType({file.stem: _map_in(file) for file in sorted(folder.glob(f"*{SUFFIX}"))})


def _map_in(file: Path) -> CityMap:
    try:
        if (size := file.stat().st_size) > _MOST_BYTES:
            raise ValueError(f"has {size} bytes, and a page may load {_MOST_BYTES}: simplify its lines")
        body = file.read_bytes()
        whole = json.loads(body)
        if (system := _system(whole)) != "wgs84":
            body = _brought_to_wgs84(whole, system)
        longitudes, latitudes = zip(*(map(float, position[:2]) for position in _positions(whole)), strict=True)
        note = whole.get("attribution", "")
        if not isinstance(note, str) or len(note) > _MOST_OF_NOTE:
            raise ValueError(f"attribution is no text of at most {_MOST_OF_NOTE} characters")
        bounds = (min(longitudes), min(latitudes), max(longitudes), max(latitudes))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"DUBAN_MAPS: {file}: {error}") from error
    if bounds[0] == bounds[2] or bounds[1] == bounds[3]:
        raise SettingsError(f"DUBAN_MAPS: {file}: everything in it lies on one line")
    return CityMap(file.name, body, bounds, note)


def _system(whole: Any) -> System:
    """By what the positions of a map are measured; raises ValueError where it says what nobody knows."""
    named = whole.pop("datum", "wgs84") if isinstance(whole, dict) else "wgs84"
    if named not in SYSTEMS:
        raise ValueError(f"datum is {str(named)[:40]}, and none of {', '.join(SYSTEMS)}")
    return cast("System", named)


def _brought_to_wgs84(whole: Any, system: System) -> bytes:
    """The map ``whole``, every position of which is moved from ``system``; raises ValueError as :func:`_positions`."""
    for position in _positions(whole):
        latitude, longitude = to_wgs84((position[1], position[0]), system)
        position[:2] = round(longitude, _DIGITS), round(latitude, _DIGITS)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _positions(whole: Any) -> Iterator[list[Any]]:
    """Every position of a collection of features, as RFC 7946 has it; raises ValueError, with where."""
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list) or whole.get("type") != "FeatureCollection" or not features:
        raise ValueError("is no FeatureCollection with features in it, as RFC 7946 has it")
    for number, feature in enumerate(features):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") not in _GEOMETRIES:
            raise ValueError(f"features[{number}]: has no geometry of: {', '.join(sorted(_GEOMETRIES))}")
        try:
            yield from _within(geometry.get("coordinates"), _DEPTH)
        except ValueError as error:
            raise ValueError(f"features[{number}]: {error}") from None


def _within(coordinates: Any, depth: int) -> Iterator[list[Any]]:
    if not isinstance(coordinates, list) or not coordinates or depth == 0:
        raise ValueError("its coordinates are not nested as those of its type")
    if isinstance(coordinates[0], list):
        for inner in coordinates:
            yield from _within(inner, depth - 1)
    else:
        _check(coordinates)
        yield coordinates


def _check(numbers: list[Any]) -> None:
    longitude, latitude = numbers[:2] if len(numbers) > 1 else (None, None)
    if not (
        isinstance(longitude, int | float) and abs(longitude) <= 180
        and isinstance(latitude, int | float) and abs(latitude) <= 90
    ):  # fmt: skip
        raise ValueError(f"{numbers[:2]} is no longitude and latitude in degrees")
