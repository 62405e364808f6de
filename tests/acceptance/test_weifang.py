"""Weifang 2017 (环境保护突出问题综合整治攻坚工作实施方案) as timelines: each test names the ids that it shows.

In 2017 the inspection lasts from Thursday, August 10, to Sunday, September 10; September 30, a Saturday, is worked and
October 1 to 8 is off.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from duban.errors import PackError
from duban.messages.changes import Approved, Measured
from duban.moves import Kind
from duban.policy import load_pack
from duban_cli.demo.story import sealed
from tests.acceptance.timeline import DEPLOY, Case, City, expect, lead, local, rules_of

OFFICE = "office"
PACK = DEPLOY / "packs" / "weifang-2017.yaml"
SEALED = [sealed("现场检查记录与照片。")]
STEP_ONE = (
    "plan-item", "ministry-inspection", "ministry-patrol", "special-action", "provincial-inspection", "letter", "visit",
)  # fmt: skip
COUNTIES = 12
DEPARTMENTS = 7


@pytest.fixture
def city() -> City:
    """Weifang on Wednesday, August 9, 2017, at nine: the day before the inspectors come."""
    return City.of("weifang-2017", at="2017-08-09 09:00")


def plan(due_at: str) -> dict[str, Any]:
    """The four things of the list: problem, unit (who sends it), measures, limit."""
    return {"person": "张工", "target": "异味消除", "measures": ["加装收集设施"], "due_at": local(due_at)}


def planned(city: City, due_at: str = "2017-08-31 17:00", **said: Any) -> Case:
    """A problem of Yangkou whose county has acknowledged it and filed its plan."""
    case = city.report("air", "化工异味", area="yangkou", **{"enterprise": "寿光某化工厂", **said})
    city.act(case, "acknowledge", by="shouguang")
    return city.act(case, "plan", by="shouguang", plan=plan(due_at))


def struck_off(city: City, case: Case, outcome: str = "rectified") -> Case:
    """The whole way out: completed, seen by the joint check, verified, struck off."""
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    city.act(case, "complete", by=case.problem.lead_unit, outcome=outcome)
    city.act(case, "check", by="joint-office", check="checked-on-site", evidence=SEALED)
    city.act(case, "verify", by=OFFICE, passed=True)
    return city.act(case, "strike_off", by=OFFICE)


def measured(case: Case) -> tuple[str, ...]:
    """The measures taken at once, in order."""
    return tuple(event.change.measure for event in case.events if isinstance(event.change, Measured))


def awaiting(case: Case, measure: str) -> int:
    """The version under which ``measure`` waits for approval."""
    assert case.problem is not None
    return next(version for version, one in case.problem.awaiting_approval.items() if one.measure == measure)


# The four steps (六(一))


@pytest.mark.parametrize("channel", STEP_ONE)
def test_step_one_hands_every_source_to_the_county_wf_01(city: City, channel: str) -> None:
    """WF-01: what plan, ministry, province, letters and visits raise is the county's, down to its towns."""
    case = city.report("water", "河水发黑", area="yangkou", channel=channel)
    expect(case, lead_unit="shouguang", clause="六(一)1", number="潍环督〔2017〕1号", status="dispatched")


def test_without_a_place_the_office_finds_the_county_wf_01(city: City) -> None:
    """WF-01: the office hands on by hand what has no area."""
    case = city.report("water", "不知何处河水发黑", channel="letter")
    expect(case, lead_unit=OFFICE)
    city.act(case, "dispatch", by=OFFICE, lead_unit="qingzhou", clause="六(一)1")
    expect(case, lead_unit="qingzhou")


def test_step_two_is_owed_each_month_by_both_and_missing_it_climbs_wf_02(city: City) -> None:
    """WF-02: every month a joint check by environment and police; who does not make it is told of."""
    city.advance(to="2017-09-01 08:00")
    (checked,), (missing,) = city.duties("joint-check", "ecology"), city.duties("joint-check", "police")
    city.act(checked, "complete", by="ecology", outcome="done", evidence=SEALED)
    city.advance(to="2017-09-26 17:00")
    expect(checked, escalated=(), status="struck_off")
    expect(missing, escalated=("bulletin",), number="joint-check/police/2017-09-01")
    city.advance(to="2017-10-31 23:00")
    assert len(city.duties("joint-check", "police")) == 2


