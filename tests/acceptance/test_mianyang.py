"""Mianyang 2022 (绵府办发〔2022〕8号) as timelines: each test names the ids of the requirements that it shows.

In 2022 April 6 is a Wednesday; April 24, a Sunday, and May 7, a Saturday, are worked; April 30 to May 4 is off.
"""

from __future__ import annotations

from typing import Any

import pytest

from duban.messages.records import Problem
from duban.moves import Stage
from duban_cli.demo.cities import named
from duban_cli.demo.story import Expected, sealed
from tests.acceptance.timeline import Case, City, expect, local, runs

OFFICE = "pollution-office"
SEALED = [sealed("现场勘查笔录：排口不在城镇管网范围。")]
NOT_OURS = {"reason": "不属城镇管网范围", "clause": "二(二)8", "evidence": SEALED}


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


def underway(city: City, category: str = "construction-dust", area: str = "fucheng") -> Case:
    """A problem whose lead unit has acknowledged it at once."""
    case = city.report(category, "工地裸土未覆盖", area=area)
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    return city.act(case, "acknowledge", by=case.problem.lead_unit)


def test_a_report_is_registered_in_one_series_and_dispatched_at_once_my_08a_my_09a(city: City) -> None:
    first = city.report("construction-dust", "工地裸土未覆盖", area="fucheng")
    second = city.report("sudden", "断面氨氮突升", area="luxi", channel="water-station")
    expect(first, number="绵污防督〔2022〕1号", status="dispatched", stage=Stage.TRANSFER, holder="housing")
    expect(second, number="绵污防督〔2022〕2号", lead_unit="ecology", clause="二(三)11")


def test_counties_and_parks_answer_for_every_item_my_01c(city: City) -> None:
    expect(city.report("livestock", "粪水直排", area="luxi"), lead_unit="agriculture", co_units=("santai",))
    expect(city.report("straw-burning", "焚烧秸秆", area="huagai"), lead_unit="anzhou", co_units=("agriculture",))
    expect(city.report("straw-burning", "不知何处"), lead_unit="agriculture", co_units=())


def test_what_no_line_takes_is_studied_and_dispatched_by_a_person_my_09a(city: City) -> None:
    """MY-09a: 落实专人统筹各渠道线索分析研判: no rule dispatches it, and the office owes it a unit by the next day."""
    case, left = (city.report(None, "河边有死鱼", area=area) for area in ("beichuan", "santai"))
    expect(case, category="other", lead_unit=None, status="registered")
    assert runs(case, "reroute") == "2022-04-07 17:00"
    city.act(case, "dispatch", by=OFFICE, lead_unit="ecology", co_units=["water"], clause="二(二)9")
    expect(case, lead_unit="ecology", status="dispatched")
    city.advance(working_days=1)
    expect(case, lapsed={"acknowledge"})
    expect(left, lapsed={"reroute"})


def test_major_pollution_is_joined_by_police_procuratorate_and_court_my_12a(city: City) -> None:
    case = city.report("major", "山沟倾倒危险废物", area="jiangyou")
    expect(case, lead_unit="ecology", co_units=("police", "procuratorate", "court", "jiangyou"), clause="二(三)12")


def test_a_problem_put_right_in_time_is_struck_off_without_a_measure_my_00(city: City) -> None:
    case = city.report("construction-dust", "工地裸土未覆盖", area="fucheng")
    city.advance(hours=5)
    city.act(case, "acknowledge", by="housing")
    city.advance(working_days=3)
    plan = {"person": "质安站", "target": "裸土覆盖", "measures": ["覆盖"], "due_at": local("2022-04-15 17:00")}
    city.act(case, "plan", by="housing", plan=plan)
    city.advance(working_days=3)
    city.act(case, "complete", by="housing", outcome="rectified")
    city.advance(working_days=2)
    city.act(case, "verify", by=OFFICE, passed=True)
    city.advance(working_days=1)
    city.act(case, "strike_off", by=OFFICE)
    city.advance(working_days=60)
    expect(case, status="struck_off", stage=Stage.CLOSED, escalated=(), reminded=())
    assert case.problem is not None
    assert [one.obligation for one in case.problem.deadlines] == ["look-back"]


