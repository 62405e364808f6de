"""Linyi 2021, its lists and rewards: “黑名单”, “正面清单”, 环保政务失信记录, 举报奖励, and what measures call for.

In 2021 April 19 is a Monday; April 25 and May 8 are worked; May 1 to 5, June 12 to 14 and October 1 to 7 are off.
"""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any

import pytest

from duban.messages.commands import Pledge, PutOnList
from duban.messages.envelope import Message, derived_id
from duban.messages.handle import handle_of
from duban.messages.notices import Notice
from duban.messages.struct import from_data
from duban.moves import Kind
from duban.refusal import Refusal
from duban_escalation.records import told
from tests.acceptance.test_linyi import GOOD, OFFICE, SEALED, underway
from tests.acceptance.timeline import Case, City, expect, lead, local, measured, runs
from tests.given import CODE

FIRM = "临沂某化工有限公司"
SERVICE = "某环境检测有限公司"
ANONYMOUS = {"identity": "anonymous", "handle": handle_of(CODE)}
_turn = count()


@pytest.fixture
def city() -> City:
    """Linyi on Monday, April 19, 2021, at nine, the day of the document."""
    return City.of("linyi-2021", at="2021-04-19 09:00")


def enters(city: City, by: str, because: str | None = None, **entry: Any) -> Case:
    """A unit puts somebody on a list by its own hand; with ``because`` the router refuses it with this code."""
    id_, now, jurisdiction = derived_id("timeline entry", next(_turn)), city.now, city.rules.pack.jurisdiction
    case = Case(id_)
    city.cases[id_].append(case)
    data = from_data({"actor": {"unit": by}, **entry}, PutOnList)
    answer = city.send(Message(f"enter {id_}", "timeline", str(id_), now, jurisdiction, str(id_), data))
    assert (answer.code if isinstance(answer, Refusal) else None) == because
    return case


def released(city: City, case: Case, measure: str, by: str) -> list[Case]:
    """``by`` releases the measure that waits for it; the records that this opens, in order."""
    assert case.record is not None
    before = len(city.opened(case))
    (version,) = (at for at, one in case.record.awaiting_approval.items() if one.measure == measure)
    city.act(case, "approve", by=by, version=version)
    return city.opened(case)[before:]


def waiting(case: Case) -> list[str]:
    """The measures that wait for somebody's word."""
    assert case.record is not None
    return [one.measure for one in case.record.awaiting_approval.values()]


def told_of(city: City, entry: Case) -> list[Message[Notice]]:
    """All that was told because of an entry, in order."""
    return [one for event in entry.events for one in told(event, entry.standing, city.rules)]


def last_told(city: City, entry: Case) -> dict[str, str]:
    """Who was told what, as the last thing that happened to an entry or a reward."""
    return {one.data.recipient: one.data.text for one in told(entry.events[-1], entry.standing, city.rules)}


def of_whom(entry: Case) -> tuple[str, str, str]:
    """List, subject and ground of an entry."""
    return entry.listing.list, entry.listing.of, entry.listing.ground


def closed(city: City, case: Case, outcome: str = "rectified", *also: str) -> Case:
    """The problem is completed with ``outcome``, verified, signed for and struck off."""
    city.act(case, "complete", by=lead(case), outcome=outcome)
    city.act(case, "verify", by=OFFICE, passed=True)
    for check in ("rectified", *also):
        city.act(case, "check", by=OFFICE, check=check, evidence=SEALED)
    return city.act(case, "strike_off", by=OFFICE)


def crime(city: City, **said: Any) -> Case:
    """A suspected crime of the firm, which the police have received."""
    case = underway(city, "unlawful-act", **{"channel": "joint-enforcement", "enterprise": FIRM, **said})
    city.act(case, "flag", by=OFFICE, flag="criminal")
    city.act(case, "refer", by="ecology", to="police", ground="私设暗管", evidence=SEALED)
    return city.act(case, "receive", by="police")


def proposed(city: City) -> Case:
    """The firm's entry on the blacklist, of which it has just been told."""
    (entry,) = released(city, crime(city), "blacklist-crime", by="ecology")
    return entry


