"""A city that supervises what its leaders instruct: whose an obligation is, beside the handling of a problem.

In 2024 March 4 is a Monday.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from duban.messages.changes import Escalated
from duban.messages.records import in_words
from duban.policy import Rules, load_calendar, load_pack
from tests.acceptance.sheets import sheet_of
from tests.acceptance.timeline import DEPLOY, Case, City, expect, lead
from tests.given import ROOT, SEAL

PACK = ROOT / "tests/data/packs/instructions.yaml"
ZONE = ZoneInfo("Asia/Shanghai")
FOUND = {"truthful": True, "timely": True, "effective": True}


@cache
def rules() -> Rules:
    pack = load_pack(PACK.read_text("utf-8"), PACK.name)
    return Rules.compile(pack, load_calendar((DEPLOY / "calendars/cn.yaml").read_text("utf-8"), "cn.yaml"))


@pytest.fixture
def city() -> City:
    """The city on Monday, March 4, 2024, at nine."""
    return City(rules(), datetime(2024, 3, 4, 9, tzinfo=ZONE).astimezone(UTC))


def underway(city: City, category: str = "river", **said: Any) -> Case:
    case = city.report(category, "河道垃圾", **{"area": "east", **said})
    return city.act(case, "acknowledge", by=lead(case))


def completed(city: City, **said: Any) -> Case:
    case = underway(city, **said)
    return city.act(case, "complete", by=lead(case), outcome="done")


def struck_off(city: City, **said: Any) -> Case:
    case = completed(city, **said)
    city.act(case, "verify", by="office", passed=True)
    if case.problem and "instructed" in case.problem.flags:
        city.act(case, "check", by="supervision", check="answered", evidence=[SEAL])
    return city.act(case, "strike_off", by="office")


def owed(case: Case) -> dict[str, tuple[str | None, str]]:
    """Who owes what until when, in local time."""
    return {
        in_words(one.obligation, one.part): (one.owner, f"{one.lapse_at.astimezone(ZONE):%m-%d %H:%M}")
        for one in case.standing.deadlines
    }


def told(case: Case) -> list[tuple[str, str, tuple[str, ...]]]:
    """What lapsed, the measure that was taken, and who was told."""
    changes = [event.change for event in case.events if isinstance(event.change, Escalated)]
    return [(in_words(one.obligation, one.part), one.measure, one.to) for one in changes]


def test_a_unit_of_the_pack_owes_what_bears_a_mark_and_may_do_what_meets_it(city: City) -> None:
    case = struck_off(city, channel="mailbox")
    assert owed(case)["call-back"] == ("supervision", "03-07 17:00")
    city.refuses(case, "rate", by="west", satisfied=True, because="not_permitted")
    city.advance(to="2024-03-07 16:59")
    city.act(case, "rate", by="supervision", satisfied=True)
    assert "call-back" not in owed(case)
    city.advance(days=3)
    assert told(case) == []


def test_what_that_unit_leaves_undone_climbs_its_ladder(city: City) -> None:
    case = struck_off(city, channel="mailbox")
    city.advance(to="2024-03-07 17:01")
    assert told(case) == [("call-back", "criticism", ("supervision", "office"))]
    expect(case, lapsed={"call-back"})


def test_nobody_owes_it_without_the_mark_and_nobody_may_do_it_who_does_not_owe_it(city: City) -> None:
    case = struck_off(city)
    assert "call-back" not in owed(case)
    city.refuses(case, "rate", by="supervision", satisfied=True, because="not_permitted")
    again = struck_off(city, channel="mailbox")
    city.act(again, "rate", by="supervision", satisfied=True)
    city.refuses(again, "rate", by="supervision", satisfied=True, because="not_permitted")  # it has been met


def test_what_a_role_owes_each_of_its_units_owes_until_one_has_done_it(city: City) -> None:
    case = struck_off(city)
    until = "04-07 17:00"  # Qingming, April 4 to 6, is off; the 7th, a Sunday, is worked
    assert owed(case) == {"look-back/experts": ("experts", until), "look-back/delegates": ("delegates", until)}
    city.act(case, "look_back", by="delegates", **FOUND)
    assert owed(case) == {}
    other = struck_off(city)
    city.advance(to="2024-04-08 09:00")
    assert told(other) == [
        ("look-back/delegates", "criticism", ("delegates", "office")),
        ("look-back/experts", "criticism", ("experts", "office")),
    ]


def test_what_the_sponsor_owes_goes_with_the_sponsor(city: City) -> None:
    case = underway(city)
    city.act(case, "flag", by="office", flag="led")
    assert owed(case)["visit"] == ("office", "03-07 17:00")  # it stands in while nobody is named
    city.act(case, "sponsor", by="office", sponsor="张市长")
    city.act(case, "sponsor", by="office", sponsor="王市长")
    assert owed(case)["visit"] == ("王市长", "03-07 17:00")
    city.refuses(case, "review", by="张市长", because="not_permitted")
    city.act(case, "review", by="王市长")
    assert "visit" not in owed(case)


def test_what_the_unit_of_the_area_owes_is_that_units_whoever_leads(city: City) -> None:
    case = underway(city, area="west")
    city.act(case, "flag", by="office", flag="led")
    city.act(case, "complete", by="water", outcome="done")
    assert owed(case)["residents"] == ("west", "03-07 17:00")
    city.refuses(case, "rate", by="water", satisfied=True, because="not_permitted")
    city.act(case, "rate", by="west", satisfied=True)
    assert "residents" not in owed(case)
    nowhere = completed(city, area=None, category="river")
    city.act(nowhere, "flag", by="office", flag="led")
    assert owed(nowhere)["residents"] == ("office", "03-07 17:00")


def test_a_measure_is_told_to_every_unit_of_a_role(city: City) -> None:
    case = underway(city)
    city.advance(to="2024-03-14 17:01")
    assert told(case)[-1] == ("rectify", "interview", ("water", "east", "west"))


def test_nothing_is_taken_at_the_lapse_itself_and_the_lapse_is_recorded(city: City) -> None:
    case = underway(city)
    city.advance(to="2024-03-11 17:01")  # five working days: at the lapse
    assert told(case) == [("rectify", "", ())]
    expect(case, lapsed={"rectify"}, escalated=())
    city.advance(to="2024-03-12 16:59")
    assert len(told(case)) == 1
    city.advance(to="2024-03-12 17:01")
    assert told(case)[1:] == [("rectify", "criticism", ("water", "supervision"))]
    city.advance(to="2024-03-14 17:01")
    assert told(case)[2:] == [("rectify", "interview", ("water", "east", "west"))]


def test_a_level_is_taken_only_for_what_bears_its_mark(city: City) -> None:
    case = underway(city, channel="mailbox")
    city.advance(to="2024-03-14 17:01")
    assert [one[1:] for one in told(case)] == [
        ("", ()),
        ("criticism", ("water", "supervision")),
        ("interview", ("water", "supervision")),
        ("interview", ("water", "east", "west")),
    ]


def test_a_mark_that_is_set_late_still_draws_its_level_while_no_later_one_is_taken(city: City) -> None:
    case, other = underway(city), underway(city)
    city.advance(to="2024-03-13 10:00")
    city.act(case, "flag", by="office", flag="instructed")
    city.advance(to="2024-03-13 10:01")
    assert told(case)[-1] == ("rectify", "interview", ("water", "supervision"))
    city.advance(to="2024-03-14 17:01")
    city.act(other, "flag", by="office", flag="instructed")
    city.advance(to="2024-03-20 17:01")
    assert [one[1:] for one in told(other)] == [
        ("", ()),
        ("criticism", ("water", "supervision")),
        ("interview", ("water", "east", "west")),
    ]


def test_a_level_whose_mark_is_taken_off_is_passed_over(city: City) -> None:
    case = underway(city, channel="mailbox")
    city.advance(to="2024-03-12 10:00")
    city.act(case, "unflag", by="office", flag="instructed", reason="withdrawn")
    city.advance(to="2024-03-14 17:01")
    assert [one[1] for one in told(case)] == ["", "criticism", "interview"]


def test_a_check_is_asked_for_only_where_the_problem_bears_its_mark(city: City) -> None:
    plain, marked = completed(city), completed(city, channel="mailbox")
    for case in (plain, marked):
        city.act(case, "verify", by="office", passed=True)
    city.refuses(plain, "check", by="supervision", check="answered", evidence=[SEAL], because="unknown_check")
    city.act(plain, "strike_off", by="office")
    city.refuses(marked, "strike_off", by="office", because="gate_shut")
    city.act(marked, "check", by="supervision", check="answered", evidence=[SEAL])
    city.act(marked, "strike_off", by="office")


LATE = {"obligation": "rectify", "reason": "汛期无法施工"}


def test_a_reason_filed_in_time_and_accepted_spares_the_bulletin_and_no_more(city: City) -> None:
    case = underway(city)
    city.advance(to="2024-03-12 10:00")  # the morning after the lapse
    city.refuses(case, "justify", by="east", because="not_permitted", **LATE)
    city.act(case, "justify", by="water", **LATE)
    assert owed(case) == {"accept": ("supervision", "03-14 17:00"), "rectify": ("water", "03-11 17:00")}
    city.refuses(case, "justify", by="water", because="filed_already", **LATE)
    city.advance(to="2024-03-13 10:00")
    assert [one[1] for one in told(case)] == [""]  # it waits for the word
    city.refuses(
        case, "decide_justification", by="office", obligation="rectify", accepted=True, because="not_permitted"
    )
    city.act(case, "decide_justification", by="supervision", obligation="rectify", accepted=True)
    city.advance(to="2024-03-14 17:01")
    assert told(case) == [("rectify", "", ()), ("rectify", "interview", ("water", "east", "west"))]
    expect(case, lapsed={"rectify"})  # late it stays


def test_a_reason_that_is_refused_holds_nothing_any_more(city: City) -> None:
    case = underway(city)
    city.advance(to="2024-03-12 10:00")
    city.act(case, "justify", by="water", **LATE)
    city.advance(to="2024-03-14 10:00")
    word = {"obligation": "rectify", "accepted": False}
    city.refuses(case, "decide_justification", by="supervision", because="missing_reason", **word)
    city.act(case, "decide_justification", by="supervision", reason="not so", **word)
    city.advance(to="2024-03-14 10:01")
    assert told(case)[1:] == [("rectify", "criticism", ("water", "supervision"))]
    city.advance(to="2024-03-14 17:01")
    assert [one[1] for one in told(case)] == ["", "criticism", "interview"]


def test_who_gives_no_reason_in_time_is_named_and_a_reason_holds_nothing_then(city: City) -> None:
    case = underway(city)
    city.advance(to="2024-03-12 17:01")
    assert [one[1] for one in told(case)] == ["", "criticism"]
    city.refuses(case, "justify", by="water", because="nothing_held", **LATE)
    city.refuses(case, "justify", by="water", obligation="verify", reason="so", because="no_justification")


def test_a_duty_is_late_with_a_reason_too(city: City) -> None:
    city.advance(to="2024-03-11 10:00")
    (east,), (west,) = (city.duties("weekly-account", unit) for unit in ("east", "west"))
    late = {"obligation": "weekly-account", "reason": "停电"}
    city.act(east, "justify", by="east", **late)
    city.advance(to="2024-03-12 17:01")
    assert [one[1] for one in told(west)] == ["criticism"]
    assert told(east) == []
    city.act(east, "decide_justification", by="supervision", obligation="weekly-account", accepted=True)
    city.advance(to="2024-03-14 17:01")
    assert [one[1] for one in told(east)] == ["", "interview"]


def scores(city: City, day: str) -> dict[str, Any]:
    """The score of each unit for the month, with what was taken off."""
    sheet = sheet_of(city, "monthly-scores", day)
    keys = ("on-time.points", "criticism-off", "criticism-off.points", "interview-off.points", "score", "rank")
    return {str(row["unit_id"]): tuple(row[key] for key in keys) for row in sheet.rows}


def test_each_bulletin_of_criticism_takes_two_points_from_the_months_score(city: City) -> None:
    late, excused = underway(city), underway(city)
    city.advance(to="2024-03-12 10:00")
    city.act(excused, "justify", by="water", **LATE)
    city.act(excused, "decide_justification", by="supervision", obligation="rectify", accepted=True)
    city.advance(to="2024-03-12 17:01")
    for case in (late, excused):
        city.act(case, "complete", by="water", outcome="done")
    # Two of four were in time (both were acknowledged); one was named for it. The supervision group decided in time.
    assert scores(city, "2024-03-12")["water"] == (50.0, 1, 2.0, 0.0, 48.0, 2)
    assert told(late)[-1][1] == "criticism"
    assert told(excused)[-1][1] == ""
    city.advance(to="2024-04-01 09:00")
    assert scores(city, "2024-04-01")["water"][1:4] == (0, 0.0, 0.0)  # another month


def test_what_is_taken_off_has_a_bound_and_leaves_nobody_less_than_nothing(city: City) -> None:
    for _ in range(3):
        underway(city, area="west", category="street")
    city.advance(to="2024-03-14 17:01")
    found = scores(city, "2024-03-14")["west"]
    # Three acknowledged in time, three late; the weekly account of the 11th is late as well.
    assert found[1:4] == (4, 5.0, 10.0)
    assert found[4] == round(100 * 3 / 7 - 15.0, 1)
    assert scores(city, "2024-03-14")["east"][1:] == (1, 2.0, 2.5, 0.0, 2)
