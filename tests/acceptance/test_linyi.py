"""Linyi 2021 (关于构建现代环境治理体系的实施意见) as timelines: each test names the ids of what it shows.

In 2021 April 19 is a Monday; April 25 and May 8 are worked; May 1 to 5, June 12 to 14 and October 1 to 7 are off.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from duban.moves import Kind
from duban_cli.demo.story import sealed
from tests.acceptance.timeline import Case, City, expect, lead, local, measured, runs

OFFICE = "committee-office"
SEALED = [sealed("现场核查记录")]
GOOD = {"truthful": True, "timely": True, "effective": True}


@pytest.fixture
def city() -> City:
    """Linyi on Monday, April 19, 2021, at nine, the day of the document."""
    return City.of("linyi-2021", at="2021-04-19 09:00")


@pytest.fixture
def programme() -> City:
    """Linyi at the first instant of that day, when the dated tasks are opened."""
    city = City.of("linyi-2021", at="2021-04-18 18:00")
    city.advance(to="2021-04-19 00:00")
    return city


def underway(city: City, category: str = "water", **said: Any) -> Case:
    """A problem that its lead unit has acknowledged at once."""
    case = city.report(category, "河水发黑", **said)
    return city.act(case, "acknowledge", by=lead(case))


def strike_off(city: City, case: Case, *also: str) -> Case:
    """The problem is completed, verified, signed for by the office and struck off."""
    city.act(case, "complete", by=lead(case), outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    for check in ("rectified", *also):
        city.act(case, "check", by=OFFICE, check=check, evidence=SEALED)
    return city.act(case, "strike_off", by=OFFICE)


# The programme of dated tasks


def test_the_programme_has_the_due_marks_of_the_document_ly_27(programme: City) -> None:
    """LY-27: end June 2021 twelve, end August one, end 2021 nine, end 2022 one, 2025 one, 2027 one."""
    dated = [duty for duty in programme.rules.pack.duties if duty.due_on is not None]
    assert Counter(duty.due_on for duty in dated) == {
        date(2021, 6, 30): 12,
        date(2021, 8, 31): 1,
        date(2021, 12, 31): 9,
        date(2022, 12, 31): 1,
        date(2025, 12, 31): 1,
        date(2027, 12, 31): 1,
    }
    for duty in dated:
        assert duty.clause in {str(item) for item in range(1, 26)}
        for unit in duty.units:
            (owed,) = programme.duties(duty.id, unit)
            expect(owed, kind=Kind.DUTY, status="underway", holder=unit)
            assert duty.due_on is not None
            assert runs(owed, duty.id) == f"{duty.due_on + timedelta(days=1)} 00:00"


def test_every_dated_task_climbs_the_same_ladder_ly_27(programme: City) -> None:
    """LY-27: what is not there at the end of June: told, brought before the committee, inspected, reported up."""
    (done,) = programme.duties("approval-parity", "approval")
    (late,) = programme.duties("approval-parity", "ecology")
    programme.advance(to="2021-05-31 17:00")
    expect(done, reminded=())
    programme.advance(to="2021-06-01 17:00")  # twenty working days before the 30th, over the Dragon Boat days
    expect(done, reminded=("approval-parity",))
    programme.run(local("2021-07-01 00:00"))
    programme.act(done, "complete", by="approval", outcome="done", evidence=SEALED)
    days = [
        ("2021-07-01 00:00", "task-bulletin"),
        ("2021-07-14 17:00", "task-committee"),  # ten working days after the 30th of June
        ("2021-07-28 17:00", "task-inspection"),
        ("2021-08-11 17:00", "task-report"),
    ]
    taken: tuple[str, ...] = ()
    for at, measure in days:
        programme.run(local(at))
        expect(late, escalated=taken)
        programme.advance(to=at)
        taken += (measure,)
        expect(late, escalated=taken)
    expect(done, status="struck_off", escalated=())
    assert late.taken_after_lapse[-1].to == ("party-committee", "government")
    ladders = {duty.ladder for duty in programme.rules.pack.duties if duty.due_on and "central-bank" not in duty.units}
    assert ladders == {"programme"}


def test_later_marks_wait_for_their_own_day_ly_27(programme: City) -> None:
    """LY-27, LY-20: end of August, of 2021, of 2022: nothing is late the moment before, everything the moment after."""
    marks = [("industry-plan", "development", "2021-09-01 00:00"), ("third-party-trial", "ecology", "2022-01-01 00:00")]
    marks += [("waste-sorting-trial", "urban-management", "2023-01-01 00:00")]
    for duty, unit, at in marks:
        (owed,) = programme.duties(duty, unit)
        programme.run(local(at))
        expect(owed, lapsed=set(), reminded=(duty,))
        programme.advance(to=at)
        expect(owed, lapsed={duty}, escalated=("task-bulletin",))


def test_the_last_marks_are_2025_and_2027_ly_27() -> None:
    """LY-27: 2025年 waste sorting, 2027年 carbon peak: open since 2021, and they do not get lost."""
    city = City.of("linyi-2021", at="2021-04-18 18:00")
    city.advance(to="2026-01-01 00:00")
    expect(city.duties("waste-sorting", "ecology")[0], escalated=("task-bulletin",))
    (peak,) = city.duties("carbon-peak", "finance")
    assert runs(peak, "carbon-peak") == "2028-01-01 00:00"
    city.act(peak, "complete", by="finance", outcome="done", evidence=SEALED)
    city.advance(to="2028-01-01 00:00")
    expect(peak, status="struck_off", escalated=())
    expect(city.duties("carbon-peak", "ecology")[0], escalated=("task-bulletin",))


@pytest.mark.parametrize(
    ("duty", "units"),
    [
        pytest.param("permit-look-back", ("ecology", "approval"), id="ly_04"),
        pytest.param("enforcement-catalogue", ("ecology", "procuratorate", "court", "police", "emergency"), id="ly_09"),
        pytest.param("reward-rules", ("ecology", "finance"), id="ly_10a"),
        pytest.param("toxic-gas-system", ("ecology", "industry"), id="ly_11b"),
        pytest.param("waste-platform-built", ("ecology", "transport"), id="ly_11c"),
        pytest.param("air-forecast-system", ("ecology", "big-data"), id="ly_12"),
        pytest.param("approval-parity", ("approval", "ecology"), id="ly_13"),
        pytest.param("third-party-trial", ("ecology",), id="ly_20"),
        pytest.param("credit-rules", ("development", "ecology"), id="ly_22"),
        pytest.param("think-tank-founded", ("ecology",), id="ly_25"),
        pytest.param("mass-organisations", ("trade-unions", "youth-league", "women"), id="ly_x"),
    ],
)
def test_each_lead_unit_answers_for_a_dated_task_itself(programme: City, duty: str, units: tuple[str, ...]) -> None:
    """LY-04, LY-09, LY-10a, LY-11b, LY-11c, LY-12, LY-13, LY-20, LY-22, LY-25, LY-x: one record for each lead unit."""
    assert programme.rules.owing(programme.rules.duties[duty]) == units
    first, *others = (programme.duties(duty, unit)[0] for unit in units)
    programme.act(first, "complete", by=units[0], outcome="done", evidence=SEALED)
    expect(first, status="struck_off")
    for other in others:
        expect(other, status="underway")
        programme.refuses(other, "complete", by=units[0], because="not_permitted", outcome="done")


# Committees, units outside


def test_29_lead_units_and_those_outside_the_hierarchy_ly_01b(city: City) -> None:
    """LY-01b: the list names departments of the city and superior units stationed in it; these stand outside."""
    leads = [unit for unit in city.rules.pack.units if "lead" in unit.roles]
    assert len(leads) == 29
    assert {unit.id for unit in leads if unit.outside} == {"central-bank", "insurance"}
    assert {unit.parent for unit in leads} == {"committee", None}


def test_who_stands_outside_is_asked_by_letter_ly_01b(programme: City) -> None:
    """LY-01b: the People's Bank leads item 18: it gets letters, never an interview or an inspection."""
    (finance,) = programme.duties("green-finance", "central-bank")
    programme.advance(to="2021-08-12 17:00")
    expect(finance, escalated=("letter", "letter", "task-report"), reminded=("green-finance",))
    assert {change.measure for change in finance.measures} == {"letter", "task-report"}