def long_overdue(city: City) -> Case:
    """A county that has done nothing for twenty working days after its limit."""
    case = underway(city, "dust", area="yinan", enterprise=FIRM)
    city.advance(to="2021-05-11 17:00")
    city.advance(working_days=20)
    return case


# The blacklist: found, heard, listed, and off again


def test_a_polluter_is_found_told_heard_and_then_stands_on_the_blacklist_ly_22(city: City) -> None:
    """LY-22: 依法依规认定、共享、发布排污企业“黑名单”，实施联合惩戒: no step before the one that it rests on."""
    case = crime(city)
    (proposal,) = measured(case)
    assert (proposal.ground, proposal.measure, proposal.approval) == ("crime-received", "blacklist-crime", "ecology")
    assert city.opened(case) == []
    (entry,) = released(city, case, "blacklist-crime", by="ecology")
    assert of_whom(entry) == ("polluter-blacklist", FIRM, "crime")
    expect(entry, kind=Kind.LISTING, status="noticed", holder="ecology")
    ((recipient, notice),) = last_told(city, entry).items()
    assert recipient == FIRM
    assert "在2021-04-25 17:00前陈述、申辩或者提出申诉" in notice
    city.run(local("2021-04-25 17:00"))
    expect(entry, status="noticed")
    city.advance(to="2021-04-25 17:00")
    expect(entry, status="listed")
    announced = last_told(city, entry)
    assert set(announced) == {FIRM, "public", "credit-platform"}
    assert "期限至2022-04-25" in announced["credit-platform"]
    for barred in ("财政性资金", "政府采购", "绿色信贷", "评先评优"):
        assert barred in announced["public"]
    assert runs(entry, "term") == "2022-04-25 17:00"
    city.advance(to="2022-04-25 17:00")
    expect(entry, status="delisted")
    assert "联合惩戒措施同时解除" in last_told(city, entry)["public"]


def test_an_appeal_is_decided_by_another_than_the_keeper_ly_22(city: City) -> None:
    """LY-22: 权益保护渠道: while the appeal waits nobody is listed; upheld, the public never hears of it."""
    right, wrong = proposed(city), proposed(city)
    for entry in (right, wrong):
        city.act(entry, "appeal", by="ecology", text="暗管系前租户私设", evidence=SEALED)
    assert "暗管系前租户私设" in last_told(city, right)["development"]
    city.advance(to="2021-04-26 09:00")
    expect(right, status="contested")
    city.refuses(right, "decide_appeal", by="ecology", because="not_permitted", upheld=False, reason="理由不成立")
    city.refuses(right, "decide_appeal", by="development", because="missing_reason", upheld=True)
    city.act(right, "decide_appeal", by="development", upheld=True, reason="租赁合同属实")
    expect(right, status="delisted")
    assert set(last_told(city, right)) == {FIRM}
    city.act(wrong, "decide_appeal", by="development", upheld=False, reason="监控录像为证")
    expect(wrong, status="listed")
    city.refuses(wrong, "appeal", by="ecology", because="appealed", text="再次申诉")


def test_an_appeal_that_nobody_decides_is_brought_before_the_committee_ly_22(city: City) -> None:
    """LY-22: 权益保护: ten working days, then it is told of, then the committee calls."""
    entry = proposed(city)
    city.act(entry, "appeal", by="ecology", text="暗管系前租户私设")
    assert runs(entry, "appeal") == "2021-04-30 17:00"
    city.advance(to="2021-04-30 17:00")
    city.advance(working_days=3)
    expect(entry, status="contested", escalated=("decision-overdue", "decision-supervision"))
    assert entry.taken_after_lapse[-1].to == ("development", "committee")


def test_whoever_has_made_good_leaves_the_blacklist_on_proof_ly_22(city: City) -> None:
    """LY-22: 提供退出渠道: the keeper takes the firm off, on proof, with a reason, and the public hears of it."""
    entry = proposed(city)
    city.advance(to="2021-05-10 09:00")
    city.refuses(entry, "take_off_list", by="ecology", because="missing_evidence", reason="整改完成")
    city.refuses(entry, "take_off_list", by="development", because="not_permitted", reason="整改完成", evidence=SEALED)
    city.act(entry, "take_off_list", by="ecology", reason="整改完成，信用修复", evidence=SEALED)
    expect(entry, status="delisted", deadlines=())
    assert set(last_told(city, entry)) == {FIRM, "public", "credit-platform"}


