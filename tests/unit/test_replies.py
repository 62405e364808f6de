"""The laws of replies: several in a life, each with its limit, by whom and in which form the pack asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from duban.messages import commands as do
from duban.policy import PolicyPack, Rules, load_pack
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.refusal import Refusal
from duban_cli.demo.cities import load
from duban_cli.demo.differences import otherwise
from duban_console.pack_text import Language, explained
from duban_console.pack_text.difference import differences, in_words
from duban_router.domain.decision import Decided
from tests.given import ROOT, Case, report, small_rules

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)  # a Monday, 10:00 in the city of the hotline
HOTLINE = ROOT / "tests/data/packs/hotline.yaml"


@cache
def hotline() -> Rules:
    return Rules.compile(load_pack(HOTLINE.read_text("utf-8"), HOTLINE.name), small_rules().calendar.notice)


def hotline_with(**sections: object) -> PolicyPack:
    return PolicyPack.model_validate({**hotline().pack.model_dump(exclude_none=True), **sections})


def call(**fields: Any) -> Any:
    return report(jurisdiction="hotline", channel="phone", category="heating", **fields)


def called(**fields: Any) -> Case:
    """A call that the housing bureau works on."""
    case = Case(NOW)
    case.rules = hotline()
    case.registered(call(**fields))
    case.done(do.Acknowledge, "housing")
    return case


def tell(case: Case, reply: str | None, id_: str = "1", unit: str = "housing", **fields: Any) -> Decided | Refusal:
    fields = {"text": "the boiler runs again", **fields}
    return case.act(do.Reply, unit, source="tests", id=id_, **({"reply": reply} if reply else {}), **fields)


def told(case: Case, reply: str, id_: str = "1", **fields: Any) -> None:
    outcome = tell(case, reply, id_, **fields)
    assert isinstance(outcome, Decided), outcome


def extended(case: Case) -> Case:
    case.done(do.AskExtension, "housing", obligation="handle", reason="parts are missing")
    case.done(do.DecideExtension, "centre", granted=True)
    return case


def refused(outcome: Decided | Refusal) -> tuple[str, str]:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code, outcome.reason


# Several in a life


def test_each_reply_has_its_own_limit_and_meets_no_other() -> None:
    case = extended(called())
    assert {"answer", "tell-of-extension"} <= {*case.deadlines}
    told(case, "extension")
    assert "tell-of-extension" not in case.deadlines
    assert "answer" in case.deadlines
    assert case.problem.unanswered == 1
    told(case, "answer", form="telephone")
    assert "answer" not in case.deadlines
    assert case.problem.unanswered == 0


def test_a_reply_is_owed_anew_each_time_that_its_clock_is_set_going() -> None:
    case = called()
    case.rules = Rules(hotline_with(extension={**extension(), "at_most": 2}), hotline().calendar)
    for _ in range(2):
        assert "tell-of-extension" in extended(case).deadlines
        case.advance(hours=1)
        told(case, "extension")
        assert "tell-of-extension" not in case.deadlines
    assert case.problem.replied["extension"].times == 2


def extension() -> dict[str, Any]:
    known = hotline().pack.extension
    assert known is not None
    return known.model_dump(exclude_none=True)


def test_a_reply_lapses_by_itself() -> None:
    case = extended(called())
    deadline = case.deadline("tell-of-extension")
    assert deadline.lapse_at == datetime(2026, 3, 3, 9, tzinfo=UTC)  # Tuesday, at the close of business
    case.lapse("tell-of-extension")
    told(case, "extension")
    assert "tell-of-extension" not in case.deadlines


def test_every_report_of_the_problem_is_told_before_the_obligation_is_met() -> None:
    case = called()
    for id_ in "23":
        case.attached(call(), id_)
    extended(case)
    told(case, "extension", "1")
    told(case, "extension", "1")  # whoever is told twice counts once
    told(case, "extension", "3")
    assert "tell-of-extension" in case.deadlines
    told(case, "extension", "2")
    assert "tell-of-extension" not in case.deadlines


def test_what_joins_when_all_were_told_is_owed_nothing_of_what_was_before() -> None:
    case = extended(called())
    told(case, "extension")
    case.attached(call(), "2")
    assert "tell-of-extension" not in case.deadlines


def test_what_joins_later_is_told_for_itself_where_the_obligation_says_so() -> None:
    case = called()
    case.rules = Rules(hotline().pack, hotline().calendar)
    case.change_obligation("answer", since=["dispatched", "attached"])
    told(case, "answer", form="telephone")
    assert "answer" not in case.deadlines
    case.advance(days=1)
    case.attached(call(), "2")
    assert case.deadline("answer").generation == case.problem.version
    told(case, "answer", "2", form="telephone")
    assert "answer" not in case.deadlines


def test_a_report_that_has_its_answer_waits_for_no_other_however_often_it_is_told() -> None:
    case = called()
    case.attached(call(), "2")
    for _ in range(2):
        told(case, "answer", form="telephone")
    assert (case.problem.answered, case.problem.unanswered) == (1, 1)


def test_the_clock_of_another_obligation_may_start_with_a_reply() -> None:
    case = called()
    case.rules = Rules(hotline().pack, hotline().calendar)
    case.change_obligation("verify", running=["underway"], since=["replied:answer"])
    assert "verify" not in case.deadlines
    told(case, "answer", form="telephone")
    assert case.deadline("verify").generation == case.problem.version


# By whom and how


def test_a_reply_says_which_it_is_and_is_one_of_the_pack() -> None:
    case = called()
    assert refused(tell(case, None)) == (
        "unknown_reply",
        "a reply says which it is; the replies are extension, answer, answer-again, explanation",
    )
    assert refused(tell(case, "thanks")) == (
        "unknown_reply",
        "thanks is no reply of hotline-2026@1; the replies are extension, answer, answer-again, explanation",
    )
    plain = Case(NOW)
    plain.registered(report())
    assert refused(tell(plain, "answer", unit="office")) == (
        "unknown_reply", "small@1 names no replies: leave `reply` out",
    )  # fmt: skip


def test_a_reply_goes_to_a_report_of_the_problem() -> None:
    code, why = refused(tell(called(), "extension", "7"))
    assert (code, why) == (
        "unknown_report", "the report tests 7 is none of this problem's, so nobody waits there to be told",
    )  # fmt: skip


def test_only_whom_the_pack_names_gives_it() -> None:
    assert refused(tell(called(), "extension", unit="centre")) == (
        "not_permitted", "centre may not do this: it is for the lead unit, housing",
    )  # fmt: skip


def test_where_the_pack_names_nobody_it_is_given_by_whoever_owes_it_too() -> None:
    case = called()
    third = {"id": "callers", "title": {"en": "Callers"}, "basis": "practice"}
    units = [*(unit.model_dump(exclude_none=True) for unit in hotline().pack.units), third]
    named = [{**reply, "by": []} for reply in replies()]
    case.rules = Rules(hotline_with(units=units, replies=named), hotline().calendar)
    assert refused(tell(case, "answer", unit="callers", form="telephone"))[0] == "not_permitted"
    case.change_obligation("answer", owner="callers")
    assert refused(tell(case, "extension", unit="callers"))[0] == "not_permitted"
    assert isinstance(tell(case, "answer", unit="callers", form="telephone"), Decided)


@pytest.mark.parametrize(
    ("fields", "code", "why"),
    [
        ({}, "unknown_form", "the reply answer says in which form it was given"),
        ({"form": "by-fax"}, "unknown_form", "the reply answer is not given as by-fax"),
    ],
)
def test_a_reply_is_given_in_a_form_of_the_pack(fields: dict[str, str], code: str, why: str) -> None:
    forms = "; the forms are telephone, in-writing, on-the-spot"
    assert refused(tell(called(), "answer", **fields)) == (code, why + forms)


def test_who_asked_for_a_form_is_told_in_that_one() -> None:
    case = called(reply_form="in-writing")
    case.attached(call(), "2")
    assert refused(tell(case, "answer", form="telephone")) == (
        "asked_otherwise", "who reported tests 1 asked to be told in-writing",
    )  # fmt: skip
    told(case, "answer", "2", form="telephone")
    told(case, "answer", form="in-writing", signature={"person": "Head Li", "at": case.now})


def test_a_form_that_the_pack_does_not_have_cannot_be_asked_for() -> None:
    told(called(reply_form="by-fax"), "answer", form="telephone")


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (timedelta(0), None),
        (timedelta(hours=10), None),  # midnight in the city, not in UTC
        (timedelta(hours=10, microseconds=1), "signed_another_day"),
        (-timedelta(microseconds=1), "not_signed_yet"),
    ],
)
def test_a_written_reply_bears_the_signature_of_the_same_day(before: timedelta, code: str | None) -> None:
    case = called()
    assert refused(tell(case, "answer", form="in-writing")) == (
        "missing_signature", "a reply in-writing is signed: `signature` says by whom, and when",
    )  # fmt: skip
    signature = {"person": "Head Li", "at": case.now - before}
    outcome = tell(case, "answer", form="in-writing", signature=signature)
    if code is not None:
        assert refused(outcome)[0] == code
        return
    assert isinstance(outcome, Decided)
    assert outcome.steps[0][0].change.signature.person == "Head Li"  # type: ignore[union-attr]


def test_a_signature_of_any_day_before_is_enough_where_the_pack_says_so() -> None:
    case = called()
    forms = [{"id": "in-writing", "title": {"en": "in writing"}, "signed": "before"}]
    case.rules = Rules(hotline_with(replies=[{**replies()[1], "forms": forms}]), hotline().calendar)
    told(case, "answer", form="in-writing", signature={"person": "Head Li", "at": case.now - timedelta(days=9)})


def replies() -> list[dict[str, Any]]:
    return [reply.model_dump(exclude_none=True) for reply in hotline().pack.replies]


# What a pack may say


@pytest.mark.parametrize(
    ("section", "breach"),
    [
        (
            {"by": ["mayor"]},
            ("replies.0.by.0", "mayor is neither a unit nor a role of one, nor one of @lead, @office, @sponsor"),
        ),
        (
            {"forms": [{"id": "telephone", "title": {"en": "x"}}] * 2},
            ("replies.0.forms.1", "the id telephone stands at replies.0.forms.0 already"),
        ),
        (
            {"answers": False},
            ("replies", "no report would ever be answered: say `answers: true` of the reply that is the answer"),
        ),
        ({"id": "other"}, ("obligations.2.met_by.0", "answer is not among the replies")),
    ],
)  # fmt: skip
def test_a_reply_that_nobody_can_give_or_that_answers_nothing_is_refused(
    section: dict[str, object], breach: tuple[str, str]
) -> None:
    answer, kept = replies()[1], ("reroute", "handle", "answer")
    obligations = [one for one in hotline().pack.model_dump()["obligations"] if one["id"] in kept]
    pack = hotline_with(replies=[{**answer, **section}], obligations=obligations, ratings=[], triggers=[])
    assert breach in list(breaches(pack))


def test_what_nobody_owes_or_its_owner_may_not_give_is_advised_against() -> None:
    assert not {"reply_unowed", "reply_by_others"} & {one.code for one in advice(hotline().pack, None)}
    told, *others = replies()
    thanks = {**told, "id": "thanks"}
    pack = hotline_with(replies=[{**told, "by": ["@office"]}, *others, thanks])
    said = {one.code: (one.path, one.words) for one in advice(pack, None)}
    assert said["reply_unowed"] == ("replies.4", "nobody owes it: no obligation is met by replied:thanks")
    assert said["reply_by_others"] == (
        "obligations.4.met_by", "@lead owes it, but extension is given by @office alone",
    )  # fmt: skip


def test_replies_are_told_in_both_languages_and_so_is_what_changed() -> None:
    english, chinese = explained(hotline().pack), explained(hotline().pack, Language.ZH)
    assert "It is met by a reply (told of the extension)." in english
    assert "- **answered**: answers: yes; by: the lead unit; forms: " in english
    assert "以回复（告知延期）为履行。" in chinese
    assert "- **答复办理结果**：作为答复：是；由：主办单位；形式：" in chinese
    assert "签字：当日签字" in chinese
    told, answer, *others = replies()
    pack = hotline_with(replies=[told, {**answer, "by": ["@lead", "@office"]}, *others])
    assert [in_words(one) for one in differences(hotline().pack, pack)] == ["+ answer by: the office"]


def test_the_forms_of_a_reply_are_told_by_their_titles() -> None:
    form = {"id": "written", "title": {"en": "in writing", "zh": "书面答复"}, "signed": "same_day"}
    forms = [{"id": "phone", "title": {"en": "by telephone", "zh": "电话答复"}}, form]
    pack = hotline_with(replies=[{**replies()[1], "forms": forms}])
    english, chinese = explained(pack), explained(pack, Language.ZH)
    assert "forms: by telephone and in writing (signed: same day)" in english
    assert "形式：电话答复、书面答复（签字：当日签字）" in chinese


# The whole rule, as a timeline


def test_the_timeline_of_the_hotline_goes_as_it_is_told() -> None:
    city = load(ROOT / "tests/data/stories/hotline.yaml", HOTLINE)
    assert list(otherwise(city, city.rehearsed())) == []