def test_three_levels_of_committees_each_level_names_the_tier_above_ly_01a(city: City) -> None:
    """LY-01a: 市、县区、街镇: what the town lets lapse is told to the county, then brought before the city."""
    tiers = Counter(area.tier for area in city.rules.pack.areas)
    assert (tiers[1], tiers[2]) == (1, 15)
    case = underway(city, "dust", area="yicheng-street")
    expect(case, lead_unit="yicheng-street", co_units=("urban-management",))
    assert runs(case, "rectify") == "2021-05-11 17:00"
    city.advance(to="2021-05-14 17:00")
    bulletin, committee = case.taken_after_lapse
    assert bulletin.to == ("yicheng-street", "urban-management", "yishui", OFFICE)
    assert committee.to == ("yicheng-street", "yishui", "committee")
    county = underway(city, "dust", area="mengyin")
    city.advance(working_days=15)
    assert county.taken_after_lapse[0].to == ("mengyin", "urban-management", "committee", OFFICE)


def test_what_long_lapses_ends_in_an_inspection_of_three_issuers_ly_02(city: City) -> None:
    """LY-02: 生态环境保护督察: the three lead units of item 2 issue it, and each year the counties are inspected."""
    case = underway(city)
    city.advance(working_days=15)
    city.advance(working_days=10)
    expect(case, escalated=("bulletin", "committee", "interview", "inspection"))
    assert case.taken_after_lapse[-1].to == ("ecology", "party-office", "government-office")
    assert city.rules.measures["inspection"].issuers == ("party-office", "government-office", "ecology")
    city.advance(to="2021-09-01 09:00")
    assert len(city.duties("county-inspection", "ecology")) == 1


