"""Mianyang 2022, part 二(一): by which ways problems are found. Each test names the ids of what it shows.

In 2022 April 6 is a Wednesday; April 30 to May 4 is off, April 24 and May 7 are worked.
"""

from __future__ import annotations

import pytest

from duban.moves import Kind
from duban_cli.demo.story import sealed
from tests.acceptance.timeline import City, expect, local, measured, runs

OFFICE = "pollution-office"
SEALED = [sealed("巡查记录")]


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


@pytest.mark.parametrize("channel", ["self-check", "covert-check"])
def test_what_a_sector_finds_by_itself_or_covertly_is_a_problem_my_01a(city: City, channel: str) -> None:
    expect(city.report("mining", "采坑未复绿", area="pingwu", channel=channel), lead_unit="natural-resources")


def test_each_line_department_checks_its_sector_every_quarter_my_01a(city: City) -> None:
    city.advance(to="2022-08-05 09:00")
    departments = [unit.id for unit in city.rules.pack.units if "line-department" in unit.roles]
    assert len(departments) == 10
    for unit in departments:
        (july,) = city.duties("self-check", unit)
        expect(july, kind=Kind.DUTY, holder=unit, reminded=("self-check",), escalated=("bulletin",))


@pytest.mark.parametrize(
    ("channel", "category"), [("grid-patrol", "straw-burning"), ("river-patrol", "river-occupation")]
)
def test_patrols_report_what_they_find_with_its_position_my_01b(city: City, channel: str, category: str) -> None:
    first = city.report(category, "巡查发现", area="luxi", channel=channel, at=(31.2960, 105.0490))
    again = city.report(category, "再次发现", area="luxi", channel=channel, at=(31.2962, 105.0491))
    expect(first, status="dispatched", channel=channel, reports=2)
    assert again.id == first.id
    assert first.problem is not None
    assert "santai" in (first.problem.lead_unit, *first.problem.co_units)


def test_each_county_and_park_accounts_for_its_patrols_every_month_my_01b(city: City) -> None:
    city.advance(to="2022-04-22 17:00")
    counties = [unit.id for unit in city.rules.pack.units if "county" in unit.roles]
    assert len(counties) == 14
    done, *silent = (city.duties("patrol-plan", unit)[0] for unit in counties)
    for one in silent:
        expect(one, kind=Kind.DUTY, reminded=("patrol-plan",), escalated=("bulletin",))
    city.act(done, "complete", by=counties[0], outcome="rectified", evidence=SEALED)
    expect(done, status="struck_off")


@pytest.mark.parametrize(
    "channel", ["mayor-hotline", "duty-line", "report-platform", "leaders-mailbox", "letter", "visit"]
)
def test_every_way_to_complain_leads_into_one_register_my_02a(city: City, channel: str) -> None:
    city.advance(to="2022-04-09 23:30")  # a Saturday night
    city.report("road-dust", "道路扬尘", area="fucheng", channel="mayor-hotline")
    case = city.report("catering-fumes", "油烟扰民", area="youxian", channel=channel)
    expect(case, number="绵污防督〔2022〕2号", channel=channel, lead_unit="urban-management", status="dispatched")


@pytest.mark.parametrize("channel", ["deputy-proposal", "deputy-visit"])
def test_what_deputies_raise_is_supervised_like_any_problem_my_03(city: City, channel: str) -> None:
    case = city.report(None, "建议治理凯江沿线", area="santai", channel=channel)
    expect(case, lead_unit="ecology", co_units=("performance", "peoples-congress", "cppcc", "santai"), clause="二(一)3")
    known = city.report("livestock", "建议整治养殖场", area="santai", channel=channel)
    expect(known, lead_unit="agriculture")


@pytest.mark.parametrize("channel", ["volunteer", "association"])
def test_volunteers_and_associations_hand_in_what_they_found_my_04(city: City, channel: str) -> None:
    expect(city.report("soil", "群众集中反映", area="anzhou", channel=channel), lead_unit="ecology", channel=channel)