def test_what_was_not_truly_put_right_leads_to_the_blacklist_but_not_what_a_firm_declared_ly_22_ly_05(
    city: City,
) -> None:
    """LY-22, LY-05: 整改后反弹: held against the firm, unless the problem came from 自我申报."""
    declared, reported = (
        closed(city, underway(city, "unlawful-act", channel=channel, enterprise=FIRM))
        for channel in ("self-declared", "complaint")
    )
    for case in (declared, reported):
        city.act(case, "look_back", by=OFFICE, reason="设施停用", evidence=SEALED, **{**GOOD, "effective": False})
    assert (waiting(declared), waiting(reported)) == ([], ["blacklist-relapse"])
    (entry,) = released(city, reported, "blacklist-relapse", by="ecology")
    assert of_whom(entry) == ("polluter-blacklist", FIRM, "relapse")


def test_disclosure_found_untrue_for_the_second_time_leads_to_the_blacklist_ly_05(city: City) -> None:
    """LY-05: 全面、及时、准确地披露环境信息: once is put right, twice is proposed for the blacklist."""
    case = underway(city, "disclosure", channel="self-declared", enterprise=FIRM)
    for proposals in ([], ["blacklist-concealment"]):
        city.act(case, "complete", by="ecology", outcome="rectified")
        city.act(case, "verify", by=OFFICE, passed=False, reason="排放数据与监测不符")
        assert waiting(case) == proposals
    (entry,) = released(city, case, "blacklist-concealment", by="ecology")
    assert of_whom(entry) == ("polluter-blacklist", FIRM, "concealment")


def test_service_firms_have_a_blacklist_of_their_own_ly_22(city: City) -> None:
    """LY-22: 第三方环境服务机构“黑名单”: once the firm is punished, not when the suspicion proves unfounded."""
    punished, cleared = (
        closed(city, underway(city, "service-firm", channel="petition", enterprise=SERVICE, report_id=outcome), outcome)
        for outcome in ("penalized", "unfounded")
    )
    assert (waiting(punished), waiting(cleared)) == (["blacklist-service"], [])
    (entry,) = released(city, punished, "blacklist-service", by="development")
    assert of_whom(entry) == ("service-blacklist", SERVICE, "fraud")
    city.act(entry, "appeal", by="justice", text="报告由他人冒名出具")
    city.act(entry, "decide_appeal", by="justice", upheld=False, reason="笔迹鉴定为本人")
    expect(entry, status="listed")


def test_a_proposal_that_the_bureau_does_not_follow_lists_nobody_ly_22(city: City) -> None:
    """LY-22: 依法依规认定: what does not suffice is withheld, with the reason."""
    case = crime(city)
    assert case.record is not None
    (version,) = case.record.awaiting_approval
    city.refuses(case, "withhold", by="ecology", because="missing_reason", version=version)
    city.act(case, "withhold", by="ecology", version=version, reason="尚未立案，证据不足")
    assert (waiting(case), city.opened(case)) == ([], [])


def test_the_keeper_enters_what_it_found_itself_with_evidence_ly_22(city: City) -> None:
    """LY-22: 篡改、伪造监测数据, found by the bureau: its own entry, heard like any other; nobody else makes one."""
    tampered = {"list": "polluter-blacklist", "of": FIRM, "ground": "tampering"}
    enters(city, "ecology", because="missing_evidence", **tampered)
    enters(city, "development", because="not_permitted", evidence=SEALED, **tampered)
    enters(city, "ecology", because="unknown_ground", evidence=SEALED, **{**tampered, "ground": "envy"})
    expect(enters(city, "ecology", evidence=SEALED, **tampered), status="noticed")


# The positive list