def test_what_the_joint_check_finds_becomes_a_problem_wf_02(city: City) -> None:
    """WF-02: a finding of the check is handed to the county like any other."""
    case = city.report("air", "未装收集设施", area="luocheng", channel="joint-check")
    expect(case, lead_unit="shouguang", clause="六(一)2")


def test_nothing_leaves_the_list_unseen_by_the_joint_check_wf_02(city: City) -> None:
    """WF-02: rectification is inspected, by somebody who did not do the work, before strike-off."""
    case = planned(city)
    city.act(case, "complete", by="shouguang", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "check", by="shouguang", because="not_permitted", check="checked-on-site", evidence=SEALED)
    city.refuses(case, "check", by="police", because="missing_evidence", check="checked-on-site")
    city.act(case, "check", by="police", check="checked-on-site", evidence=SEALED)
    city.act(case, "strike_off", by=OFFICE)
    expect(case, status="struck_off", escalated=())


def test_step_three_who_is_behind_plan_is_interviewed_in_public_wf_03(city: City) -> None:
    """WF-03: 落实缓慢 is the date of the county's own plan."""
    case = planned(city, due_at="2017-08-18 17:00")
    city.advance(to="2017-08-18 16:59")
    expect(case, escalated=(), reminded=("keep-plan",))
    city.advance(to="2017-08-18 17:00")
    expect(case, escalated=("interview",), lapsed={"keep-plan"})
    assert city.rules.measures["interview"].public
    assert case.taken_after_lapse[0].to == ("shouguang", OFFICE)


def test_step_three_work_that_is_not_thorough_is_interviewed_over_at_once_wf_03(city: City) -> None:
    """WF-03: 问题解决不彻底 is a failed verification."""
    case = planned(city)
    city.act(case, "complete", by="shouguang", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=False, reason="异味仍在")
    expect(case, status="underway", escalated=())
    assert measured(case) == ("interview-not-thorough",)
    assert city.rules.measures["interview-not-thorough"].public


def test_step_four_waits_for_the_leading_group_wf_04(city: City) -> None:
    """WF-04: special inspection and accountability follow the interview, and are opened by approval only."""
    case = planned(city, due_at="2017-08-18 17:00")
    city.advance(to="2017-09-01 17:00")
    expect(case, escalated=("interview", "special-inspection"))
    version = awaiting(case, "special-inspection")
    city.refuses(case, "approve", by=OFFICE, because="not_permitted", version=version)
    city.act(case, "approve", by="leading-group", version=version)
    assert case.problem is not None
    assert case.problem.awaiting_approval == {}
    assert any(isinstance(event.change, Approved) for event in case.events)
    (inspection,) = city.opened(case, Kind.DUTY)
    expect(inspection, rule="special-inspection-report", holder=OFFICE)
    city.advance(to="2017-09-15 16:00")
    city.refuses(inspection, "complete", by=OFFICE, because="missing_evidence", outcome="inspected")
    city.act(inspection, "complete", by=OFFICE, outcome="inspected", evidence=SEALED)
    city.advance(to="2017-09-15 17:00")
    expect(inspection, status="struck_off", escalated=())
    assert case.escalated[:3] == ("interview", "special-inspection", "accountability")
    city.act(case, "approve", by="leading-group", version=awaiting(case, "accountability"))


# The grid (六(二))


def test_each_place_has_a_cell_and_each_cell_a_person_wf_05_wf_06() -> None:
    """WF-05, WF-06: area, duty, person, task, assessment; no place of the tree is left out."""
    areas = rules_of("weifang-2017").pack.areas
    assert all(area.cell is not None and area.cell.person for area in areas)
    assert {area.tier for area in areas} == {1, 2, 3}


@pytest.mark.parametrize("fixed", ["duty", "person", "task", "assessment"])
def test_a_cell_with_one_thing_less_is_refused_wf_05(fixed: str) -> None:
    """WF-05: five things are fixed, or the pack does not load."""
    written = yaml.safe_load(PACK.read_text("utf-8"))
    del written["areas"][0]["cell"][fixed]
    with pytest.raises(PackError, match=f"areas.0.cell.{fixed}"):
        load_pack(yaml.safe_dump(written, allow_unicode=True), PACK.name)


