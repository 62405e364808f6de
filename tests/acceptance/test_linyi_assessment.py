"""Linyi 2021, assessed: the weight of the environment in the assessment of counties and departments.

In 2021 April 19 is a Monday; May 1 to 5 and June 12 to 14 are off, April 25 and May 8 are worked.
"""

from __future__ import annotations

import pytest

from tests.acceptance.sheets import points_of, sheet_of
from tests.acceptance.test_linyi import OFFICE, SEALED, strike_off, underway
from tests.acceptance.timeline import City

REBOUND = {"truthful": True, "timely": True, "effective": False, "rebound": True, "reason": "夜间仍施工"}


@pytest.fixture
def city() -> City:
    """Linyi on April 19, 2021, at nine; the dated tasks were opened at midnight."""
    city = City.of("linyi-2021", at="2021-04-18 18:00")
    city.advance(to="2021-04-19 09:00")
    return city


@pytest.fixture
def july(city: City) -> City:
    """A district slow with a noise that comes back, a bureau quick with another, and the tasks of the end of June."""
    quick = underway(city, "noise", channel="complaint")
    slow = city.report("noise", "夜间施工", area="lanshan", channel="complaint")
    city.advance(to="2021-04-21 10:00")
    city.act(slow, "acknowledge", by="lanshan")  # was due on April 20
    for case in (quick, slow):
        strike_off(city, case)
    city.act(quick, "rate", by=OFFICE, satisfied=True)
    for satisfied in (True, True, True, False):
        city.act(slow, "rate", by=OFFICE, satisfied=satisfied)
    city.advance(to="2021-05-10 10:00")
    city.act(slow, "look_back", by=OFFICE, evidence=SEALED, **REBOUND)
    city.advance(to="2021-06-25 10:00")
    for duty in ("permit-look-back", "approval-parity"):
        city.act(city.duties(duty, "approval")[0], "complete", by="approval", outcome="done", evidence=SEALED)
    city.advance(to="2021-08-01 09:00")
    return city


def test_the_environment_has_a_weight_of_its_own_in_the_assessment_ly_02(july: City) -> None:
    """LY-02: 在县区经济社会发展综合考核中权重，在部门绩效考核中体现: counties and departments alike."""
    sheet = sheet_of(july, "scores", "2021-07-31")
    assert points_of(sheet, "urban-management") == {"punctual": 30.0, "rebound": 20.0, "public-satisfaction": 25.0}
    assert points_of(sheet, "lanshan") == {
        "punctual": 0.0,  # not taken on in time, put right in time, and of what came back nothing since May 10
        "rebound": 0.0,
        "public-satisfaction": 10.71,  # 3 of 4: (75 - 60) / 35 of 25
    }
    assert points_of(sheet, "approval") == {"punctual": 30.0, "programme": 25.0}
    assert points_of(sheet, "trade-unions") == {"punctual": 0.0, "programme": 0.0}
    ranked = {row["unit_id"]: (row["rank"], row["score"], row["measured"]) for row in sheet.rows}
    assert (ranked["urban-management"], ranked["approval"]) == ((1, 100.0, 75), (1, 100.0, 55))
    assert (ranked["lanshan"][1:], ranked["trade-unions"][1:]) == ((14.3, 75), (0.0, 55))  # 10.71 of 75


def test_who_is_only_stationed_in_the_city_is_not_assessed_by_it_ly_02(july: City) -> None:
    """LY-02: 县区 and 部门: every county is there, nobody from outside the hierarchy; the results decide careers."""
    sheet = sheet_of(july, "scores", "2021-07-31")
    assessed = {row["unit_id"] for row in sheet.rows}
    units = july.rules.pack.units
    assert {one.id for one in units if "county" in one.roles} < assessed
    assert not {one.id for one in units if one.outside} & assessed
    assert (sheet.recipients, sheet.bulletin.needs_approval) == (("party-office", "organisation"), True)
