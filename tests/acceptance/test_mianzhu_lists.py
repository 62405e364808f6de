"""Mianzhu 2018, 严肃责任追究: the grounds of the document, and the record that the discipline commission keeps.

In 2018 July 4 is a Wednesday; September 24 and October 1 to 7 are off, September 29 and 30 are worked.
"""

from __future__ import annotations

import pytest

from duban.moves import Kind
from tests.acceptance.test_linyi_lists import enters, last_told, of_whom, released, waiting
from tests.acceptance.test_mianzhu import OFFICE, SEALED, complained, plan, strike_off, task, underway
from tests.acceptance.timeline import Case, City, expect, local

GROUNDS = {
    "inaction": "不作为",
    "slowness": "慢作为",
    "misconduct": "乱作为",
    "not-in-place": "履职不到位",
    "not-carried-out": "责任不落实",
    "weak": "问题整改不力",
    "perfunctory": "敷衍塞责",
    "sham": "弄虚作假",
    "refusal": "拒不整改",
}


@pytest.fixture
def city() -> City:
    """Mianzhu on Wednesday, July 4, 2018, at nine, the day of the document."""
    return City.of("mianzhu-2018", at="2018-07-04 09:00")


def recorded(city: City, case: Case, measure: str) -> tuple[str, str, str]:
    """The commission releases ``measure``; whom it puts on its record, and on what ground."""
    assert city.opened(case, Kind.LISTING) == []
    (entry,) = released(city, case, measure, by="discipline")
    expect(entry, status="listed", holder="discipline")
    return of_whom(entry)


def test_the_record_knows_the_grounds_of_the_document_and_no_others_mz_17(city: City) -> None:
    """MZ-17: 不作为、慢作为、乱作为; 履职不到位, 责任不落实, 整改不力, 敷衍塞责、弄虚作假、拒不整改."""
    grounds = city.rules.lists["accountability-record"].grounds
    assert {one.id: one.title.zh for one in grounds} == GROUNDS
    assert {one.clause for one in grounds} == {"五(四)"}
    entry = {"list": "accountability-record", "of": "housing"}
    enters(city, "discipline", because="unknown_ground", ground="envy", evidence=SEALED, **entry)


def test_who_never_takes_its_task_on_does_nothing_mz_17(city: City) -> None:
    """MZ-17: 不作为: told of, interviewed, and still not there ten working days after the limit."""
    case = task(city, "6-3")
    city.act(case, "sponsor", by=OFFICE, sponsor="副市长")
    city.run(local("2018-07-19 17:00"))
    expect(case, escalated=("bulletin", "interview"))
    city.advance(to="2018-07-19 17:00")
    assert recorded(city, case, "inaction-accountability") == ("accountability-record", "urban-management", "inaction")


def test_who_files_no_plan_has_not_fixed_who_is_responsible_mz_17(city: City) -> None:
    """MZ-17: 责任不落实: the plan names unit, person and limit (五(三)); it was due on July 18."""
    case = underway(city)
    city.run(local("2018-08-01 17:00"))
    expect(case, escalated=("bulletin", "sponsor-digest", "interview"))
    city.advance(to="2018-08-01 17:00")
    found = recorded(city, case, "unplanned-accountability")
    assert found == ("accountability-record", "urban-management", "not-carried-out")


def test_weak_work_and_then_refusal_are_two_grounds_mz_14_mz_17(city: City) -> None:
    """MZ-14, MZ-17: 追责问责 is the last of the means: 整改不力 after fifteen working days, 拒不整改 after thirty."""
    case = underway(city)
    city.act(case, "plan", by="urban-management", plan=plan("immediate", "2018-07-13 17:00"))
    city.advance(to="2018-08-03 17:00")
    assert recorded(city, case, "accountability")[2] == "weak"
    city.run(local("2018-08-24 17:00"))
    assert waiting(case) == ["inaction-accountability"]  # listed, and not a word each week
    city.advance(to="2018-08-24 17:00")
    (refused,) = released(city, case, "refusal-accountability", by="discipline")
    assert of_whom(refused) == ("accountability-record", "urban-management", "refusal")


def test_perfunctory_work_is_interviewed_over_and_the_third_time_recorded_mz_17(city: City) -> None:
    """MZ-17: 敷衍塞责: sent back once is work; twice is an interview; three times is put to the commission."""
    case = complained(city)
    for proposals in ([], [], ["perfunctory-accountability"]):
        city.act(case, "complete", by="urban-management", outcome="rectified")
        city.act(case, "verify", by=OFFICE, passed=False, reason="就地掩埋")
        assert waiting(case) == proposals
    found = recorded(city, case, "perfunctory-accountability")
    assert found == ("accountability-record", "urban-management", "perfunctory")


def test_false_rectification_is_recorded_as_such_mz_17(city: City) -> None:
    """MZ-17: 弄虚作假: what the look-back found, once the commission has released it."""
    case = strike_off(city, complained(city, channel="monitoring"))
    found = {"truthful": False, "timely": True, "effective": False, "rebound": True, "reason": "台账补记"}
    city.act(case, "look_back", by=OFFICE, **found)
    assert recorded(city, case, "sham-accountability")[1:] == ("urban-management", "sham")


def test_who_does_not_answer_its_calls_has_not_done_its_duty_mz_17(city: City) -> None:
    """MZ-17: 履职不到位: a township that leaves the weekly call unanswered ten working days after its limit."""
    city.advance(to="2018-07-25 17:00")
    call = city.duties("weekly-call", "hanwang")[0]
    expect(call, escalated=("duty-bulletin", "duty-interview", "duty-accountability"))
    assert recorded(city, call, "duty-accountability") == ("accountability-record", "hanwang", "not-in-place")


def test_the_commission_may_bear_with_a_unit_and_says_why_mz_14_mz_17(city: City) -> None:
    """MZ-14, MZ-17: 依法依规追究责任: not each proposal is followed; what is withheld is on no record."""
    case = underway(city)
    city.act(case, "plan", by="urban-management", plan=plan("immediate", "2018-07-13 17:00"))
    city.advance(to="2018-08-03 17:00")
    assert case.record is not None
    (version,) = case.record.awaiting_approval
    city.refuses(case, "withhold", by=OFFICE, because="not_permitted", version=version, reason="已说明情况")
    city.refuses(case, "withhold", by="discipline", because="missing_reason", version=version)
    city.act(case, "withhold", by="discipline", version=version, reason="特大暴雨冲毁便道，非主观过错")
    assert (waiting(case), city.opened(case, Kind.LISTING)) == ([], [])
    city.refuses(case, "approve", by="discipline", because="nothing_asked", version=version)


def test_what_no_event_shows_the_commission_enters_itself_until_it_has_decided_mz_17(city: City) -> None:
    """MZ-17: 乱作为、慢作为: entered with evidence, told to the unit alone, and off once it is dealt with."""
    wrong = {"list": "accountability-record", "of": "housing", "ground": "misconduct"}
    enters(city, "performance", because="not_permitted", evidence=SEALED, **wrong)
    enters(city, "discipline", because="missing_evidence", **wrong)
    entry = enters(city, "discipline", evidence=SEALED, **wrong)
    ((recipient, text),) = last_told(city, entry).items()
    assert recipient == "housing"
    assert "因乱作为" in text
    city.advance(to="2018-12-28 09:00")
    expect(entry, status="listed", deadlines=())
    city.refuses(entry, "take_off_list", by="discipline", because="missing_evidence", reason="已处理")
    city.act(entry, "take_off_list", by="discipline", reason="给予党纪政务处分", evidence=SEALED)
    expect(entry, status="delisted")