def test_handed_back_with_sealed_evidence_it_is_rerouted_while_the_limit_runs_on_my_08b(city: City) -> None:
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.advance(to="2022-04-07 10:00")
    city.act(case, "hand_back", by="housing", **NOT_OURS)
    expect(case, status="registered", lead_unit=None, co_units=(), handbacks=1)
    city.advance(working_days=1)
    expect(case, escalated=("bulletin",), lapsed={"reroute"})
    city.act(case, "dispatch", by=OFFICE, lead_unit="ecology", co_units=["agriculture"], clause="二(二)9")
    city.act(case, "acknowledge", by="ecology")
    limit = next(one for one in case.problem.deadlines if one.obligation == "rectify-source") if case.problem else None
    assert limit is not None
    # 15 working days from April 6, not from the second dispatch: the make-up Sunday counts.
    assert (limit.owner, limit.lapse_at) == ("ecology", local("2022-04-26 17:00"))


def test_a_hand_back_needs_sealed_evidence_and_a_clause_my_08b(city: City) -> None:
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.refuses(case, "hand_back", by="housing", because="missing_evidence", reason="不属我委", clause="二(二)8")
    city.refuses(case, "hand_back", by="housing", because="missing_clause", reason="不属我委", evidence=SEALED)
    city.refuses(case, "hand_back", by="water", because="not_permitted", **NOT_OURS)


def test_after_two_hand_backs_the_office_has_ruled_my_10b(city: City) -> None:
    case = city.report("urban-sewage", "沟渠黑臭", area="xiaojian")
    city.act(case, "hand_back", by="housing", **NOT_OURS)
    city.act(case, "dispatch", by=OFFICE, lead_unit="water")
    city.act(case, "hand_back", by="water", **NOT_OURS)
    city.act(case, "dispatch", by=OFFICE, lead_unit="housing")
    city.refuses(case, "hand_back", by="housing", because="too_many_handbacks", **NOT_OURS)


def test_an_unacknowledged_transfer_climbs_its_ladder_my_09b(city: City) -> None:
    case = city.report("construction-dust", "工地裸土未覆盖", area="fucheng")
    city.advance(to="2022-04-07 12:59")
    expect(case, reminded=(), escalated=())
    city.advance(to="2022-04-07 13:00")
    expect(case, reminded=("acknowledge",), escalated=())
    city.advance(to="2022-04-07 16:59")
    expect(case, escalated=())
    city.advance(to="2022-04-07 17:00")
    expect(case, escalated=("bulletin",))
    city.advance(working_days=2)
    expect(case, escalated=("bulletin", "interview"))
    city.advance(working_days=2)
    expect(case, escalated=("bulletin", "interview", "supervision"), status="dispatched")
    city.act(case, "acknowledge", by="housing")
    assert case.problem is not None
    assert {deadline.obligation for deadline in case.problem.deadlines} == {"progress-call", "rectify-street"}


def test_acting_at_the_very_instant_of_the_deadline_is_in_time_my_09b(city: City) -> None:
    case = city.report("construction-dust", "工地裸土未覆盖", area="fucheng")
    city.run(local("2022-04-07 17:00"))
    city.act(case, "acknowledge", by="housing")
    city.advance(hours=1)
    expect(case, lapsed=set(), status="underway")


def test_late_rectification_is_escalated_level_by_level_my_05b_my_12b_my_13b(city: City) -> None:
    case = underway(city)
    city.advance(to="2022-04-12 09:00")
    city.act(case, "progress", by="housing", note="正在协调")
    ladder = [
        ("2022-04-18 17:00", None),
        ("2022-04-20 17:00", "bulletin"),
        ("2022-04-24 17:00", "interview"),
        ("2022-04-26 17:00", "exposure"),
        ("2022-04-29 17:00", "supervision"),
        ("2022-05-06 17:00", "listed-supervision"),
        ("2022-05-12 17:00", "accountability"),
    ]
    taken: tuple[str, ...] = ()
    for at, measure in ladder:
        day = at.split()[0]
        city.advance(to=f"{day} 09:00")
        city.act(case, "progress", by="housing", note="仍在协调")  # a word on progress does not stop the limit
        expect(case, escalated=taken)
        city.advance(to=at)
        taken += (measure,) if measure else ()
        expect(case, escalated=taken, reminded=("rectify-street",), lapsed={"rectify-street"} if taken else set())
    city.advance(to="2022-05-13 09:00")
    city.act(case, "complete", by="housing", outcome="penalized")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "strike_off", by=OFFICE)
    expect(case, status="struck_off", escalated=taken)


