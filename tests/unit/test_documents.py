"""The documents say what the code does: their tables, their diagrams, their commands, their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from duban.moves import MOVES, OF_OTHERS, Kind, Status
from duban_cli import app
from duban_cli.system import SERVICES
from duban_local import ROOT, topics
from tests.tools.document_tables import DOCS, documents, renewed, state_diagram

README: Final = ROOT / "README.md"
PAGES: Final = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
#: Of the launcher itself, before the command line.
LAUNCHER: Final = "lock"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=_name)


@pytest.mark.parametrize("document", documents(), ids=_name)
def test_the_tables_and_the_diagrams_are_those_of_the_code(document: Path) -> None:
    assert renewed(document) == document.read_text("utf-8"), (
        f"{_name(document)} is stale: run python -m tests.tools.document_tables"
    )


def test_each_kind_of_record_has_a_diagram_of_its_own_with_every_one_of_its_moves() -> None:
    problems, duties, listings, rewards, readings = re.findall(r"```mermaid\n(.*?)```", state_diagram(), re.DOTALL)
    words = [
        set(re.findall(r"\w+", one.partition("note right")[0]))
        for one in (problems, duties, listings, rewards, readings)
    ]
    mine = [
        {status.value for status in Status if status not in OF_OTHERS},
        {"underway", "verifying", "struck_off", "rejected"},
        {"noticed", "contested", "listed", "delisted"},
        {"owed", "awarded", "settled"},
        {"taken"},
    ]
    for inside, known in zip(words, mine, strict=True):
        assert {status.value for status in Status} & inside - {"awarded", "noticed", "listed"} <= known
        assert known <= inside
    for kind, shown in zip(Kind, (problems, duties, listings, rewards, readings), strict=True):
        for _, change in MOVES[kind]:
            assert change.replace("_", " ") in shown + problems, change


@every_page
def test_every_command_that_is_shown_exists_with_the_options_that_are_shown(page: Path) -> None:
    commands: Any = typer.main.get_command(app)
    for words in _shown(page.read_text("utf-8")):
        if words[0] == LAUNCHER:
            continue
        assert words[0] in commands.commands, words
        command = commands.commands[words[0]]
        for word in words[1:]:
            if not hasattr(command, "commands") or not re.fullmatch("[a-z]+", word):
                break
            assert word in command.commands, words
            command = command.commands[word]
        known = {name for option in command.params for name in [*option.opts, *option.secondary_opts]}
        for option in words:
            if option.startswith("--") and not command.context_settings.get("ignore_unknown_options"):
                assert option.partition("=")[0] in known | {"--help"}, (words, option)


def _shown(text: str) -> Iterator[list[str]]:
    """Each call of ``duban`` in ``text``, in words: lines of code that go on after a backslash, and code in a line."""
    joined = re.sub(r"\\\n\s*", "", text)
    calls = re.findall(r"^ +\./duban (.+)$|^\./duban (.+)$|`(?:\./)?duban ([^`]+)`", joined, re.MULTILINE)
    for call in (next(part for part in parts if part) for parts in calls):
        words = shlex.split(re.split(r" [<>|] ?| {2,}#", call)[0], comments=True)
        if words and re.match("[a-z]", words[0]):
            yield words


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_page_is_reached_from_the_front_door() -> None:
    reached, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)", page.read_text("utf-8")):
            linked = (page.parent / target).resolve()
            if not target.startswith("http") and linked not in reached:
                reached.add(linked)
                waiting.append(linked)
    assert {_name(page) for page in PAGES} <= {_name(page) for page in reached}


def test_every_topic_is_described_and_every_port_is_named() -> None:
    messages, operating = (DOCS / "messages.md").read_text("utf-8"), (DOCS / "operating.md").read_text("utf-8")
    for topic in topics.declared():
        assert topic.name in messages or topic.name.endswith(".dlq")
    for process in SERVICES.values():
        assert str(process.health_port) in operating
        assert process.port is None or str(process.port) in operating


def test_the_front_door_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 150
