"""The maps of cities: what is one, what is refused with which words, and which pages show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from duban.coordinates import gcj02_to_bd09, wgs84_to_gcj02
from duban.errors import SettingsError
from duban.pages.look import PageLook
from duban.pages.maps import maps_in
from duban_local import ROOT

MAPS: Final = ROOT / "tests/data/maps"


def drawn(coordinates: Any, geometry: str = "LineString") -> dict[str, Any]:
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": geometry, "coordinates": coordinates}}
    return {"type": "FeatureCollection", "features": [feature]}


def test_a_city_has_the_map_of_its_name_with_where_it_ends_and_what_stands_under_it() -> None:
    maps = maps_in(MAPS)
    assert maps.keys() == {"mianyang", "smallville"}
    assert maps["smallville"].bounds == (120.05, 30.18, 120.25, 30.37)
    assert maps["smallville"].note == "An invented map: there is no such town."
    assert PageLook([], maps=maps).assets.url("smallville.geojson").endswith("/smallville.geojson")
    assert maps_in(None) == {}


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        ("{", "Expecting property name"),
        ([], "is no FeatureCollection"),
        ({"type": "FeatureCollection", "features": []}, "is no FeatureCollection with features in it"),
        ({"type": "Topology", "objects": {}}, "is no FeatureCollection"),
        (drawn([[1, 2], [3, 4]], "Circle"), "features[0]: has no geometry of"),
        (drawn([[3380000.5, 500000.1], [0, 0]]), "features[0]: [3380000.5, 500000.1] is no longitude and latitude"),
        (drawn([["1", 2]]), "is no longitude and latitude"),
        (drawn([[1]]), "is no longitude and latitude"),
        (drawn([]), "are not nested"),
        (drawn([[[[[1, 2]]]]]), "are not nested"),
        (drawn([[1, 2], [1, 4]]), "lies on one line"),
        ({**drawn([[1, 2], [3, 4]]), "attribution": ["x"]}, "attribution is no text"),
        ({**drawn([[1, 2], [3, 4]]), "datum": "mars"}, "datum is mars, and none of wgs84, gcj02, bd09"),
        ({**drawn([[1, 2], [3, 4]]), "datum": ["gcj02"]}, "datum is ['gcj02'], and none of"),
        ({**drawn([["1", 2]]), "datum": "gcj02"}, "is no longitude and latitude"),
    ],
)
def test_what_is_no_map_stops_the_start_with_the_file_and_what_is_wrong(tmp_path: Path, whole: Any, words: str) -> None:
    file = tmp_path / "smallville.geojson"
    file.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    with pytest.raises(SettingsError) as refused:
        maps_in(tmp_path)
    assert f"DUBAN_MAPS: {file}: " in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_a_map_that_is_drawn_in_shifted_coordinates_is_shown_where_things_are(tmp_path: Path, datum: str) -> None:
    earth = [(121.5272106, 31.1774276), (121.6, 31.3), (121.4, 31.2)]
    mars = [wgs84_to_gcj02((latitude, longitude)) for longitude, latitude in earth]
    shifted = [gcj02_to_bd09(point) for point in mars] if datum == "bd09" else mars
    ring = [[longitude, latitude, 7.5] for latitude, longitude in shifted]
    whole = {**drawn([[*ring, ring[0]]], "Polygon"), "datum": datum, "attribution": "审图号：甲S（2026）1号"}
    (tmp_path / "smallville.geojson").write_text(json.dumps(whole))
    [shown] = maps_in(tmp_path).values()
    document = json.loads(shown.body)
    [outline] = document["features"][0]["geometry"]["coordinates"]
    assert [tuple(position[:2]) for position in outline] == [
        pytest.approx(point, abs=2e-6) for point in [*earth, earth[0]]
    ]
    assert {position[2] for position in outline} == {7.5}
    assert "datum" not in document
    assert shown.bounds == pytest.approx((121.4, 31.1774276, 121.6, 31.3), abs=2e-6)
    assert shown.note == "审图号：甲S（2026）1号"


def test_a_map_in_wgs84_is_shown_as_it_was_drawn() -> None:
    assert maps_in(MAPS)["smallville"].body == (MAPS / "smallville.geojson").read_bytes()


def test_a_folder_that_is_not_there_and_a_file_that_no_page_may_load_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no folder"):
        maps_in(tmp_path / "nowhere")
    (tmp_path / "large.geojson").write_bytes(b" " * 4_000_001)
    with pytest.raises(SettingsError, match="has 4000001 bytes"):
        maps_in(tmp_path)
