"""Mianyang 2022, 二(三)13: 组织新闻媒体不定期对问题整改情况开展核查: drawn by lot, so that nobody picks.

In 2022 April 6 is a Wednesday; April 30 to May 4 is off, April 24 and May 7 are worked.
"""

from __future__ import annotations

import pytest

from duban.moves import Kind
from duban_cli.demo.story import sealed
from tests.acceptance.lots import checks, lots
from tests.acceptance.timeline import Case, City, expect, lead, runs

OFFICE = "pollution-office"
SEED = "双色球 2022039 03 07 11 20 25 31 + 12"
SEALED = [sealed("核查报道")]


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


def struck_off(city: City, name: str) -> Case:
    """A problem that was put right and struck off at once."""
    case = city.report("road-dust", name, area="fucheng", report_id=name)
    city.act(case, "acknowledge", by=lead(case))
    city.act(case, "complete", by=lead(case), outcome="rectified")
    city.act(case, "verify", by=OFFICE, passed=True)
    return city.act(case, "strike_off", by=OFFICE)


def test_one_in_ten_is_drawn_and_anybody_can_draw_again_my_13b(city: City) -> None:
    """MY-13b: 不定期核查: what was struck off, in an order that follows from the seed; what is underway is not."""
    done = {struck_off(city, f"扬尘 {n}").id for n in range(31)}
    city.report("road-dust", "在办", area="fucheng")
    found = lots(city, "media-draw", SEED)
    assert (found.candidates, len(found.drawn), found.spared) == (31, 4, ())
    assert {lot.id for lot in found.drawn} < done
    assert lots(city, "media-draw", SEED) == found
    others = {frozenset(lot.id for lot in lots(city, "media-draw", f"{n}").drawn) for n in range(20)}
    assert len(others) > 15


def test_the_supervision_office_owes_each_check_and_silence_climbs_the_ladder_my_13b(city: City) -> None:
    """MY-13b: each drawn problem is a check of its own, with a limit, by the supervision office with the media."""
    for n in range(11):
        struck_off(city, f"扬尘 {n}")
    found = lots(city, "media-draw", SEED)
    done, silent = checks(city, found)
    expect(done, kind=Kind.DUTY, status="underway", holder="supervision-office", title="会同新闻媒体现场核查")
    assert runs(done, "media-check") == "2022-04-20 17:00"
    (opened,) = done.events
    assert opened.actor.person == "draw"
    assert SEED in opened.reason
    assert "2 drawn of 11 candidates, 0 spared" in opened.reason
    city.act(done, "complete", by="supervision-office", outcome="checked", evidence=SEALED)
    city.advance(to="2022-04-20 17:00")
    expect(done, status="struck_off", escalated=())
    expect(silent, lapsed={"media-check"}, escalated=("bulletin",))


def test_the_same_draw_opens_nothing_twice_and_the_next_one_draws_others_my_13b(city: City) -> None:
    """MY-13b: a draw may be repeated, not a check; whatever was checked is drawn again only when it has changed."""
    for n in range(10):
        struck_off(city, f"扬尘 {n}")
    first = lots(city, "media-draw", SEED)
    (check,) = checks(city, first)
    again = lots(city, "media-draw", SEED)
    assert again.drawn == first.drawn
    assert checks(city, again) == [check]
    assert {event.version for event in check.events} == {1}
    drawn_before = {first.drawn[0].id}
    later = lots(city, "media-draw", "another")
    assert {one.id for one in later.checked} == drawn_before
    assert {lot.id for lot in later.drawn}.isdisjoint(drawn_before)
    city.act(check, "complete", by="supervision-office", outcome="checked", evidence=SEALED)
    assert {one.id for one in lots(city, "media-draw", "another").checked} == drawn_before
    (case,) = (cases[0] for id_, cases in city.cases.items() if id_ in drawn_before)
    city.act(case, "look_back", by=OFFICE, truthful=True, timely=True, effective=True, evidence=SEALED)
    assert lots(city, "media-draw", "another").checked == ()
