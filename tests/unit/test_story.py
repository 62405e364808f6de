"""A story file says what is wrong in it; a story that loads can be played to the last act."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from duban.messages.commands import HandBack, Plan
from duban_console.demo.story import Acted, Reported, Story, StoryError, load_story, sealed

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


def loaded(*reports: dict[str, Any]) -> Story:
    head = {"jurisdiction": "mianyang", "timezone": "Asia/Shanghai"}
    times = {"begins": "2022-04-06 08:00", "ends": "2022-04-30 18:00"}
    return load_story(yaml.safe_dump({**head, **times, "reports": reports}, allow_unicode=True), "story.yaml")


def with_act(**act: Any) -> dict[str, Any]:
    return {**DUST, "acts": [{"at": "2022-04-07 10:00", "by": "housing", **act}]}


def test_entries_stand_in_the_order_of_time_in_utc() -> None:
    later = {**DUST, "at": "2022-04-06 12:00", "id": "2", "acts": []}
    entries = loaded(DUST, later).entries
    assert [(type(entry), entry.told.id) for entry in entries] == [(Reported, "1"), (Reported, "2"), (Acted, "1")]
    assert entries[0].at == entries[0].message.time == datetime(2022, 4, 6, 1, 12, tzinfo=UTC)
    assert entries[2].message.key == str(entries[0].told.problem_id)


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
    assert evidence.model_dump() == sealed("排口不在管网范围。")


def test_the_date_of_a_plan_is_local_time_too() -> None:
    plan = {"person": "王", "target": "覆盖", "measures": ["覆盖"], "due_at": "2022-04-20 17:00"}
    command = loaded(with_act(action="plan", plan=plan)).entries[1].message.data
    assert isinstance(command, Plan)
    assert command.plan.due_at == datetime(2022, 4, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        pytest.param(with_act(action="forget"), "reports.0.acts.0: Value error, forget is no action", id="no action"),
        pytest.param(with_act(action="progress"), "1: progress at 2022-04-07 10:00:00: note", id="a field is missing"),
        pytest.param(with_act(action="acknowledge", note="x"), "note: Extra inputs", id="a field too many"),
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
