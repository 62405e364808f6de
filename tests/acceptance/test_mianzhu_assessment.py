"""Mianzhu 2018, compiled: 清单制+责任制, 周通报, 月交账, 挂图作战, 整改目标, 逗硬考核, in numbers counted by hand.

In 2018 July 4 is a Wednesday; the weekly call opens on Mondays and is due on Wednesdays at five.
"""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

import orjson
import pytest

from duban.messages.commands import TakeReading
from duban.messages.envelope import Message
from duban.messages.struct import from_data
from duban.refusal import Refusal
from duban_console.assessment.rows.targets import TargetReading
from duban_console.assessment.sheet_formats import to_csv, to_geojson
from tests.acceptance.sheets import points_of, row_of, sheet_of
from tests.acceptance.test_mianzhu import OFFICE, SEALED, plan, strike_off, task, underway
from tests.acceptance.timeline import Case, City, expect, lead

_turn = count()
NUMBER = "绵竹督整〔2018〕{}号"


@pytest.fixture
def city() -> City:
    """Mianzhu on Wednesday, July 4, 2018, at nine."""
    return City.of("mianzhu-2018", at="2018-07-04 09:00")


@pytest.fixture
def chart(city: City) -> City:
    """Four tasks: one is done, one behind its second stage, one on the way, one without a plan. It is August 15."""
    waste, water, air = underway(city, "6-3"), underway(city, "3-2"), underway(city, "4-1")
    task(city, "6-4")
    stages = ("管网完善", "2018-07-20 17:00"), ("提标改造", "2018-08-10 17:00")
    city.act(waste, "plan", by="urban-management", plan=plan("immediate", "2018-07-31 17:00"))
    city.act(water, "plan", by="deyang-aba-park", plan=plan("phased", "2018-12-28 17:00", *stages))
    city.advance(to="2018-07-10 10:00")
    city.act(air, "plan", by="ecology", plan=plan("immediate", "2018-10-19 17:00"))
    city.advance(to="2018-07-19 10:00")
    city.act(water, "reach_milestone", by="deyang-aba-park", evidence=SEALED)
    strike_off(city, waste)
    city.report("livestock", "粪水直排", channel="complaint", at=(31.34, 104.2), area="xiaode")
    city.advance(to="2018-08-15 10:00")
    return city


def handed_in(city: City, unit: str, *days: str) -> None:
    """On each day the unit hands in whatever the calendar has opened for it."""
    for day in days:
        city.advance(to=f"{day} 10:00")
        for duty in ("weekly-call", "monthly-account"):
            for one in city.duties(duty, unit):
                if one.record is not None and one.record.status == "underway" and not one.lapsed:
                    city.act(one, "complete", by=unit, outcome="done", evidence=SEALED)


def read(city: City, target: str, value: float, because: str | None = None, **more: Any) -> Case:
    """The environmental bureau enters what a target came to on December 30; refused with the code ``because``."""
    said = {"target": target, "unit": "ecology", "read_on": "2018-12-30", "value": value, "source": "市环境监测站"}
    data = from_data({"actor": {"unit": "ecology"}, **said, **more}, TakeReading)
    case = Case(data.record_id(city.rules.pack.jurisdiction))
    if because is None:
        city.cases[case.id].append(case)
    subject, jurisdiction = str(case.id), city.rules.pack.jurisdiction
    id_ = f"reading {next(_turn)}"
    answer = city.send(Message(id_, "timeline", subject, city.now, jurisdiction, subject, data))
    assert (answer.code if isinstance(answer, Refusal) else None) == because
    return case


# 清单制+责任制


def test_the_list_of_problems_says_what_where_since_when_and_how_far_mz_04(chart: City) -> None:
    """MZ-04: 问题清单, by class; what was struck off within the year is there too."""
    sheet = sheet_of(chart, "problems", "2018-08-15")
    told = [(row["number"], row["area"], row["registered_on"], row["status"]) for row in sheet.rows]
    assert told == [
        (NUMBER.format(2), None, "2018-07-04", "underway"),  # 四(三)2
        (NUMBER.format(3), None, "2018-07-04", "underway"),  # 四(四)1
        (NUMBER.format(1), None, "2018-07-04", "struck off"),  # 四(六)3
        (NUMBER.format(4), None, "2018-07-04", "dispatched"),  # 四(六)4
        (NUMBER.format(5), "Xiaode town", "2018-07-19", "dispatched"),
    ]


