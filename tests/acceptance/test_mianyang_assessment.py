"""Mianyang 2022, assessed: 投诉回应积极性、时效性和公众满意度, and whether patrols are accounted for, in points.

In 2022 April 6 is a Wednesday; April 24, a Sunday, and May 7, a Saturday, are worked; April 30 to May 4 is off. A day
has seven working hours, 9 to 12 and 13 to 17.
"""

from __future__ import annotations

import pytest

from tests.acceptance.sheets import points_of, row_of, sheet_of
from tests.acceptance.timeline import Case, City, lead

OFFICE = "pollution-office"


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


def closed(city: City, case: Case) -> Case:
    city.act(case, "complete", by=lead(case), outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    return city.act(case, "strike_off", by=OFFICE)


def test_response_timeliness_and_satisfaction_are_scored_my_02e(city: City) -> None:
    """MY-02e: who answers, acts and satisfies quickly stands before who does not, and the points say why."""
    quick = city.report("construction-dust", "工地裸土未覆盖", area="fucheng", channel="duty-line", report_id="q")
    slow = city.report("road-dust", "道路扬尘", area="youxian", channel="duty-line", report_id="s")
    city.advance(to="2022-04-06 11:00")
    city.act(quick, "acknowledge", by="housing")
    city.advance(to="2022-04-07 15:00")
    city.act(slow, "acknowledge", by="urban-management")
    city.advance(to="2022-04-11 10:00")
    closed(city, quick)
    city.act(quick, "reply", by="housing", source="timeline", id="q", text="裸土已覆盖。")
    city.act(quick, "rate", by=OFFICE, satisfied=True)
    for day in ("2022-04-13 10:00", "2022-04-20 10:00"):
        city.advance(to=day)
        city.act(slow, "progress", by="urban-management", note="正在协调洒水")
    city.advance(to="2022-04-21 10:00")
    closed(city, slow)
    city.act(slow, "reply", by="urban-management", source="timeline", id="s", text="已增加洒水频次。")
    for satisfied in (True, True, False):
        city.act(slow, "rate", by=OFFICE, satisfied=satisfied)
    sheet = sheet_of(city, "scores", "2022-04-30")
    # Neither has a territory, so that "others first" (10) is not measured: points for every
    # hundred of 80: nor does either owe an account of patrols (10).
    assert points_of(sheet, "housing") == {
        "respond": 15.0,  # 2 hours; all points up to 4
        "punctual": 25.0,  # acknowledged, progress, rectified, replied: 4 of 4
        "public-satisfaction": 20.0,
        "feedback": 10.0,
        "rebound": 5.0,
        "hand-backs": 5.0,
    }
    assert points_of(sheet, "urban-management") == {
        "respond": 5.0,  # 7 + 5 = 12 hours: (16 - 12) / 12 of 15
        "punctual": 9.38,  # rectified by April 20, 17:00, it was not: 3 of 4 are 75 %, (75 - 60) / 40 of 25
        "public-satisfaction": 3.83,  # 2 of 3: (66.7 - 60) / 35 of 20
        "feedback": 10.0,
        "rebound": 5.0,
        "hand-backs": 5.0,
    }
    placed = {unit: (row_of(sheet, unit)["rank"], row_of(sheet, unit)["score"], row_of(sheet, unit)["measured"])
              for unit in ("housing", "urban-management")}  # fmt: skip
    # 80 of 80, and 38.21 of 80.
    assert placed == {"housing": (1, 100.0, 80), "urban-management": (2, 47.8, 80)}
    # Of the office that only verifies and strikes off, a quarter of the weight is measured: a score, but no rank.
    assert (row_of(sheet, OFFICE)["rank"], row_of(sheet, OFFICE)["measured"]) == (None, 25)


def test_patrols_that_nobody_accounts_for_cost_points_my_01b(city: City) -> None:
    """MY-01b: 网格员巡查管理制度, 河(湖)长定期巡查: a county owes the account each month, and 10 points hang on it."""
    for day in ("2022-04-15 10:00", "2022-05-16 10:00", "2022-06-15 10:00", "2022-07-15 10:00", "2022-08-15 10:00"):
        city.advance(to=day)
        accounting = ("fucheng",) if day.startswith("2022-05") else ("fucheng", "youxian")
        for unit in accounting:
            city.act(city.duties("patrol-plan", unit)[-1], "complete", by=unit, outcome="submitted")
    city.advance(to="2022-09-01 09:00")
    # Too late is not in time: four of five are 80 %, (80 - 60) / 40 of 10.
    city.act(city.duties("patrol-plan", "youxian")[1], "complete", by="youxian", outcome="submitted")
    sheet = sheet_of(city, "scores", "2022-09-01")
    counties = ("fucheng", "youxian", "santai")
    assert [row_of(sheet, unit)["patrols"] for unit in counties] == [100.0, 80.0, 0.0]
    assert [row_of(sheet, unit)["patrols.points"] for unit in counties] == [10.0, 5.0, 0.0]
    assert row_of(sheet, "housing")["patrols"] is None
