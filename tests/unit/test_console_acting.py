"""Actions: every command of people has one, none of the engine's has; faults name their field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from duban.messages import commands as do
from duban.messages.envelope import decode, encode
from duban_console.acting import ACTIONS, InvalidAction, action_message, parsed

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
    "decide_extension": {"granted": True},
    "pause": {"ground": "court"},
    "flag": {"flag": "hard"},
    "unflag": {"flag": "hard"},
    "sponsor": {"sponsor": "mayor", "pair": "institute"},
    "refer": {"to": "police", "evidence": [{"uri": "s3://a", "sha256": "0" * 64}]},
    "reply": {"source": "hotline", "id": "1", "text": "done"},
    "rate": {"satisfied": True},
    "check": {"check": "clear"},
    "look_back": {"truthful": True, "timely": True, "effective": False},
    "approve": {"version": 3},
}


def test_the_engines_own_commands_are_no_actions() -> None:
    assert do.COMMANDS.keys() - {model.TYPE for model in ACTIONS.values()} == {
        do.Register.TYPE, do.Attach.TYPE, do.Open.TYPE, do.Escalate.TYPE, do.Recompute.TYPE,
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
