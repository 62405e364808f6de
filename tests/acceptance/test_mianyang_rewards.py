"""Mianyang 2022, 二(一)2 and 三(三): rewards by class, an incentive for grid workers, and tolerance of honest mistakes.

In 2022 April 6 is a Wednesday; April 24, a Sunday, and May 7, a Saturday, are worked; April 30 to May 4 is off.
"""

from __future__ import annotations

from typing import Any

import pytest

from duban.messages.handle import handle_of
from duban.messages.report import Identity, Reporter
from duban.messages.struct import to_json
from duban.moves import Kind
from tests.acceptance.timeline import Case, City, expect, lead, measured, runs

OFFICE = "pollution-office"
CODE = "7K3M-9XQ2-TR5A-0WZD"
NAMED, INSIDER = (Reporter(identity=one, handle=handle_of(CODE)) for one in (Identity.NAMED, Identity.INSIDER))


@pytest.fixture
def city() -> City:
    """Mianyang on Wednesday, April 6, 2022, at nine."""
    return City.of("mianyang-2022", at="2022-04-06 09:00")


def looked_into(city: City, outcome: str, channel: str = "report-platform", **said: Any) -> Case:
    """Somebody has reported foul water, and it was looked into with ``outcome``, and verified."""
    told = {"area": "jingkai", "channel": channel, "reporter": NAMED, **said}
    case = city.report("industrial-wastewater", "夜间偷排", **told)
    city.act(case, "acknowledge", by=lead(case))
    city.act(case, "complete", by=lead(case), outcome=outcome)
    return city.act(case, "verify", by=OFFICE, passed=True)


def reward_of(city: City, case: Case) -> Case:
    """The one reward that the problem has earned somebody."""
    (reward,) = city.opened(case, Kind.REWARD)
    return reward


# Rewards by class (二(一)2)


@pytest.mark.parametrize(
    ("outcome", "reward", "least", "most"),
    [
        ("rectified", "daily-pollution", 50, 500),
        ("penalized", "illegal-act", 500, 20_000),
        ("shut-down", "illegal-act", 500, 20_000),
        ("referred-to-police", "illegal-act", 500, 20_000),
    ],
)
def test_rewards_are_of_two_classes_by_what_it_proved_to_be_my_02c(
    city: City, outcome: str, reward: str, least: int, most: int
) -> None:
    """MY-02c: 对日常环境污染行为和环境污染违法行为分类给予举报奖励."""
    owed = reward_of(city, looked_into(city, outcome))
    expect(owed, rule=reward, status="owed", holder="ecology")
    for amount in (least - 1, most + 1):
        city.refuses(owed, "award", by="ecology", because="out_of_range", amount=amount)
    city.act(owed, "award", by="ecology", amount=most)


def test_one_bureau_fixes_and_pays_and_asks_for_the_code_alone_my_02c(city: City) -> None:
    """MY-02c: 优化领奖流程, 企业内部知情人员: one counter, no name; the finance bureau is not asked."""
    owed = reward_of(city, looked_into(city, "penalized", reporter=INSIDER))
    city.act(owed, "award", by="ecology", amount=2000)
    city.refuses(owed, "collect", by="finance", because="not_permitted", code=CODE)
    city.refuses(owed, "collect", by="ecology", because="wrong_code", code="7K3M-9XQ2-TR5A-0WZE")
    city.act(owed, "collect", by="ecology", code=CODE.lower().replace("-", " "))
    expect(owed, status="settled")
    assert CODE not in "".join(to_json(event).decode() for event in owed.events)


@pytest.mark.parametrize(
    "channel",
    [
        "mayor-hotline", "duty-line", "report-platform", "leaders-mailbox", "letter", "visit", "volunteer",
        "association", "media", "miniapp",
    ],
)  # fmt: skip
def test_whatever_way_people_report_by_they_are_rewarded_my_02c(city: City, channel: str) -> None:
    """MY-02c: 进一步拓宽环境违法行为有奖举报受理范围."""
    expect(reward_of(city, looked_into(city, "penalized", channel)), status="owed")


