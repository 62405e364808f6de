"""Mianyang 2022, 二(二)10 and 二(三): what is hard is coordinated, what is sudden answered, what is prominent led.

In 2022 April 6 is a Wednesday; April 24, a Sunday, and May 7, a Saturday, are worked; April 30 to May 4 is off.
"""

from __future__ import annotations

from typing import Any

import pytest

from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.struct import plain
from duban.moves import Kind
from duban_cli.demo.story import sealed
from duban_escalation.measures import notices_for
from tests.acceptance.timeline import Case, City, expect, lead, measured, runs

OFFICE = "pollution-office"
SEALED = [sealed("会议纪要：牵头单位负责截污，配合单位提供管网图。")]
GROUP = ("ecology", "emergency", "water", "health", "police")
COUNTIES = 14


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


def owing(case: Case) -> list[str]:
    """The obligations that run against a problem."""
    assert case.problem is not None
    return [one.obligation for one in case.problem.deadlines]


def told(city: City, case: Case) -> dict[str, str]:
    """The notices of the measures of a problem, the latest of each recipient."""
    assert case.problem is not None
    answers = [LedgerEvent(event=one, hash=GENESIS, problem=case.problem) for one in case.events]
    return {one.data.recipient: one.data.text for answer in answers for one in notices_for(answer, city.rules)}


# Hard problems (二(二)10)


def test_a_hard_problem_is_marked_and_more_units_join_my_10b(city: City) -> None:
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.refuses(case, "flag", by="housing", because="not_permitted", flag="hard")
    city.act(case, "flag", by=OFFICE, flag="hard", co_units=["water", "finance"])
    expect(case, flags=("hard",), co_units=("youxian", "water", "finance"))


def test_a_hard_problem_calls_all_concerned_to_a_meeting_my_10b(city: City) -> None:
    """MY-10b: 由市污防办统筹,会同责任部门(单位)进行沟通协商: the office owes it, the departments are called to it."""
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.act(case, "flag", by=OFFICE, flag="hard", co_units=["water"])
    assert [(taken.measure, taken.to) for taken in measured(case)] == [
        ("coordination", (OFFICE,)),
        ("coordination-call", ("housing", "youxian", "water")),
    ]
    assert case.problem is not None
    meeting = case.problem.deadline("coordination-meeting")
    assert meeting is not None
    assert (meeting.owner, meeting.steps) == (OFFICE, ("coordination",))


def test_the_meeting_leaves_its_record_or_it_is_told_of_my_10b(city: City) -> None:
    """MY-10b: 研究解决措施: entered with the record, never without; the supervision office hears of silence."""
    held, silent = (
        city.act(city.report("urban-sewage", "沟渠黑臭", area=area), "flag", by=OFFICE, flag="hard")
        for area in ("xiaojian", "luxi")
    )
    agreed = {"step": "coordination", "fields": {"measures": "截污清淤，住建牵头"}}
    assert runs(held, "coordination-meeting") == "2022-04-13 17:00"
    city.refuses(held, "take_step", by=OFFICE, because="invalid_fields", step="coordination", evidence=SEALED)
    city.refuses(held, "take_step", by=OFFICE, because="missing_evidence", **agreed)
    city.refuses(held, "take_step", by="housing", because="not_permitted", evidence=SEALED, **agreed)
    city.act(held, "take_step", by=OFFICE, evidence=SEALED, **agreed)
    city.advance(to="2022-04-13 17:00")
    late = [change for change in silent.taken_after_lapse if change.obligation == "coordination-meeting"]
    assert [(change.measure, change.to) for change in late] == [("bulletin", (OFFICE, "supervision-office"))]
    assert "coordination-meeting" not in held.lapsed


def test_another_mark_calls_no_meeting_my_10b(city: City) -> None:
    """MY-10b: the meeting is for what is hard."""
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.act(case, "flag", by=OFFICE, flag="prominent")
    assert measured(case) == []


# The rapid response group (二(三)11)


