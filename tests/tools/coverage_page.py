"""What the documents demand and which test shows it: ``python -m tests.tools.coverage_page`` writes docs/coverage.md.

A test shows a demand when the demand's id ends its name (``…_mz_09``) or stands in its docstring (``MZ-09``). Which
entries of its pack carry it, the demand itself says. Everything is read as text: nothing is imported, nothing is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Field, model_validator

from duban.policy.model.entry import Written
from duban_local import ROOT

PAGE: Final = ROOT / "docs/coverage.md"
DEMANDS: Final = ROOT / "tests/data/demands.yaml"
TESTS: Final = ROOT / "tests"
PACKS: Final = ROOT / "deploy/packs"
#: How many tests or places of the pack are named before the rest is only counted.
MOST_NAMED: Final = 3
_PREFIXES: Final = "MY|MZ|GO|WF|LY"
_ENDING_NAME: Final = re.compile(rf"(?:_(?:{_PREFIXES})_(?:\d+[a-z]?|x))+$", re.IGNORECASE)
_IN_NAME: Final = re.compile(rf"({_PREFIXES})_(\d+[a-z]?|x)", re.IGNORECASE)
_IN_TEXT: Final = re.compile(rf"\b(?:{_PREFIXES})-(?:\d+[a-z]?|x)\b")

#: By the id of a demand, the tests that show it.
Cited = Mapping[str, Sequence[str]]


class Standing(StrEnum):
    """How far a demand is met."""

    SHOWN = "shown"
    IN_PART = "shown in part"
    OPEN = "open"
    OUT = "out of reach"


class Demand(Written):
    """A duty, mechanism or number of a document.

    ``pack`` names the entries of the document's pack that carry it, as ``section.id``. ``out`` says what of it software
    cannot do. Of the rest, ``partly`` says what is missing beside the tests that show
    it, and ``open`` what is missing where no test does.
    """

    id: str = Field(pattern=rf"^(?:{_PREFIXES})-(?:\d\d[a-z]?|x)$")
    clause: str = Field(min_length=1)
    demand: str = Field(min_length=1)
    pack: tuple[str, ...] = ()
    out: str | None = None
    open: str | None = None
    partly: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Demand:
        if self.open and self.partly:
            raise ValueError(f"{self.id} is either open or shown in part")
        return self


@dataclass(frozen=True)
class Coverage:
    """The demands by document (the stem of its pack), the tests that cite them, and the entries of each pack."""

    documents: Mapping[str, Sequence[Demand]]
    tests: Cited
    entries: Mapping[str, Set[str]]

    @classmethod
    def read(cls, demands: Path = DEMANDS, tests: Path = TESTS, packs: Path = PACKS) -> Coverage:
        """All that stands in the file ``demands``, and under the folders ``tests`` and ``packs``."""
        told = yaml.safe_load(demands.read_text("utf-8"))
        documents = {name: tuple(Demand.model_validate(one) for one in listed) for name, listed in told.items()}
        entries = {path.stem: entries_of(yaml.safe_load(path.read_text("utf-8"))) for path in packs.glob("*.yaml")}
        return cls(documents, cited_by_tests(tests), entries)

    def standing(self, demand: Demand) -> Standing:
        """How far ``demand`` is met."""
        if self.tests.get(demand.id):
            return Standing.IN_PART if demand.partly else Standing.SHOWN
        return Standing.OUT if demand.out and not demand.open else Standing.OPEN

    def faults(self) -> Iterator[str]:
        """What does not fit together, each in a sentence that says what to do."""
        known: set[str] = set()
        for one in (demand for listed in self.documents.values() for demand in listed):
            shown = self.tests.get(one.id)
            if one.id in known:
                yield f"{one.id} stands twice among the demands"
            if not shown and not (one.out or one.open):
                yield f"{one.id} is shown by no test: write one, or say `open` or `out`"
            if not shown and one.partly:
                yield f"{one.id} is said to be shown in part, but no test shows it: say `open`"
            if shown and one.open:
                yield f"{one.id} is said to be open, but {shown[0]} shows it: take `open` away, or say `partly`"
            known.add(one.id)
        for id_, tests in self.tests.items():
            if id_ not in known:
                yield f"{tests[0]} cites {id_}, which is not among the demands"
        for name, listed in self.documents.items():
            for one in listed:
                for entry in sorted({*one.pack} - self.entries[name]):
                    yield f"{one.id} is said to stand at {entry}, which {name} does not have"


# Where ids are cited, and what can be named


def cited_by_tests(folder: Path) -> Cited:
    """By id, the tests that show it, as ``acceptance/test_x.py::test_y``, sorted."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("test_*.py"):
        for name, function in _tests(ast.parse(path.read_text("utf-8"))):
            for id_ in ids_of_test(function.name, ast.get_docstring(function) or ""):
                found.setdefault(id_, set()).add(f"{path.relative_to(folder).as_posix()}::{name}")
    return {id_: sorted(tests) for id_, tests in found.items()}


