"""The simulation finds nothing in the services as they are, and each of the bugs that are planted in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase

from tests.given import ROOT
from tests.simulation.bugs import BUGS, Bug
from tests.simulation.laws import Broken
from tests.simulation.walk import SOUGHT, Tally, walk

PAGE = (ROOT / "docs/simulation-of-faults.md").read_text("utf-8")


@pytest.mark.usefixtures("patch")
def test_whatever_happens_nothing_is_lost_doubled_early_or_late() -> None:
    tally = Tally()
    walk(0, SOUGHT, Phase.shrink, tally=tally)
    assert tally.steps >= 2_000
    assert min(tally.counts[what] for what in ("crashes", "stalls", "errors", "outages", "replays", "repeats")) > 20


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(bug: Bug, patch: pytest.MonkeyPatch) -> None:
    bug.plant(patch)
    with pytest.raises(Broken) as caught:
        walk(bug.seed, SOUGHT)
    assert caught.value.law in bug.laws


def test_the_page_names_every_planted_bug_and_every_law() -> None:
    assert [bug.name for bug in BUGS if f"| {bug.name} |" not in PAGE] == []
    text = "".join(Path(__file__).with_name(name).read_text("utf-8") for name in ("laws.py", "history.py"))
    laws = {part.partition('"')[0] for start in ('Broken("', 'yield "') for part in text.split(start)[1:]}
    assert {law for bug in BUGS for law in bug.laws} <= laws
    assert sorted(law for law in laws if f"| {law} |" not in PAGE) == []