# Channels


@pytest.mark.parametrize(
    ("channel", "category", "units"),
    [
        pytest.param("permit-look-back", "permit", ("ecology", "approval"), id="ly_04"),
        pytest.param("self-declared", "disclosure", ("ecology",), id="ly_05"),
        pytest.param("social-supervision", "air", ("ecology",), id="ly_07"),
        pytest.param(
            "complaint", "unlawful-act", ("ecology", "procuratorate", "court", "police", "emergency"), id="ly_09"
        ),
        pytest.param("toxic-gas-warning", "toxic-gas-low", ("ecology", "industry", "emergency"), id="ly_11b"),
        pytest.param("waste-platform", "hazardous-waste", ("ecology", "transport"), id="ly_11c"),
        pytest.param("air-forecast", "air-warning", ("ecology", "big-data"), id="ly_12"),
        pytest.param("inspection", "government-breach", ("development", "ecology"), id="ly_21"),
        pytest.param("petition", "service-firm", ("development", "ecology"), id="ly_22"),
    ],
)
def test_each_channel_finds_the_lead_unit_of_its_item(
    city: City, channel: str, category: str, units: tuple[str, ...]
) -> None:
    """LY-04, LY-05, LY-07, LY-09, LY-11b, LY-11c, LY-12, LY-21, LY-22: the item's lead unit, and who joins it."""
    case = city.report(category, "线索", channel=channel, enterprise="许可证91371300MA3C0000X")
    expect(case, channel=channel, lead_unit=units[0], co_units=units[1:], enterprise="许可证91371300MA3C0000X")


# After-check by the kind of source


