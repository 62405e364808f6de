"""Modules and packages are nouns, and a word that was given up does not come back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from duban_local import ROOT
from tests.tools.document_tables import DOCS

ROOMS: Final = ("shared", "services", "cli", "deploy/local")
#: Nouns that end as participles do.
NOUNS: Final = {"listing", "routing"}
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


def _is_participle(name: str) -> bool:
    return any(word.endswith("ing") and word not in NOUNS for word in name.split("_"))