def test_each_place_is_answered_for_down_to_the_town_wf_06(city: City) -> None:
    """WF-06: 纵到底、横到边, no place without somebody who answers for it."""
    units = {area.id: city.rules.territorial_unit(area.id) for area in city.rules.pack.areas}
    assert all(units.values())
    expect(city.report("noise", "夜间施工", area="yeyuan", channel="grid"), lead_unit="linqu", clause="六(二)")


# Police and environment (六(三))


def test_obstruction_calls_out_both_rosters_at_once_wf_07(city: City) -> None:
    """WF-07: 分工协作、联合出动; a roster that has not reported in after half an hour is called again, day or night."""
    city.advance(to="2017-08-12 23:00")
    case = city.report("obstruction", "阻挠现场检查", area="luocheng", channel="grid")
    expect(case, lead_unit="ecology", co_units=("police", "joint-office", "shouguang"), flags=("listed", "emergency"))
    (call,) = [event.change for event in case.events if isinstance(event.change, Measured)]
    assert (call.measure, call.to) == ("page", ("ecology", "police", "joint-office"))
    crews = {lead(one): one for one in city.opened(case, Kind.DUTY)}
    assert set(crews) == set(call.to)
    city.advance(minutes=20)
    for unit in ("ecology", "police"):
        city.act(crews[unit], "complete", by=unit, outcome="on-site", evidence=SEALED)
    city.refuses(crews["joint-office"], "complete", by="police", because="not_permitted", outcome="on-site")
    city.advance(minutes=10)
    expect(crews["police"], escalated=(), status="struck_off")
    expect(crews["joint-office"], escalated=("page-again",), lapsed={"turn-out"})
    city.advance(hours=1)
    expect(crews["joint-office"], escalated=("page-again", "bulletin"))
    expect(case, escalated=())


def test_a_major_accident_calls_out_both_rosters_wf_07(city: City) -> None:
    """WF-07: the same for a major pollution accident."""
    case = city.report("major-accident", "罐区泄漏入河", area="yangkou", channel="grid")
    assert measured(case) == ("page",)


def test_the_joint_meeting_is_held_at_both_levels_wf_07(city: City) -> None:
    """WF-07: 市、县两级 meet regularly."""
    city.advance(to="2017-10-01 00:00")
    owing = city.rules.owing(city.rules.duties["police-meeting"])
    assert len(owing) == 2 + COUNTIES
    assert all(len(city.duties("police-meeting", unit)) == 1 for unit in owing)
    city.advance(to="2017-12-20 17:00")
    expect(city.duties("police-meeting", "police")[0], escalated=("bulletin",))


@pytest.mark.parametrize("category", ["hazardous-into-water", "wrecked-monitor"])
def test_a_crime_is_not_struck_off_on_a_fine_alone_wf_08(city: City, category: str) -> None:
    """WF-08: 坚决杜绝“以罚代刑”: a fine closes it only after the police have it, and have said so."""
    case = city.report(category, "暗管直排", area="yangkou", channel="grid")
    expect(case, lead_unit="ecology", co_units=("police", "shouguang"), flags=("listed", "criminal"))
    city.act(case, "acknowledge", by="ecology")
    city.act(case, "plan", by="ecology", plan=plan("2017-08-31 17:00"))
    city.act(case, "complete", by="ecology", outcome="fined")
    city.act(case, "check", by="joint-office", check="checked-on-site", evidence=SEALED)
    city.act(case, "verify", by=OFFICE, passed=True)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "refer", by="ecology", because="missing_evidence", to="police", ground="污染环境罪")
    city.act(case, "refer", by="ecology", to="police", ground="污染环境罪", evidence=SEALED)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "receive", by="procuratorate", because="not_referred")
    city.act(case, "receive", by="police")
    city.act(case, "strike_off", by=OFFICE)
    expect(case, status="struck_off", outcome="fined")


def test_other_cases_may_end_with_a_fine_wf_08(city: City) -> None:
    """WF-08: the block is for crimes; the office marks others too, and takes a mark off with a reason."""
    expect(struck_off(city, planned(city), outcome="fined"), status="struck_off")
    case = planned(city, report_id="another", channel="letter")
    city.act(case, "flag", by=OFFICE, flag="criminal")
    city.act(case, "complete", by="shouguang", outcome="fined")
    city.act(case, "check", by="police", check="checked-on-site", evidence=SEALED)
    city.act(case, "verify", by=OFFICE, passed=True)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")
    city.refuses(case, "unflag", by=OFFICE, because="missing_reason", flag="criminal")
    city.act(case, "unflag", by=OFFICE, flag="criminal", reason="公安机关认定不构成犯罪")
    city.act(case, "strike_off", by=OFFICE)


