"""Ladders: what a level says that has no effect where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice
from duban.policy.model.pack import PolicyPack


def reminders_that_wait_for_nobody(pack: PolicyPack) -> Iterator[Advice]:
    """Measures with an approval or a flag that are taken before the lapse: a reminder is sent, and does no more."""
    measures = {measure.id: measure for measure in pack.measures}
    for i, ladder in enumerate(pack.ladders):
        for j, level in enumerate(ladder.levels):
            measure = measures[level.measure]
            path = f"ladders.{i}.levels.{j}.measure"
            if level.is_reminder and measure.approval is not None:
                words = f"a reminder waits for nobody: {measure.id} is sent before the lapse without {measure.approval}"
                yield Advice("approval_unheeded", path, f"{words}; take a measure without `approval`")
            if level.is_reminder and measure.flag is not None:
                words = f"a reminder sets no mark: {measure.id} sets {measure.flag} only from the lapse on"
                yield Advice("flag_unheeded", path, words)