def test_every_member_of_the_group_says_who_is_on_duty_and_for_what_my_11(city: City) -> None:
    """MY-11: 市级相关部门、县(市、区)政府、园区管委会为成员, 职责分明: names, tasks and steps, each quarter."""
    city.advance(to="2022-07-01 09:00")
    units = city.rules.pack.units
    members = {"ecology", "police"} | {unit.id for unit in units if {"line-department", "county"} & set(unit.roles)}
    assert len(members) == 2 + 10 + COUNTIES
    rosters = {unit: city.duties("rapid-roster", unit)[-1] for unit in members}
    assert {runs(one, "rapid-roster") for one in rosters.values()} == {"2022-07-08 17:00"}
    city.refuses(rosters["water"], "complete", by="water", because="missing_evidence", outcome="submitted")
    city.act(rosters["water"], "complete", by="water", outcome="submitted", evidence=[sealed("值班表和职责分工")])
    city.advance(to="2022-07-08 17:00")
    expect(rosters["water"], status="struck_off", escalated=())
    expect(rosters["xianhai"], reminded=("rapid-roster",), escalated=("bulletin",))


def test_the_group_is_called_at_once_day_and_night_and_turns_out_my_11(city: City) -> None:
    """MY-11: 早反应、早处置: on a feast day at eleven at night each owes its turn-out within the hour, or climbs."""
    city.advance(to="2022-04-30 23:00")
    case = city.report("sudden", "断面氨氮突升", area="fucheng", channel="water-station")
    (called,) = measured(case)
    assert (called.measure, called.to) == ("rapid-call", (*GROUP, "fucheng"))
    turn_outs = {lead(one): one for one in city.opened(case, Kind.DUTY)}
    assert tuple(turn_outs) == (*GROUP, "fucheng")
    city.advance(to="2022-04-30 23:30")
    city.act(turn_outs["water"], "complete", by="water", outcome="submitted")
    city.advance(to="2022-05-01 02:00")
    expect(turn_outs["water"], status="struck_off", escalated=())
    expect(turn_outs["emergency"], lapsed={"rapid-turn-out"}, escalated=("bulletin", "interview"))


def test_the_call_says_what_each_does_in_which_class_of_case_my_11(city: City) -> None:
    """MY-11: 操作有序、分类处理: the steps stand in the call itself, by class, and who commands."""
    case = city.report("sudden", "罐车侧翻", area="fucheng", channel="duty-line")
    assert case.problem is not None
    text = told(city, case)["water"]
    for step in ("先期处置", "涉水：市水利局", "涉气：", "涉危险废物、化学品：市应急管理局", "由市生态环境局统一调度"):
        assert step in text
    assert case.problem.number in text


def test_what_is_not_sudden_calls_nobody_out_my_11(city: City) -> None:
    """MY-11: 分类处理: the others go the ordinary way."""
    assert measured(city.report("water-source", "水源地钓鱼", area="fucheng", channel="duty-line")) == []


def test_what_is_dispatched_anew_calls_its_new_lead_my_11(city: City) -> None:
    """MY-11: whoever takes over is called like the first."""
    case = city.report("sudden", "粉尘爆燃", area="fucheng", channel="duty-line")
    city.act(
        case, "hand_back", by="ecology", reason="属安全生产事故", clause="二(二)8", evidence=[sealed("现场勘查笔录")]
    )
    city.act(case, "dispatch", by=OFFICE, lead_unit="emergency", co_units=["ecology"], clause="二(三)11")
    assert [taken.to for taken in measured(case)] == [(*GROUP, "fucheng"), ("emergency", "ecology")]


# Crossed enforcement (二(三)12)


def test_each_county_enforces_once_a_year_in_another_my_12a(city: City) -> None:
    """MY-12a: 探索实行交叉执法模式: each county and park owes it; ecology and police, special checks."""
    city.advance(to="2022-06-14 09:00")
    counties = [unit.id for unit in city.rules.pack.units if "county" in unit.roles]
    crossed = {unit: city.duties("cross-enforcement", unit) for unit in counties}
    assert [len(found) for found in crossed.values()] == [1] * COUNTIES
    (fucheng,), (youxian,) = crossed["fucheng"], crossed["youxian"]
    assert runs(fucheng, "cross-enforcement") == "2022-06-14 17:00"
    city.act(fucheng, "complete", by="fucheng", outcome="submitted", evidence=[sealed("赴游仙区检查记录")])
    city.advance(to="2022-06-14 17:00")
    expect(fucheng, status="struck_off", escalated=())
    expect(youxian, reminded=("cross-enforcement",), escalated=("bulletin",))
    assert all(len(city.duties("special-enforcement", unit)) == 1 for unit in ("ecology", "police"))