def test_the_positive_list_spares_random_checks_never_complaints_ly_13(city: City) -> None:
    """LY-13: 监督执法“正面清单”: barred from the draw; who complains about its bearer is heard like anybody."""
    good: dict[str, Any] = {"list": "positive-list", "of": FIRM, "ground": "well-kept", "evidence": SEALED}
    enters(city, "approval", because="not_permitted", **good)
    entry = enters(city, "ecology", **good)
    expect(entry, status="listed")
    (spared,) = entry.listing.bars
    assert spared.startswith("双随机现场抽查")
    assert "清单内企业违法的，移出清单并依法查处" in last_told(city, entry)["public"]
    about_it, about_another = (
        city.report("water", "偷排废水", channel="complaint", enterprise=firm) for firm in (FIRM, SERVICE)
    )
    for case in (about_it, about_another):
        expect(case, status="dispatched", lead_unit="ecology", refusals=[])
    assert runs(about_it, "rectify") == runs(about_another, "rectify")


def test_whoever_breaks_the_law_leaves_the_positive_list_and_nobody_stays_for_ever_ly_13(city: City) -> None:
    """LY-13: 更新“正面清单”: off on proof of a violation, and in any case after the year."""
    good: dict[str, Any] = {"list": "positive-list", "ground": "monitored", "evidence": SEALED}
    caught, kept = (enters(city, "ecology", of=firm, **good) for firm in (FIRM, SERVICE))
    city.refuses(caught, "take_off_list", by="approval", because="not_permitted", reason="偷排", evidence=SEALED)
    city.act(caught, "take_off_list", by="ecology", reason="偷排废水，立案查处", evidence=SEALED)
    assert runs(kept, "term") == "2022-04-19 17:00"
    city.run(local("2022-04-19 17:00"))
    assert [one.record.status for one in (caught, kept) if one.record] == ["delisted", "listed"]
    city.advance(to="2022-04-19 17:00")
    expect(kept, status="delisted")


# What enterprises have pledged


def pledged(city: City, by: str, because: str | None = None, **said: Any) -> Case:
    """A unit enters a pledge of the firm; with ``because`` the router refuses it with this code."""
    id_, now, jurisdiction = derived_id("timeline pledge", next(_turn)), city.now, city.rules.pack.jurisdiction
    case = Case(id_)
    city.cases[id_].append(case)
    fields = {"duty": "pledge", "of": FIRM, "promise": "完成脱硫设施改造", "due_on": "2021-06-30", **said}
    data = from_data({"actor": {"unit": by}, **fields}, Pledge)
    answer = city.send(Message(f"pledge {id_}", "timeline", str(id_), now, jurisdiction, str(id_), data))
    assert (answer.code if isinstance(answer, Refusal) else None) == because
    return case


def test_what_a_firm_pledges_is_a_record_with_its_own_day_and_is_kept_on_proof_ly_05(city: City) -> None:
    """LY-05: 自我承诺: who promised what by when; the bureau is reminded, and enters with proof that it was kept."""
    pledged(city, "finance", because="not_permitted")
    pledged(city, "ecology", because="past_date", due_on="2021-04-18")
    pledged(city, "ecology", because="unknown_duty", duty="committees")
    case = pledged(city, "ecology")
    expect(case, kind=Kind.DUTY, title="完成脱硫设施改造", of=FIRM, unit="ecology", due_on=dt.date(2021, 6, 30))
    assert runs(case, "pledge") == "2021-07-01 00:00"
    city.advance(to="2021-06-24 09:00")
    assert case.reminded == ("pledge",)
    city.refuses(case, "complete", by="ecology", because="unknown_outcome", outcome="rectified", evidence=SEALED)
    city.refuses(case, "complete", by="ecology", because="missing_evidence", outcome="kept")
    city.act(case, "complete", by="ecology", outcome="kept", evidence=SEALED)
    city.advance(to="2021-08-02 09:00")
    expect(case, status="struck_off", outcome="kept", escalated=())


