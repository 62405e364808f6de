"""Golmud 2018 (建立健全生态环境保护长效机制实施方案) as timelines: each test names the ids that it shows.

In 2018 May 14 is a Monday; June 18 is off, and October 1 to 7, for which September 29 and 30 are worked.
"""

from __future__ import annotations

from typing import Any

import pytest

from duban.messages.changes import Measured, Rebounded
from duban.policy.model.ladder import MeasureKind
from duban_cli.demo.story import sealed
from tests.acceptance.timeline import Case, City, expect, local, rules_of

OFFICE = "government-office"
INSPECTORS = ("five-group", "supervision-commission", "experts", "trade-inspectors", "commissioners")
SEALED = [sealed("现场督查笔录与照片。")]


@pytest.fixture
def city() -> City:
    """Golmud on Monday, May 14, 2018, at nine: the document is of the Friday before."""
    return City.of("golmud-2018", at="2018-05-14 09:00")


def route_map(due_at: str = "2018-08-31 17:00", stages: tuple[str, ...] = (), **said: Any) -> dict[str, Any]:
    """路线图、时间表、责任人: the measures, the dates, the person."""
    milestones = [{"title": f"第{number}阶段", "due_at": local(at)} for number, at in enumerate(stages, 1)]
    planned = {"person": "李工", "target": "达标", "measures": ["改造治理设施"], "due_at": local(due_at)}
    return {**planned, "milestones": milestones, **said}


def underway(city: City, category: str = "air", area: str = "east", **said: Any) -> Case:
    """A problem whose lead unit has acknowledged it at once."""
    case = city.report(category, "锅炉冒黑烟", area=area, **said)
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    return city.act(case, "acknowledge", by=case.problem.lead_unit)


def completed(city: City, case: Case) -> Case:
    """The work is done, and one that did not do it has verified and signed it."""
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    city.act(case, "complete", by=case.problem.lead_unit, outcome="rectified")
    city.act(case, "check", by="experts", check="root-cause", evidence=SEALED)
    city.act(case, "check", by="commissioners", check="acceptance", evidence=SEALED)
    return city.act(case, "verify", by=OFFICE, passed=True)


def struck_off(city: City, case: Case) -> Case:
    """A problem that has left the ledger."""
    return city.act(completed(city, case), "strike_off", by=OFFICE)


def measured(case: Case) -> tuple[str, ...]:
    """The measures taken at once, in order."""
    return tuple(event.change.measure for event in case.events if isinstance(event.change, Measured))


# Who answers


def test_department_and_territory_answer_together_go_01(city: City) -> None:
    """GO-01: 党政同责、一岗双责: every trade has its department, every place its government."""
    expect(city.report("air", "黑烟", area="east"), lead_unit="ecology", co_units=("east",), number="格环督〔2018〕1号")
    expect(city.report("dust", "扬尘", area="west"), lead_unit="housing", co_units=("west",))
    expect(city.report("ecological-damage", "采砂", area="chaerhan"), lead_unit="land", co_units=("chaerhan",))
    expect(city.report(None, "不明"), lead_unit=OFFICE)


def test_a_petition_carries_leader_territory_and_department_go_05(city: City) -> None:
    """GO-05: 领导干部责任、属地管理责任、部门监管责任; while no leader is named, the office is told of."""
    case = city.report("water", "渗坑", area="west", channel="petition")
    city.act(case, "acknowledge", by="ecology")
    city.advance(to="2018-05-17 17:00")
    expect(case, escalated=("supervision",), lapsed={"name-leader"})
    city.act(case, "sponsor", by=OFFICE, sponsor="分管副市长(待报)")
    expect(case, lead_unit="ecology", co_units=("west",), sponsor="分管副市长(待报)")
    assert case.problem is not None
    assert "name-leader" not in {one.obligation for one in case.problem.deadlines}


# By the root (三(二))


