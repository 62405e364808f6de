"""A story file says what is wrong in it; a story that loads can be played to the last act."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
import yaml

from duban.duties import openings
from duban.messages.commands import HandBack, Plan, Reply
from duban.messages.handle import handle_of
from duban.messages.report import Report
from duban.messages.struct import plain, to_json
from duban_cli.demo.cities import named, routine_of
from duban_cli.demo.observation import Seen
from duban_cli.demo.story import Acted, RecordTold, Reported, Story, StoryError, load_story, sealed
from duban_intake.domain import own_problem
from tests.acceptance.timeline import rules_of

DUST: dict[str, Any] = {
    "at": "2022-04-06 09:12",
    "source": "hotline",
    "id": "1",
    "channel": "hotline",
    "title": "工地扬尘",
    "location": [31.45, 104.74],
    "acts": [{"at": "2022-04-06 14:00", "action": "acknowledge", "by": "housing"}],
    "expect": {"outcome": "open"},
}


PATROL: dict[str, Any] = {
    "duty": "patrol-plan",
    "unit": "fucheng",
    "opens": "2022-04-10 08:30",
    "acts": [{"at": "2022-04-12 10:00", "action": "complete", "by": "fucheng", "outcome": "submitted"}],
    "expect": {"outcome": "submitted"},
}


def loaded(*reports: dict[str, Any], **sections: Any) -> Story:
    head = {"jurisdiction": "mianyang", "timezone": "Asia/Shanghai"}
    times = {"begins": "2022-04-06 08:00", "ends": "2022-04-30 18:00"}
    said = {**head, **times, "reports": reports, **sections}
    return load_story(yaml.safe_dump(said, allow_unicode=True), "story.yaml")


def with_act(**act: Any) -> dict[str, Any]:
    return {**DUST, "acts": [{"at": "2022-04-07 10:00", "by": "housing", **act}]}


def test_entries_stand_in_the_order_of_time_in_utc() -> None:
    later = {**DUST, "at": "2022-04-06 12:00", "id": "2", "acts": []}
    entries = loaded(DUST, later).entries
    assert [(type(entry), entry.told.id) for entry in entries] == [(Reported, "1"), (Reported, "2"), (Acted, "1")]
    assert entries[0].at == entries[0].message.time == datetime(2022, 4, 6, 1, 12, tzinfo=UTC)
    assert entries[2].message.key == str(own_problem("hotline", "1"))


def test_each_act_has_an_id_of_its_own_and_the_same_in_every_reading() -> None:
    first, second = (
        [entry.message.id for entry in loaded(DUST, {**DUST, "id": "2"}).entries if isinstance(entry, Acted)]
        for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 2


def test_evidence_is_a_statement_sealed_with_the_hash_of_its_bytes() -> None:
    back = {"action": "hand_back", "reason": "不属我委", "evidence": ["排口不在管网范围。"]}
    command = loaded(with_act(**back)).entries[1].message.data
    assert isinstance(command, HandBack)
    (evidence,) = command.evidence
    body = unquote(evidence.uri.partition(",")[2]).encode()
    assert (body.decode(), evidence.sha256) == ("排口不在管网范围。", sha256(body).hexdigest())
    assert plain(evidence) == sealed("排口不在管网范围。")


def test_the_date_of_a_plan_is_local_time_too() -> None:
    plan = {"person": "王", "target": "覆盖", "measures": ["覆盖"], "due_at": "2022-04-20 17:00"}
    command = loaded(with_act(action="plan", plan=plan)).entries[1].message.data
    assert isinstance(command, Plan)
    assert command.plan.due_at == datetime(2022, 4, 20, 9, tzinfo=UTC)


def test_the_stages_of_a_plan_are_in_local_time_too() -> None:
    plan = {"person": "王", "target": "覆盖", "measures": ["覆盖"], "due_at": "2022-04-20 17:00"}
    staged = {**plan, "rectification": "phased", "milestones": [{"title": "一半", "due_at": "2022-04-14 17:00"}]}
    command = loaded(with_act(action="plan", plan=staged)).entries[1].message.data
    assert isinstance(command, Plan)
    assert [one.due_at for one in command.plan.milestones] == [datetime(2022, 4, 14, 9, tzinfo=UTC)]


def test_a_reply_answers_the_report_it_stands_under_unless_it_names_another() -> None:
    own = loaded(with_act(action="reply", text="已覆盖")).entries[1].message.data
    other = loaded(with_act(action="reply", text="已覆盖", source="miniapp", id="7")).entries[1].message.data
    assert isinstance(own, Reply)
    assert isinstance(other, Reply)
    assert [(one.source, one.id) for one in (own, other)] == [("hotline", "1"), ("miniapp", "7")]


def test_a_report_carries_the_handle_of_its_code_and_never_the_code() -> None:
    report = loaded({**DUST, "code": "7K3M-Q0ZD-5XWN-2HRT"}).entries[0].message.data
    assert isinstance(report, Report)
    assert report.reporter.handle == handle_of("7k3m q0zd 5xwn 2hrt")
    assert "7K3M" not in to_json(report).decode()


def test_a_duty_has_the_id_under_which_the_calendar_opens_it() -> None:
    rules = rules_of("mianyang-2022")
    story = loaded(duties=[PATROL])
    (entry,) = story.entries
    opened = {one.problem_id("mianyang") for one in openings(rules, story.begins_at, story.ends_at)}
    assert isinstance(entry, Acted)
    assert entry.message.subject in opened


def test_an_approval_names_the_version_under_which_its_measure_waits() -> None:
    """So does a record that a measure opens: both are found when they are played, in what has been seen by then."""
    story = named("weifang")
    seen = story.rehearsed()
    approvals = [one for one in story.entries if isinstance(one, Acted) and one.act.action == "approve"]
    assert len(approvals) > 3
    assert {one.message.id for one in approvals} & set(seen.refusals) == {
        one.message.id for one in approvals if one.act.refused
    }
    (entry, *_) = (one for one in story.entries if isinstance(one, Acted) and isinstance(one.told, RecordTold))
    assert isinstance(entry.told, RecordTold)
    found = seen.opened_because(entry.problem_id, entry.told.record, entry.told.of)
    assert found is not None
    assert entry.now(seen).subject == str(found)
    assert entry.now(Seen()).subject == str(UUID(int=0))


def test_what_is_routine_is_submitted_unless_it_is_told_apart() -> None:
    rules = rules_of("mianyang-2022")
    routine = [{"duties": ["patrol-plan"], "units": ["fucheng", "youxian"], "after": {"hours": 2}}]
    story = loaded(duties=[PATROL], routine=routine)
    (entry,) = routine_of(story, rules)
    assert entry.at == datetime(2022, 4, 10, 2, 30, tzinfo=UTC)
    assert entry.message.subject == str(
        next(one for one in openings(rules, story.begins_at, story.ends_at) if one.unit == "youxian").problem_id(
            "mianyang"
        )
    )


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        pytest.param({"duties": []}, "tells of no report and of no duty", id="nothing"),
        pytest.param({"duties": [PATROL, PATROL]}, "a duty stands twice", id="a duty twice"),
        pytest.param({"duties": [{**PATROL, "opens": "2022-04-20 08:30"}]}, "the opening of the duty", id="too early"),
        pytest.param(
            {"opened": [{"because": "9", "record": "x", "expect": {"outcome": "open"}}]},
            "no such report opened a problem",
            id="because of nothing",
        ),
        pytest.param({"routine": [{"duties": ["patrol-plan"]}]}, "exactly one of `after` and `at`", id="no time"),
        pytest.param({"timezone": "Asia/Mianyang"}, "Asia/Mianyang", id="no timezone"),
        pytest.param({"timezone": "A" * 300}, "is no time zone of the IANA list", id="a timezone of any length"),
        pytest.param({"duties": [{**PATROL, "opens": "0001-01-01"}]}, "lies beyond the calendar", id="before all time"),
    ],
)
def test_what_does_not_hang_together_says_where(sections: dict[str, Any], error: str) -> None:
    with pytest.raises(StoryError) as refused:
        loaded(**{"duties": [PATROL], **sections})
    assert str(refused.value).startswith("story.yaml: ")
    assert error in str(refused.value)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        pytest.param(with_act(action="forget"), "reports.0.acts.0: forget is no action", id="no action"),
        pytest.param(with_act(action="approve"), "approve names the `measure`", id="approves nothing"),
        pytest.param({**DUST, "code": "7K3M"}, "a claim code has 16", id="half a code"),
        pytest.param(with_act(action="progress"), "1: progress at 2022-04-07 10:00:00: note", id="a field is missing"),
        pytest.param(with_act(action="acknowledge", note="x"), "note: is no field", id="a field too many"),
        pytest.param(
            with_act(action="hand_back", evidence=[7]), "a list of statements", id="evidence that says nothing"
        ),
        pytest.param(with_act(action="hand_back", evidence="x"), "a list of statements", id="evidence that is no list"),
        pytest.param(with_act(action="acknowledge", plan={"text": "x"}), "say until when", id="a plan without an end"),
        pytest.param(
            with_act(action="acknowledge", plan={"due_at": "2022-05-01 10:00", "milestones": [[]]}),
            "say until when",
            id="a milestone without an end",
        ),
        pytest.param({**DUST, "at": "2022-04-06T09:12:00Z"}, "leave the offset out", id="a time with an offset"),
        pytest.param({**DUST, "at": "2022-04-07 09:12"}, "in the order of time", id="acts before the report"),
        pytest.param({**DUST, "at": "2022-04-01 09:12"}, "lies outside the story", id="before the story begins"),
        pytest.param({**DUST, "location": [31.45]}, "reports.0.location", id="half a point"),
        pytest.param({**DUST, "expect": {"outcome": "attached"}}, "`to` goes with", id="attached to nothing"),
        pytest.param({**DUST, "expect": {"outcome": "refused"}}, "`code` goes with", id="refused without a code"),
        pytest.param(
            {**DUST, "expect": {"outcome": "refused", "code": "x"}}, "no acts of its own", id="refused, acted"
        ),
        pytest.param(
            {**DUST, "acts": [], "expect": {"outcome": "attached", "to": "9"}}, "no earlier report", id="unknown target"
        ),
    ],
)
def test_a_story_that_cannot_be_played_says_where(report: dict[str, Any], error: str) -> None:
    with pytest.raises(StoryError) as refused:
        loaded(report)
    assert str(refused.value).startswith("story.yaml: ")
    assert error in str(refused.value)


def test_the_same_report_cannot_be_taken_twice() -> None:
    with pytest.raises(StoryError, match="stands twice"):
        loaded(DUST, DUST)


def test_what_is_no_yaml_is_no_story() -> None:
    with pytest.raises(StoryError, match="is no YAML"):
        load_story("reports: [", "story.yaml")
