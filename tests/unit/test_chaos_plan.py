"""The plan of a chaos run: the same seed gives the same plan, every fault has its turn, and what is mended stays so."""

from __future__ import annotations

from itertools import pairwise

import pytest
import yaml

from duban.policy.loader import load_pack
from duban_cli.chaos.faults import FAULTS
from duban_cli.chaos.plan import LEAST_GAP, UnknownFault, plan
from duban_cli.chaos.policy import chaos_pack, ladders_end_s, limits


def names(seed: int, seconds: float = 600, *faults: str) -> list[str]:
    return [fault.NAME for strike in plan(seed, seconds, faults or ["all"]) for fault in strike.faults]


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert plan(7, 300, ["all"]) == plan(7, 300, ["all"])
    assert plan(7, 300, ["all"]) != plan(8, 300, ["all"])


def test_every_fault_strikes_before_any_strikes_again() -> None:
    assert set(names(3)[: len(FAULTS)]) == FAULTS.keys()


def test_a_strike_is_over_before_the_next_begins_and_before_people_stop_work() -> None:
    strikes = plan(5, 300, ["all"])
    for strike, after in pairwise(strikes):
        assert after.at_s >= strike.at_s + strike.lasts_s + LEAST_GAP
    assert strikes[-1].at_s + strikes[-1].lasts_s <= 300


def test_two_that_strike_together_break_different_parts() -> None:
    pairs = [strike.faults for seed in range(20) for strike in plan(seed, 600, ["all"]) if len(strike.faults) > 1]
    assert pairs
    assert all(one.PART.isdisjoint(other.PART) for one, other in pairs)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("F1", {"kill", "terminate", "freeze"}), ("herd", {"herd"}), ("F12", {"repetition", "replay"})],
)
def test_faults_are_chosen_by_number_or_by_name(name: str, expected: set[str]) -> None:
    assert set(names(1, 600, name)) == expected


def test_an_unknown_fault_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownFault, match=r"there is no fault F7; there are all, F1, .*F14, kill, terminate"):
        plan(1, 60, ["F7"])


def test_the_limits_for_the_checker_are_those_of_the_pack() -> None:
    ladder = {"levels_s": [0.0, 3.0, 6.0, 9.0]}
    running = ["registered", "dispatched", "underway"]
    assert limits(chaos_pack(4)) == {
        "acknowledge": {"since": ["dispatched"], "running": ["dispatched"], "within_s": 3.0, **ladder},
        "resolve": {"since": ["registered"], "running": running, "within_s": 6.0, **ladder},
    }


@pytest.mark.parametrize("levels", [1, 4, 50])
def test_the_pack_breaks_no_law_however_many_levels_it_has(levels: int) -> None:
    pack = load_pack(yaml.safe_dump(chaos_pack(levels)), "chaos")
    assert len(pack.ladders[0].levels) == levels
    resolve = limits(chaos_pack(levels))["resolve"]
    assert ladders_end_s(levels) == pytest.approx(resolve["within_s"] + resolve["levels_s"][-1])