def test_a_matter_of_awareness_needs_measures_go_02(city: City) -> None:
    """GO-02: 分类制定整改措施: without them it is not struck off."""
    case = underway(city)
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.refuses(completed(city, case), "strike_off", by=OFFICE, because="gate_shut")
    other = underway(city, channel="sms")
    city.act(other, "flag", by=OFFICE, flag="cause-awareness")
    city.act(other, "plan", by="ecology", plan=route_map())
    expect(struck_off(city, other), status="struck_off")


def test_a_matter_of_institutions_needs_a_lasting_mechanism_go_02(city: City) -> None:
    """GO-02: 研究制定长效机制并长期坚持: planned for long, and reviewed before strike-off."""
    case = underway(city)
    city.act(case, "flag", by=OFFICE, flag="cause-institution")
    city.act(case, "plan", by="ecology", plan=route_map("2019-05-31 17:00", rectification="longterm"))
    city.refuses(completed(city, case), "strike_off", by=OFFICE, because="gate_shut")
    second = underway(city, channel="mailbox")
    city.act(second, "flag", by=OFFICE, flag="cause-institution")
    city.act(second, "plan", by="ecology", plan=route_map("2019-05-31 17:00", rectification="longterm"))
    city.act(second, "review", by=OFFICE, evidence=SEALED)
    expect(struck_off(city, second), status="struck_off")


def test_a_mechanism_is_reviewed_again_and_again_go_02(city: City) -> None:
    """GO-02: 长期坚持: who reviews in time hears nothing, who does not is told of."""
    case = underway(city, "ecological-damage")
    city.act(case, "flag", by=OFFICE, flag="cause-institution")
    city.act(case, "plan", by="land", plan=route_map("2019-05-31 17:00", rectification="longterm"))
    city.advance(to="2018-06-20 10:00")
    city.act(case, "review", by=OFFICE, evidence=SEALED)
    city.advance(to="2018-09-18 16:59")
    assert "review-mechanism" not in case.lapsed
    city.advance(to="2018-09-18 17:00")
    assert "review-mechanism" in case.lapsed


def test_a_systemic_matter_needs_a_timetable_and_its_stages_go_02(city: City) -> None:
    """GO-02: 明确时间表、路线图: each stage is due by itself; strike-off needs a stage that was reached."""
    case = underway(city)
    city.act(case, "flag", by=OFFICE, flag="cause-system")
    stages = ("2018-05-25 17:00", "2018-06-08 17:00")
    city.act(case, "plan", by="ecology", plan=route_map("2018-06-29 17:00", stages, rectification="phased"))
    city.refuses(completed(city, case), "strike_off", by=OFFICE, because="gate_shut")
    late = underway(city, channel="sms")
    city.act(late, "flag", by=OFFICE, flag="cause-system")
    city.act(late, "plan", by="ecology", plan=route_map("2018-06-29 17:00", stages, rectification="phased"))
    city.advance(to="2018-05-24 10:00")
    city.act(late, "reach_milestone", by="ecology", evidence=SEALED)
    city.advance(to="2018-06-08 16:59")
    expect(late, escalated=())
    city.advance(to="2018-06-08 17:00")
    expect(late, escalated=("supervision",), lapsed={"milestone"})
    expect(struck_off(city, late), status="struck_off")


def test_nobody_strikes_off_what_was_not_traced_to_its_root_go_02(city: City) -> None:
    """GO-02: 从根上彻底解决: signed, with evidence; to trace it has a limit of its own."""
    case = underway(city)
    city.advance(to="2018-05-28 17:00")
    assert "find-root" in case.lapsed
    city.act(case, "complete", by="ecology", outcome="rectified")
    city.act(case, "check", by="trade-inspectors", check="acceptance", evidence=SEALED)
    city.act(case, "verify", by=OFFICE, passed=True)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "check", by=OFFICE, because="missing_evidence", check="root-cause")
    city.act(case, "check", by=OFFICE, check="root-cause", evidence=SEALED)
    city.act(case, "strike_off", by=OFFICE)


