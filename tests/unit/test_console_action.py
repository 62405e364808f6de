"""Actions: every command of people has one, none of the engine's has; faults name their field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from duban.messages import commands as do
from duban.messages.envelope import decode, encode
from duban.messages.struct import from_data, plain
from duban_console.action import ACTIONS, InvalidAction, action_message, new_entry, parsed

ACTOR = {"unit": "water", "person": "Li"}
FIELDS: dict[str, dict[str, Any]] = {
    "dispatch": {"lead_unit": "water", "co_units": ["north"], "clause": "art. 1"},
    "hand_back": {"clause": "art. 2", "evidence": [{"uri": "s3://a", "sha256": "0" * 64}]},
    "plan": {
        "plan": {"person": "Li", "target": "clear", "measures": ["dredge"], "due_at": "2030-01-01T00:00:00+08:00"}
    },
    "progress": {"note": "half way"},
    "complete": {"outcome": "rectified"},
    "verify": {"passed": True},
    "decide_plan": {"approved": True},
    "ask_extension": {"obligation": "rectify"},
    "defer": {"obligation": "rectify"},
    "justify": {"obligation": "rectify"},
    "decide_justification": {"obligation": "rectify", "accepted": True},
    "decide_extension": {"granted": True},
    "pause": {"ground": "court"},
    "flag": {"flag": "hard"},
    "unflag": {"flag": "hard"},
    "sponsor": {"sponsor": "mayor", "pair": "institute"},
    "refer": {"to": "police", "evidence": [{"uri": "s3://a", "sha256": "0" * 64}]},
    "reply": {"source": "hotline", "id": "1", "text": "done"},
    "rate": {"satisfied": True},
    "check": {"check": "clear"},
    "take_step": {"step": "sample", "fields": {"place": "the weir", "celsius": 8.5, "clear": False}},
    "waive_step": {"step": "sample"},
    "look_back": {"truthful": True, "timely": True, "effective": False},
    "approve": {"version": 3},
    "withhold": {"version": 3},
    "pass_on": {"platform": "credit-platform", "receipt": "R-1"},
    "appeal": {"text": "not us"},
    "decide_appeal": {"upheld": True},
    "take_off_list": {"evidence": [{"uri": "s3://a", "sha256": "0" * 64}]},
    "award": {"amount": 3000},
    "collect": {"code": "7K3M-9XQ2-TR5A-0WZD"},
}
ENTRY: dict[str, Any] = {
    "list": "blacklist", "of": "Acme", "ground": "repeated", "jurisdiction": "x", "actor": ACTOR,
    "evidence": [{"uri": "s3://a", "sha256": "0" * 64}],
}  # fmt: skip


def test_what_the_engine_does_and_what_begins_a_record_is_no_action() -> None:
    assert do.COMMANDS.keys() - {model.TYPE for model in ACTIONS.values()} == {
        do.Register.TYPE, do.Attach.TYPE, do.Open.TYPE, do.Reward.TYPE, do.Escalate.TYPE, do.Recompute.TYPE,
        do.PutOnList.TYPE, do.TakeReading.TYPE, do.Pledge.TYPE,
    }  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_becomes_its_command_and_arrives_as_it_was_sent(action: str) -> None:
    body = {"action": action, "actor": ACTOR, "reason": "因为", **FIELDS.get(action, {})}
    command, chosen = parsed({**body, "id": "my-id"})
    assert (type(command), chosen) == (ACTIONS[action], "my-id")
    at, problem_id = datetime(2024, 1, 1, tzinfo=UTC), uuid4()
    record = encode(
        action_message(command, id_="my-id", problem_id=problem_id, jurisdiction="x", source="duban/api", at=at)
    )
    arrived = decode(record.key, record.value, record.headers, do.COMMANDS)
    assert (arrived.data, arrived.key, arrived.subject) == (command, str(problem_id), str(problem_id))
    assert (arrived.time, arrived.jurisdiction, arrived.source) == (at, "x", "duban/api")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "register", "actor": ACTOR}, "action"),
        ({"action": "acknowledge"}, "actor"),
        ({"action": "acknowledge", "actor": {"unit": "a b", "rank": 1}}, "actor.rank"),
        ({"action": "verify", "actor": ACTOR, "passed": "perhaps"}, "passed"),
        ({"action": "plan", "actor": ACTOR, "plan": {**FIELDS["plan"]["plan"], "due_at": "2030-01-01"}}, "plan.due_at"),
        ({"action": "acknowledge", "actor": ACTOR, "id": ""}, "id"),
    ],
)
def test_a_faulty_action_names_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidAction) as caught:
        parsed(body)
    assert caught.value.field == field


def test_an_entry_by_hand_becomes_its_command_and_carries_no_cause() -> None:
    entry = new_entry({**ENTRY, "reason": "again", "id": "e-1"})
    assert (type(entry.command), entry.command.cause, entry.command.reason) == (do.PutOnList, None, "again")
    assert plain(entry.command).keys() | {"cause"} == set(do.PutOnList.__struct_fields__)


def test_the_same_id_is_the_same_entry_within_a_jurisdiction() -> None:
    one, again, elsewhere = (
        new_entry(ENTRY),
        new_entry({**ENTRY, "of": "Other"}),
        new_entry({**ENTRY, "jurisdiction": "y"}),
    )
    assert one.record_id("a") == again.record_id("a")
    assert len({one.record_id("a"), one.record_id("b"), elsewhere.record_id("a")}) == 3


@pytest.mark.parametrize("written", ["Acme 1", " Acme 1　", "Ａｃｍｅ　１", "Acme\u00a01 ", "A\u200bcme 1"])
def test_a_name_is_entered_as_it_is_written_without_the_blanks_around_it(written: str) -> None:
    assert new_entry({**ENTRY, "of": written}).command.of == written.strip()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"actor": {"unit": do.ENGINE}}, "actor"),
        ({"cause": {"problem_id": str(uuid4()), "number": "SV-1", "version": 1}}, "cause"),
        ({"of": " "}, "of"),
        ({"of": "\u200b\ufeff"}, "of"),
        ({"jurisdiction": None}, "jurisdiction"),
        ({"ground": ""}, "ground"),
        ({"id": "no blanks"}, "id"),
    ],
)
def test_a_faulty_entry_names_its_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidAction) as caught:
        new_entry({**ENTRY, **said})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "due_at", ["20261231", 20261231, 1798675200.0, "1798675200", "2026-12-31", "2026-12-31T00:00:00"]
)
def test_an_instant_is_written_as_one_and_no_digits_are_taken_for_it(due_at: object) -> None:
    plan = {"person": "Li", "target": "clear", "measures": ["dredge"], "due_at": due_at}
    with pytest.raises(InvalidAction) as caught:
        parsed({"action": "plan", "actor": ACTOR, "plan": plan})
    assert caught.value.field == "plan.due_at"
    with pytest.raises(InvalidAction):
        parsed(json.dumps({"action": "plan", "actor": ACTOR, "plan": plan}).encode())
    with pytest.raises(msgspec.ValidationError, match=r"\$\.plan\.due_at"):
        from_data({"actor": ACTOR, "plan": plan}, do.Plan, texts=True)
    milestone = [{"title": "half", "due_at": due_at}]
    with pytest.raises(msgspec.ValidationError, match=r"\$\.plan\.milestones\[0\]\.due_at"):
        from_data(
            {"actor": ACTOR, "plan": {**plan, "due_at": "2026-12-31T00:00:00Z", "milestones": milestone}},
            do.Plan, texts=True,
        )  # fmt: skip