def test_a_pledge_that_is_not_kept_leads_to_the_blacklist_when_the_bureau_finds_so_ly_05(city: City) -> None:
    """LY-05: 不兑现承诺: asked for at its day, then proposed for the blacklist, where the firm may answer."""
    case = pledged(city, "industry", due_on="2021-05-31")
    city.advance(to="2021-06-01 00:00")
    expect(case, lapsed={"pledge"}, escalated=("pledge-lapsed",))
    city.advance(working_days=10)
    assert case.taken_after_lapse[-1].to == ("industry", "development")
    (entry,) = released(city, case, "blacklist-pledge", by="ecology")
    assert of_whom(entry) == ("polluter-blacklist", FIRM, "pledge")
    expect(entry, status="noticed")
    city.refuses(case, "complete", by="industry", because="missing_reason", outcome="broken")
    city.act(case, "complete", by="industry", outcome="broken", reason="企业停产，改造未开工")
    expect(case, status="struck_off", outcome="broken")


# The record of government bodies


def test_a_government_body_that_long_does_nothing_is_recorded_when_that_is_approved_ly_21(city: City) -> None:
    """LY-21: 建立环保政务失信记录: proposed by the ladder, found by the credit lead, and not public by itself."""
    case = long_overdue(city)
    assert case.escalated[-1] == "breach-record"
    assert case.taken_after_lapse[-1].to == ("yinan", "development")
    expect(case, flags=())
    assert city.opened(case) == []
    (entry,) = released(city, case, "breach-record", by="development")
    assert of_whom(entry) == ("breach-record", "yinan", "overdue")
    expect(entry, status="listed", holder="development")
    assert set(last_told(city, entry)) == {"yinan", "credit-platform"}


def test_a_record_goes_on_to_the_credit_platform_at_once_and_is_public_step_by_step_ly_21(city: City) -> None:
    """LY-21: 及时归集至信用信息共享平台，依法依规逐步公开: the first at once, the second when it is approved."""
    case = long_overdue(city)
    (entry,) = released(city, case, "breach-record", by="development")
    (sent,) = [message for message in told_of(city, entry) if message.key == "linyi/credit-platform"]
    assert (sent.data.event, sent.data.of, sent.data.ground) == ("listed", "yinan", "overdue")
    assert runs(entry, "pass_on") == "2021-06-18 17:00"
    receipt = {"platform": "credit-platform", "version": entry.listing.version, "status": 201, "receipt": "LYXY-7"}
    city.refuses(entry, "pass_on", by="ecology", because="not_permitted", **receipt)
    city.act(entry, "pass_on", by="duban", **receipt)
    assert [limit.obligation for limit in entry.listing.deadlines] == ["term"]
    assert entry.listing.passed_on["credit-platform"].receipt == "LYXY-7"
    assert waiting(case) == ["breach-publication"]
    assert case.record is not None
    (version,) = case.record.awaiting_approval
    city.refuses(case, "approve", by="development", because="not_permitted", version=version)
    (publish,) = released(city, case, "breach-publication", by="government")
    expect(publish, kind=Kind.DUTY, rule="publish-breach", holder="development")
    assert (city.rules.lists["breach-record"].public, city.rules.duties["publish-breach"].public) == (False, True)
    city.act(publish, "complete", by="development", outcome="published", evidence=SEALED)
    city.advance(working_days=7)
    expect(publish, status="struck_off", escalated=())
    expect(entry, status="listed", lapsed=set())


def test_a_receipt_of_the_platform_that_does_not_come_is_asked_for_ly_21(city: City) -> None:
    """LY-21: 及时归集: the credit lead answers for it, on the ladder of the programme; by hand it shows its receipt."""
    (entry,) = released(city, long_overdue(city), "breach-record", by="development")
    city.advance(working_days=8)
    expect(entry, lapsed={"pass_on"}, escalated=("task-bulletin",))
    assert entry.taken_after_lapse[0].to == ("development", OFFICE)
    city.refuses(entry, "pass_on", by="development", because="missing_evidence", platform="credit-platform")
    city.act(entry, "pass_on", by="development", platform="credit-platform", evidence=SEALED)
    city.advance(working_days=20)
    expect(entry, escalated=("task-bulletin",))
    city.act(entry, "take_off_list", by="development", reason="已经整改", evidence=SEALED)
    assert [message.data.event for message in told_of(city, entry) if "platform" in message.data.recipient] == [
        "listed", "exited",
    ]  # fmt: skip


