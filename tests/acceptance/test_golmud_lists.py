"""Golmud 2018: the blacklist, joint punishment, rewards, and what is released when the net is in uproar.

In 2018 May 14 is a Monday; June 18 is off.
"""

from __future__ import annotations

from typing import Any

import pytest

from duban.messages.handle import handle_of
from duban.messages.report import Identity, Reporter
from duban.moves import Kind
from duban.policy.model.ladder import MeasureKind
from duban_escalation.records import told
from tests.acceptance.test_golmud import OFFICE, SEALED, measured, underway
from tests.acceptance.timeline import Case, City, expect, lead, runs

FIRM = "盐湖示例化工"
CODE = "7K3M-9XQ2-TR5A-0WZD"
INFORMANT = Reporter(identity=Identity.INSIDER, handle=handle_of(CODE))
PUNISHING = ("ecology", "land", "housing", "tourism")
BARS = ("新的项目建设", "资源开发", "生产经营管理")


@pytest.fixture
def city() -> City:
    """Golmud on Monday, May 14, 2018, at nine: the document is of the Friday before."""
    return City.of("golmud-2018", at="2018-05-14 09:00")


def looked_into(city: City, case: Case, outcome: str) -> Case:
    """What was reported has been looked into, with ``outcome``, and verified."""
    city.act(case, "complete", by=lead(case), outcome=outcome)
    return city.act(case, "verify", by=OFFICE, passed=True)


def marked(city: City, flag: str, **said: Any) -> Case:
    """A problem of the firm that the office has marked."""
    case = underway(city, "industrial-discharge", "kunlun", enterprise=FIRM, **said)
    return city.act(case, "flag", by=OFFICE, flag=flag)


def major_event(city: City, outcome: str = "penalized") -> Case:
    """A major environmental event at the firm that has been looked into."""
    case = city.report("major-event", "储罐泄漏", area="kunlun", enterprise=FIRM)
    city.act(case, "acknowledge", by="ecology")
    return looked_into(city, case, outcome)


def entry_of(city: City, case: Case) -> Case:
    """The one entry on a list that the problem has led to."""
    (entry,) = city.opened(case, Kind.LISTING)
    return entry


def ground_of(entry: Case) -> str:
    """On which ground, and of whom."""
    assert entry.listing.of == FIRM
    return entry.listing.ground


def announced(city: City, entry: Case) -> dict[str, str]:
    """What the last event of an entry told whom."""
    return {one.data.recipient: one.data.text for one in told(entry.events[-1], entry.standing, city.rules)}


def approved(city: City, case: Case, measure: str, by: str) -> Case:
    """The measure that waits is released."""
    assert case.record is not None
    (version,) = (at for at, one in case.record.awaiting_approval.items() if one.measure == measure)
    return city.act(case, "approve", by=by, version=version)


# Joint punishment (三(三)1)


def test_a_repeated_offender_is_punished_jointly_go_04(city: City) -> None:
    """GO-04: 加大联合惩戒力度: each department says by itself what it has done; who says nothing is told of."""
    case = marked(city, "offender")
    assert measured(case) == ("joint-punishment", "blacklist-offender")
    assert city.rules.measures["joint-punishment"].kind is MeasureKind.CREDIT
    assert city.opened(case, Kind.DUTY) == []
    approved(city, case, "joint-punishment", by="ecology")
    owed = {lead(one): one for one in city.opened(case, Kind.DUTY)}
    assert tuple(owed) == PUNISHING
    city.act(owed["land"], "complete", by="land", outcome="done", evidence=SEALED)
    city.advance(to="2018-06-11 17:00")
    expect(owed["land"], status="struck_off", escalated=())
    expect(owed["housing"], escalated=("supervision",), lapsed={"joint-punishment-report"})


def test_nobody_is_punished_jointly_whose_answer_was_right_go_04(city: City) -> None:
    """GO-04: the department holds the call back while the firm is heard, and drops it with a reason."""
    case = marked(city, "offender")
    assert case.record is not None
    (version,) = case.record.awaiting_approval
    city.refuses(case, "withhold", by="ecology", because="missing_reason", version=version)
    city.act(case, "withhold", by="ecology", version=version, reason="两次处罚决定已被撤销")
    assert city.opened(case, Kind.DUTY) == []


def test_a_fault_of_enforcement_is_held_to_account_go_04(city: City) -> None:
    """GO-04: 实行执法责任追究制, 行政监察."""
    case = marked(city, "enforcement-fault")
    (taken,) = [event.change for event in case.events if getattr(event.change, "measure", "")]
    assert (getattr(taken, "measure", ""), getattr(taken, "to", ())) == (
        "enforcement-accountability",
        ("ecology", "supervision-commission"),
    )