def test_exposure_is_public_and_tells_the_publicity_department_my_05b(city: City) -> None:
    case = underway(city)
    city.advance(working_days=15)
    (exposed,) = [change for change in case.taken_after_lapse if change.measure == "exposure"]
    assert exposed.to == ("housing", "publicity")
    assert city.rules.measures["exposure"].public


def test_listed_supervision_is_issued_with_police_procuratorate_and_court_my_12b(city: City) -> None:
    case = underway(city)
    city.advance(working_days=20)
    (listed,) = [change for change in case.taken_after_lapse if change.measure == "listed-supervision"]
    assert {"housing", "fucheng", "ecology", "police", "procuratorate", "court"} <= set(listed.to)


def test_silence_on_progress_escalates_and_a_word_ends_it_until_the_next_call_my_09b(city: City) -> None:
    case = underway(city)
    city.advance(working_days=5)
    expect(case, escalated=("bulletin",), lapsed={"progress-call"})
    city.act(case, "progress", by="fucheng", note="已进场")
    city.advance(working_days=4)
    expect(case, escalated=("bulletin",))
    city.advance(working_days=1)
    assert case.escalated.count("bulletin") == 3, "the next call, and the limit of ten days on the same evening"


def test_the_date_of_the_plan_binds_my_13a(city: City) -> None:
    case = underway(city)
    plan = {"person": "质安站", "target": "裸土覆盖", "measures": ["覆盖"], "due_at": local("2022-04-08 12:00")}
    city.act(case, "plan", by="housing", plan=plan)
    city.advance(to="2022-04-08 12:00")
    expect(case, lapsed={"keep-plan"}, escalated=("bulletin",))


def test_sent_back_at_verification_it_is_underway_again_under_the_same_limit_my_01a(city: City) -> None:
    case = underway(city)
    city.advance(working_days=4)
    city.act(case, "complete", by="housing", outcome="rectified")
    city.refuses(case, "verify", by=OFFICE, because="missing_reason", passed=False)
    city.act(case, "verify", by=OFFICE, passed=False, reason="仅覆盖一半")
    expect(case, status="underway", outcome=None)
    assert case.problem is not None
    limit = next(one for one in case.problem.deadlines if one.obligation == "rectify-street")
    assert limit.lapse_at == local("2022-04-20 17:00")


def test_the_reviewer_is_not_the_handler_mz_07(city: City) -> None:
    case = underway(city)
    city.act(case, "complete", by="housing", outcome="rectified")
    city.refuses(case, "verify", by="housing", because="not_permitted", passed=True)
    own = city.report(None, "河边有死鱼", area="beichuan")
    city.act(own, "dispatch", by=OFFICE, lead_unit=OFFICE)
    city.act(own, "acknowledge", by=OFFICE)
    city.act(own, "complete", by=OFFICE, outcome="unfounded")
    city.refuses(own, "verify", by=OFFICE, because="reviewer_is_handler", passed=True)


def test_nothing_is_struck_off_unverified_mz_05(city: City) -> None:
    case = underway(city)
    city.refuses(case, "strike_off", by=OFFICE, because="illegal_move")
    city.act(case, "complete", by="housing", outcome="rectified")
    city.refuses(case, "strike_off", by=OFFICE, because="not_verified")
    city.refuses(case, "complete", by="housing", because="illegal_move", outcome="rectified")


def test_the_office_has_limits_too_my_13b(city: City) -> None:
    case = underway(city)
    city.act(case, "complete", by="housing", outcome="rectified")
    city.advance(working_days=8)
    expect(case, escalated=("bulletin", "supervision"), lapsed={"verify"})
    assert case.taken_after_lapse[-1].to == (OFFICE, "supervision-office")


def test_a_rebound_reopens_the_problem_under_a_new_limit_mz_08(city: City) -> None:
    case = underway(city)
    city.act(case, "complete", by="housing", outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "strike_off", by=OFFICE)
    city.advance(to="2022-05-16 10:00")
    city.refuses(case, "reopen", by="housing", because="not_permitted", reason="反弹")
    city.act(case, "reopen", by=OFFICE, reason="回头看发现问题反弹")
    expect(case, status="underway", lead_unit="housing", outcome=None)
    city.advance(working_days=10)
    assert "rectify-street" in case.lapsed


