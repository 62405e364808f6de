"""Golmud 2018, assessed and exposed: what inspection finds costs points, and who pollutes is named.

In 2018 May 14 is a Monday; June 18 is off. The sweep opens on the 1st and is due 25 days later.
"""

from __future__ import annotations

import pytest

from duban_console.assessment.sheet_formats import to_csv
from tests.acceptance.sheets import points_of, sheet_of
from tests.acceptance.test_golmud import OFFICE, SEALED, route_map, struck_off, underway
from tests.acceptance.timeline import Case, City, lead

REBOUND = {"truthful": True, "timely": True, "effective": False, "rebound": True, "reason": "夜间再次超标"}


@pytest.fixture
def city() -> City:
    """Golmud on Monday, May 14, 2018, at nine."""
    return City.of("golmud-2018", at="2018-05-14 09:00")


def planned(city: City, case: Case) -> Case:
    return city.act(case, "plan", by=lead(case), plan=route_map("2018-06-29 17:00"))


@pytest.fixture
def inspected(city: City) -> City:
    """Two problems of Kunlun, one of which inspectors found, sent back and saw come back, and one of Qarhan."""
    found = planned(city, underway(city, "park-substandard", "kunlun", channel="inspection"))
    slow = underway(city, "hidden-danger", "kunlun", channel="sweep", report_id="slow")
    own = planned(city, underway(city, "hidden-danger", "chaerhan", channel="sweep", report_id="own"))
    city.advance(to="2018-05-25 10:00")
    planned(city, slow)  # was due on May 21
    city.act(found, "complete", by="kunlun", outcome="rectified")
    city.act(found, "verify", by=OFFICE, passed=False, reason="在线监测数据仍超标")
    city.advance(to="2018-06-04 10:00")
    for case in (found, slow, own):
        struck_off(city, case)
    city.advance(to="2018-06-20 10:00")
    city.act(found, "look_back", by="five-group", evidence=SEALED, **REBOUND)
    city.advance(to="2018-06-22 10:00")
    struck_off(city, found)
    city.act(city.duties("sweep", "kunlun")[0], "complete", by="kunlun", outcome="rectified")
    city.advance(to="2018-07-01 09:00")
    return city


def test_the_results_of_a_year_are_exported_for_promotion_and_reward_go_07(inspected: City) -> None:
    """GO-07: 将考核结果作为干部选拔任用和奖惩的重要依据: every unit that answers is there, and nobody else."""
    sheet = sheet_of(inspected, "scores", "2018-06-30")
    assessed = inspected.rules.pack.assessment
    assert assessed is not None
    assert {row["unit_id"] for row in sheet.rows} == set(assessed.units)
    ranked = {row["unit_id"]: (row["rank"], row["score"], row["measured"]) for row in sheet.rows}
    assert ranked["chaerhan"] == (1, 65.0, 100)
    assert ranked["kunlun"] == (2, 57.5, 100)
    # It did nothing but leave its sweep undone; nothing at all was asked of the school authorities.
    assert ranked["wutumeiren"] == (3, 0.0, 50)
    assert ranked["education"] == (None, None, 0)
    assert (sheet.bulletin.period, sheet.recipients, sheet.bulletin.needs_approval) == ("yearly", (OFFICE,), True)
    heading, first = to_csv(sheet).decode().split("\r\n")[:2]
    assert heading.startswith("Rank,Unit,On time,")
    assert first.startswith("1,Qarhan committee,80.0,15.0,0.0,0.0,")


def test_what_inspection_finds_enters_the_assessment_go_16(inspected: City) -> None:
    """GO-16: 把督查情况作为评价考核的重要依据: found by inspectors, sent back by them, come back before them."""
    sheet = sheet_of(inspected, "scores", "2018-06-30")
    assert points_of(sheet, "kunlun") == {
        "punctual": 22.5,  # 5 + 3 and the sweep of 5 + 4 + 1 are 90 %: (90 - 60) / 40 of 30
        "submitted": 20.0,  # its sweep
        "inspected": 7.5,  # one of two was found by others: (80 - 50) / 60 of 15
        "sent-back": 7.5,  # one of four completions: (50 - 25) / 50 of 15
        "rebound": 0.0,  # one of two
    }
    assert points_of(sheet, "chaerhan") == {
        "punctual": 15.0,  # all 4 but not the sweep: 80 %
        "submitted": 0.0,
        "inspected": 15.0,
        "sent-back": 15.0,
        "rebound": 20.0,
    }


def test_what_damages_the_environment_is_listed_for_exposure_once_it_is_exposed_go_17(city: City) -> None:
    """GO-17: 曝光破坏生态环境的人和事: the enterprise by its name; what only waits for approval is not exposed."""
    case = underway(city, enterprise="昆仑热力公司")
    planned(city, case)
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.advance(to="2018-07-04 09:00")  # the limit was June 26; the measure waits since July 3
    assert case.problem is not None
    (version,) = case.problem.awaiting_approval
    city.act(case, "approve", by=OFFICE, version=version)
    city.advance(to="2018-07-16 09:00")
    assert sheet_of(city, "exposure", "2018-07-03").rows == ()
    (row,) = sheet_of(city, "exposure", "2018-07-04").rows
    assert (row["enterprise"], row["exposed_on"], row["days_late"]) == ("昆仑热力公司", "2018-07-04", None)


def test_what_nobody_exposed_is_proposed_when_it_is_long_overdue_go_17(city: City) -> None:
    """GO-17: ten working days after the limit it stands on the draft of the month, exposed or not."""
    case = planned(city, underway(city))
    city.act(case, "flag", by=OFFICE, flag="cause-awareness")
    city.advance(to="2018-07-16 09:00")
    assert sheet_of(city, "exposure", "2018-07-09").rows == ()
    (row,) = sheet_of(city, "exposure", "2018-07-13").rows
    assert (row["due_on"], row["days_late"], row["exposed_on"]) == ("2018-06-26", 17, None)
