"""The README says what the code does: its tables, its diagram, its commands, its links."""

from __future__ import annotations

import re

import pytest
import typer

from duban.moves import NEXT, OF_OTHERS, Status
from duban_cli import app
from duban_cli.system import ROOT, SERVICES
from duban_local import topics
from tests.tools.readme_tables import README, renewed, state_diagram

TEXT = README.read_text("utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text("utf-8")


def test_the_tables_and_the_diagram_are_those_of_the_code() -> None:
    assert renewed(TEXT) == TEXT, "the README is stale: run python -m tests.tools.readme_tables"


def test_each_kind_of_record_has_a_diagram_of_its_own_with_every_one_of_its_moves() -> None:
    problems, listings, rewards = re.findall(r"```mermaid\n(.*?)```", state_diagram(), re.DOTALL)
    words = [set(re.findall(r"\w+", one.partition("note right")[0])) for one in (problems, listings, rewards)]
    mine = [
        {status.value for status in Status if status not in OF_OTHERS},
        {"noticed", "contested", "listed", "delisted"},
        {"owed", "awarded", "settled"},
    ]
    for inside, known in zip(words, mine, strict=True):
        assert {status.value for status in Status} & inside - {"awarded", "noticed", "listed"} <= known
        assert known <= inside
    shown = problems + listings + rewards
    for _, kind in NEXT:
        assert kind.replace("_", " ") in shown, kind


@pytest.mark.parametrize("text", [TEXT, CHINESE], ids=["English", "Chinese"])
def test_every_command_that_is_shown_exists(text: str) -> None:
    known = _commands(typer.main.get_command(app))
    shown = set(re.findall(r"(?:\./|`)duban ([a-z][a-z ]*)", text))
    for command in shown - {"lock"}:
        words = command.split()
        assert words[0] in known, command
        if known[words[0]]:
            assert len(words) == 1 or words[1] in known[words[0]], command


def _commands(group: object) -> dict[str, set[str]]:
    return {name: set(getattr(one, "commands", {})) for name, one in group.commands.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [TEXT, CHINESE], ids=["English", "Chinese"])
def test_every_link_leads_somewhere(text: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_every_topic_and_every_port_is_named() -> None:
    for topic in topics.declared():
        assert topic.name in TEXT or topic.name.endswith(".dlq")
    for process in SERVICES.values():
        assert str(process.health_port) in TEXT