def test_a_sudden_incident_does_not_wait_for_office_hours_my_07_my_11(city: City) -> None:
    city.advance(to="2022-04-30 23:00")
    case = city.report("sudden", "断面氨氮突升", area="fucheng", channel="water-station")
    city.advance(hours=1)
    expect(case, escalated=("bulletin",))
    city.advance(hours=2)
    expect(case, escalated=("bulletin", "interview"))
    city.act(case, "acknowledge", by="ecology")
    city.advance(hours=5)
    city.act(case, "complete", by="ecology", outcome="rectified")
    expect(case, escalated=("bulletin", "interview"), lapsed={"acknowledge-sudden"})


def test_what_is_reported_again_nearby_is_one_problem_my_02e(city: City) -> None:
    first = city.report("industrial-air", "刺鼻气味", area="jingkai", at=(31.4120, 104.7700))
    city.advance(hours=71)
    again = city.report("industrial-air", "异味", area="jingkai", at=(31.4131, 104.7706))
    farther = city.report("industrial-air", "异味", area="jingkai", at=(31.4160, 104.7700))
    city.advance(hours=73)
    later = city.report("industrial-air", "异味", area="jingkai", at=(31.4120, 104.7700))
    expect(first, reports=2)
    assert first.id == again.id
    assert len({first.id, farther.id, later.id}) == 3


def test_a_report_sent_twice_counts_once_and_its_id_is_not_used_again_mz_06(city: City) -> None:
    city.report("road-dust", "道路扬尘", report_id="1", area="fucheng")
    assert city.report("road-dust", "道路扬尘", report_id="1", area="fucheng").problem is None
    assert city.report("road-dust", "另一条路", report_id="1", area="fucheng").refusals == ["other_body"]
    expect(city.report("road-dust", "另一条路", report_id="2", area="fucheng"), number="绵污防督〔2022〕2号")


# Who reported hears back


def struck_off(city: City, case: Case) -> Case:
    """The whole way out."""
    assert case.problem is not None
    assert case.problem.lead_unit is not None
    city.act(case, "acknowledge", by=case.problem.lead_unit)
    city.act(case, "complete", by=case.problem.lead_unit, outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    return city.act(case, "strike_off", by=OFFICE)


def test_who_reported_is_answered_within_three_days_of_strike_off_my_02e(city: City) -> None:
    """MY-02e: 举报反馈机制; an answer that does not come is told of to the Petitions Bureau too."""
    answered, silent = (
        struck_off(city, city.report("road-dust", "道路扬尘", area="fucheng", channel="mayor-hotline", report_id=id_))
        for id_ in ("1", "2")
    )
    city.refuses(answered, "reply", by="fucheng", because="not_permitted", source="timeline", id="1", text="已清扫")
    city.act(answered, "reply", by="urban-management", source="timeline", id="1", text="已清扫，欢迎监督。")
    city.refuses(answered, "reply", by=OFFICE, because="no_reply_owed", source="timeline", id="1", text="已清扫")
    assert runs(silent, "reply") == "2022-04-11 17:00"
    city.advance(to="2022-04-11 17:00")
    expect(answered, lapsed=set(), unanswered=0)
    expect(silent, lapsed={"reply"}, reminded=("reply",), escalated=("bulletin",))
    assert silent.taken_after_lapse[-1].to == ("urban-management", OFFICE, "petitions")
    city.act(silent, "reply", by=OFFICE, source="timeline", id="2", text="答复迟了，致歉。")
    city.advance(working_days=10)
    expect(silent, escalated=("bulletin",))


def test_everybody_who_reported_the_same_is_answered_not_only_the_first_my_02e(city: City) -> None:
    """MY-02e: the answer is owed to each report; and once all are answered, a rebound owes no second answer."""
    place: dict[str, Any] = {"area": "jingkai", "channel": "miniapp", "at": (31.4120, 104.7700)}
    case = city.report("industrial-air", "刺鼻气味", report_id="1", **place)
    again = city.report("industrial-air", "异味", report_id="2", **place)
    assert again.id == case.id
    struck_off(city, case)
    city.act(case, "reply", by="ecology", source="timeline", id="1", text="活性炭已更换。")
    assert runs(case, "reply") == "2022-04-11 17:00"
    city.act(case, "reply", by="ecology", source="timeline", id="2", text="活性炭已更换。")
    expect(case, unanswered=0)
    city.act(case, "reopen", by=OFFICE, reason="夜间异味反弹")
    city.act(case, "complete", by="ecology", outcome="penalized")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "strike_off", by=OFFICE)
    city.advance(working_days=4)
    expect(case, lapsed=set(), status="struck_off")