def test_what_was_not_so_or_was_found_officially_earns_nobody_a_reward_my_02c(city: City) -> None:
    """MY-02c: for people, and for what is true; who left no code cannot be found again."""
    unfounded = looked_into(city, "unfounded")
    officials = [looked_into(city, "penalized", one) for one in ("self-check", "transfer", "video", "deputy-visit")]
    nameless = looked_into(city, "penalized", reporter=Reporter())
    assert [measured(case) for case in (unfounded, *officials, nameless)] == [[]] * 6


def test_one_report_is_rewarded_once_though_it_comes_back_my_02c(city: City) -> None:
    """MY-02c: one problem, one reward: that it rebounds, and is penalized then, earns no second one."""
    case = looked_into(city, "rectified")
    city.act(case, "strike_off", by=OFFICE)
    city.act(case, "reopen", by=OFFICE, reason="夜间反弹")
    city.act(case, "complete", by=lead(case), outcome="penalized")
    city.act(case, "verify", by=OFFICE, passed=True)
    expect(reward_of(city, case), rule="daily-pollution")


def test_an_amount_that_is_late_is_told_of_to_the_petitions_bureau_too_my_02c(city: City) -> None:
    """MY-02c: 〔市生态环境局、市财政局、市信访局〕: the smaller class within 5 working days, the other within 10."""
    daily, illegal = (reward_of(city, looked_into(city, outcome)) for outcome in ("rectified", "penalized"))
    assert runs(daily, "amount") == "2022-04-13 17:00"
    assert runs(illegal, "amount") == "2022-04-20 17:00"
    city.advance(to="2022-04-13 17:00")
    expect(daily, lapsed={"amount"}, escalated=("bulletin",))
    assert daily.taken_after_lapse[-1].to == ("ecology", OFFICE, "petitions")
    expect(illegal, lapsed=set())


def test_each_class_has_the_budget_of_the_year_my_02c(city: City) -> None:
    """MY-02c: 将有奖举报…资金纳入部门预算 (三(三)): what the year does not have left is not awarded."""
    budget = city.rules.rewards["illegal-act"].budget
    assert budget == 300_000
    for number in range(15):
        owed = reward_of(city, looked_into(city, "penalized", report_id=f"{number}"))
        city.act(owed, "award", by="ecology", amount=20_000)
    late = reward_of(city, looked_into(city, "penalized", report_id="late"))
    city.refuses(late, "award", by="ecology", because="over_budget", amount=500)
    daily = reward_of(city, looked_into(city, "rectified", report_id="daily"))
    city.act(daily, "award", by="ecology", amount=50)
    city.advance(to="2023-01-03 09:00")
    city.act(late, "award", by="ecology", amount=500)


def test_the_money_is_put_into_the_budget_each_year_or_it_is_told_of_my_02c(city: City) -> None:
    """MY-02c: 三(三): by the bureau that pays and by the finance bureau, in autumn."""
    city.advance(to="2022-10-17 09:00")
    asked, granted = (city.duties("reward-budget", unit)[-1] for unit in ("ecology", "finance"))
    city.act(asked, "complete", by="ecology", outcome="submitted")
    city.advance(to="2022-11-28 09:00")
    expect(asked, status="struck_off", escalated=())
    expect(granted, lapsed={"reward-budget"}, escalated=("bulletin",))


# Grid workers (三(三))