def test_whose_appeal_is_upheld_is_not_made_public_ly_21(city: City) -> None:
    """LY-21: 依法依规: the record is gone, and its publication is withheld with the reason."""
    case = long_overdue(city)
    (entry,) = released(city, case, "breach-record", by="development")
    city.act(entry, "appeal", by="development", text="用地手续由省级审批，非本县可办")
    city.act(entry, "decide_appeal", by="government", upheld=True, reason="情况属实")
    expect(entry, status="delisted")
    assert case.record is not None
    (version,) = case.record.awaiting_approval
    city.act(case, "withhold", by="government", version=version, reason="申诉成立，不予公开")
    assert city.opened(case, Kind.DUTY) == []


def test_a_broken_promise_that_proves_true_is_entered_by_the_credit_lead_ly_21(city: City) -> None:
    """LY-21: a breach that was reported and proved is marked; the keeper owes the entry, and names the body."""
    proved, unfounded = (
        closed(city, underway(city, "government-breach", channel="inspection", report_id=outcome), outcome)
        for outcome in ("rectified", "unfounded")
    )
    expect(proved, flags=("breach",))
    expect(unfounded, flags=())
    (enter,) = city.opened(proved, Kind.DUTY)
    expect(enter, rule="enter-breach", holder="development", status="underway")
    broken: dict[str, Any] = {"list": "breach-record", "ground": "promise", "evidence": SEALED}
    enters(city, "ecology", because="not_permitted", of="feixian", **broken)
    enters(city, "development", because="unknown_unit", of=FIRM, **broken)
    entry = enters(city, "development", of="feixian", **broken)
    expect(entry, status="listed")
    assert runs(entry, "term") == "2022-04-19 17:00"


# Rewards


def proved_true(city: City, category: str = "water", outcome: str = "penalized", **said: Any) -> list[Case]:
    """The rewards that are owed once a report of the public has been looked into."""
    case = underway(city, category, **{"channel": "complaint", "reporter": ANONYMOUS, **said})
    city.act(case, "complete", by=lead(case), outcome=outcome)
    city.act(case, "verify", by=OFFICE, passed=True)
    return city.opened(case, Kind.REWARD)


def test_whoever_reports_truly_is_rewarded_and_stays_unknown_ly_10a(city: City) -> None:
    """LY-10a: 举报奖励: the ecology bureau fixes the amount, the finance bureau pays it to whoever shows the code."""
    (reward,) = proved_true(city)
    expect(reward, status="owed", holder="ecology", rule="report-reward")
    assert last_told(city, reward) == {
        "ecology": "环境违法行为举报奖励 report-reward/临环委督〔2021〕1号: 200–2000 CNY"
    }
    assert runs(reward, "amount") == "2021-04-30 17:00"
    for amount in (199, 2001):
        city.refuses(reward, "award", by="ecology", because="out_of_range", amount=amount)
    city.refuses(reward, "award", by="finance", because="not_permitted", amount=1000)
    city.act(reward, "award", by="ecology", amount=1000)
    city.refuses(reward, "collect", by="finance", because="wrong_code")
    city.refuses(reward, "collect", by="ecology", because="not_permitted", code=CODE)
    city.act(reward, "collect", by="finance", code=CODE)
    expect(reward, status="settled")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"outcome": "unfounded"}, id="unfounded"),
        pytest.param({"channel": "monitoring-data"}, id="no-report-of-the-public"),
        pytest.param({"reporter": {"identity": "anonymous"}}, id="no-handle"),
        pytest.param({"category": "noise", "area": "lanshan"}, id="no-unlawful-act"),
    ],
)
def test_only_a_true_report_of_an_unlawful_act_earns_a_reward_ly_10a(city: City, said: dict[str, Any]) -> None:
    """LY-10a: 环境违法行为举报奖励: for what proved true, from the public, to somebody who can show the code."""
    assert proved_true(city, **said) == []