def test_the_list_of_responsibilities_says_who_answers_for_what_by_which_clause_mz_04(chart: City) -> None:
    """MZ-04: 责任清单: the leader who took it, the person of the plan, what a unit leads and what it takes part in."""
    sheet = sheet_of(chart, "responsibilities", "2018-08-15")
    industry = row_of(sheet, "industry")
    assert (industry["leads"], industry["joins"]) == ("", f"{NUMBER.format(2)}; {NUMBER.format(3)}")
    ecology = row_of(sheet, "ecology")
    assert ecology == {
        "unit_id": "ecology", "unit": "Environmental Protection Bureau", "clause": "四(四)1; 四(三)2",
        "sponsor": "副市长", "person": "分管副局长", "leads": NUMBER.format(3),
        "joins": f"{NUMBER.format(2)}; {NUMBER.format(5)}",
    }  # fmt: skip
    agriculture = row_of(sheet, "agriculture")
    assert agriculture["leads"] == f"{NUMBER.format(4)}; {NUMBER.format(5)}"
    assert (agriculture["sponsor"], agriculture["person"]) == ("", "")
    assert {"ecology", "industry", "agriculture", "leading-group"} <= set(sheet.recipients)


def test_the_list_of_tasks_says_to_what_end_how_and_what_is_owed_next_by_whom_mz_04(chart: City) -> None:
    """MZ-04: 任务清单: only what is open, the nearest limit first; 明确整改目标、时限、措施."""
    rows = {row["number"]: row for row in sheet_of(chart, "tasks", "2018-08-15").rows}
    # Number 4 was never taken on, 5 was due in July as well, 2 has missed its stage, 3 has time.
    assert list(rows) == [NUMBER.format(number) for number in (4, 5, 2, 3)]
    water = rows[NUMBER.format(2)]
    assert (water["target"], water["measures"]) == ("整改到位", "逐项整改")
    assert water["milestones"] == "管网完善 (2018-07-20, reached); 提标改造 (2018-08-10)"
    assert (water["obligation"], water["due_on"], water["days_late"]) == (
        "reach the milestone of the filed plan", "2018-08-10", 5,
    )  # fmt: skip
    assert water["owner"] == water["unit"] == "Deyang-Aba industrial park"
    air = rows[NUMBER.format(3)]
    assert (air["due_on"], air["days_late"]) == ("2018-10-19", None)
    assert to_csv(sheet_of(chart, "tasks", "2018-08-15")).count(b"\r\n") == 5


def test_who_must_move_next_need_not_be_the_handler_mz_04(city: City) -> None:
    """MZ-04: what waits to be verified is the office's task, with the office's limit."""
    done = underway(city, "6-3")
    city.act(done, "plan", by="urban-management", plan=plan("immediate", "2018-07-31 17:00"))
    city.act(done, "complete", by="urban-management", outcome="rectified")
    (row,) = sheet_of(city, "tasks", "2018-07-04").rows
    assert (row["unit"], row["owner"]) == ("Urban Management Bureau", "Office of the leading group")
    assert (row["obligation"], row["due_on"]) == ("verify the work", "2018-07-11")


# 倒排工期，挂图作战


def test_the_wall_chart_shows_where_each_plan_stands_today_mz_15(chart: City) -> None:
    """MZ-15: 挂图作战: from begin to date, by date: done, on the way, or behind by so many days."""
    sheet = sheet_of(chart, "wall-chart", "2018-08-15")
    told = [(row["number"], row["planned_from"], row["planned_to"], row["standing"]) for row in sheet.rows]
    assert told == [
        (NUMBER.format(1), "2018-07-04", "2018-07-31", "done"),
        (NUMBER.format(3), "2018-07-10", "2018-10-19", "on the way"),
        (NUMBER.format(2), "2018-07-04", "2018-12-28", "behind by 5 d"),  # its second stage was due on August 10
    ]


def test_a_plan_is_behind_from_the_moment_its_date_has_passed_mz_15(city: City) -> None:
    """MZ-15: on the day itself it is on the way until five, and one day behind when the day is over."""
    case = underway(city, "6-3")
    city.act(case, "plan", by="urban-management", plan=plan("immediate", "2018-07-31 17:00"))
    city.advance(to="2018-08-20 10:00")
    days = ("2018-07-31T17:00", "2018-07-31", "2018-08-01", "2018-08-10")
    found = [sheet_of(city, "wall-chart", day).rows[0]["standing"] for day in days]
    assert found == ["on the way", "behind by 1 d", "behind by 1 d", "behind by 10 d"]


