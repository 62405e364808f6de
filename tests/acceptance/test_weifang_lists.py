"""Weifang 2017: red and yellow cards, joint punishment, penalties put right, and receipts by each body.

In 2017 August 9 is a Wednesday; September 30, a Saturday, is worked and October 1 to 8 is off.
"""

from __future__ import annotations

import pytest

from duban.messages.envelope import derived_id
from duban.moves import Kind
from duban_escalation.records import told
from tests.acceptance.test_weifang import OFFICE, SEALED, measured, planned, struck_off
from tests.acceptance.timeline import Case, City, expect, lead, runs

FIRM = "羊口示例化工"


@pytest.fixture
def city() -> City:
    """Weifang on Wednesday, August 9, 2017, at nine: the day before the inspectors come."""
    return City.of("weifang-2017", at="2017-08-09 09:00")


def typical(city: City, enterprise: str | None = FIRM) -> Case:
    """A typical case, as the office has marked it."""
    return city.act(planned(city, "2018-12-31 17:00", enterprise=enterprise), "flag", by=OFFICE, flag="typical")


def cards(city: City, case: Case) -> list[Case]:
    """The cards that a problem has brought, in order."""
    return city.opened(case, Kind.LISTING)


def announced(city: City, entry: Case) -> dict[str, str]:
    """What the last event of an entry told whom."""
    return {one.data.recipient: one.data.text for one in told(entry.events[-1], entry.standing, city.rules)}


def by_hand(city: City, name: str) -> Case:
    """A record that no measure opens, before anybody has asked for it."""
    id_ = derived_id("by hand", name)
    case = Case(id_)
    city.cases[id_].append(case)
    return case


# Red and yellow cards (六(四)1)


def test_the_enterprise_of_a_typical_case_holds_a_yellow_card_until_it_expires_wf_09(city: City) -> None:
    """WF-09: 将违法企业纳入环境信用等级评价“红黄牌”管理: at once, in public, for 180 days."""
    (card,) = cards(city, typical(city))
    expect(card, status="listed", rule="yellow-card", holder="ecology")
    assert (card.listing.subject, card.listing.ground) == (FIRM, "typical")
    notice = announced(city, card)
    assert set(notice) == {FIRM, "public"}
    assert f"{FIRM}存在环境违法典型案件" in notice["public"]
    assert "有效期至2018-02-05" in notice["public"]
    city.advance(to="2018-02-05 16:59")
    expect(card, status="listed")
    city.advance(to="2018-02-05 17:00")
    expect(card, status="delisted", escalated=())


def test_a_typical_case_that_comes_up_again_brings_the_red_card_wf_09(city: City) -> None:
    """WF-09: 屡查屡犯: the red card is public when the enterprise has been heard, and bars from what it lists."""
    case = typical(city)
    city.act(struck_off(city, case), "reopen", by=OFFICE, reason="复查发现再犯")
    yellow, red = cards(city, case)
    expect(yellow, status="listed", rule="yellow-card")
    expect(red, status="noticed", rule="red-card")
    assert set(announced(city, red)) == {FIRM}
    city.advance(to="2017-08-16 17:00")
    expect(red, status="listed")
    notice = announced(city, red)
    assert set(notice) == {FIRM, "public"}
    assert f"{FIRM}列为典型案件后又屡查屡犯" in notice["public"]
    assert "至2018-08-16不得享受或参与环保专项资金补助、政府采购、评优评先" in notice["public"]
    assert runs(red, "term") == "2018-08-16 17:00"
    city.advance(to="2018-08-16 17:00")
    expect(red, status="delisted")


def test_a_second_yellow_card_while_the_first_holds_is_a_ground_for_red_wf_09(city: City) -> None:
    """WF-09: in another problem, by itself; what the ledger cannot know the keeper enters by hand, with evidence."""
    first, second = typical(city), typical(city)
    (yellow,) = cards(city, first)
    expect(yellow, status="listed", rule="yellow-card")
    again, red = cards(city, second)
    expect(again, status="listed", rule="yellow-card")
    expect(red, status="noticed", rule="red-card")
    assert (red.listing.of, red.listing.ground) == (FIRM, "two-yellow")
    city.advance(to="2017-08-16 17:00")
    expect(red, status="listed")