@pytest.mark.parametrize(
    ("area", "person"),
    [("lianfeng", "联丰村网格员(待报)"), ("huagai", "花荄镇网格员(待报)"), ("luxi", "芦溪镇网格员(待报)")],
)
def test_what_a_grid_worker_found_earns_the_person_of_the_cell_an_incentive_my_15(
    city: City, area: str, person: str
) -> None:
    """MY-15: 鼓励探索建立网格员激励机制: the innermost cell's; paid without a code."""
    case = looked_into(city, "rectified", "grid-patrol", area=area, reporter=Reporter())
    owed = reward_of(city, case)
    expect(owed, rule="grid-find", subject=person, status="owed")
    for amount in (19, 201):
        city.refuses(owed, "award", by="ecology", because="out_of_range", amount=amount)
    city.act(owed, "award", by="ecology", amount=200)
    city.act(owed, "collect", by="ecology")
    expect(owed, status="settled")


def test_no_incentive_for_what_was_not_so_or_where_nobody_patrols_my_15(city: City) -> None:
    """MY-15: for what is found and true; a park without grid workers has nobody to reward, nor do others count."""
    cases = [
        looked_into(city, "unfounded", "grid-patrol", area="huagai"),
        looked_into(city, "rectified", "grid-patrol", area="jingkai"),
        looked_into(city, "rectified", "river-patrol", area="huagai"),
        looked_into(city, "rectified", "letter", area="huagai", reporter=Reporter()),
    ]
    assert [measured(case) for case in cases] == [[]] * 4


def test_whoever_is_not_named_yet_says_so_my_15(city: City) -> None:
    """MY-15: every cell is a placeholder until a city hands in its grid workers; none passes for a person."""
    cells = [area.cell for area in city.rules.pack.areas if area.cell is not None]
    assert len(cells) == 9
    assert all(cell.person.endswith("网格员(待报)") for cell in cells)


# Tolerance of honest mistakes (三(三))


def called_to_account(city: City) -> Case:
    """A problem that its unit has not put right in 25 working days; the measure of the 15th day after is due."""
    case = city.report("construction-dust", "工地裸土未覆盖", area="fucheng")
    city.act(case, "acknowledge", by="housing")
    city.advance(working_days=25)
    assert case.escalated[-1] == "accountability"
    return case


def version_of(case: Case) -> int:
    """The one measure that waits."""
    assert case.record is not None
    ((version, waiting),) = case.record.awaiting_approval.items()
    assert waiting.measure == "accountability"
    return version


def test_nobody_is_called_to_account_before_the_supervision_office_says_so_my_15(city: City) -> None:
    """MY-15: 容错纠错: the office proposes, the supervision office decides."""
    case = called_to_account(city)
    city.refuses(case, "approve", by=OFFICE, because="not_permitted", version=version_of(case))
    city.act(case, "approve", by="supervision-office", version=version_of(case))
    assert case.record is not None
    assert not case.record.awaiting_approval


def test_an_honest_mistake_is_tolerated_with_a_note_of_why_my_15(city: City) -> None:
    """MY-15: 容错: withheld only with the reason, which stays in the record; 纠错: the work is owed all the same."""
    case = called_to_account(city)
    version = version_of(case)
    city.refuses(case, "withhold", by="supervision-office", because="missing_reason", version=version)
    reason = "主动试行新工艺，非主观不作为，予以容错，限期改正"
    city.act(case, "withhold", by="supervision-office", version=version, reason=reason)
    assert case.record is not None
    assert (case.events[-1].change.kind, case.events[-1].reason) == ("withheld", reason)
    assert not case.record.awaiting_approval
    expect(case, status="underway", lapsed={"rectify-street", "progress-call"})
    city.refuses(case, "approve", by="supervision-office", because="nothing_asked", version=version)


def test_a_sudden_incident_out_of_control_waits_for_the_same_word_my_15(city: City) -> None:
    """MY-15: the ladder of the incident ends at the same door."""
    case = city.report("sudden", "断面氨氮突升", area="fucheng", channel="water-station")
    city.act(case, "acknowledge", by="ecology")
    for _ in range(10):
        city.advance(hours=5)
        city.act(case, "progress", by="ecology", note="正在围堵")
    assert "accountability" in case.escalated
    version_of(case)