# The blacklist (三(五)4)


@pytest.mark.parametrize("flag", ["duty-unmet", "offender"])
def test_each_ground_leads_to_the_blacklist_go_11(city: City, flag: str) -> None:
    """GO-11: 责任落实不到位、多次违法违规, as the office finds."""
    entry = entry_of(city, marked(city, flag))
    expect(entry, status="noticed", holder="ecology")
    assert ground_of(entry) == flag


def test_whoever_breaks_the_law_a_third_time_is_an_offender_without_anybody_s_hand_go_11(city: City) -> None:
    """GO-11: 多次违法违规: the third problem of the same firm proved and punished, however its name is spelt."""
    cases = []
    for firm, outcome in (
        (FIRM, "penalized"), (f" {FIRM[:2]} {FIRM[2:]}", "shut-down"), (FIRM, "unfounded"), ("他厂", "penalized"),
    ):  # fmt: skip
        case = underway(city, "industrial-discharge", "kunlun", enterprise=firm.strip())
        cases.append(looked_into(city, case, outcome))
        city.advance(days=60)
    assert [measured(case) for case in cases] == [(), (), (), ()]
    third = looked_into(city, underway(city, "industrial-discharge", "kunlun", enterprise=FIRM), "penalized")
    assert measured(third) == ("offends-again", "joint-punishment", "blacklist-offender")
    entry = entry_of(city, third)
    expect(entry, status="noticed")
    assert ground_of(entry) == "offender"


def test_a_major_event_leads_to_the_blacklist_when_it_was_looked_into_go_11(city: City) -> None:
    """GO-11: 发生重大环境事件: not on the first report, and not when there was nothing in it."""
    case = city.report("major-event", "储罐泄漏", area="kunlun", enterprise=FIRM)
    city.act(case, "acknowledge", by="ecology")
    assert city.opened(case, Kind.LISTING) == []
    looked_into(city, case, "penalized")
    assert ground_of(entry_of(city, case)) == "major-event"
    assert city.opened(major_event(city, "unfounded"), Kind.LISTING) == []


def test_the_blacklist_is_published_and_bars_for_two_years_go_11(city: City) -> None:
    """GO-11: 及时向社会公布, 两年内不得参与新的项目建设、资源开发、生产经营管理; then it is over by itself."""
    entry = entry_of(city, marked(city, "offender"))
    assert set(announced(city, entry)) == {FIRM}
    city.advance(to="2018-05-21 16:59")
    expect(entry, status="noticed")
    city.advance(to="2018-05-21 17:00")
    expect(entry, status="listed")
    assert runs(entry, "term") == "2020-05-21 17:00"
    assert (entry.listing.bars, entry.listing.subject) == (BARS, FIRM)
    notice = announced(city, entry)
    assert set(notice) == {FIRM, "public"}
    assert f"{FIRM}多次违法违规" in notice["public"]
    assert "至2020-05-21不得参与我市新的项目建设、资源开发、生产经营管理等活动" in notice["public"]
    city.advance(to="2020-05-21 16:59")
    expect(entry, status="listed")
    city.advance(to="2020-05-21 17:00")
    expect(entry, status="delisted", escalated=())
    assert set(announced(city, entry)) == {FIRM, "public"}


def test_an_enterprise_is_heard_and_another_than_the_keeper_decides_go_11(city: City) -> None:
    """GO-11: an answer in time holds the entry back; who was right was never named in public."""
    entry = entry_of(city, marked(city, "offender"))
    city.act(entry, "appeal", by="ecology", text="处罚决定针对的是另一家企业")
    city.advance(to="2018-06-01 10:00")
    expect(entry, status="contested")
    city.refuses(entry, "decide_appeal", by="ecology", because="not_permitted", upheld=False, reason="维持")
    city.act(entry, "decide_appeal", by=OFFICE, upheld=True, reason="主体认定有误")
    expect(entry, status="delisted")
    assert set(announced(city, entry)) == {FIRM}


def test_an_appeal_that_nobody_decides_is_told_of_go_11(city: City) -> None:
    """GO-11: 15 working days, one holiday among them; dismissed, the two years begin with the decision."""
    entry = entry_of(city, marked(city, "offender"))
    city.act(entry, "appeal", by="ecology", text="不服")
    city.advance(to="2018-06-04 17:00")
    expect(entry, escalated=("supervision",), lapsed={"appeal"})
    city.act(entry, "decide_appeal", by=OFFICE, upheld=False, reason="事实清楚，维持")
    expect(entry, status="listed")
    assert runs(entry, "term") == "2020-06-04 17:00"