@pytest.mark.parametrize(
    ("category", "leads"),
    [("industrial-wastewater", "ecology"), ("straw-burning", "youxian"), ("mining", "natural-resources")],
)
def test_what_crossed_enforcement_finds_is_a_problem_like_any_my_12a(city: City, category: str, leads: str) -> None:
    """MY-12a: it comes in by a channel of its own and goes to whoever answers for it, not to whoever found it."""
    case = city.report(category, "交叉执法发现", area="xiaojian", channel="cross-enforcement", text="涪城区执法组")
    expect(case, channel="cross-enforcement", lead_unit=leads, status="dispatched")
    assert "youxian" in (lead(case), *(case.problem.co_units if case.problem else ()))
    assert runs(case, "acknowledge") == "2022-04-07 17:00"
    assert "cross-enforcement" not in (city.rules.pack.assessment.own_channels if city.rules.pack.assessment else ())


# Prominent problems (二(三)13)


def prominent(city: City) -> Case:
    """A problem that the office has marked as prominent on April 6."""
    case = city.report("solid-waste", "历史遗留渣场", area="anzhou")
    city.act(case, "acknowledge", by="ecology")
    return city.act(case, "flag", by=OFFICE, flag="prominent")


@pytest.mark.parametrize("pair", ["industry", "长虹控股集团", "西南科技大学"])
def test_a_prominent_problem_gets_a_leader_and_a_partner_my_13a(city: City, pair: str) -> None:
    """MY-13a: 市县领导挂帅, 市县部门、国有企业、科研院所“一对一”结对攻坚."""
    case = prominent(city)
    assert runs(case, "name-sponsor") == "2022-04-11 17:00"
    city.act(case, "sponsor", by=OFFICE, sponsor="副市长", pair=pair)
    expect(case, sponsor="副市长", pair=pair)
    assert "name-sponsor" not in owing(case)


def test_where_nobody_takes_the_lead_the_office_is_told_of_my_13a(city: City) -> None:
    """MY-13a: the office owes it within three working days, to the supervision office's knowledge."""
    case = prominent(city)
    city.advance(to="2022-04-11 16:59")
    assert "name-sponsor" not in case.lapsed
    city.advance(to="2022-04-11 17:00")
    expect(case, lapsed={"name-sponsor"}, escalated=("bulletin",))
    assert case.taken_after_lapse[-1].to == (OFFICE, "supervision-office")


def test_nobody_is_asked_to_lead_what_is_not_prominent_my_13a(city: City) -> None:
    """MY-13a: for 突出问题; who takes another of their own accord may."""
    case = city.report("solid-waste", "渣场", area="anzhou")
    city.act(case, "acknowledge", by="ecology")
    assert "name-sponsor" not in owing(case)
    city.act(case, "sponsor", by=OFFICE, sponsor="副市长")


def test_whoever_leads_is_told_when_rectification_is_under_supervision_my_13a(city: City) -> None:
    """MY-13a: 压紧压实责任: the leader hears of it; without one the office stands in, once."""
    led, unled = prominent(city), city.report("solid-waste", "渣场", area="luxi")
    city.act(led, "sponsor", by=OFFICE, sponsor="副市长", pair="industry")
    city.advance(working_days=15 + 8)
    assert _supervised(led)["to"] == ["ecology", "anzhou", OFFICE, "副市长", "supervision-office"]
    assert _supervised(unled)["to"] == ["ecology", "santai", OFFICE, "supervision-office"]


def _supervised(case: Case) -> dict[str, Any]:
    (taken,) = (
        one for one in case.taken_after_lapse if (one.obligation, one.measure) == ("rectify-source", "supervision")
    )
    return plain(taken)