def test_a_second_yellow_card_when_the_first_is_over_is_the_first_again_wf_09(city: City) -> None:
    """WF-09: 180 days."""
    typical(city)
    city.advance(to="2018-02-05 17:01")
    (yellow,) = cards(city, typical(city))
    expect(yellow, rule="yellow-card")


def test_the_fifth_complaint_in_ninety_days_makes_an_enterprise_a_typical_case_wf_09(city: City) -> None:
    """WF-09: 群众反映强烈: letters and visits about five problems of one enterprise."""
    cases: list[Case] = []
    for channel in ("letter", "visit", "letter", "grid", "visit", "letter"):
        assert all("typical-case" not in measured(case) for case in cases)
        cases.append(city.report("air", "化工异味", area="yangkou", channel=channel, enterprise=FIRM))
        city.advance(days=10)
    assert measured(cases[-1])[0] == "typical-case"
    (yellow,) = cards(city, cases[-1])
    expect(yellow, status="listed", rule="yellow-card")


def test_what_the_keeper_alone_knows_is_entered_with_evidence_wf_09(city: City) -> None:
    """WF-09: the keeper proposes the red card by hand; nobody else may."""
    red = by_hand(city, "red")
    entry = {"list": "red-card", "of": FIRM, "ground": "two-yellow"}
    city.refuses(red, "put_on_list", by=OFFICE, because="not_permitted", **entry, evidence=SEALED)
    city.refuses(red, "put_on_list", by="ecology", because="missing_evidence", **entry)
    city.act(red, "put_on_list", by="ecology", **entry, evidence=SEALED)
    city.advance(to="2017-08-16 17:00")
    expect(red, status="listed")


def test_who_holds_a_card_is_heard_by_the_leading_group_and_may_make_good_wf_09(city: City) -> None:
    """WF-09: an appeal holds a red card back; a yellow one counts meanwhile, and ends on proof before its term."""
    case = typical(city)
    city.act(struck_off(city, case), "reopen", by=OFFICE, reason="复查发现再犯")
    yellow, red = cards(city, case)
    for card in (yellow, red):
        city.act(card, "appeal", by="ecology", text="不是本企业所为")
        city.refuses(card, "decide_appeal", by="ecology", because="not_permitted", upheld=False, reason="维持")
    city.advance(to="2017-08-21 10:00")
    expect(yellow, status="listed")
    expect(red, status="contested")
    city.act(red, "decide_appeal", by="leading-group", upheld=True, reason="证据不足")
    expect(red, status="delisted")
    assert set(announced(city, red)) == {FIRM}
    city.act(yellow, "decide_appeal", by="leading-group", upheld=False, reason="事实清楚")
    city.refuses(yellow, "take_off_list", by="ecology", because="missing_evidence", reason="整改到位")
    city.act(yellow, "take_off_list", by="ecology", reason="整改到位", evidence=SEALED)
    expect(yellow, status="delisted")


def test_an_appeal_that_nobody_decides_is_told_of_wf_09(city: City) -> None:
    """WF-09: fifteen working days."""
    (card,) = cards(city, typical(city))
    city.act(card, "appeal", by="ecology", text="不服")
    city.advance(to="2017-08-30 17:00")
    expect(card, escalated=("bulletin",), lapsed={"appeal"})


def test_where_no_enterprise_is_named_nobody_holds_a_card_wf_09(city: City) -> None:
    """WF-09: the other measures are the same; nobody is proposed for a card."""
    case = typical(city, enterprise=None)
    assert "joint-punishment" in measured(case)
    assert "yellow-card" not in measured(case)
    assert cards(city, case) == []