def test_a_crime_that_is_not_referred_climbs_its_ladder_wf_08(city: City) -> None:
    """WF-08: the procuratorate hears of it, then the Supervision Bureau."""
    case = city.report("wrecked-monitor", "破坏采样管", area="yangkou")
    city.act(case, "acknowledge", by="ecology")
    city.act(case, "plan", by="ecology", plan=plan("2017-08-31 17:00"))
    city.advance(to="2017-08-17 17:00")
    expect(case, escalated=("transfer-warning", "transfer-accountability"), lapsed={"refer-crime"})
    assert case.taken_after_lapse[0].to == ("ecology", "procuratorate")
    assert case.taken_after_lapse[1].to == ("ecology", "discipline")


def test_a_referral_without_receipt_escalates_wf_08_wf_12(city: City) -> None:
    """WF-08, WF-12: a transfer is made when it has arrived."""
    case = planned(city)
    city.act(case, "refer", by=OFFICE, to="police", evidence=SEALED)
    city.advance(to="2017-08-14 17:00")
    expect(case, escalated=("receipt-call",), lapsed={"confirm-referral/police"})
    assert case.taken_after_lapse[0].to == ("police", OFFICE)
    city.act(case, "receive", by="police")
    assert case.problem is not None
    assert "confirm-referral/police" not in {one.obligation for one in case.problem.deadlines}


# Typical cases (六(四))

MEANS = ("listed-supervision", "exposure", "joint-punishment", "yellow-card")


def test_complaint_upon_complaint_makes_a_typical_case_wf_09(city: City) -> None:
    """WF-09: 群众反映强烈: from the fifth further complaint on; listed, exposed, punished jointly, yellow card."""
    at = (36.8800, 118.7900)
    case = planned(city, channel="letter", at=at)
    for number in range(4):
        city.report("air", f"又闻到异味 {number}", area="yangkou", channel="letter", at=at)
    assert measured(case) == ()
    city.report("air", "还是有异味", area="yangkou", channel="visit", at=at)
    assert measured(case) == ("typical-case", *MEANS)
    expect(case, reports=6, flags=("listed", "typical"))


def test_what_stays_unsolved_for_long_is_a_typical_case_wf_09(city: City) -> None:
    """WF-09: 长期未解决, counted from registration, whatever has happened in between."""
    case = planned(city, due_at="2018-06-29 17:00")
    city.advance(to="2017-11-07 16:59")
    assert "typical-case" not in case.escalated
    city.advance(to="2017-11-07 17:00")
    assert case.escalated[-1] == "typical-case"
    assert measured(case) == MEANS


def test_repetition_brings_the_yellow_card_and_then_the_red_one_wf_09(city: City) -> None:
    """WF-09: 屡查屡犯 under “红黄牌”管理: taken up again once is yellow, again after that is red."""
    case = struck_off(city, planned(city))
    city.advance(to="2017-09-15 10:00")
    city.act(case, "reopen", by=OFFICE, reason="复查发现异味反弹")
    assert measured(case) == ("typical-case", *MEANS)
    struck_off(city, case)
    city.act(case, "reopen", by=OFFICE, reason="再次反弹")
    assert measured(case) == ("typical-case", *MEANS, "typical-case", "red-card")


def test_what_weighs_heavily_is_marked_by_the_office_wf_09(city: City) -> None:
    """WF-09: 污染严重、社会影响恶劣 is for the office to say; the means are the same."""
    case = planned(city)
    city.refuses(case, "flag", by="shouguang", because="not_permitted", flag="typical")
    city.act(case, "flag", by=OFFICE, flag="typical")
    assert measured(case) == MEANS
    assert city.rules.measures["listed-supervision"].public


@pytest.mark.parametrize("category", ["unapproved-building", "forged-data", "hazardous-dumping"])
def test_typical_offences_are_exposed_when_dealt_with_and_approved_wf_10(city: City, category: str) -> None:
    """WF-10: 查处一个、震慑一批: after verification, and not before the office has agreed."""
    case = city.report(category, "查实案件", area="changyi")
    expect(case, lead_unit="ecology", co_units=("police", "changyi"), clause="六(四)2")
    city.act(case, "acknowledge", by="ecology")
    city.act(case, "complete", by="ecology", outcome="sealed-and-seized")
    assert measured(case) == ()
    city.act(case, "verify", by=OFFICE, passed=True)
    assert measured(case) == ("exposure",)
    city.act(case, "approve", by=OFFICE, version=awaiting(case, "exposure"))
    assert case.problem is not None
    assert case.problem.awaiting_approval == {}


