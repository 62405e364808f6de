"""Every demand of the documents is shown by a test, or says why not; and docs/coverage.md is not stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import ValidationError

from tests.tools.coverage_page import (
    PAGE,
    Coverage,
    Demand,
    Standing,
    cited_by_tests,
    entries_of,
    ids_of_test,
    page,
)

TESTS: Final = '''
"""A module about MY-01a."""

class TestLife:
    """A class about MY-02a."""

    def test_it_ends_well_my_03_go_10(self) -> None:
        """MZ-09 and MZ-11."""

async def test_my_04_in_the_middle_ends_nothing() -> None:
    def test_inside_my_05a() -> None: ...

def prepare_my_06a() -> None:
    """MY-06b."""
'''
PACK: Final = """
id: some-city
gate: {checks: [{id: signed, by: "@office"}]}
closing: {items: [{title: Done}]}
responsibility_list:
  - {lead: water}
  - {lead: ecology, categories: [air, dust]}
"""


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return Coverage.read()


def one(id_: str = "MY-00", **said: Any) -> Demand:
    return Demand(id=id_, clause="一", demand="Something.", **said)


def of(*demands: Demand, tests: tuple[str, ...] = ()) -> Coverage:
    """Of one document, where the ids ``tests`` are cited once each; its pack has a gate and nothing else."""
    return Coverage({"a-city": demands}, {id_: [f"test of {id_}"] for id_ in tests}, {"a-city": {"gate"}})


# What is there


def test_every_demand_is_shown_or_says_why_not_and_nothing_else_is_cited(coverage: Coverage) -> None:
    assert list(coverage.faults()) == []


def test_the_page_is_that_of_the_demands_the_packs_and_the_tests(coverage: Coverage) -> None:
    assert PAGE.read_text("utf-8") == page(coverage), (
        "docs/coverage.md is stale: run python -m tests.tools.coverage_page"
    )


def test_no_demand_has_been_dropped(coverage: Coverage) -> None:
    counts = {name: len(demands) for name, demands in coverage.documents.items()}
    assert counts == {
        "mianyang-2022": 29, "mianzhu-2018": 27, "golmud-2018": 18, "weifang-2017": 19, "linyi-2021": 21,
    }  # fmt: skip


# What would be a fault


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (of(one()), "MY-00 is shown by no test: write one, or say `open` or `out`"),
        (of(one(partly="x", out="x")), "MY-00 is said to be shown in part, but no test shows it: say `open`"),
        (
            of(one(open="x"), tests=("MY-00",)),
            "MY-00 is said to be open, but test of MY-00 shows it: take `open` away, or say `partly`",
        ),
        (of(one(), tests=("MY-00", "MY-99")), "test of MY-99 cites MY-99, which is not among the demands"),
        (
            of(one(open="x", pack=("gate", "gate.checks.signed"))),
            "MY-00 is said to stand at gate.checks.signed, which a-city does not have",
        ),
        (of(one(open="x"), one(open="x")), "MY-00 stands twice among the demands"),
    ],
)
def test_what_does_not_fit_together_is_told_with_what_to_do(found: Coverage, fault: str) -> None:
    assert list(found.faults()) == [fault]


@pytest.mark.parametrize(
    ("demand", "shown", "standing"),
    [
        (one(), True, Standing.SHOWN),
        (one(out="x"), True, Standing.SHOWN),
        (one(partly="x"), True, Standing.IN_PART),
        (one(out="x"), False, Standing.OUT),
        (one(open="x"), False, Standing.OPEN),
        (one(open="x", out="x"), False, Standing.OPEN),
    ],
)
def test_a_demand_stands_where_tests_and_words_put_it(demand: Demand, shown: bool, standing: Standing) -> None:
    found = of(demand, tests=("MY-00",) if shown else ())
    assert found.standing(demand) is standing
    assert list(found.faults()) == []


def test_what_no_test_shows_is_not_shown_in_part() -> None:
    with pytest.raises(ValidationError, match="MY-00 is either open or shown in part"):
        one(open="x", partly="x")


# How citations are read


def test_a_test_shows_what_ends_its_name_or_stands_in_its_docstring(tmp_path: Path) -> None:
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit/test_some.py").write_text(TESTS, "utf-8")
    (tmp_path / "unit/given.py").write_text(TESTS, "utf-8")
    place = "unit/test_some.py::TestLife::test_it_ends_well_my_03_go_10"
    assert cited_by_tests(tmp_path) == {id_: [place] for id_ in ("MY-03", "GO-10", "MZ-09", "MZ-11")}


@pytest.mark.parametrize(
    ("name", "docstring", "ids"),
    [
        ("test_a_task_ly_x", "", {"LY-x"}),
        ("test_a_wrong_number_my_2", "", {"MY-2"}),
        ("test_ends_otherwise_my_02a_late", "", set()),
        ("test_my_16_reports", "no id: ECMA-16, WF-", set()),
        ("test_both_wf_05_wf_06", "WF-05 (五定), LY-27.", {"WF-05", "WF-06", "LY-27"}),
    ],
)
def test_only_whole_ids_count(name: str, docstring: str, ids: set[str]) -> None:
    assert ids_of_test(name, docstring) == ids


def test_what_stands_in_a_pack_is_named_by_section_and_id_or_by_what_it_is_first_for() -> None:
    assert entries_of(yaml.safe_load(PACK)) >= {
        "gate", "gate.checks.signed", "closing.items.0", "responsibility_list.water", "responsibility_list.air",
    }  # fmt: skip
    assert "responsibility_list.1" not in entries_of(yaml.safe_load(PACK))


def test_the_page_names_three_counts_the_rest_and_breaks_no_table() -> None:
    tests = {"MY-00": [f"test_{number}" for number in range(5)]}
    demand = one(partly="this | that", pack=("gate", "gate.checks.signed"))
    text = page(Coverage({"a-city": (demand,)}, tests, {}))
    assert "| [a-city](#a-city) | 1 | 0 | 1 | 0 | 0 |" in text
    assert (
        "| MY-00 | 一 | Something. | `gate`, `gate.checks.signed` "
        "| `test_0`, `test_1`, `test_2` and 2 more<br>**In part:** this \\| that |" in text
    )
