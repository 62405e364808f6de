"""Walks many ways through the simulation: ``python -m tests.simulation.walk --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.bugs import BUGS, Bug
from tests.simulation.laws import Broken
from tests.simulation.machine import City
from tests.simulation.world import in_memory

#: So many steps has a way.
STEPS: Final = 40
#: Along so many ways at most a planted bug is sought; how many there may be decides which they are.
SOUGHT: Final = 60
#: A seed that finds a bug within so many is good enough.
_FEW: Final = 5
_EXAMPLE = """
One way has 40 steps; the same seed takes the same ways. What breaks a law is made as short as can be, and shown.

  python -m tests.simulation.walk --seed 7 --ways 2000
  python -m tests.simulation.walk --planted --seeds 12     for each planted bug, the seed that finds it soonest
"""


@dataclass(slots=True)
class Tally:
    """What a walk has passed; ``seconds`` are virtual."""

    ways: int = 0
    steps: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        struck = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        return f"{self.ways:,} ways, {self.steps:,} steps, {self.seconds / 3600:,.1f} h of virtual time; {struck}"


class _Enough(Exception):
    """A seed is no better than the one that was found before."""


def walk(number: int, ways: int, *more: Phase, tally: Tally | None = None, enough: int | None = None) -> None:
    """Walk at most so many ``ways``, the same ones for the same two numbers, and add them to ``tally``.

    With ``Phase.shrink`` a way that breaks a law is made as short as can be.

    Raises:
        Broken: a law is broken.
        _Enough: none was, for as many ways as ``enough``.
    """
    passed = Tally() if tally is None else tally

    class Counted(City):
        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                passed.ways += 1
                passed.steps += self.steps
                passed.seconds += self.world.now
                passed.counts += self.world.counts
            if enough is not None and passed.ways >= enough:
                raise _Enough

    bounds = settings(
        max_examples=ways, stateful_step_count=STEPS, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate, *more], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    run_state_machine_as_test(seed(number)(Counted), settings=bounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk as the command line says; 0 if nothing was found, 1 if a law was broken or a planted bug was not found."""
    parser = argparse.ArgumentParser(
        "python -m tests.simulation.walk", description=__doc__, epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--ways", type=int, default=200, help="how many ways to take at most")
    parser.add_argument("--seed", type=int, default=0, help="which ways")
    parser.add_argument("--planted", nargs="?", const="", metavar="PART", help="plant the bugs with PART in their name")
    parser.add_argument("--seeds", type=int, default=8, help="with --planted: how many seeds to try")
    chosen = parser.parse_args(arguments)
    if chosen.planted is None:
        return _walked(chosen.seed, chosen.ways)
    bugs = [bug for bug in BUGS if chosen.planted in bug.name]
    return max([_sought(bug, chosen.seed, chosen.seeds, chosen.ways) for bug in bugs], default=1)


def _walked(number: int, ways: int) -> int:
    tally, began = Tally(), time.monotonic()
    with in_memory():
        try:
            walk(number, ways, Phase.shrink, tally=tally)
        except Broken as broken:
            _say(f"seed {number}: {broken}", *getattr(broken, "__notes__", []))
            return 1
        finally:
            _say(f"seed {number}: {tally}; {time.monotonic() - began:.0f} s")
    return 0


def _sought(bug: Bug, first: int, seeds: int, ways: int) -> int:
    """Try seeds until one finds ``bug`` within a few ways, or all have been tried."""
    best, best_ways, law = None, ways, ""
    for number in range(first, first + seeds):
        tally = Tally()
        with in_memory() as patch:
            bug.plant(patch)
            try:
                walk(number, SOUGHT, tally=tally, enough=best_ways)
            except Broken as broken:
                best, best_ways, law = number, tally.ways, broken.law
            except _Enough:
                pass
        if best is not None and best_ways <= _FEW:
            break
    found = "not found" if best is None else f"seed {best} finds it by {law} in {best_ways} ways"
    _say(f"{bug.name}: {found}")
    return int(best is None or law not in bug.laws)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