@pytest.mark.parametrize(
    "outcome", ["fined", "daily-penalty", "sealed-and-seized", "production-limited", "referred-for-detention"]
)
def test_each_penalty_of_the_law_is_an_outcome_wf_11(city: City, outcome: str) -> None:
    """WF-11: 按日连续处罚、查封扣押、限产停产、移送行政拘留 are recorded as what they are."""
    expect(struck_off(city, planned(city), outcome=outcome), outcome=outcome)


def test_a_unit_weak_in_executing_is_criticised_and_held_to_account_wf_11(city: City) -> None:
    """WF-11: 通报批评、行政问责 against the unit."""
    case = planned(city, due_at="2017-12-29 17:00")
    city.act(case, "flag", by=OFFICE, flag="penalty")
    city.advance(to="2017-08-30 17:00")
    expect(case, escalated=("criticism",), lapsed={"execute-penalty"})
    city.advance(to="2017-09-13 17:00")
    expect(case, escalated=("criticism", "administrative-accountability"))
    assert case.taken_after_lapse[-1].to == ("shouguang", "ecology", "discipline")


def test_accountability_is_started_in_time_and_with_a_receipt_wf_12(city: City) -> None:
    """WF-12: 对环保问题突出的,及时启动追责程序."""
    case = planned(city, due_at="2017-12-29 17:00")
    city.act(case, "flag", by=OFFICE, flag="prominent")
    city.advance(to="2017-08-16 17:00")
    expect(case, escalated=("bulletin",), lapsed={"start-accountability"})
    city.act(case, "refer", by=OFFICE, to="discipline", ground="环保问题突出", evidence=SEALED)
    city.act(case, "receive", by="discipline")
    city.advance(to="2017-09-08 17:00")
    expect(case, escalated=("bulletin",), referred={"discipline": True})


def test_the_accountability_bodies_meet_regularly_wf_12(city: City) -> None:
    """WF-12: 定期会商 with discipline, personnel and procuratorate."""
    city.advance(to="2018-01-01 12:00")
    units = ("ecology", "discipline", "personnel", "procuratorate")
    assert [len(city.duties("accountability-meeting", unit)) for unit in units] == [2, 2, 2, 2]


# Safeguards (七(一))


def test_each_county_and_department_names_a_deputy_and_a_liaison_wf_13() -> None:
    """WF-13: one deputy head and one member of staff each; the names themselves are for the city to fill in."""
    owing = [unit for unit in rules_of("weifang-2017").pack.units if {"county", "department"} & set(unit.roles)]
    assert len(owing) == COUNTIES + DEPARTMENTS
    assert all(unit.liaison is not None and unit.liaison.deputy and unit.liaison.staff for unit in owing)


def test_no_problem_leaves_the_list_without_unit_measures_and_limit_wf_14(city: City) -> None:
    """WF-14: 列出问题清单、明晰责任单位、细化工作措施、明确完成时限: the plan is due, and strike-off needs it."""
    case = city.report("water", "河水发黑", area="yangkou")
    city.act(case, "acknowledge", by="shouguang")
    city.advance(to="2017-08-16 17:00")
    expect(case, escalated=("bulletin",), lapsed={"plan"})
    city.act(case, "complete", by="shouguang", outcome="rectified")
    city.act(case, "check", by="ecology", check="checked-on-site", evidence=SEALED)
    city.act(case, "verify", by=OFFICE, passed=True)
    city.refuses(case, "strike_off", by=OFFICE, because="gate_shut")


def test_a_date_on_the_list_moves_with_the_offices_word_only_wf_14(city: City) -> None:
    """WF-14: 从严从速从实; the first date holds until the office agrees to another."""
    case = planned(city, due_at="2017-08-18 17:00")
    city.refuses(case, "plan", by="shouguang", because="missing_reason", plan=plan("2017-12-29 17:00"))
    city.act(case, "plan", by="shouguang", plan=plan("2017-12-29 17:00"), reason="设备未到货")
    city.act(case, "decide_plan", by=OFFICE, approved=False)
    city.advance(to="2017-08-18 17:00")
    expect(case, escalated=("interview",))


