"""Steps of a pack's own on which nothing depends, and what waits for a step that cannot come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from duban.policy.advice.form import Advice, Speech
from duban.policy.model.ladder import Obligation
from duban.policy.model.pack import PolicyPack
from duban.policy.model.step import StepRule
from duban.policy.occasions import occasions
from duban.policy.scope import is_for


def steps_unused(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Steps that are written down, and no more."""
    named = [occasion for _, occasion in occasions(pack) if occasion.event == "step_taken"]
    if any(occasion.of is None for occasion in named):
        return  # any step does
    for index, step in enumerate(pack.steps):
        if step.id not in {occasion.of for occasion in named}:
            words = speech.say(
                f"nothing depends on {step.id}: it is told, and changes neither limits, nor measures, nor the gate",
                f"没有任何规定用到环节 {step.id}：只作记录，不影响时限、措施和销号条件",
            )
            yield Advice("step_unused", f"steps.{index}", words, "note")


def steps_that_cannot_come(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """What is met by a step, and runs where that is never taken, or for problems that do not know it."""
    known = {step.id: step for step in pack.steps}
    for index, obligation in enumerate(pack.obligations):
        path = f"obligations.{index}.met_by"
        steps = [known[of] for event, of in obligation.met_by if event == "step_taken" and of is not None]
        for step in steps:
            if step.taken_in.isdisjoint(obligation.running):
                when = speech.some(sorted(step.taken_in))
                words = speech.say(
                    f"{step.id} is taken only while a problem is {when}: it never meets what runs elsewhere",
                    f"{step.id} 只在问题处于 {when} 状态时进行：其他状态下的时限不会因此履行",
                )
                yield Advice("step_never", path, words)
        if steps and len(steps) == len(obligation.met_by):
            strange: dict[str, list[str | None]] = {}
            for category, matter in _begun_for(pack, obligation):
                if not _any_for(steps, category, matter):
                    strange.setdefault(category, []).append(matter)
            if strange:
                whose = speech.some(
                    f"{category}{speech.of_matters(matters, pack.wants)}" for category, matters in strange.items()
                )
                names = speech.some(step.id for step in steps)
                words = speech.say(
                    f"{names} is no step of {whose}: there it is never met",
                    f"{names} 不是 {whose} 的环节：这些问题永远不会履行此项时限",
                )
                yield Advice("step_of_others", path, words)


def _begun_for(pack: PolicyPack, obligation: Obligation) -> Iterator[tuple[str, str | None]]:
    """The categories and matters that ``obligation`` may run for: those that know a step with which it begins."""
    known = {step.id: step for step in pack.steps}
    steps = [known[of] for event, of in obligation.since if event == "step_taken" and of is not None]
    categories = obligation.categories or [category.id for category in pack.categories]
    for category, matter in product(categories, obligation.matters or pack.wants):
        if len(steps) < len(obligation.since) or _any_for(steps, category, matter):
            yield category, matter


def _any_for(steps: list[StepRule], category: str, matter: str | None) -> bool:
    return any(is_for(step, category, matter) for step in steps)
