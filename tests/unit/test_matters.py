"""The laws of what a report wants, beside what it is about: it sets limits and measures, and may be corrected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duban.deadlines import due
from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.report import Report
from duban.moves import Kind, Status
from duban.policy import PolicyPack
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.policy.model.draw import DrawRule
from duban.refusal import Refusal
from duban_console.inspection_draw import draw, standing
from duban_console.ledger import Filters
from duban_console.pack_text import Language, explained
from duban_escalation.measures import notices_for
from duban_intake.channels.columns import load_mapping, read_reports
from duban_intake.channels.table import csv_table
from duban_intake.domain import Arrival, Neighbourhood, Receipt, decide, submitted
from duban_router.domain.decision import Decided
from tests.given import Case, entries, report, rules_with, small_library, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)
HERE = {"latitude": 30.25, "longitude": 120.17}


def of(matter: str | None, category: str = "river", **sections: object) -> Case:
    """A problem of that matter, on Wednesday, 6 April 2022, 10:00."""
    case = Case(NOW, **sections)
    case.registered(report(matter=matter, category=category, area="north"))
    return case


def refused(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


# It sets the limits, beside the category that sets the unit


@pytest.mark.parametrize(("matter", "owed"), [("question", True), ("complaint", False), (None, False)])
def test_a_limit_of_a_matter_holds_for_that_matter_alone(matter: str | None, owed: bool) -> None:
    case = of(matter)
    assert (case.problem.matter, case.problem.lead_unit) == (matter, "water")
    assert ("answer" in case.deadlines) is owed


def test_a_report_without_a_matter_takes_the_default_one_where_there_is_one() -> None:
    case = of(None, default_matter="question")
    assert case.problem.matter == "question"
    assert case.deadline("answer").lapse_at == NOW + timedelta(hours=2)


def test_category_and_matter_together_say_who_answers() -> None:
    lines = [{"categories": ["river"], "matters": ["question"], "lead": "north", "clause": "art. 1"},
             {"matters": ["question"], "lead": "south", "clause": "art. 1"},
             {"categories": ["river"], "lead": "water", "clause": "art. 1"}]  # fmt: skip
    leads = {
        (category, matter): of(matter, category, responsibility_list=lines).problem.lead_unit
        for category in ("river", "noise")
        for matter in ("question", "complaint", None)
    }
    assert leads == {
        ("river", "question"): "north", ("river", "complaint"): "water", ("river", None): "water",
        ("noise", "question"): "south", ("noise", "complaint"): "office", ("noise", None): "office",
    }  # fmt: skip


def test_marks_and_grounds_may_go_by_the_matter() -> None:
    flags = [
        *entries("flags"),
        {"id": "simple", "title": {"en": "Simple"}, "matters": ["question"], "basis": "practice"},
    ]
    assert [of(matter, flags=flags).problem.flags for matter in ("question", "complaint")] == [("simple",), ()]
    ground = {"id": "not-ours", "title": {"en": "Not ours"}, "matters": ["question"], "basis": "practice"}
    statuses = [of(matter, rejections=[ground]).problem.status for matter in ("question", "complaint", None)]
    assert statuses == [Status.REJECTED, Status.DISPATCHED, Status.DISPATCHED]


def test_checks_and_triggers_may_go_by_the_matter() -> None:
    gate = {"checks": [{"id": "clear", "title": {"en": "Clear"}, "by": ["@office"], "matters": ["complaint"],
                        "clause": "art. 8"}], "clause": "art. 8"}  # fmt: skip
    trigger = {"id": "asked", "on": "acknowledged", "matters": ["question"], "measure": "bulletin", "to": ["@lead"],
               "basis": "practice"}  # fmt: skip
    for matter, shut, measured in (("complaint", True, False), ("question", False, True)):
        case = of(matter, gate=gate, triggers=[trigger])
        case.done(do.Acknowledge, "water")
        assert ("measured" in case.problem.marks) is measured
        case.done(do.Complete, "water", outcome="rectified")
        case.done(do.Verify, "office", passed=True)
        assert isinstance(case.act(do.StrikeOff, "office"), Refusal) is shut


def test_a_draw_may_be_among_one_matter() -> None:
    rule = DrawRule.model_validate({
        "id": "questions", "title": {"en": "Questions"}, "statuses": ["dispatched"], "matters": ["question"],
        "number": 5, "by": "office", "opens": "spot-check", "basis": "practice",
    })  # fmt: skip
    for matter, candidates in (("question", 1), ("complaint", 0), (None, 0)):
        found = draw(rule, "small@1", "7", NOW, standing(of(matter).events, lambda _: None))
        assert found.candidates == candidates


def test_a_notice_says_what_is_wanted_and_nothing_where_nothing_is_said() -> None:
    measures = entries("measures", bulletin={"text": "{matter}|{category}"})
    for matter, text in (("question", "咨询|River"), (None, "|River")):
        case = of(matter, measures=measures)
        case.lapse("acknowledge")
        case.lapse("acknowledge")
        event = LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem)
        assert {message.data.text for message in notices_for(event, case.rules)} == {text}


# It is corrected as the category is: by the office or the desk, with the reason


def test_what_a_problem_is_can_be_corrected_and_its_limits_follow() -> None:
    case = of("complaint")
    case.advance(hours=1)
    case.done(do.Classify, "office", matter="question", reason="only asked")
    assert (case.problem.matter, case.problem.category, case.problem.lead_unit) == ("question", "river", "water")
    assert case.deadline("answer").lapse_at == NOW + timedelta(hours=2)  # counted from the registration, as ever
    assert case.problem.deadlines == due(case.problem, case.rules)
    case.done(do.Classify, "office", matter="complaint", category="noise", reason="it is loud, and unwelcome")
    assert (case.problem.matter, case.problem.category, case.problem.rule) == ("complaint", "noise", "noise")
    assert "answer" not in case.deadlines


@pytest.mark.parametrize(
    ("unit", "said", "code"),
    [
        ("water", {"matter": "question"}, "not_permitted"),
        ("office", {"matter": "praise"}, "unknown_matter"),
        ("office", {"category": "fire"}, "unknown_category"),
        ("office", {"matter": "complaint", "category": "river"}, "unchanged"),
        ("office", {}, "unchanged"),
        ("office", {"matter": "question", "reason": ""}, "missing_reason"),
    ],
)
def test_a_correction_that_is_none_is_refused_by_name(unit: str, said: dict[str, str], code: str) -> None:
    assert refused(of("complaint").act(do.Classify, unit, **{"reason": "so it is", **said})) == code


def test_what_is_closed_stays_what_it_was() -> None:
    case = Case.in_status(Status.STRUCK_OFF, NOW)
    assert refused(case.act(do.Classify, "office", matter="question", reason="too late")) == "illegal_move"


# Near reports


def decided(*reports: Report) -> list[Receipt]:
    """What becomes of reports that come one after another, all at one place."""
    around = Neighbourhood([])
    arrivals = [Arrival.of(submitted("s", str(number), filed, NOW), NOW) for number, filed in enumerate(reports)]
    receipts = [decide(arrival, None, small_library(), around) for arrival in arrivals]
    return [receipt for receipt in receipts if isinstance(receipt, Receipt)]


def test_reports_that_want_different_things_are_never_one_problem() -> None:
    matters = ["complaint", "complaint", None, None, "question", "question"]  # questions stand each for itself
    outcomes = [receipt.outcome for receipt in decided(*(report(matter=matter, location=HERE) for matter in matters))]
    assert outcomes == ["accepted", "attached", "accepted", "attached", "accepted", "accepted"]


def test_an_unknown_matter_is_refused_as_an_unknown_category_is() -> None:
    [category, matter] = decided(report(category="fire", location=HERE), report(matter="praise", location=HERE))
    assert (category.code, matter.code) == ("unknown_category", "unknown_matter")
    assert matter.reason == "matter: small@1 has no matter praise; use one of: complaint, question"


# Tables and listings


def test_a_column_or_a_constant_of_a_table_may_say_the_matter() -> None:
    mapping = load_mapping(
        "source: s\nconstants: {jurisdiction: smallville, channel: hotline}\n"
        "columns: {title: T, observed_at: At, matter: Kind}\n"
        "observed_at: {format: iso8601, timezone: Asia/Shanghai}\n"
        'values: {matter: {咨询: question, 投诉: complaint, "*": complaint}}\n',
        "m.yaml",
    )
    rows = ["T,At,Kind\n", "a,2022-04-06T10:00,咨询\n", "b,2022-04-06T10:00,投诉\n", "c,2022-04-06T10:00,\n"]
    messages = read_reports(csv_table(rows), mapping)
    assert [message.data.matter for message in messages if isinstance(message, Message)] == [
        "question", "complaint", "complaint",
    ]  # fmt: skip


def test_problems_are_listed_by_their_matter() -> None:
    assert Filters(Kind.PROBLEM, matter="question").state() == '{"matter": "question"}'


# What is said of a pack


def advised(code: str, **sections: object) -> list[str]:
    return [one.words for one in advice(rules_with(**sections).pack, None) if one.code == code]


def test_what_no_line_takes_of_a_matter_is_a_gap() -> None:
    lines = [{"matters": ["complaint"], "lead": "water", "clause": "art. 1"}]
    assert advised("gap", responsibility_list=lines) == [
        f"no line takes {category} (question, no matter): it goes to the fallback desk, office"
        for category in ("river", "noise")
    ]
    assert advised("gap", responsibility_list=lines, default_matter="question")[0].startswith("no line takes river (qu")
    whole = [*lines, {"matters": ["question"], "lead": "north", "clause": "art. 1"}]
    assert advised("gap", responsibility_list=whole, default_matter="question") == []
    assert advised("overlap", responsibility_list=whole) == []


def test_work_on_a_matter_that_has_no_limit_and_statuses_that_nobody_watches_for_it_are_told() -> None:
    complaints: dict[str, object] = {"matters": ["complaint"]}
    limits = entries("obligations", rectify=complaints, acknowledge=complaints, visit=complaints, result=complaints)
    said = advised("category_without_limit", obligations=limits)
    assert said[0] == "no obligation of the lead sets a limit to the work on river (no matter)"
    assert any("a problem (no matter) is dispatched" in one for one in advised("status_unwatched", obligations=limits))


def test_a_line_inside_an_earlier_one_of_all_matters_never_matches() -> None:
    lines = [{"categories": ["river"], "lead": "water", "clause": "art. 1"},
             {"categories": ["river"], "matters": ["question"], "lead": "north", "clause": "art. 1"}]  # fmt: skip
    pack = PolicyPack.model_validate({**small_rules().pack.model_dump(exclude_none=True), "responsibility_list": lines})
    words = "never matches: responsibility_list.0 takes all of it first"
    assert list(breaches(pack)) == [("responsibility_list.1", words)]
    assert rules_with(responsibility_list=lines[::-1])


def test_a_check_that_the_handler_alone_may_sign_is_told_with_its_matter() -> None:
    lines = [{"matters": ["question"], "lead": "office", "clause": "art. 1"}, {"lead": "water", "clause": "art. 1"}]
    check = {"id": "clear", "title": {"en": "Clear"}, "by": ["@office"], "clause": "art. 8"}
    for matters, many in (((), 1), (["complaint"], 0)):
        gate = {"checks": [{**check, "matters": matters}], "clause": "art. 8"}
        assert len(advised("check_unsigned", gate=gate, responsibility_list=lines)) == many


def test_matters_are_told_in_both_languages() -> None:
    pack = rules_with(
        responsibility_list=[{"categories": ["river"], "matters": ["question"], "lead": "water", "clause": "art. 1"}]
    ).pack
    english, chinese = explained(pack), explained(pack, Language.ZH)
    assert "- **Question**: each stands for itself [art. 19]" in english
    assert "- **咨询**：不合并，各自立案〔art. 19〕" in chinese
    assert "1. River wanting Question: Water bureau leads. [art. 1]" in english
    assert "- Of the matters: Question" in english
    assert "- 适用诉求类型：咨询" in chinese
