"""Linyi 2021: 双随机抽查 and the “正面清单” that spares it, the catalogue of items, and the look-back over permits.

In 2021 April 19 is a Monday; April 25 is worked; May 1 to 5 and June 12 to 14 are off.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from duban.messages.changes import Registered
from duban.moves import OPEN, Kind
from duban.policy import Rules
from duban_console.inspection_draw import Draw
from tests.acceptance.lots import checks, lots
from tests.acceptance.test_linyi import SEALED, strike_off, underway
from tests.acceptance.test_linyi_lists import FIRM, SERVICE, enters
from tests.acceptance.timeline import Case, City, expect, runs

SEED = "双色球 2021043 01 09 14 22 27 33 + 05"
GOOD: dict[str, Any] = {"list": "positive-list", "ground": "well-kept", "evidence": SEALED}


@pytest.fixture
def city() -> City:
    """Linyi on Monday, April 19, 2021, at nine, the day of the document."""
    return City.of("linyi-2021", at="2021-04-19 09:00")


def settled(city: City, firm: str, channel: str) -> Case:
    """A problem of the firm that was put right and struck off."""
    name = f"{firm} {channel} {len(city.cases)}"
    return strike_off(city, underway(city, "water", enterprise=firm, channel=channel, report_id=name))


def of_firm(found: Draw, firm: str) -> int:
    """How many problems of the firm were drawn."""
    return sum(lot.enterprise == firm for lot in found.drawn)


# The random check, and whom the positive list spares


def test_who_stands_on_the_positive_list_is_not_drawn_ly_13(city: City) -> None:
    """LY-13: “正面清单”: spared the random check while the entry holds, and told so with the entry."""
    mine = [settled(city, FIRM, "joint-enforcement") for _ in range(5)]
    for _ in range(5):
        settled(city, SERVICE, "joint-enforcement")
    assert (lots(city, "random-inspection", SEED).candidates, lots(city, "random-inspection", SEED).spared) == (10, ())
    entry = enters(city, "ecology", of=FIRM, **GOOD)
    for seed in map(str, range(20)):
        found = lots(city, "random-inspection", seed)
        assert (found.candidates, len(found.drawn), of_firm(found, FIRM)) == (5, 1, 0)
    assert {(one.id, one.entry) for one in found.spared} == {(case.id, entry.listing.number) for case in mine}
    city.act(entry, "take_off_list", by="ecology", reason="偷排废水，立案查处", evidence=SEALED)
    assert lots(city, "random-inspection", SEED).candidates == 10


def test_nobody_is_spared_for_ever_ly_13(city: City) -> None:
    """LY-13: 更新“正面清单”: the entry ends with its year, and the draw finds the firm at that very moment."""
    settled(city, FIRM, "joint-enforcement")
    enters(city, "ecology", of=FIRM, **GOOD)
    city.advance(to="2022-04-19 16:59")
    assert lots(city, "random-inspection", SEED).candidates == 0
    city.advance(to="2022-04-19 17:00")
    assert of_firm(lots(city, "random-inspection", SEED), FIRM) == 1


@pytest.mark.parametrize("channel", ["petition", "complaint", "monitoring-data", "inspection"])
def test_what_was_complained_of_is_drawn_whoever_it_is_about_ly_13(city: City, channel: str) -> None:
    """LY-13: never complaints: 信访举报、监控超标、上级交办 reach the bearer of the list like anybody."""
    settled(city, FIRM, channel)
    settled(city, FIRM, "self-declared")
    enters(city, "ecology", of=FIRM, **GOOD)
    found = lots(city, "random-inspection", SEED)
    assert (found.candidates, of_firm(found, FIRM), len(found.spared)) == (1, 1, 1)


def test_what_is_drawn_is_a_check_with_a_limit_and_a_ladder_ly_13(city: City) -> None:
    """LY-13: the bureau owes each check within ten working days; silence goes before the committee."""
    settled(city, SERVICE, "joint-enforcement")
    (check,) = checks(city, lots(city, "random-inspection", SEED))
    expect(check, kind=Kind.DUTY, holder="ecology", title="对抽中问题开展现场检查")
    assert runs(check, "on-site-check") == "2021-04-30 17:00"  # April 25 is worked
    city.advance(to="2021-04-30 17:00")
    city.advance(working_days=2)
    expect(check, escalated=("bulletin", "committee"))


# The catalogue of enforcement items


def test_what_is_punished_cites_items_of_the_catalogue_ly_09(city: City) -> None:
    """LY-09: 综合行政执法事项目录: by their codes, and only by codes that the catalogue has."""
    case = underway(city, "unlawful-act", channel="joint-enforcement", enterprise=FIRM)
    done = {"by": "ecology", "outcome": "penalized"}
    city.refuses(case, "complete", because="unknown_item", items=["HBZF-003", "HBZF-999"], **done)
    city.act(case, "complete", items=["HBZF-003", "HBZF-002"], **done)
    expect(case, status="verifying", outcome="penalized", items=("HBZF-003", "HBZF-002"))
    city.act(case, "verify", by="committee-office", passed=False, reason="处罚决定未送达")
    expect(case, status="underway", outcome=None, items=())


def test_a_pack_with_the_whole_catalogue_may_ask_for_an_item_ly_09() -> None:
    """LY-09: once the catalogue stands, the next version asks for the item of every penalty, and of nothing else."""
    rules = City.of("linyi-2021", at="2021-07-01 09:00").rules
    closing = rules.pack.closing.model_copy(update={"item_for": ("penalized",)})
    pack = rules.pack.model_copy(update={"version": 2, "closing": closing})
    city = City(Rules(pack, rules.calendar), City.of("linyi-2021", at="2021-07-01 09:00").now)
    case = underway(city, "unlawful-act", channel="joint-enforcement")
    city.refuses(case, "complete", by="ecology", because="missing_item", outcome="penalized")
    city.act(case, "complete", by="ecology", outcome="penalized", items=["HBZF-001"])
    other = underway(city, "water", report_id="other")
    expect(city.act(other, "complete", by="ecology", outcome="rectified"), items=())


# The look-back over all permits


def register(city: City, *permits: str) -> dict[str, Case]:
    """The register of permits, handed in as one report a permit."""
    return {
        permit: city.report(
            "permit", f"排污许可证 {permit} 登记回头看", channel="permit-look-back", report_id=permit, area="lanshan",
            enterprise=f"企业 {permit}", attributes={"permit": permit},
        )
        for permit in permits
    }  # fmt: skip


def test_each_permit_of_the_register_is_a_problem_of_its_own_ly_04(city: City) -> None:
    """LY-04: 排污许可核发登记回头看: one by one; handed in again, the register opens nothing anew."""
    permits = [f"9137130{n}" for n in range(6)]
    cases = register(city, *permits)
    assert len({case.id for case in cases.values()}) == 6
    for permit, case in cases.items():
        expect(case, lead_unit="ecology", co_units=("approval", "lanshan"), enterprise=f"企业 {permit}", reports=1)
        (filed,) = (event.change.filed for event in case.events if isinstance(event.change, Registered))
        assert filed.report.attributes == {"permit": permit}
    again = register(city, *permits)
    assert {permit: case.id for permit, case in again.items()} == {permit: case.id for permit, case in cases.items()}
    assert len(city.cases) == 6


def test_what_is_left_of_the_campaign_can_be_counted_ly_04(city: City) -> None:
    """LY-04: by the end of June: done, found wanting, or not looked at yet, counted from the ledger."""
    done, wrong, *left = register(city, *(f"9137130{n}" for n in range(6))).values()
    for case in (done, wrong):
        city.act(case, "acknowledge", by="ecology")
    strike_off(city, done)
    city.act(wrong, "complete", by="ecology", outcome="penalized", items=["HBZF-001"])
    city.advance(to="2021-06-30 17:00")
    standing = [cases[0].problem for cases in city.cases.values()]
    campaign = [one for one in standing if one is not None and one.channel == "permit-look-back"]
    assert Counter(one.status for one in campaign) == {"struck_off": 1, "verifying": 1, "dispatched": 4}
    assert sum(one.status in OPEN for one in campaign) == 5
    for case in left:
        assert case.lapsed >= {"acknowledge", "rectify"}