# Supervision and sweep (三(三))


@pytest.mark.parametrize("category", ["park-substandard", "scenic-substandard"])
def test_what_is_below_standard_is_ordered_to_rectify_by_a_date_go_03(city: City, category: str) -> None:
    """GO-03: 责令限期整改: the order goes out at once, and its date binds (June 13, 30 days on)."""
    case = city.report(category, "环境质量不达标", area="kunlun")
    expect(case, lead_unit="kunlun", clause="三(三)1")
    assert measured(case) == ("rectify-order",)
    assert city.rules.measures["rectify-order"].kind is MeasureKind.RECTIFY_ORDER
    city.act(case, "acknowledge", by="kunlun")
    city.act(case, "plan", by="kunlun", plan=route_map())
    city.advance(to="2018-06-13 16:59")
    assert "obey-order" not in case.lapsed
    city.advance(to="2018-06-13 17:00")
    assert "obey-order" in case.lapsed


def test_the_grid_covers_each_area_with_a_person_go_03() -> None:
    """GO-03: “网格化”环境监管: a cell everywhere, and who answers for it."""
    rules = rules_of("golmud-2018")
    assert all(area.cell is not None and rules.territorial_unit(area.id) for area in rules.pack.areas)


@pytest.mark.parametrize("area", ["wutumeiren", "chaerhan", "kunlun"])
def test_each_of_the_three_areas_is_swept_each_month_go_06(city: City, area: str) -> None:
    """GO-06: 全覆盖、零容忍、不留死角、不留盲区: who does not sweep is told of."""
    city.advance(to="2018-06-01 08:00")
    (sweep,) = city.duties("sweep", area)
    city.advance(to="2018-06-26 17:00")
    expect(sweep, escalated=("supervision",))
    city.act(sweep, "complete", by=area, outcome="swept", evidence=SEALED)
    city.advance(to="2018-07-10 17:00")
    expect(sweep, escalated=("supervision",), status="struck_off")


def test_what_the_sweep_finds_is_filed_fixed_and_accepted_go_06(city: City) -> None:
    """GO-06: 边排查、边建档、边整治、边验收: found, registered, put right, accepted by another."""
    case = underway(city, "hidden-danger", "chaerhan", channel="sweep")
    expect(case, lead_unit="chaerhan", co_units=("ecology",), clause="三(三)4", number="格环督〔2018〕1号")
    city.act(case, "complete", by="chaerhan", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "check", by=OFFICE, check="root-cause", evidence=SEALED)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "check", by="ecology", because="reviewer_is_handler", check="acceptance", evidence=SEALED)
    city.act(case, "check", by="experts", check="acceptance", evidence=SEALED)
    city.act(case, "strike_off", by=OFFICE)
    expect(case, status="struck_off", escalated=())


# The public (三(四), 三(五))


def test_the_yearly_assessment_is_owed_go_07(city: City) -> None:
    """GO-07: the assessment whose results decide promotion and reward has its day."""
    city.advance(to="2018-12-01 00:00")
    (year,) = city.duties("assessment", OFFICE)
    city.advance(to="2018-12-26 17:00")
    expect(year, escalated=("supervision",))


def test_the_record_of_a_hearing_is_attached_go_08(city: City) -> None:
    """GO-08: what a hearing raised is a problem, and its sealed record goes with it."""
    case = underway(city, channel="hearing")
    record = sealed("听证会笔录：居民要求搬迁堆场。")
    city.act(case, "progress", by="ecology", note="听证会笔录入档", evidence=[record])
    progressed = case.events[-1].change
    assert [one.sha256 for one in getattr(progressed, "evidence", ())] == [record["sha256"]]