def test_an_association_hands_in_the_demands_of_many_and_each_gets_an_answer_my_04(city: City) -> None:
    """MY-04: 将公众个体诉求通过环保社会组织集中反馈: each demand is a report; near ones are one problem."""
    city.advance(to="2022-04-06 10:00")
    bundle = {
        id_: city.report("livestock", title, report_id=id_, area="luxi", channel="association", at=at)
        for id_, title, at in (
            ("诉求1", "东侧住户：养鸭场臭气", (31.0961, 105.0940)),
            ("诉求2", "西侧住户：养鸭场臭气", (31.0965, 105.0947)),
            ("诉求3", "三组住户：粪水入沟", (31.1200, 105.1300)),
        )
    }
    farm, ditch = bundle["诉求1"], bundle["诉求3"]
    assert bundle["诉求2"].id == farm.id != ditch.id
    expect(farm, reports=2, channel="association", lead_unit="agriculture")
    expect(ditch, reports=1)
    for case in (farm, ditch):
        city.act(case, "acknowledge", by="agriculture")
        city.act(case, "complete", by="agriculture", outcome="rectified")
        city.act(case, "verify", by=OFFICE, passed=True)
        city.act(case, "strike_off", by=OFFICE)
    for case, id_ in ((farm, "诉求1"), (ditch, "诉求3")):
        city.act(case, "reply", by="agriculture", source="timeline", id=id_, text="已整改，请协会转告。")
    assert runs(farm, "reply") == "2022-04-11 17:00"
    city.advance(to="2022-04-11 17:00")
    expect(ditch, lapsed=set(), unanswered=0)
    expect(farm, lapsed={"reply"}, escalated=("bulletin",))
    city.act(farm, "reply", by="agriculture", source="timeline", id="诉求2", text="已整改，请协会转告。")
    expect(farm, unanswered=0)


def test_volunteers_are_trained_every_year_or_it_is_told_of_my_04(city: City) -> None:
    city.advance(to="2023-11-01 09:00")
    held, missed = (city.duties("volunteer-training", unit)[0] for unit in ("ecology", "education"))
    city.act(held, "complete", by="ecology", outcome="rectified", evidence=SEALED)
    city.advance(to="2024-01-02 17:00")  # 365 days end on a holiday
    expect(held, status="struck_off", escalated=())
    expect(missed, kind=Kind.DUTY, escalated=("bulletin",))
    assert len(city.duties("volunteer-training", "education")) == 2


@pytest.mark.parametrize("channel", ["media", "miniapp"])
def test_media_and_mini_programs_gather_leads_my_05a(city: City, channel: str) -> None:
    expect(
        city.report("urban-sewage", "沟渠黑臭", area="xiaojian", channel=channel), lead_unit="housing", channel=channel
    )


def test_the_list_to_be_exposed_is_owed_every_month_and_waits_for_a_yes_my_05b(city: City) -> None:
    city.advance(to="2022-06-30 09:00")
    assert len(city.duties("exposure-list", "ecology")) == 3
    assert city.rules.duties["exposure-list"].public
    (drafted,) = [one for one in city.rules.pack.bulletins if one.id == "exposure"]
    assert (drafted.period, drafted.needs_approval, drafted.recipients) == ("monthly", True, ("publicity",))


@pytest.mark.parametrize("channel", ["auto-monitoring", "power-use", "video"])
def test_what_monitors_see_goes_to_the_bureau_whatever_it_is_my_06a(city: City, channel: str) -> None:
    expect(city.report("industrial-wastewater", "COD超标", area="jingkai", channel=channel), lead_unit="ecology")
    expect(city.report("construction-dust", "抓拍扬尘", area="jingkai", channel=channel), lead_unit="ecology")


@pytest.mark.parametrize(
    ("duty", "at"),
    [
        ("monitors-of-key-polluters", "2023-01-01 00:00"),
        ("monitors-of-industry", "2024-01-01 00:00"),
        ("component-station", "2023-01-01 00:00"),
    ],
)
def test_devices_are_there_by_their_date_or_it_is_told_of_my_06a_my_06b(duty: str, at: str) -> None:
    city = City.of("mianyang-2022", at="2022-03-31 17:00")
    city.run(local(at))
    (owed,) = city.duties(duty, "ecology")
    expect(owed, status="underway", escalated=())
    city.advance(to=at)
    expect(owed, lapsed={duty}, escalated=("bulletin",))


def test_the_office_tells_all_units_every_month_how_rectification_stands_my_10a(city: City) -> None:
    city.advance(to="2022-06-10 17:00")
    may, june = city.duties("rectification-bulletin", OFFICE)
    expect(june, escalated=("bulletin",))
    assert may.taken_after_lapse[-1].to == (OFFICE, "supervision-office")
    (told,) = [one for one in city.rules.pack.bulletins if one.id == "state"]
    assert (told.period, told.recipients, told.needs_approval) == ("monthly", ("@units", "supervision-office"), False)


