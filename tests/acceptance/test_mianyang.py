"""Mianyang 2022 (绵府办发〔2022〕8号) as timelines: each test names the ids of the requirements that it shows.

In 2022 April 6 is a Wednesday; April 24, a Sunday, and May 7, a Saturday, are worked; April 30 to May 4 is off.
"""

from __future__ import annotations

from functools import cache

import pytest

from duban.moves import Stage
from duban_console.demo.story import Expected, Reported, Story, Told, load_story, sealed
from tests.acceptance.timeline import DEPLOY, Case, City, expect, local, rules_of

OFFICE = "pollution-office"
STORY = DEPLOY / "demo" / "mianyang.yaml"
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
    expect(first, number="绵污防督〔2022〕1号", status="dispatched", stage=Stage.TRANSFER, lead_unit="housing")
    expect(second, number="绵污防督〔2022〕2号", lead_unit="ecology", clause="二(三)11")


def test_counties_and_parks_answer_for_every_item_my_01c(city: City) -> None:
    expect(city.report("livestock", "粪水直排", area="luxi"), lead_unit="agriculture", co_units=("santai",))
    expect(city.report("straw-burning", "焚烧秸秆", area="huagai"), lead_unit="anzhou", co_units=("agriculture",))
    expect(city.report("straw-burning", "不知何处"), lead_unit="agriculture", co_units=())


def test_what_no_line_takes_goes_to_the_office_desk_my_09a(city: City) -> None:
    case = city.report(None, "河边有死鱼", area="beichuan")
    expect(case, category="other", lead_unit=OFFICE, clause="二(二)9")
    city.act(case, "dispatch", by=OFFICE, lead_unit="ecology", co_units=["water"], clause="二(二)9")
    expect(case, lead_unit="ecology", status="dispatched")


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


def test_late_rectification_is_escalated_rung_by_rung_my_05b_my_12b_my_13b(city: City) -> None:
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


# The story of the demo, on virtual time


@cache
def story() -> Story:
    return load_story(STORY.read_text("utf-8"), STORY.name)


@cache
def played() -> dict[int, Case]:
    """What became of each report of the story, by its place in the file; every act was granted or refused as told."""
    told = story()
    city = City(rules_of("mianyang-2022"), told.begins_at)
    cases: dict[int, Case] = {}
    for entry in told.entries:
        city.run(entry.at)
        if isinstance(entry, Reported):
            cases[_place(entry.told)] = city.submit(entry.message)
        else:
            code = getattr(city.send(entry.message), "code", None)
            assert code == entry.act.refused, f"{entry.told.id}: {entry.act.action} at {entry.act.at}: {code}"
    city.run(told.ends_at)
    return cases


def _place(told: Told) -> int:
    return next(place for place, one in enumerate(story().reports) if one is told)


@pytest.mark.parametrize("place", range(len(story().reports)), ids=lambda place: story().reports[place].id)
def test_the_story_ends_as_it_says(place: int) -> None:
    wanted, case = story().reports[place].expect, played()[place]
    assert _outcome(case) == wanted.outcome
    if wanted.outcome == "refused":
        assert case.refusals == [wanted.code]
    elif wanted.outcome == "attached":
        assert case.id == next(one.problem_id for one in story().reports if one.id == wanted.to)
    else:
        taken = tuple(change.measure for change in case.measures)
        assert case.lapsed == set(wanted.lapsed)
        assert wanted.measures is None or wanted.measures == taken


def _outcome(case: Case) -> str:
    if case.receipt.outcome != "accepted":
        return case.receipt.outcome
    assert case.problem is not None
    return case.problem.status if case.problem.stage in (Stage.CLOSED, Stage.REJECTED) else "open"


def test_the_story_shows_every_measure_and_every_end() -> None:
    rules = rules_of("mianyang-2022")
    assert {change.measure for case in played().values() for change in case.measures} == set(rules.measures)
    ends = set(Expected.model_fields["outcome"].annotation.__args__)  # type: ignore[union-attr]
    assert {told.expect.outcome for told in story().reports} == ends