# Rewards (三(五)5)


def reported(city: City, channel: str = "hotline-12369", reporter: Reporter = INFORMANT, **said: Any) -> Case:
    """Somebody reports a major violation, and the office marks it as one."""
    return marked(city, "violation", channel=channel, reporter=reporter, **said)


@pytest.mark.parametrize("channel", ["hotline-12369", "sms", "mailbox"])
def test_a_major_violation_that_proves_true_is_rewarded_go_13(city: City, channel: str) -> None:
    """GO-13: 举报属实, 1000－30000元: owed once it is verified, and paid to whoever shows the code."""
    case = reported(city, channel)
    assert city.opened(case, Kind.REWARD) == []
    (reward,) = city.opened(looked_into(city, case, "penalized"), Kind.REWARD)
    expect(reward, status="owed", holder="ecology")
    for amount in (999, 30_001):
        city.refuses(reward, "award", by="ecology", because="out_of_range", amount=amount)
    city.act(reward, "award", by="ecology", amount=30_000)
    city.refuses(reward, "collect", by="ecology", because="not_permitted", code=CODE)
    city.refuses(reward, "collect", by="finance", because="wrong_code", code="7K3M-9XQ2-TR5A-0WZE")
    city.act(reward, "collect", by="finance", code=CODE)
    expect(reward, status="settled")


def test_what_proves_untrue_or_minor_is_not_rewarded_go_13(city: City) -> None:
    """GO-13: 举报属实 and 重大环境违法违规行为, both; inspectors are not 线索提供人员."""
    unfounded = looked_into(city, reported(city), "unfounded")
    minor = looked_into(city, underway(city, "dust", "west", channel="sms", reporter=INFORMANT), "rectified")
    found = looked_into(city, reported(city, "inspection"), "penalized")
    nobody = looked_into(city, reported(city, "sms", Reporter()), "penalized")
    assert [city.opened(case, Kind.REWARD) for case in (unfounded, minor, found, nobody)] == [[], [], [], []]


def test_a_year_has_a_budget_for_rewards_go_13(city: City) -> None:
    """GO-13: ten of the highest, and the budget of the year is used up; the next year has its own."""
    cases = [looked_into(city, reported(city, report_id=f"r{number}"), "penalized") for number in range(11)]
    *first, last = (one for case in cases for one in city.opened(case, Kind.REWARD))
    for reward in first:
        city.act(reward, "award", by="ecology", amount=30_000)
    city.refuses(last, "award", by="ecology", because="over_budget", amount=1_000)
    city.advance(to="2019-01-02 10:00")
    city.act(last, "award", by="ecology", amount=1_000)


def test_an_amount_that_nobody_fixes_is_told_of_go_13(city: City) -> None:
    """GO-13: ten working days; what nobody collects in ninety days is forfeited."""
    (reward,) = city.opened(looked_into(city, reported(city), "penalized"), Kind.REWARD)
    city.advance(to="2018-05-28 17:00")
    expect(reward, escalated=("supervision",), lapsed={"amount"})
    city.act(reward, "award", by="ecology", amount=5_000)
    city.advance(to="2018-08-27 17:00")
    expect(reward, status="settled")
    city.refuses(reward, "collect", by="finance", because="illegal_move", code=CODE)


# Emergency and opinion (三(五)7, 四(三))


@pytest.mark.parametrize(("category", "channel"), [("air", "opinion"), ("major-event", "hotline-12369")])
def test_a_release_is_drafted_within_hours_day_or_night_go_15(city: City, category: str, channel: str) -> None:
    """GO-15: 应急处理和舆情引导联动: both owe the draft, Saturday night too; silence is called to account."""
    city.advance(to="2018-05-19 23:00")
    case = city.report(category, "网传黄烟视频", area="chaerhan", channel=channel)
    drafts = {lead(one): one for one in city.opened(case, Kind.DUTY)}
    assert set(drafts) == {"cyberspace", "ecology"}
    city.advance(to="2018-05-20 02:30")
    expect(drafts["ecology"], reminded=("release-draft",), escalated=())
    city.act(drafts["cyberspace"], "complete", by="cyberspace", outcome="drafted", evidence=SEALED)
    city.advance(to="2018-05-20 03:00")
    expect(drafts["cyberspace"], escalated=(), status="struck_off")
    expect(drafts["ecology"], escalated=("supervision",), lapsed={"release-draft"})
    city.advance(to="2018-05-21 03:00")
    expect(drafts["ecology"], escalated=("supervision", "inaction"))