def test_a_look_back_says_whether_rectification_was_true_in_time_and_effective_my_01a(city: City) -> None:
    case = city.report("road-dust", "道路扬尘", area="fucheng")
    city.act(case, "acknowledge", by="urban-management")
    city.act(case, "complete", by="urban-management", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "strike_off", by=OFFICE)
    found = {"truthful": True, "timely": True, "effective": False, "reason": "车辆仍带泥上路"}
    city.refuses(case, "look_back", by="urban-management", because="not_permitted", **found)
    city.act(case, "look_back", by="ecology", evidence=SEALED, **found)
    expect(case, status="underway", raised=1)


# The roster, the grid, and what happens at no fixed time


def test_who_answers_the_24_hour_line_is_handed_in_every_day_feast_days_too_my_02a(city: City) -> None:
    """MY-02a: 24小时应急值守热线: without a name by nine the desk is called, and then told of."""
    city.advance(to="2022-05-02 10:00")
    rosters = city.duties("duty-roster", "ecology")
    assert len(rosters) == 26, "one a day from April 7, Labour Day included"
    expect(rosters[-1], kind=Kind.DUTY, escalated=("roster-call", "bulletin"))
    city.advance(to="2022-05-03 08:30")
    (*_, today) = city.duties("duty-roster", "ecology")
    city.act(today, "complete", by="ecology", outcome="submitted")
    city.advance(to="2022-05-03 23:00")
    expect(today, escalated=(), lapsed=set())


def test_the_grid_has_four_levels_down_to_the_village_my_14(city: City) -> None:
    """MY-14: 市、县、乡、村四级: what lies in a village is answered for by its county."""
    areas = city.rules.areas
    assert {area.tier for area in areas.values()} == {1, 2, 3, 4}
    assert [area.tier for area in city.rules.lineage("lianfeng")] == [4, 3, 2, 1]
    assert all(area.tier == (areas[area.parent].tier or 0) + 1 for area in areas.values() if area.parent)
    assert areas["lianfeng"].cell is not None
    expect(city.report("straw-burning", "焚烧秸秆", area="lianfeng", channel="grid-patrol"), lead_unit="anzhou")


def test_an_area_that_misses_major_pollution_is_followed_up_and_assisted_my_14(city: City) -> None:
    """MY-14: 未能及时发现…跟踪问效和定点帮扶: found first by others; looked at every thirty days."""
    missed = city.report("major", "废油渗坑", area="zhongba", channel="media")
    (assisted,) = measured(missed)
    assert assisted.measure == "assistance"
    # To who leads it and to the area that missed it, not to police, procuratorate and court, who join in the problem.
    assert assisted.to == ("ecology", "jiangyou", "supervision-office")
    expect(missed, co_units=("police", "procuratorate", "court", "jiangyou"))
    expect(missed, flags=("assisted",))
    city.act(missed, "acknowledge", by="ecology")
    assert runs(missed, "follow-up") == "2022-05-06 17:00"
    city.act(missed, "review", by=OFFICE, evidence=SEALED)
    city.advance(to="2022-05-06 17:00")
    assert "follow-up" in missed.lapsed


@pytest.mark.parametrize(("category", "channel"), [("major", "grid-patrol"), ("road-dust", "media")])
def test_what_it_finds_itself_or_is_not_major_brings_no_assistance_my_14(
    city: City, category: str, channel: str
) -> None:
    """MY-14: the measure is for what is both major and missed."""
    case = city.report(category, "渗坑", area="zhongba", channel=channel)
    expect(case, flags=())
    assert measured(case) == []


def test_the_media_verify_on_some_day_of_each_quarter_or_it_is_told_of_my_13b(city: City) -> None:
    """MY-13b: 不定期: the day is free within the quarter; that it comes at all is not."""
    city.advance(to="2022-08-02 09:00")
    (verified,) = city.duties("media-verification", "supervision-office")
    city.act(verified, "complete", by="supervision-office", outcome="submitted", evidence=SEALED)
    city.advance(to="2023-01-01 09:00")
    _, missed = city.duties("media-verification", "supervision-office")[:2]
    expect(verified, escalated=(), status="struck_off")
    expect(missed, kind=Kind.DUTY, status="underway", lapsed={"media-verification"})