@pytest.mark.parametrize(
    ("channel", "obligation", "due"),
    [
        ("monitoring-data", "after-check-sensor", "2021-04-26 17:00"),
        ("opinion", "after-check-opinion", "2021-05-06 17:00"),  # May 4 is off
        ("complaint", "after-check-complaint", "2021-05-19 17:00"),
        ("petition", "after-check-petition", "2021-06-18 17:00"),
    ],
)
def test_what_was_disposed_of_is_checked_by_its_kind_of_source_ly_10b(
    city: City, channel: str, obligation: str, due: str
) -> None:
    """LY-10b: 监控数据及信访、举报、舆情反映问题的处置后督查: four kinds, four times, and silence escalates."""
    checked, forgotten = (strike_off(city, underway(city, channel=channel, report_id=str(n))) for n in (1, 2))
    assert runs(checked, obligation) == due
    city.run(local(due))
    city.refuses(checked, "look_back", by="ecology", because="not_permitted", **GOOD)
    city.act(checked, "look_back", by=OFFICE, evidence=SEALED, **GOOD)
    city.advance(to=due)
    expect(checked, status="struck_off", lapsed=set(), deadlines=())
    expect(forgotten, lapsed={obligation}, escalated=("bulletin",))


def test_a_source_of_no_such_kind_owes_no_after_check_ly_10b(city: City) -> None:
    """LY-10b: the mechanism names four kinds; what an inspection found has its own."""
    expect(strike_off(city, underway(city, channel="inspection")), status="struck_off", deadlines=())


def test_a_failed_after_check_takes_the_problem_up_again_one_level_higher_ly_10b(city: City) -> None:
    """LY-10b: what was not truly put right is underway again, with a new limit and no second bulletin."""
    case = strike_off(city, underway(city, channel="complaint"))
    city.advance(to="2021-05-10 10:00")
    city.act(case, "look_back", by="government-office", reason="排口仍在", **{**GOOD, "effective": False})
    expect(case, status="underway", raised=1)
    (finding,) = (one for one in measured(case) if one.ground == "after-check-failed")
    assert (finding.measure, finding.to) == ("after-check-finding", ("ecology", OFFICE))
    assert runs(case, "rectify") == "2021-05-31 17:00"
    city.advance(to="2021-05-31 17:00")
    expect(case, escalated=("committee",))


# Major matters


def test_a_major_matter_is_reported_at_once_ly_26(city: City) -> None:
    """LY-26: 重大事项要及时向市委、市政府报告: the lead owes it within two hours, both have first news."""
    city.advance(to="2021-05-02 02:00")
    case = underway(city, "toxic-gas-high", channel="toxic-gas-warning")
    expect(case, flags=("major",))
    told = [(one.measure, one.to) for one in measured(case)]
    assert told == [("major-call", ("ecology",)), ("major-news", ("party-committee", "government"))]
    (report,) = city.opened(case, Kind.DUTY)
    expect(report, holder="ecology", status="underway", title="向市委、市政府报告重大事项")
    assert runs(report, "report-major") == "2021-05-02 04:00"
    city.act(case, "progress", by="ecology", note="正在堵漏")  # a word on the work is no report
    city.advance(hours=2)
    expect(report, lapsed={"report-major"}, escalated=("major-overdue",))
    city.advance(hours=1)
    assert report.taken_after_lapse[-1].to == ("party-committee", "government")
    city.act(report, "complete", by="ecology", outcome="reported", evidence=SEALED)
    expect(report, status="struck_off")
    assert runs(case, "follow-up-major") == "2021-05-03 02:00"