def test_what_is_open_and_lies_somewhere_is_on_the_map_mz_15(chart: City) -> None:
    """MZ-15: 挂图: longitude before latitude, as maps have it; what is struck off has left the map."""
    found = orjson.loads(to_geojson(sheet_of(chart, "tasks", "2018-08-15")))
    (feature,) = found["features"]
    assert (found["type"], feature["geometry"]) == (
        "FeatureCollection", {"type": "Point", "coordinates": [104.2, 31.34]},
    )  # fmt: skip
    assert feature["properties"]["Number"] == NUMBER.format(5)


# 周调度、周通报、月交账


def test_the_weekly_bulletin_goes_to_all_units_with_what_each_did_mz_10(city: City) -> None:
    """MZ-10: 周通报: the week from Monday to Sunday, the calls among it."""
    task(city, "6-3")
    city.advance(to="2018-07-09 09:30")
    task(city, "6-4")
    handed_in(city, "urban-management", "2018-07-10")
    city.advance(to="2018-07-15 20:00")
    sheet = sheet_of(city, "weekly", "2018-07-15")
    assert sheet.title == "Weekly bulletin, 2018-07-09 to 2018-07-15"
    named = ("received", "open", "due", "on_time", "late", "overdue", "duties", "duties_on_time")

    def counts(unit: str | None) -> list[object]:
        return [row_of(sheet, unit)[column] for column in named]

    # The call in time; what it never took on has lapsed in the week before (July 5).
    assert counts("urban-management") == [0, 1, 1, 1, 0, 1, 1, 1]
    # The call and the receipt of the task of Monday, both lapsed.
    assert counts("agriculture") == [1, 1, 2, 0, 2, 2, 1, 0]
    # 35 lead units and 21 townships owed the call, and the office owed this very bulletin; one answered.
    assert (row_of(sheet, None)["duties"], row_of(sheet, None)["duties_on_time"]) == (57, 1)
    assert {"urban-management", "agriculture", "jiannan", "leading-group"} <= set(sheet.recipients)


def test_the_monthly_account_says_what_was_due_done_and_overdue_and_why_mz_11(city: City) -> None:
    """MZ-11: 按月交账: 应办、已办、逾期, and the unit's own reason."""
    case = underway(city, "6-4")
    city.act(case, "plan", by="agriculture", plan=plan("immediate", "2018-07-20 17:00"))
    handed_in(city, "agriculture", "2018-07-10", "2018-07-17", "2018-07-24")
    city.act(case, "progress", by="agriculture", note="收储设备尚未到货")
    handed_in(city, "agriculture", "2018-07-31")
    sheet = sheet_of(city, "account", "2018-07-31")
    row = row_of(sheet, "agriculture")
    # Taken on, plan filed, four calls; the date of the plan was missed.
    assert {name: row[name] for name in ("due", "done", "overdue", "duties", "duties_on_time")} == {
        "due": 7, "done": 6, "overdue": 1, "duties": 4, "duties_on_time": 4,
    }  # fmt: skip
    assert row["reasons"] == f"{NUMBER.format(1)}: 收储设备尚未到货"
    assert sheet.recipients == (OFFICE, "leading-group")


# 整改目标


def test_the_targets_stand_beside_the_latest_readings_mz_25(city: City) -> None:
    """MZ-25: PM2.5 ≤ 43.4, good days ≥ 77.9 %, and so on: reached, missing by so much, or not read."""
    readings = [
        TargetReading("pm25", date(2019, 12, 31), 45.1), TargetReading("pm25", date(2018, 12, 31), 51.0),
        TargetReading("pm25", date(2020, 12, 31), 40.0), TargetReading("good-days", date(2019, 12, 31), 77.9),
        TargetReading("worse-than-v", date(2019, 12, 31), 1), TargetReading("sewage", date(2019, 6, 30), 93.5),
    ]  # fmt: skip
    rows = {row["indicator"]: row for row in sheet_of(city, "targets", "2019-12-31", readings=readings).rows}
    assert len(rows) == len(city.rules.pack.targets) == 11
    pm25 = rows["PM2.5 in the city, mean of the year"]
    assert pm25 == {
        "unit_id": "ecology", "indicator": "PM2.5 in the city, mean of the year", "bound": "≤ 43.4",
        "measured_in": "µg/m³", "reach_by": "2020-12-31", "reading": 45.1, "read_on": "2019-12-31",
        "reached": "missing by 1.7", "unit": "Environmental Protection Bureau", "co_units": "", "clause": "三(三)",
    }  # fmt: skip
    told = {name: (row["bound"], row["reached"]) for name, row in rows.items()}
    assert told["Good days"] == ("≥ 77.9", "reached")
    assert told["Sections worse than class V"] == ("≤ 0", "missing by 1")
    assert told["City sewage treated"] == ("≥ 95", "missing by 1.5")
    assert told["Polluted plots used safely"] == ("≥ 90", "no reading")
    water = rows["Good sections of the main rivers"]
    assert (water["unit"], str(water["co_units"]).count("; ")) == ("Economy and Science Bureau", 3)
    assert rows["Villages whose waste is treated"]["reach_by"] is None  # 长期保持


