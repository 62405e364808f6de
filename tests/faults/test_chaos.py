"""Chaos for a minute: people work, things break, and the checker finds nothing wrong."""

from __future__ import annotations

from typing import Any

import pytest

from duban_cli.chaos.run import Options, chaos

pytestmark = pytest.mark.stack
#: With this seed all six kinds strike, each in several forms: `duban chaos --seed 2366 --faults … --plan` says which.
SEED = 2366
FAULTS = ("F1", "F3", "F4", "F5", "F10", "F12")


@pytest.fixture(scope="module")
async def report() -> dict[str, Any]:
    """What a run found. How fast it all comes back is left to machines that do nothing else: I13, and I7's grace."""
    options = Options(minutes=1.0, seed=SEED, faults=FAULTS, rate=20.0, grace_s=120.0, without=("I13",))
    return await chaos(options, lambda part, line: print(f"{part}: {line}"))


async def test_no_invariant_is_broken(report: dict[str, Any]) -> None:
    judgement = report["judgement"]
    assert judgement["found"] == []
    assert judgement["left_out"] == {"I13": "asked to leave out"}


async def test_every_kind_of_fault_struck(report: dict[str, Any]) -> None:
    names = {fault["name"] for fault in report["struck"]}
    assert names >= {
        "kill", "terminate", "database-stop", "crash-point", "misreport", "poison", "repetition", "replay",
    }  # fmt: skip


async def test_there_was_something_to_judge(report: dict[str, Any]) -> None:
    judgement = report["judgement"]
    assert judgement["lapses"] > 1000
    assert judgement["operations"]["ok"] > 1000
    assert judgement["due_by_the_pack"]["lapsed"] == judgement["lapses"]
    assert judgement["events_told_again"] > 0
    assert judgement["dead_letters"] > 0
    assert judgement["bound_95"] == 3 / judgement["lapses"]
