"""Weifang 2017, compiled: each day for the province, each week for the city, and the full assessment at the end.

In 2017 the inspection lasts from Thursday, August 10, to Sunday, September 10: 32 daily reports, due at noon.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.acceptance.sheets import points_of, row_of, sheet_of
from tests.acceptance.test_weifang import OFFICE, SEALED, plan, planned, struck_off
from tests.acceptance.timeline import City, expect

BEGIN = date(2017, 8, 10)
#: 12 counties and 7 departments owe the daily report.
REPORTING = 19


@pytest.fixture
def city() -> City:
    """Weifang on Wednesday, August 9, 2017, at nine: the day before the inspectors come."""
    return City.of("weifang-2017", at="2017-08-09 09:00")


def reported(city: City, unit: str, *, days: int, since: date = BEGIN) -> None:
    """The unit hands in its daily report at ten, day by day."""
    for number in range(days):
        city.advance(to=f"{since + timedelta(days=number)} 10:00")
        city.act(city.duties("daily-report", unit)[-1], "complete", by=unit, outcome="done", evidence=SEALED)


def test_the_office_compiles_the_day_for_the_province_wf_16(city: City) -> None:
    """WF-16: 每天汇总整理后报省环保厅: who reported by noon, what came in, and how far it is."""
    planned(city)
    reported(city, "shouguang", days=1)
    city.report("water", "河水发黑", area="yangkou", channel="letter")
    city.advance(to="2017-08-10 13:00")
    city.act(city.duties("daily-report", "qingzhou")[0], "complete", by="qingzhou", outcome="done", evidence=SEALED)
    sheet = sheet_of(city, "daily", "2017-08-10T14:00")
    named = ("duties", "duties_on_time", "received", "open", "overdue")
    assert [row_of(sheet, "shouguang")[one] for one in named] == [1, 1, 1, 2, 0]
    assert [row_of(sheet, "qingzhou")[one] for one in named] == [1, 0, 0, 0, 0]  # an hour late
    assert [row_of(sheet, "kuiwen")[one] for one in named] == [1, 0, 0, 0, 1]
    assert [row_of(sheet, None)[one] for one in named] == [REPORTING, 1, 1, 2, REPORTING - 2]
    assert dict(sheet.columns)["duties_on_time"] == "Reports in time"
    assert sheet.recipients == ("province",)


def test_the_office_compiles_the_week_for_the_city_wf_17(city: City) -> None:
    """WF-17: 每周汇总整理后报市委、市政府: four days of the inspection lie in its first week."""
    reported(city, "shouguang", days=3)
    city.advance(to="2017-08-13 14:00")
    sheet = sheet_of(city, "weekly", "2017-08-13T14:00")
    assert (row_of(sheet, "shouguang")["duties"], row_of(sheet, "shouguang")["duties_on_time"]) == (4, 3)
    # The office itself compiled nothing for the province, three nights long.
    assert (row_of(sheet, OFFICE)["duties"], row_of(sheet, OFFICE)["duties_on_time"]) == (3, 0)
    assert row_of(sheet, None)["duties"] == 4 * REPORTING + 3
    assert sheet.recipients == ("party-committee", "government")


def test_what_is_made_known_waits_for_the_office_to_say_when_wf_17(city: City) -> None:
    """WF-17: 适时进行通报: a draft, until it is approved; then to whom it concerns."""
    planned(city)
    sheet = sheet_of(city, "notice", "2017-08-09")
    assert (sheet.bulletin.needs_approval, sheet.recipients) == (True, ("shouguang",))


def test_the_list_has_problem_unit_measures_and_limit_wf_14(city: City) -> None:
    """WF-14: 列出问题清单、明晰责任单位、细化工作措施、明确完成时限."""
    planned(city)
    (row,) = sheet_of(city, "tasks", "2017-08-09").rows
    assert (row["title"], row["unit"], row["measures"]) == ("化工异味", "Shouguang city", "加装收集设施")
    assert (row["obligation"], row["due_on"]) == ("finish by the date on the list", "2017-08-31")


def test_at_the_end_of_the_year_everything_is_assessed_wf_18(city: City) -> None:
    """WF-18: 今年年底对本方案落实情况进行全面考核: counties and departments, by what was slow and not thorough."""
    slow = planned(city)
    reported(city, "shouguang", days=24)
    poor = city.report("air", "烟气", area="qingzhou", channel="letter")
    city.act(poor, "acknowledge", by="qingzhou")
    city.advance(to="2017-09-04 10:00")
    city.act(poor, "plan", by="qingzhou", plan=plan("2017-09-15 17:00"))
    city.act(poor, "complete", by="qingzhou", outcome="rectified")
    city.act(poor, "verify", by=OFFICE, passed=False, reason="未见整改")
    struck_off(city, slow)  # the date of its plan was August 31
    struck_off(city, poor)
    city.advance(to="2017-09-20 10:00")
    city.act(poor, "reopen", by=OFFICE, reason="再次冒烟")
    city.advance(to="2017-11-01 10:00")
    city.act(city.duties("police-meeting", "shouguang")[0], "complete", by="shouguang", outcome="done", evidence=SEALED)
    city.advance(to="2018-01-02 09:00")
    sheet = sheet_of(city, "scores", "2017-12-31")
    assert points_of(sheet, "shouguang") == {
        # Acknowledged, planned, rectified, off the list, but not by the date: 4 of 5; 24 of 32 reports; the meeting.
        "punctual": 16.3,  # 29 of 38 are 76.3 %: (76.3 - 60) / 40 of 40
        "daily-reports": 7.5,  # 75 %: (75 - 60) / 40 of 20
        "sent-back": 20.0,
        "rebound": 20.0,
    }
    assert points_of(sheet, "qingzhou") == {"punctual": 0.0, "daily-reports": 0.0, "sent-back": 0.0, "rebound": 0.0}
    ranked = {row["unit_id"]: (row["rank"], row["score"], row["measured"]) for row in sheet.rows}
    assert len(ranked) == REPORTING
    assert (ranked["shouguang"], ranked["qingzhou"]) == ((1, 63.8, 100), (2, 0.0, 100))
    assert sheet.recipients == ("government", "leading-group")
    (owed,) = city.duties("full-assessment", "government")
    expect(owed, lapsed={"full-assessment"})