@pytest.mark.parametrize("duty", ["publish-quality", "publish-discharges", "publish-approvals"])
def test_quality_discharges_and_approvals_are_published_go_09(city: City, duty: str) -> None:
    """GO-09: three publications, each owed by itself, each public."""
    assert city.rules.duties[duty].public
    city.advance(to="2018-06-15 17:00")
    expect(city.duties(duty, "ecology")[0], escalated=("supervision",), lapsed={duty})


def test_inspectors_come_from_four_forces_and_never_from_the_inspected_unit_go_10(city: City) -> None:
    """GO-10: each force may sign, the handler may not, and who is no inspector may not either."""
    for number, inspector in enumerate(INSPECTORS):
        case = underway(city, report_id=str(number))
        city.act(case, "complete", by="ecology", outcome="rectified")
        city.refuses(case, "check", by="east", because="not_permitted", check="acceptance", evidence=SEALED)
        city.refuses(case, "check", by="ecology", because="reviewer_is_handler", check="acceptance", evidence=SEALED)
        city.act(case, "check", by=inspector, check="acceptance", evidence=SEALED)
    own = city.report("air", "督察组自办")
    city.act(own, "acknowledge", by="ecology")
    city.act(own, "hand_back", by="ecology", reason="转督查组", clause="三(五)3", evidence=SEALED)
    city.act(own, "dispatch", by=OFFICE, lead_unit="commissioners")
    city.act(own, "complete", by="commissioners", outcome="rectified")
    city.refuses(own, "check", by="commissioners", because="reviewer_is_handler", check="acceptance", evidence=SEALED)


@pytest.mark.parametrize("channel", ["inspection", "covert-check"])
def test_what_inspectors_find_openly_or_covertly_is_a_problem_go_10(city: City, channel: str) -> None:
    """GO-10: 明查暗访."""
    expect(city.report("water", "偷排", area="kunlun", channel=channel), lead_unit="ecology", status="dispatched")


def test_what_is_not_done_in_time_ends_with_accountability_go_10_go_17_go_18(city: City) -> None:
    """GO-10, GO-17, GO-18: 未按期完成: supervised, exposed when the office agrees, called to account."""
    case = underway(city)
    city.act(case, "plan", by="ecology", plan=route_map("2019-12-31 17:00"))
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.advance(to="2018-06-26 17:00")
    expect(case, escalated=("supervision",), lapsed={"rectify"})
    city.advance(to="2018-07-03 17:00")
    expect(case, escalated=("supervision", "exposure"))
    assert case.problem is not None
    (version,) = case.problem.awaiting_approval
    city.refuses(case, "approve", by="ecology", because="not_permitted", version=version)
    city.act(case, "approve", by=OFFICE, version=version)
    city.advance(to="2018-07-10 17:00")
    expect(case, escalated=("supervision", "exposure", "not-rectified"))
    assert case.taken_after_lapse[-1].to == ("ecology", "five-group", "supervision-commission")
    assert city.rules.measures["exposure"].public


@pytest.mark.parametrize("channel", ["hotline-12369", "sms", "mailbox"])
def test_hotline_sms_and_mailbox_lead_into_one_register_go_12(city: City, channel: str) -> None:
    """GO-12: 12369举报热线、短信、网络邮箱受理平台."""
    city.report("dust", "扬尘", area="east")
    case = city.report("air", "黑烟", area="east", channel=channel)
    expect(case, number="格环督〔2018〕2号", channel=channel, lead_unit="ecology")


def test_what_delegates_raise_is_accepted_fast_and_answered_go_14(city: City) -> None:
    """GO-14: 快速受理, 及时反馈处理结果; by trade and group they came, and so it stands in the report."""
    group = {"界别": "人大代表", "行业": "盐化工"}
    case = city.report("dust", "建议治理扬尘", area="west", channel="direct-line", report_id="dl-1", attributes=group)
    expect(case, lead_unit="ecology", clause="三(五)6")
    city.advance(to="2018-05-14 13:59")
    expect(case, escalated=(), reminded=("accept-direct-line",))
    city.act(case, "acknowledge", by="ecology")
    struck_off(city, case)
    city.advance(to="2018-05-17 17:00")
    expect(case, escalated=("supervision",), lapsed={"answer-direct-line"})
    city.act(case, "reply", by="ecology", source="timeline", id="dl-1", text="已覆盖裸土，感谢建议。")
    expect(case, unanswered=0)
    city.advance(to="2018-05-31 17:00")
    expect(case, escalated=("supervision",))