def ids_of_test(name: str, docstring: str) -> set[str]:
    """The ids that end the name of a test, and those in its docstring."""
    ending = _ENDING_NAME.search(name)
    in_name = _IN_NAME.findall(ending[0]) if ending else []
    return {f"{prefix.upper()}-{number}" for prefix, number in in_name} | set(_IN_TEXT.findall(docstring))


def _tests(
    body: ast.Module | ast.ClassDef, inside: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body.body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node, f"{inside}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield f"{inside}{node.name}", node


def entries_of(pack: Mapping[str, Any]) -> Set[str]:
    """The names of all that stands in ``pack``: ``section.id``, a line of responsibility by what it is first for."""
    return {".".join(path) for path in _paths(pack) if path}


def _paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from _paths(inner, (*path, str(key)))
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            yield from _paths(inner, (*path, _name(inner, place)))


def _name(entry: Any, place: int) -> str:
    if not isinstance(entry, dict):
        return str(place)
    about = [one for key in ("categories", "channels", "areas") for one in entry.get(key, ())]
    return str(entry.get("id") or next(iter(about), None) or entry.get("lead") or place)


# The page

_HEAD: Final = """\
# What the documents demand, and where it is shown

Made by `python -m tests.tools.coverage_page` from tests/data/demands.yaml and the tests, and compared with them and the
packs by every run of the tests. **Shown**: a test plays it. **Shown in part**: a test plays some of it, and what is
missing is said. **Open**: no test plays it, and what is missing is said. **Out of reach**: nothing of it is for
software to do; where that is true of a part only, the table says so.
"""


def page(coverage: Coverage) -> str:
    """docs/coverage.md: the totals, then one table a document."""
    return "\n".join([_HEAD, *_totals(coverage), *_documents(coverage)]) + "\n"


def _totals(coverage: Coverage) -> Iterator[str]:
    yield f"| Document | Demands | {' | '.join(one.capitalize() for one in Standing)} |"
    yield "| --- |" + " ---: |" * (1 + len(Standing))
    sums = [0] * (1 + len(Standing))
    for name, demands in coverage.documents.items():
        standings = [coverage.standing(one) for one in demands]
        row = [len(demands), *(standings.count(one) for one in Standing)]
        sums = [before + more for before, more in zip(sums, row, strict=True)]
        yield f"| [{name}](#{name}) | {' | '.join(map(str, row))} |"
    yield f"| **Together** | {' | '.join(f'**{one}**' for one in sums)} |"


def _documents(coverage: Coverage) -> Iterator[str]:
    for name, demands in coverage.documents.items():
        yield from ("", f"## {name}", "")
        yield "| Id | Clause | Demand | In the pack | Where shown, or why not |"
        yield "| --- | --- | --- | --- | --- |"
        for one in sorted(demands, key=lambda demand: demand.id):
            cells = [one.id, one.clause, one.demand, _named(one.pack), "<br>".join(_shown(coverage, one))]
            yield _row(cells)


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _shown(coverage: Coverage, demand: Demand) -> Iterator[str]:
    if tests := coverage.tests.get(demand.id):
        yield _named(tests)
    if demand.partly:
        yield f"**In part:** {demand.partly}"
    if demand.open:
        yield f"**Open:** {demand.open}"
    if demand.out:
        yield f"**Out of reach:** {demand.out}"


def _named(places: Sequence[str]) -> str:
    named = ", ".join(f"`{one}`" for one in places[:MOST_NAMED])
    more = len(places) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


if __name__ == "__main__":
    PAGE.write_text(page(Coverage.read()), "utf-8")
