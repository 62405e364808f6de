"""The laws of distance and of the grid that finds neighbours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import asin, atan2, cos, degrees, radians, sin
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.messages.report import Location
from duban.policy.model.organisation import Nearness
from duban_intake.nearness import EARTH_METRES, Grid, Place, metres_between

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
PARIS, LONDON = Location(latitude=48.8566, longitude=2.3522), Location(latitude=51.5074, longitude=-0.1278)
locations = st.builds(Location, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))
sizes = st.floats(1, 10_000)


def moved(start: Location, bearing: float, metres: float) -> Location | None:
    """The point ``metres`` from ``start`` along the great circle of ``bearing``; None beyond the date line."""
    there, lat, lon = metres / EARTH_METRES, radians(start.latitude), radians(start.longitude)
    to = asin(max(-1.0, min(1.0, sin(lat) * cos(there) + cos(lat) * sin(there) * cos(bearing))))
    along = lon + atan2(sin(bearing) * sin(there) * cos(lat), cos(there) - sin(lat) * sin(to))
    inside = abs(degrees(along)) <= 180
    return Location(latitude=degrees(to), longitude=degrees(along)) if inside else None


def test_paris_and_london_are_344_km_apart() -> None:
    assert metres_between(PARIS, LONDON) == pytest.approx(343_556, rel=1e-3)


def test_a_degree_of_longitude_shrinks_with_the_latitude() -> None:
    def degree(latitude: float) -> float:
        one, other = (Location(latitude=latitude, longitude=x) for x in (7, 8))
        return metres_between(one, other)

    assert degree(60) == pytest.approx(degree(0) / 2, rel=1e-3)


@given(locations, locations)
def test_distance_is_the_same_both_ways_and_none_to_itself(one: Location, other: Location) -> None:
    assert metres_between(one, other) == metres_between(other, one)
    assert metres_between(one, one) == 0


@given(locations, st.floats(0, 6.2831), st.floats(0, 1), sizes)
def test_whatever_lies_within_the_distance_lies_in_the_cells_around(
    here: Location, bearing: float, part: float, metres: float
) -> None:
    there = moved(here, bearing, part * metres)
    if there is None or metres_between(here, there) > metres:
        return
    grid = Grid("smallville", "river", metres)
    assert grid.cell(there) in set(grid.around(here))
    assert grid.cell(here) in set(grid.around(there))


@given(locations, sizes)
def test_a_look_up_touches_nine_cells_at_most_and_its_own_among_them(here: Location, metres: float) -> None:
    grid = Grid("smallville", "river", metres)
    around = grid.around(here)
    assert len(around) == 9
    assert grid.cell(here) in around
    assert all(-(2**63) <= cell < 2**63 for cell in around)


@given(st.floats(-70, 70), sizes)
def test_cells_stay_small_where_people_live(latitude: float, metres: float) -> None:
    grid = Grid("smallville", "river", metres)
    here = Location(latitude=latitude, longitude=10)
    apart = Location(
        latitude=latitude, longitude=10 + 3.2 * degrees(metres / EARTH_METRES) / cos(radians(abs(latitude)))
    )
    assert grid.cell(apart) not in set(grid.around(here))


def test_other_jurisdictions_and_categories_have_cells_of_their_own() -> None:
    cells = [Grid(*names, 100).cell(PARIS) for names in (("a", "river"), ("b", "river"), ("a", "noise"))]
    assert len(set(cells)) == 3


@pytest.mark.parametrize(("late", "takes"), [(-1, True), (0, True), (1, False)])
def test_a_place_takes_reports_until_the_hours_are_over(late: int, takes: bool) -> None:
    place = Place(UUID(int=1), "smallville", "river", PARIS, 0, AT, AT)
    at = AT + timedelta(hours=72, microseconds=late)
    assert (place.metres_to(PARIS, at, Nearness(metres=100, hours=72)) is not None) is takes


@pytest.mark.parametrize(("metres", "takes"), [(99.9, True), (100.1, False)])
def test_a_place_takes_reports_within_its_metres(metres: float, takes: bool) -> None:
    place = Place(UUID(int=1), "smallville", "river", PARIS, 0, AT, AT)
    there = moved(PARIS, 1.0, metres)
    assert there is not None
    assert (place.metres_to(there, AT, Nearness(metres=100, hours=72)) is not None) is takes