def test_who_is_not_taken_up_is_told_why_go_14(city: City) -> None:
    """GO-14: 及时反馈: what delegates raise is answered when it is refused, too."""
    case = city.report("dust", "建议治理扬尘", area="west", channel="direct-line", report_id="dl-2")
    city.act(case, "acknowledge", by="ecology")
    city.act(case, "reject", by=OFFICE, reason="不属环保事项，已转住建部门")
    city.advance(to="2018-05-17 16:59")
    expect(case, status="rejected", escalated=(), reminded=("answer-direct-line",))
    city.advance(to="2018-05-17 17:00")
    expect(case, escalated=("supervision",), lapsed={"answer-direct-line"})
    city.act(case, "reply", by="ecology", source="timeline", id="dl-2", text="已转住建部门办理。")
    city.advance(to="2018-05-31 17:00")
    expect(case, escalated=("supervision",))


def test_a_slow_direct_line_escalates_the_same_day_go_14(city: City) -> None:
    """GO-14: four hours of work, while others have a day."""
    case = city.report("dust", "建议治理扬尘", area="west", channel="direct-line")
    other = city.report("dust", "扬尘", area="west", channel="sms")
    city.advance(to="2018-05-14 14:00")
    expect(case, escalated=("supervision",), lapsed={"accept-direct-line"})
    expect(other, escalated=())


def test_opinion_and_major_events_link_the_internet_office_at_once_go_15(city: City) -> None:
    """GO-15: 环境问题应急处理和舆情引导联动, at any hour."""
    city.advance(to="2018-05-19 23:00")
    opinion = city.report("air", "网传黑烟视频", area="east", channel="opinion")
    event = city.report("major-event", "槽车侧翻泄漏", area="chaerhan")
    for case in (opinion, event):
        (linked,) = [one.change for one in case.events if isinstance(one.change, Measured)]
        assert (linked.measure, linked.to) == ("opinion-linkage", ("cyberspace", "ecology"))
    expect(event, co_units=("cyberspace", "chaerhan"), clause="四(三)")
    assert "发布口径" in city.rules.measures["opinion-linkage"].text


def test_route_map_timetable_and_person_are_owed_go_16(city: City) -> None:
    """GO-16: 明确路线图、时间表和责任人: filing them has a limit, and the dates in them bind."""
    case = underway(city)
    city.advance(to="2018-05-21 17:00")
    expect(case, escalated=("supervision",), lapsed={"plan"})
    city.act(case, "plan", by="ecology", plan=route_map("2018-05-25 17:00"))
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.advance(to="2018-05-25 17:00")
    expect(case, escalated=("supervision", "supervision"), lapsed={"plan", "keep-plan"})


def test_a_date_moves_with_the_offices_word_only_go_16(city: City) -> None:
    """GO-16: 确保各项任务按计划完成: a change is asked for with a reason, and may be refused."""
    case = underway(city)
    city.act(case, "plan", by="ecology", plan=route_map("2018-05-25 17:00"))
    city.act(case, "plan", by="ecology", plan=route_map("2018-12-31 17:00"), reason="设备未到")
    city.act(case, "decide_plan", by=OFFICE, approved=False)
    city.advance(to="2018-05-25 17:00")
    assert "keep-plan" in case.lapsed


def test_units_are_inspected_regularly_go_16(city: City) -> None:
    """GO-10, GO-16: 定期对责任单位工作情况进行督查, by each of the forces."""
    city.advance(to="2018-10-01 00:00")
    assert [len(city.duties("inspection", inspector)) for inspector in INSPECTORS] == [2, 2, 2, 2, 2]