def test_joint_punishment_is_answered_for_by_each_department_wf_09(city: City) -> None:
    """WF-09: 实行联合惩戒: each says what it has done, or is told of."""
    owed = {lead(one): one for one in city.opened(typical(city), Kind.DUTY)}
    assert tuple(owed) == ("ecology", "police", "land")
    city.act(owed["land"], "complete", by="land", outcome="done", evidence=SEALED)
    city.advance(to="2017-09-06 17:00")
    expect(owed["land"], escalated=(), status="struck_off")
    expect(owed["police"], escalated=("bulletin",), lapsed={"joint-punishment-report"})


# Penalties, accountability, receipts (六(三)2, 六(四)3, 六(四)4)


def test_who_is_criticised_puts_it_right_and_says_so_wf_11(city: City) -> None:
    """WF-11: 予以督促和纠正: criticism calls for a written correction of the unit itself, in five working days."""
    case = planned(city, due_at="2017-12-29 17:00")
    city.act(case, "flag", by=OFFICE, flag="penalty")
    city.advance(to="2017-08-30 16:59")
    assert city.opened(case, Kind.DUTY) == []
    city.advance(to="2017-08-30 17:00")
    (correction,) = city.opened(case, Kind.DUTY)
    expect(correction, holder="shouguang", rule="correction")
    city.advance(to="2017-09-06 17:00")
    expect(correction, escalated=("bulletin",), lapsed={"correction"})
    city.act(correction, "complete", by="shouguang", outcome="corrected", evidence=SEALED)
    expect(correction, status="struck_off")


def test_each_body_confirms_its_own_receipt_wf_08_wf_12(city: City) -> None:
    """WF-08, WF-12: each is counted from its own referral; the receipt of one is not that of another."""
    case = planned(city, due_at="2017-12-29 17:00")
    city.act(case, "refer", by=OFFICE, to="police", evidence=SEALED)
    city.advance(to="2017-08-10 10:00")
    city.act(case, "refer", by=OFFICE, to="procuratorate", evidence=SEALED)
    receipts = [runs(case, f"confirm-referral/{body}") for body in ("police", "procuratorate")]
    assert receipts == ["2017-08-14 17:00", "2017-08-15 17:00"]
    city.act(case, "receive", by="procuratorate")
    city.advance(to="2017-08-17 17:00")
    calls = [(one.measure, one.to) for one in case.taken_after_lapse if one.obligation.startswith("confirm-referral")]
    assert calls == [("receipt-call", ("police", OFFICE)), ("bulletin", ("police", OFFICE, "leading-group"))]
    city.act(case, "receive", by="police")
    expect(case, referred={"police": True, "procuratorate": True})


def test_a_receipt_is_owed_after_strike_off_too_wf_12(city: City) -> None:
    """WF-12: the problem is off the list, what was referred is not forgotten."""
    case = planned(city)
    city.act(case, "refer", by=OFFICE, to="discipline", ground="属地失察", evidence=SEALED)
    struck_off(city, case)
    city.advance(to="2017-08-14 17:00")
    expect(case, status="struck_off", escalated=("receipt-call",), lapsed={"confirm-referral/discipline"})
    city.act(case, "receive", by="discipline")
    city.advance(to="2017-08-31 17:00")
    expect(case, escalated=("receipt-call",))


def test_who_is_to_start_accountability_says_what_came_of_it_wf_12(city: City) -> None:
    """WF-12: 及时启动追责程序,严格问责: the Supervision Bureau is called at once, and answers."""
    case = planned(city, due_at="2017-12-29 17:00")
    city.act(case, "flag", by=OFFICE, flag="prominent")
    assert measured(case) == ("accountability-call",)
    (result,) = city.opened(case, Kind.DUTY)
    expect(result, holder="discipline", rule="accountability-result")
    city.advance(to="2017-09-06 16:59")
    expect(result, escalated=())
    city.advance(to="2017-09-06 17:00")
    expect(result, escalated=("bulletin",), lapsed={"accountability-result"})
    city.act(result, "complete", by="discipline", outcome="accounted", evidence=SEALED)
    expect(result, status="struck_off")
