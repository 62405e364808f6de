"""Modules and packages are nouns, a local says what it holds, and a class name means one thing.

A word that was given up does not come back.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from duban_local import ROOT
from tests.tools.document_tables import DOCS

ROOMS: Final = ("shared", "services", "simulation", "cli", "deploy/local", "checker", "clients")
#: Speaks of the same things as the engine, by the same names, and shares no code with it.
OF_PRODUCERS: Final = ROOT / "clients/python"
#: Nouns that end as participles do.
NOUNS: Final = {"listing", "routing"}
#: Locals that say how a value came, and not what it is.
SPEECHLESS: Final = {"found", "said", "told", "kept", "paid", "taken", "asked", "wanted", "one"}
#: Class names that stand in several modules, and why each is one concept there.
SHARED_NAMES: Final = {
    "Act": "what somebody does: a custodian in the vault's log, a unit in a story, anybody in a simulation",
    "Accepted": "the broker has it: the answer of the gateway, and that of the API",
    "Line": "a line of a chain of hashes: as the router writes it, as the console reads it, and in the vault's log",
    "Outcome": "what came of a command: as the router writes it, and as the console reads it",
    "Reward": "a record, and the command by which it comes to be: commands are imperative, and read as do.Reward",
    "Transaction": "what one batch, or one change of an account, does to the store, wholly or not at all",
    "MemoryTransaction": "the same, where the store is in memory",
    "PostgresTransaction": "the same, where it is in PostgreSQL",
    "Topic": "a topic: as the catalogue shows it to readers, and as the local stack declares it",
    "Writing": "what one batch changes in the store of its service",
}
_ROW: Final = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def banned() -> frozenset[str]:
    """The first column of the glossary's table of names that may not come back."""
    text = (DOCS / "glossary.md").read_text("utf-8")
    return frozenset(_ROW.findall(text.partition("## Names that may not come back")[2]))


def modules() -> list[Path]:
    """Every module and every package of the members, below their own folders."""
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted({path for file in files for path in (file, file.parent) if path.name[0].isalpha()})


def test_the_glossary_bans_names() -> None:
    assert {"rung", "drawing", "utils", "taking"} <= banned()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_modules(room: str) -> None:
    assert any(path.is_relative_to(ROOT / room) for path in modules())


def test_no_module_is_named_with_a_participle() -> None:
    participles = [path for path in modules() if _is_participle(path.stem)]
    assert not participles


def test_no_module_bears_a_name_that_was_given_up() -> None:
    given_up = [path for path in modules() if banned() & set(path.stem.split("_"))]
    assert not given_up


@pytest.mark.parametrize(
    ("name", "verdict"), [("taking", True), ("drawing", True), ("listing", False), ("draw", False)]
)
def test_a_participle_is_told_from_a_noun(name: str, verdict: bool) -> None:
    assert _is_participle(name) is verdict


@pytest.mark.parametrize("room", ROOMS)
def test_no_local_says_only_how_its_value_came(room: str) -> None:
    speechless = [
        f"{path}:{line}: {name}" for path in _files(room) for line, name in _locals(_tree(path)) if name in SPEECHLESS
    ]
    assert not speechless


def test_a_class_name_means_one_thing() -> None:
    trees = [_tree(path) for room in ROOMS for path in _files(room) if not path.is_relative_to(OF_PRODUCERS)]
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert {name for name, count in names.items() if count > 1} == SHARED_NAMES.keys()


def test_locals_are_what_is_assigned_bound_or_handed_in() -> None:
    source = (
        "def f(found, *, kept=1):\n    said = [told for told in found if (paid := told)]\n    return said.taken, one"
    )
    assert {name for _, name in _locals(ast.parse(source))} == {"found", "kept", "said", "told", "paid"}


def test_a_field_of_a_class_is_no_local() -> None:
    assert not list(_locals(ast.parse("class Acted:\n    told: str\n    one = 1")))


def _files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _locals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that the code binds, parameters too; fields of a class are none."""
    fields = {
        id(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def _is_participle(name: str) -> bool:
    return any(word.endswith("ing") and word not in NOUNS for word in name.split("_"))
