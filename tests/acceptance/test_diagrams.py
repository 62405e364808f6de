"""Diagrams of a city on virtual time, in numbers counted by hand, and as what is drawn of them."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from duban.policy.model.assessment import Period
from duban_console.assessment.diagram_svg import drawn
from duban_console.assessment.diagrams import Diagram, DiagramRow, Lamp, Shape, lamps_by_week, times_by_unit
from duban_console.assessment.histories import History, histories
from duban_console.assessment.periods import as_of, stretch_of
from duban_console.assessment.tallies import tallied
from tests.acceptance.sheets import events_of
from tests.acceptance.test_mianzhu import plan, strike_off, underway
from tests.acceptance.timeline import City

SVG = "{http://www.w3.org/2000/svg}"
NEAR = timedelta(days=3)


@pytest.fixture(scope="module")
def city() -> City:
    """Mianzhu: one struck off on July 19, one whose plan ends on July 20, one without a plan. It is August 15."""
    city = City.of("mianzhu-2018", at="2018-07-04 09:00")
    waste, water = underway(city, "6-3"), underway(city, "3-2")
    city.act(waste, "plan", by="urban-management", plan=plan("immediate", "2018-07-31 17:00"))
    city.act(water, "plan", by="deyang-aba-park", plan=plan("immediate", "2018-07-20 17:00"))
    city.advance(to="2018-07-19 10:00")
    strike_off(city, waste)
    city.advance(to="2018-08-15 10:00")
    return city


def past(city: City, day: str) -> list[History]:
    until_at = as_of(day, city.rules.zone)
    return list(histories(events_of(city), lambda _: city.rules, city.rules.pack.jurisdiction, until_at))


def lamps(city: City, day: str, near: timedelta = NEAR) -> Diagram:
    stretch = stretch_of(Period.MONTHLY, as_of(day, city.rules.zone), city.rules.zone)
    return lamps_by_week(past(city, day), stretch, city.rules, near, "zh")


def of(diagram: Diagram, row: str) -> dict[str, float | None]:
    values = next(one.values for one in diagram.rows if one.id == row)
    return dict(zip(diagram.labels, values, strict=True))


def test_lamps_go_from_green_over_yellow_to_red_and_out(city: City) -> None:
    diagram = lamps(city, "2018-07-31")
    assert diagram.labels == ("2018-07-01", "2018-07-08", "2018-07-15", "2018-07-22", "2018-07-29", "2018-07-31")
    assert of(diagram, Lamp.RED)["2018-07-22"] == 1
    assert [sum(of(diagram, lamp)[day] or 0 for lamp in Lamp) for day in diagram.labels] == [0, 2, 2, 1, 1, 1]


def test_what_is_near_is_yellow_before_it_is_red(city: City) -> None:
    wide, narrow = lamps(city, "2018-07-19", timedelta(days=9)), lamps(city, "2018-07-19", timedelta(0))
    assert of(wide, Lamp.YELLOW)["2018-07-15"] == 1
    assert of(narrow, Lamp.YELLOW)["2018-07-15"] == 0


@pytest.mark.parametrize("day", ["2018-07-08", "2018-07-15", "2018-07-22", "2018-07-29"])
def test_a_week_looked_back_at_is_the_week_as_it_was(city: City, day: str) -> None:
    """Later events change nothing of it: counted in August it is what was counted that Sunday."""
    assert [of(lamps(city, "2018-07-31"), lamp)[day] for lamp in Lamp] == [
        of(lamps(city, day), lamp)[day] for lamp in Lamp
    ]


def test_times_by_unit_are_those_of_the_tallies(city: City) -> None:
    stretch = stretch_of(Period.YEARLY, as_of("2018-08-15", city.rules.zone), city.rules.zone)
    tallies = tallied(past(city, "2018-08-15"), stretch, city.rules, frozenset())
    diagram = times_by_unit(tallies, city.rules, "zh")
    assert diagram.labels[-1] == "合计"
    assert city.rules.title_of("urban-management") in diagram.labels
    resolve = of(diagram, "resolve")[city.rules.title_of("urban-management")]
    ended = tallies["urban-management"].resolve.ended
    assert resolve == pytest.approx(sum(ended) / len(ended), abs=0.1)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_what_is_drawn_has_every_figure_written_in(city: City) -> None:
    diagram = lamps(city, "2018-07-31")
    written = texts(drawn(diagram))
    for label in diagram.labels:
        assert label in written
    assert written.count("2") >= 2  # the sums of the first two weeks
    for row in diagram.rows:
        assert row.title in written


def test_what_is_drawn_asks_nothing_of_a_content_security_policy(city: City) -> None:
    assert not re.search(r"style=|<script|<style|\son\w+=|href", drawn(lamps(city, "2018-07-31")))


def test_nothing_to_draw_is_drawn_too() -> None:
    for shape in Shape:
        assert texts(drawn(Diagram("times", "Times", "h", shape, (), ())))[0] == "Times (h)"


def test_a_name_is_text_and_nothing_else() -> None:
    evil = Diagram("times", "<b>&", "h", Shape.BARS, ("</svg><script>",), (DiagramRow("find", "\"'<", (1.0,)),))
    assert "</svg><script>" in texts(drawn(evil))


def test_every_series_has_a_hatching_of_its_own(city: City) -> None:
    patterns = ElementTree.fromstring(drawn(lamps(city, "2018-07-31"))).iter(f"{SVG}pattern")
    inside = [ElementTree.tostring(pattern[1]) if len(pattern) > 1 else b"" for pattern in patterns]
    assert len(set(inside)) == len(Lamp)
