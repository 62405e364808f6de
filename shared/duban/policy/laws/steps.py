"""The laws of a pack's own steps: what names one means one, somebody takes it, and its fields are told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.moves import CLOSED, Occasion
from duban.policy.laws.names import Breach, repeated, unknown_scope, unknown_signers
from duban.policy.model.ladder import OWNERS
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions
from duban.sentence import Sentence, listed


def steps_are_taken_by_somebody(pack: PolicyPack) -> Iterator[Breach]:
    known = {unit.id for unit in pack.units} | {role for unit in pack.units for role in unit.roles}
    for i, step in enumerate(pack.steps):
        yield from unknown_signers(f"steps.{i}.by", step.by, known, OWNERS)
        yield from unknown_signers(f"steps.{i}.waived_by", step.waived_by, known, OWNERS)
        yield from unknown_scope(f"steps.{i}", step, pack)
        yield from repeated(f"steps.{i}.fields", (field.id for field in step.fields))


def what_is_waited_for_can_be_waived(pack: PolicyPack) -> Iterator[Breach]:
    waived = {step.id for step in pack.steps if step.waived_by}
    for path, occasion in occasions(pack):
        if occasion.event == "step_waived" and occasion.of not in {None, *waived}:
            law = Sentence(
                f"{occasion} never happens: the step names nobody in `waived_by`",
                f"{occasion} 不会发生：该步骤的 `waived_by` 没有写任何人",
            )
            yield path, law


def a_block_needs_a_step_that_comes_before(pack: PolicyPack) -> Iterator[Breach]:
    known = {step.id: step for step in pack.steps}
    for i, block in enumerate(pack.gate.blocks if pack.gate is not None else ()):
        event, of = block.needs
        path = f"gate.blocks.{i}.needs"
        if block.needs == Occasion("step_taken") and known:
            steps = listed(f"step_taken:{step}" for step in known)
            law = Sentence(
                f"any step would lift it: name the one that it needs, of {steps}",
                f"任何步骤都会解除它：请写明需要哪一个，可写 {steps.chinese}",
            )
            yield path, law
        if event == "step_taken" and of in known and known[of].taken_in <= CLOSED:
            law = Sentence(
                f"{of} is taken only after strike-off: the block would never be lifted",
                f"{of} 只在销号之后进行：该限制永远不会解除",
            )
            yield path, law


LAWS = (
    steps_are_taken_by_somebody,
    what_is_waited_for_can_be_waived,
    a_block_needs_a_step_that_comes_before,
)