# Grounds of accountability (四(四))


def test_no_mechanism_is_a_ground_go_18(city: City) -> None:
    """GO-18: 未建立环境保护长效机制."""
    case = underway(city, "ecological-damage")
    city.act(case, "flag", by=OFFICE, flag="cause-institution")
    city.advance(to="2018-06-26 17:00")
    assert [one.measure for one in case.taken_after_lapse if one.obligation == "mechanism"] == [
        "supervision",
        "no-mechanism",
    ]


def test_a_plan_not_carried_out_is_a_ground_go_18(city: City) -> None:
    """GO-18: 已制定制度但未贯彻落实."""
    case = underway(city)
    city.act(case, "plan", by="ecology", plan=route_map("2018-05-25 17:00"))
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.advance(to="2018-06-08 17:00")
    expect(case, escalated=("supervision", "not-carried-out"))


def test_rebound_is_a_ground_by_itself_and_the_ladder_begins_higher_go_18(city: City) -> None:
    """GO-18: 整改后反弹: held to account at once, and the next lapse is exposed without a warning."""
    case = underway(city)
    city.act(case, "plan", by="ecology", plan=route_map("2019-12-31 17:00"))
    struck_off(city, case)
    city.advance(to="2018-07-02 10:00")
    found = {"truthful": True, "timely": True, "effective": False, "rebound": True, "reason": "锅炉又冒黑烟"}
    city.refuses(case, "look_back", by="ecology", because="not_permitted", **found)
    city.act(case, "look_back", by="five-group", evidence=SEALED, **found)
    expect(case, status="underway")
    assert any(isinstance(event.change, Rebounded) for event in case.events)
    assert measured(case) == ("rebound",)
    city.advance(to="2018-08-13 17:00")
    assert [one.measure for one in case.taken_after_lapse if one.obligation == "rectify"] == ["exposure"]


def test_a_look_back_that_is_not_made_is_told_of_go_18(city: City) -> None:
    """GO-18: 加大…跟踪督查: it runs after strike-off, until somebody has looked."""
    quiet, case = (struck_off(city, underway(city, report_id=one)) for one in ("a", "b"))
    city.advance(to="2018-07-02 10:00")
    city.act(quiet, "look_back", by="experts", truthful=True, timely=True, effective=True, evidence=SEALED)
    city.advance(to="2018-08-13 17:00")
    expect(quiet, escalated=(), status="struck_off")
    expect(case, escalated=("supervision",), lapsed={"look-back"}, status="struck_off")
    assert [(change.owner, change.to) for change in case.taken_after_lapse] == [("five-group", ("five-group", OFFICE))]


def test_a_grave_problem_is_a_ground_at_once_go_18(city: City) -> None:
    """GO-18: 严重环保突出问题, as the office marks it."""
    case = underway(city)
    city.act(case, "flag", by=OFFICE, flag="grave")
    assert measured(case) == ("grave",)


def test_inaction_is_a_ground_go_18(city: City) -> None:
    """GO-18: 不担当、不作为: who does not even acknowledge."""
    case = city.report("air", "黑烟", area="east")
    city.advance(to="2018-05-15 17:00")
    expect(case, escalated=("supervision",))
    city.advance(to="2018-05-22 17:00")
    expect(case, escalated=("supervision", "inaction"), lapsed={"acknowledge"})


def test_every_ground_has_its_measure_go_18() -> None:
    """GO-18: six grounds, six measures."""
    measures = rules_of("golmud-2018").measures.items()
    named = ((name, one) for name, one in measures if one.kind is MeasureKind.ACCOUNTABILITY)
    grounds = {name for name, one in named if one.clause == "四(四)"}
    assert grounds == {"no-mechanism", "not-carried-out", "not-rectified", "rebound", "grave", "inaction"}
