"""What the laws of a pack allow: beside the bad packs, the good ones that look almost like them."""

from __future__ import annotations

from typing import Any

import pytest

from duban.policy import PolicyPack
from duban.policy.laws import breaches
from tests.given import entries, small_rules

SECTIONS = small_rules().pack.model_dump(exclude_none=True)


def law_abiding(**changed: Any) -> bool:
    """Whether the small pack with some sections changed breaks no law."""
    return not list(breaches(PolicyPack.model_validate({**SECTIONS, **changed})))


def lines(*told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"lead": "water", "clause": "art. 1", **line} for line in told]


def ladder(*levels: dict[str, Any]) -> list[dict[str, object]]:
    told = [{"measure": "bulletin", "to": ["@owner"], **level} for level in levels]
    return entries("ladders", standard={"levels": told}, late_report={"levels": told})


def test_the_same_id_may_stand_in_two_sections() -> None:
    # The small pack has a unit and an area north.
    assert law_abiding()


@pytest.mark.parametrize(
    "list_",
    [
        pytest.param([{"categories": ["river"], "areas": ["north"]}, {"categories": ["river"]}], id="narrow first"),
        pytest.param([{"categories": ["river"]}, {"areas": ["north"]}], id="crossing"),
        pytest.param([{"categories": ["river"]}, {"categories": ["river", "noise"]}], id="wider later"),
        pytest.param([{"areas": ["north-town"]}, {"areas": ["north"]}], id="the town before its county"),
        pytest.param([{"channels": ["patrol"]}, {}], id="a catch-all at the end"),
        pytest.param([{"lead": "@territorial"}, {}], id="a catch-all for what has no area"),
    ],
)
def test_a_line_may_follow_one_that_leaves_it_something(list_: list[dict[str, Any]]) -> None:
    assert law_abiding(responsibility_list=lines(*list_))


@pytest.mark.parametrize(
    "list_",
    [
        pytest.param([{"areas": ["north"]}, {"areas": ["north-town"]}], id="the county before its town"),
        pytest.param(
            [{"lead": "@territorial", "areas": ["north"]}, {"areas": ["north"]}], id="territorial, with areas"
        ),
        pytest.param([{}, {"channels": ["patrol"]}], id="a catch-all first"),
    ],
)
def test_a_line_may_not_follow_one_that_takes_all_of_it(list_: list[dict[str, Any]]) -> None:
    assert not law_abiding(responsibility_list=lines(*list_))


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param([{}], id="only the lapse"),
        pytest.param([{"before": {"days": 3}}, {"before": {"days": 1}}, {}], id="two reminders, closer and closer"),
        pytest.param([{}, {"after": {"hours": 1}}, {"after": {"hours": 2}}], id="later and later"),
        pytest.param([{}, {"after": {"hours": 1}}, {"after": {"working_days": 1}}], id="kinds that cannot be compared"),
        pytest.param([{"before": {"days": 1}}, {"after": {"days": 1}}], id="nothing at the lapse itself"),
        pytest.param([{}, {"flags": ["hard"]}, {"after": {"days": 1}}], id="two at the lapse, one for a mark"),
    ],
)
def test_a_ladder_may_climb(levels: list[dict[str, Any]]) -> None:
    assert law_abiding(ladders=ladder(*levels))


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param([{"before": {"days": 1}}, {"before": {"days": 3}}, {}], id="reminders farther and farther"),
        pytest.param([{}, {"after": {"hours": 2}}, {"after": {"hours": 2}}], id="two at one time"),
        pytest.param([{}, {"after": {"weeks": 2}}, {"after": {"weeks": 1}}], id="weeks that shrink"),
        pytest.param([{}, {"after": {"months": 1}}, {"after": {"months": 1}}], id="two in one month"),
        pytest.param([{}, {"flags": ["hard"], "after": {"days": 2}}, {"flags": ["hard"]}], id="a mark that steps back"),
    ],
)
def test_a_ladder_may_not_stand_still(levels: list[dict[str, Any]]) -> None:
    assert not law_abiding(ladders=ladder(*levels))


def test_areas_need_no_units_where_nothing_is_territorial() -> None:
    areas = [{"id": "north", "title": {"en": "North"}}]
    assert law_abiding(areas=areas, responsibility_list=lines({}), always_responsible=[])
    assert not law_abiding(areas=areas, responsibility_list=lines({}), always_responsible=["@territorial"])


@pytest.mark.parametrize("number", ["{year}/{serial}", "{{x}} {year} {serial:06d}", "〔{year}〕{serial}号"])
def test_a_number_may_have_any_words_around_year_and_serial(number: str) -> None:
    assert law_abiding(number=number)


@pytest.mark.parametrize("number", ["{year} serial", "{serial}", "{}", "{year}{serial}{0}", "{serial:{year}.{year}q}"])
def test_a_number_that_could_not_tell_problems_apart_is_refused(number: str) -> None:
    assert not law_abiding(number=number)


@pytest.mark.parametrize("by", [["@office"], ["@sponsor"], ["police"], ["county"], ["@sponsor", "water"]])
def test_a_check_and_a_look_back_may_be_left_to_a_unit_a_role_the_office_or_the_sponsor(by: list[str]) -> None:
    check = {"id": "clear", "title": {"en": "Clear"}, "by": by, "clause": "art. 8"}
    assert law_abiding(gate={"checks": [check], "clause": "art. 8"}, look_back={**SECTIONS["look_back"], "by": by})


@pytest.mark.parametrize(
    ("on", "allowed"),
    [("registered", True), ("handed_back", True), ("looked_back", True), ("flagged", True), ("approved", True),
     ("reminded", False), ("escalated", False), ("measured", False)],
)  # fmt: skip
def test_a_measure_may_be_set_off_by_what_people_do_and_not_by_another_measure(on: str, allowed: bool) -> None:
    trigger = {"id": "one", "on": on, "measure": "interview", "to": ["@lead"], "clause": "art. 9"}
    assert law_abiding(triggers=[trigger]) == allowed


def test_a_dated_duty_may_open_and_lapse_on_one_day() -> None:
    day = SECTIONS["duties"][2]["schedule"]["date"]
    assert law_abiding(duties=[{**SECTIONS["duties"][2], "due_on": day}, *SECTIONS["duties"][3:]])