def test_what_instruments_and_patrols_report_waits_for_no_answer_my_02e(city: City) -> None:
    """MY-02e: an answer is owed to people, not to a camera."""
    for channel in ("video", "auto-monitoring", "grid-patrol", "self-check"):
        case = struck_off(city, city.report("road-dust", "道路扬尘", area="fucheng", channel=channel))
        assert case.problem is not None
        assert [one.obligation for one in case.problem.deadlines] == ["look-back"]


def test_who_is_not_taken_up_is_told_why_my_02e(city: City) -> None:
    """MY-02e: the office owes the reason of a rejection within three working days, too."""
    told, untold = (city.report(None, "邻居装修电钻声", channel="visit", report_id=id_) for id_ in ("1", "2"))
    for case in (told, untold):
        city.act(case, "reject", by=OFFICE, reason="属邻里纠纷")
    city.act(told, "reply", by=OFFICE, source="timeline", id="1", text="属邻里纠纷，请向社区申请调解。")
    city.advance(working_days=3)
    expect(told, status="rejected", lapsed=set(), escalated=())
    expect(untold, status="rejected", lapsed={"reply-why-not"}, escalated=("bulletin",))


@pytest.mark.parametrize("channel", ["deputy-proposal", "deputy-visit"])
def test_what_deputies_raise_is_taken_up_in_hours_and_answered_in_two_days_my_03(city: City, channel: str) -> None:
    """MY-03: 确保问题及时妥善处理: a shorter first response than anybody else's, and the proposer gets an answer."""
    late, case = (
        city.report("livestock", "建议整治养殖场", area="santai", channel=channel, report_id=id_) for id_ in "12"
    )
    other = city.report("livestock", "养殖场臭气", area="luxi", channel="letter")
    assert runs(case, "acknowledge-deputies") == "2022-04-06 14:00"
    assert runs(other, "acknowledge") == "2022-04-07 17:00"
    struck_off(city, case)
    city.advance(to="2022-04-06 14:00")
    expect(late, lapsed={"acknowledge-deputies"}, escalated=("bulletin",))
    expect(other, lapsed=set())
    assert runs(case, "answer-deputies") == "2022-04-08 17:00"
    city.advance(to="2022-04-08 10:00")
    city.act(case, "reply", by="agriculture", source="timeline", id="2", text="您的建议已办结。")
    city.advance(working_days=5)
    expect(case, lapsed=set(), unanswered=0)


def test_a_proposer_who_gets_no_answer_is_not_forgotten_my_03(city: City) -> None:
    """MY-03: the answer climbs its ladder like anything owed."""
    case = struck_off(city, city.report("livestock", "建议整治养殖场", area="santai", channel="deputy-proposal"))
    city.advance(to="2022-04-13 17:00")
    expect(case, lapsed={"answer-deputies"}, reminded=("answer-deputies",), escalated=("bulletin", "interview"))


# The story of the demo, on virtual time; tests/acceptance/test_stories.py holds its ends


def test_the_story_shows_every_measure_and_every_end() -> None:
    story = named("mianyang")
    seen = story.rehearsed()
    assert {measure for taken in seen.measures.values() for measure in taken} == set(story.rules.measures)
    ends = set(Expected.model_fields["outcome"].annotation.__args__)  # type: ignore[union-attr]
    assert {told.expect.outcome for told in story.story.reports} == ends


def test_nobody_who_reported_is_without_an_answer_when_the_story_ends_my_02e_my_03() -> None:
    story = named("mianyang")
    answered = {channel for id_ in ("reply", "answer-deputies") for channel in story.rules.obligations[id_].channels}
    closed = [
        one
        for one in story.rehearsed().records.values()
        if isinstance(one, Problem) and one.stage in (Stage.CLOSED, Stage.REJECTED) and one.channel in answered
    ]
    assert len(closed) > 15
    assert [one.number for one in closed if one.unanswered] == []