def test_any_matter_may_turn_out_to_be_major_ly_26(city: City) -> None:
    """LY-26: the office marks it later, and the report is owed from then on; it is followed up every day."""
    case = underway(city, "hazardous-waste", channel="waste-platform")
    city.advance(to="2021-04-21 10:00")
    expect(case, flags=())
    city.act(case, "flag", by=OFFICE, flag="major", co_units=["police"])
    (report,) = city.opened(case, Kind.DUTY)
    assert runs(report, "report-major") == "2021-04-21 12:00"
    city.run(local("2021-04-21 12:00"))
    city.act(report, "complete", by="ecology", outcome="reported", evidence=SEALED)
    city.act(case, "progress", by="ecology", note="已控制，涉案人员移交公安")
    city.advance(hours=24)
    expect(report, status="struck_off", escalated=())
    expect(case, lapsed={"follow-up-major"}, co_units=("transport", "police"))
    city.refuses(case, "unflag", by=OFFICE, because="missing_reason", flag="major")
    city.act(case, "unflag", by=OFFICE, flag="major", reason="险情解除")
    city.advance(hours=30)
    expect(case, escalated=("bulletin",))


# Warnings, the river, experts


def test_the_level_of_a_warning_is_its_priority_ly_11b(city: City) -> None:
    """LY-11b: a first-level alarm is answered within four hours, a second-level one within thirty minutes."""
    city.advance(to="2021-05-02 02:00")
    low = city.report("toxic-gas-low", "硫化氢一级报警", channel="toxic-gas-warning", area="tancheng")
    high = city.report("toxic-gas-high", "硫化氢二级报警", channel="toxic-gas-warning", area="tancheng")
    assert (runs(low, "respond-low"), runs(high, "respond-high")) == ("2021-05-02 06:00", "2021-05-02 02:30")
    city.advance(minutes=30)
    expect(low, escalated=())
    expect(high, lapsed={"respond-high"}, escalated=("bulletin",), co_units=("industry", "emergency", "tancheng"))


def test_pollution_of_the_yi_or_shu_is_handled_with_the_neighbours_ly_11a(city: City) -> None:
    """LY-11a: 市际联防联控、协同处置: one lead here; each neighbour city owes its part, and is asked by letter."""
    case = city.report("cross-river", "断面氨氮突升", channel="neighbour-city")
    neighbours = ("zibo", "xuzhou", "lianyungang")
    expect(case, lead_unit="ecology", co_units=neighbours, clause="11", flags=("major",))
    assert all(city.rules.units[unit].outside for unit in neighbours)
    city.act(case, "acknowledge", by="ecology")
    city.act(case, "progress", by="ecology", note="已通报上下游并启动联合监测")
    for unit in ("zibo", "xuzhou"):
        city.act(case, "finish_part", by=unit, evidence=SEALED)
    city.advance(hours=12)
    expect(case, lapsed={"joint-action/lianyungang"}, escalated=("letter",))
    assert case.taken_after_lapse[0].to == ("lianyungang", "ecology")


def test_an_expert_of_the_pool_takes_part_in_the_strike_off_review_ly_25(city: City) -> None:
    """LY-25: 生态环境智库: where it takes knowledge, an opinion is signed before strike-off; elsewhere not."""
    case = underway(city, "soil", channel="petition")
    city.act(case, "complete", by="ecology", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "check", by=OFFICE, check="rectified", evidence=SEALED)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "check", by="think-tank", because="missing_evidence", check="expert-opinion")
    city.act(case, "check", by="think-tank", check="expert-opinion", evidence=SEALED)
    city.act(case, "strike_off", by=OFFICE)
    expect(case, status="struck_off", checks={"rectified": OFFICE, "expert-opinion": "think-tank"})
    expect(strike_off(city, underway(city, "noise", area="lanshan")), status="struck_off")


def test_more_time_is_granted_once_by_the_office(city: City) -> None:
    """In no document, but in practice: ten working days more, asked for with a reason, once."""
    case = underway(city, "noise", area="matou-town")
    city.refuses(case, "ask_extension", by="matou-town", because="missing_reason", obligation="rectify")
    city.act(case, "ask_extension", by="matou-town", obligation="rectify", reason="设备订货周期长")
    city.act(case, "decide_extension", by=OFFICE, granted=True)
    assert runs(case, "rectify") == "2021-05-25 17:00"
    again = {"because": "too_many_extensions", "obligation": "rectify", "reason": "仍未到货"}
    city.refuses(case, "ask_extension", by="matou-town", **again)