def test_every_county_and_department_reports_before_noon_each_day_of_the_inspection_wf_15(city: City) -> None:
    """WF-15: 督察期间 every day, Sundays too, and no day before or after; at 12:00 what is missing is told."""
    owing = city.rules.owing(city.rules.duties["daily-report"])
    assert len(owing) == COUNTIES + DEPARTMENTS
    city.advance(to="2017-08-09 23:59")
    assert city.duties("daily-report", "shouguang") == []
    city.advance(to="2017-08-10 11:59")
    (case,) = city.duties("daily-report", "shouguang")
    expect(case, number="daily-report/shouguang/2017-08-10", reminded=("daily-report",), escalated=())
    city.run(local("2017-08-10 12:00"))
    city.act(case, "complete", by="shouguang", outcome="reported")
    city.advance(to="2017-08-10 12:00")
    expect(case, escalated=(), status="struck_off")
    expect(city.duties("daily-report", "police")[0], escalated=("bulletin",), lapsed={"daily-report"})
    city.advance(to="2017-09-20 12:00")
    assert all(len(city.duties("daily-report", unit)) == 32 for unit in owing)
    assert city.duties("daily-report", "shouguang")[-1].escalated == ("bulletin", "interview")


def test_a_unit_reports_for_itself_alone_wf_15(city: City) -> None:
    """WF-15: nobody completes the report of another."""
    city.advance(to="2017-08-13 09:00")
    sunday = city.duties("daily-report", "linqu")[-1]
    city.refuses(sunday, "complete", by="police", because="not_permitted", outcome="reported")
    city.act(sunday, "complete", by="linqu", outcome="reported", evidence=SEALED)


def test_the_office_compiles_each_day_for_the_province_wf_16(city: City) -> None:
    """WF-16: when the reports are in, by the end of the day."""
    city.advance(to="2017-08-10 12:00")
    (case,) = city.duties("daily-compilation", OFFICE)
    city.advance(to="2017-08-11 00:00")
    expect(case, escalated=("bulletin",))
    city.advance(to="2017-09-11 12:00")
    assert len(city.duties("daily-compilation", OFFICE)) == 32


def test_the_office_compiles_each_week_for_committee_and_government_wf_17(city: City) -> None:
    """WF-17: five weeks of inspection, five compilations."""
    city.advance(to="2017-09-30 12:00")
    weeks = city.duties("weekly-compilation", OFFICE)
    days = ["2017-08-13", "2017-08-20", "2017-08-27", "2017-09-03", "2017-09-10"]
    assert [case.record.number[-10:] for case in weeks if case.record] == days


def test_the_government_checks_each_month_and_assesses_at_the_end_of_the_year_wf_18(city: City) -> None:
    """WF-18: 每月组织一次督导检查, 年底全面考核."""
    city.advance(to="2017-12-31 23:59")
    assert len(city.duties("supervision-check", "government")) == 4
    (whole,) = city.duties("full-assessment", "government")
    expect(whole, escalated=())
    city.advance(to="2018-01-01 00:00")
    expect(whole, escalated=("bulletin",), lapsed={"full-assessment"})


def test_the_reserve_has_a_master_plan_by_the_end_of_the_year_wf_19(city: City) -> None:
    """WF-19: three bureaus lead, each answers; who has delivered is not told of."""
    city.advance(to="2017-12-29 09:00")
    (done,), (late,) = city.duties("reserve-plan", "land"), city.duties("reserve-plan", "forestry")
    city.act(done, "complete", by="land", outcome="delivered", evidence=SEALED)
    city.advance(to="2018-01-01 00:00")
    expect(done, escalated=())
    expect(late, escalated=("bulletin",))


def test_the_reserve_is_checked_month_by_month_and_findings_are_problems_wf_19(city: City) -> None:
    """WF-19: 日常巡护, 经常性执法检查."""
    city.advance(to="2017-11-30 09:00")
    assert len(city.duties("reserve-check", "ecology")) == 3
    case = city.report("reserve", "核心区内采石", area="yeyuan", channel="reserve-patrol")
    expect(case, lead_unit="land", co_units=("forestry", "ecology", "linqu"), clause="五(三)")