def test_grave_violations_have_a_class_of_their_own_inside_the_budget_of_the_year_ly_10a(city: City) -> None:
    """LY-10a: 重大环境违法行为: ten times fifty thousand are the budget; the eleventh waits for the next year."""
    rewards = [proved_true(city, "hazardous-waste", report_id=f"举报{n}", at=(35 + n / 10, 118)) for n in range(11)]
    *paid, last = [one for found in rewards for one in found]
    for reward in paid:
        city.act(reward, "award", by="ecology", amount=50_000)
    city.refuses(last, "award", by="ecology", because="over_budget", amount=2_000)
    city.advance(to="2022-01-04 09:00")
    city.act(last, "award", by="ecology", amount=50_000)
    assert last.lapsed == {"amount"}  # nobody had fixed it in time, and that was told of


def test_the_revised_table_holds_from_the_day_on_which_it_is_published_ly_10a() -> None:
    """LY-10a: 2021年6月底前修订举报奖励暂行规定: owed before, paid by the old table; owed later, by the new."""
    city = City.of("linyi-2021", at="2021-06-28 09:00")
    (old,) = proved_true(city, report_id="旧规定")
    table = [one.model_copy(update={"at_least": 500, "at_most": 5000}) for one in city.rules.pack.rewards]
    revised = {"version": 2, "effective_from": dt.date(2021, 7, 1), "rewards": tuple(table)}
    city.advance(to="2021-07-01 09:00")
    city.publish(city.rules.pack.model_copy(update=revised))
    (new,) = proved_true(city, report_id="新规定")
    expect(old, pack="linyi-2021@1")
    expect(new, pack="linyi-2021@2")
    city.refuses(old, "award", by="ecology", because="out_of_range", amount=5000)
    city.act(new, "award", by="ecology", amount=5000)
    city.act(old, "award", by="ecology", amount=2000)


# Joint work


def test_each_body_owes_the_receipt_of_its_own_referral_ly_09(city: City) -> None:
    """LY-09: 与公检法、应急管理等多部门并联: who has received is done, who has not is asked again, each by itself."""
    case = underway(city, "unlawful-act", channel="joint-enforcement")
    city.act(case, "flag", by=OFFICE, flag="criminal")
    city.act(case, "refer", by="ecology", to="police", evidence=SEALED)
    city.advance(to="2021-04-20 09:00")
    city.act(case, "refer", by="ecology", to="emergency", evidence=SEALED)
    assert (runs(case, "receipt/police"), runs(case, "receipt/emergency")) == ("2021-04-22 17:00", "2021-04-23 17:00")
    city.act(case, "receive", by="emergency")
    closing = {"because": "gate_shut"}
    city.act(case, "complete", by="ecology", outcome="penalized")
    city.act(case, "verify", by=OFFICE, passed=True)
    city.act(case, "check", by=OFFICE, check="rectified", evidence=SEALED)
    city.refuses(case, "strike_off", by=OFFICE, **closing)
    city.advance(to="2021-04-22 17:00")
    expect(case, lapsed={"receipt/police"}, escalated=("referral-enquiry",))
    assert case.taken_after_lapse[0].to == ("police", OFFICE)
    city.act(case, "receive", by="police")
    city.act(case, "strike_off", by=OFFICE)


def test_the_cities_of_the_river_monitor_together_from_the_first_hour_ly_11a(city: City) -> None:
    """LY-11a: 实施联合执法监测: a letter to the three, each owes its data by itself; who is silent is asked again."""
    city.advance(to="2021-05-02 02:00")
    case = city.report("cross-river", "断面氨氮突升", channel="neighbour-city")
    monitoring = [one for one in city.opened(case) if one.record and one.record.rule == "joint-monitoring"]
    assert [lead(one) for one in monitoring] == ["zibo", "xuzhou", "lianyungang"]
    for one in monitoring[:2]:
        city.act(one, "complete", by=lead(one), outcome="shared", evidence=SEALED)
    city.advance(hours=12)
    assert [one.escalated for one in monitoring] == [(), (), ("letter",)]