def test_readings_are_kept_with_their_day_and_enter_the_scores_mz_25_mz_26(city: City) -> None:
    """MZ-25: PM2.5 read at 51.0, corrected to 42.0, and the good days missed: in the sheet, and half of the points."""
    city.advance(to="2018-12-31 18:00")
    first = read(city, "pm25", 51.0)
    read(city, "good-days", 76.5)
    read(city, "pm25", 42.0, because="already_registered")
    read(city, "pm25", 42.0, because="missing_reason", correction=1)
    read(city, "pm25", 42.0, correction=1, reason="按国控站点数据更正")
    read(city, "sewage", 120, because="unknown_unit")
    read(city, "good-days", 120, because="out_of_range", read_on="2018-12-31")
    sheet = sheet_of(city, "targets", "2018-12-31")
    rows = {row["indicator"]: (row["reading"], row["reached"]) for row in sheet.rows}
    assert rows["PM2.5 in the city, mean of the year"] == (42.0, "reached")
    assert rows["Good days"] == (76.5, "missing by 1.4")
    scores = sheet_of(city, "scores", "2018-12-31")
    assert points_of(scores, "ecology")["on-target"] == 5.0
    assert "on-target" not in points_of(scores, "agriculture")
    assert [event.version for event in first.events] == [1]
    expect(first, status="taken", value=51.0, source="市环境监测站")


# 逗硬考核


def sent_back_once(city: City, case: Case) -> None:
    city.act(case, "complete", by=lead(case), outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=False, reason="现场仍有堆存")


def test_results_count_for_every_lead_unit_and_township_mz_26(city: City) -> None:
    """MZ-26: 逗硬考核: points by indicator, ranks, and who decides on cadres gets them once they are approved."""
    good, bad = underway(city, "6-3"), underway(city, "6-4")
    for one, due in ((good, "2018-07-31 17:00"), (bad, "2018-07-20 17:00")):
        city.act(one, "plan", by=lead(one), plan=plan("immediate", due))
    for day in ("2018-07-10", "2018-07-17"):
        for unit in ("urban-management", "agriculture"):
            handed_in(city, unit, day)
    city.advance(to="2018-07-19 10:00")
    sent_back_once(city, bad)
    for day in ("2018-07-24", "2018-07-31", "2018-08-07"):
        for unit in ("urban-management", "agriculture"):
            if (unit, day) != ("agriculture", "2018-07-24"):
                handed_in(city, unit, day)
        if day == "2018-07-24":
            strike_off(city, good)
            strike_off(city, bad)
    for satisfied in (True, True, True, False):
        city.act(bad, "rate", by=OFFICE, satisfied=satisfied)
    city.advance(to="2018-08-10 10:00")
    sheet = sheet_of(city, "scores", "2018-08-09")
    # Five calls and an account, and taken on, planned, done: 9 of 9. Nobody was asked whether they are satisfied.
    assert points_of(sheet, "urban-management") == {
        "punctual": 30.0, "accounts": 20.0, "sent-back": 15.0, "rebound": 15.0,
    }  # fmt: skip
    assert points_of(sheet, "agriculture") == {
        "punctual": 13.35,  # one call and the date of the plan missed: 7 of 9 are 77.8 %, (77.8 - 60) / 40 of 30
        "accounts": 11.65,  # 5 of 6 are 83.3 %, (83.3 - 60) / 40 of 20
        "sent-back": 0.0,  # one of two completions
        "rebound": 15.0,
        "public-satisfaction": 4.29,  # 3 of 4: (75 - 60) / 35 of 10
    }
    ranked = {row["unit_id"]: (row["rank"], row["score"], row["measured"]) for row in sheet.rows}
    assert (ranked["urban-management"], ranked["agriculture"]) == ((1, 100.0, 80), (2, 49.2, 90))
    # Who answered no call has nothing of the half that could be measured, and stands last.
    assert ranked["jiannan"] == (3, 0.0, 50)
    assert set(ranked) == {one.id for one in city.rules.pack.units if {"lead", "township"} & set(one.roles)}
    assert (sheet.recipients, sheet.bulletin.needs_approval) == (("organisation", "performance", "discipline"), True)
