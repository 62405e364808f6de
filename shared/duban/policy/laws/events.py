"""The laws of what a pack waits for: events that can happen, and signers who may sign. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.moves import CLOSED, MOVES, STEPS, Kind, Occasion, Status
from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack
from duban.policy.signers import unsigned
from duban.sentence import Sentence, listed

#: What happens once in the life of a problem.
_ONCE: Final = ("registered",)
#: Where a problem has an outcome: its work is done.
_WITH_OUTCOME: Final = (Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF)


def never_happens(pack: PolicyPack, event: str) -> Sentence | None:
    """What the pack would have to say for ``event`` ever to happen to a problem; None where it can happen."""
    gate = pack.gate
    needed = {
        Sentence("an `extension`", " `extension` "): (
            pack.extension is None,
            ("extension_asked", "extended", "extension_denied"),
        ),
        Sentence("a `justification`", " `justification` "): (
            pack.justification is None,
            ("justification_filed", "justification_accepted", "justification_refused"),
        ),
        Sentence("a `pause`", " `pause` "): (pack.pause is None, ("paused", "resumed")),
        Sentence("`plan_changes: by_approval`", " `plan_changes: by_approval` "): (
            pack.plan_changes == "filed",
            ("plan_proposed", "plan_refused"),
        ),
        Sentence("`checks` of the gate", " gate 的 `checks` "): (gate is None or not gate.checks, ("checked",)),
        Sentence("a rating with `then: another_unit`", "写有 `then: another_unit` 的评价"): (
            all(rating.then != "another_unit" for rating in pack.ratings),
            ("withdrawn",),
        ),
        Sentence("a `look_back`", " `look_back` "): (pack.look_back is None, ("looked_back", "rebounded")),
        Sentence("`flags`", " `flags` "): (not pack.flags, ("flagged", "unflagged")),
        Sentence("`steps`", " `steps` "): (not pack.steps, STEPS),
        Sentence("`signs`", " `signs` "): (not pack.signs, ("sign_seen",)),
        Sentence("a measure with `approval`", "写有 `approval` 的措施"): (
            all(measure.approval is None for measure in pack.measures),
            ("approved", "withheld"),
        ),
    }
    return next((what for what, (lacks, events) in needed.items() if lacks and event in events), None)


def what_lifts_a_block_can_happen(pack: PolicyPack) -> Iterator[Breach]:
    before = {event for status, event in MOVES[Kind.PROBLEM] if status not in CLOSED}
    for i, block in enumerate(pack.gate.blocks if pack.gate is not None else ()):
        path, needed = f"gate.blocks.{i}", block.needs.event
        if needed not in before:
            law = Sentence(
                f"{needed} comes only after strike-off: the block would never be lifted",
                f"{needed} 只在销号之后发生：该限制永远不会解除",
            )
            yield f"{path}.needs", law
        if lacking := never_happens(pack, needed):
            law = Sentence(
                f"{needed} never happens without {lacking}: the block would never be lifted",
                f"没有{lacking.chinese}就不会发生 {needed}：该限制永远不会解除",
            )
            yield f"{path}.needs", law
        if block.by and block.needs != Occasion("received"):
            law = Sentence(
                "says whose receipt counts, and goes with `needs: received` alone: "
                f"no unit of it brings about that a problem is {block.needs}",
                f"表示谁的签收算数，只能与 `needs: received` 同时使用：其中没有单位能使问题发生 {block.needs}",
            )
            yield f"{path}.by", law


def checks_have_a_signer(pack: PolicyPack) -> Iterator[Breach]:
    """Who handles a problem never signs its strike-off; so somebody else must be among the signers."""
    for i, check in enumerate(pack.gate.checks if pack.gate is not None else ()):
        _, always = unsigned(pack, check.by, check.categories, check.matters)
        if always:
            who = listed(check.by)
            law = Sentence(
                f"nobody but who handles the problem, and so may not sign: {who}; name another",
                f"{who.chinese} 都是承办单位，不得签字；请另写一个",
            )
            yield f"gate.checks.{i}.by", law


def triggers_are_set_off(pack: PolicyPack) -> Iterator[Breach]:
    for i, trigger in enumerate(pack.triggers):
        path, event = f"triggers.{i}", trigger.on.event
        if lacking := never_happens(pack, event):
            law = Sentence(f"{event} never happens without {lacking}", f"没有{lacking.chinese}就不会发生 {event}")
            yield f"{path}.on", law
        if event in _ONCE and trigger.times > 1 and trigger.per is None:
            law = Sentence(
                f"{event} happens once to a problem: `times: {trigger.times}` never comes",
                f"{event} 在一个问题上只发生一次：`times: {trigger.times}` 永远不会出现",
            )
            yield f"{path}.times", law
        if event in _ONCE and trigger.per == "unit":
            law = Sentence(
                f"no unit has a problem yet when it is {event}: set it off on dispatched",
                f"{event} 时问题还没有承办单位：请以 dispatched 触发",
            )
            yield f"{path}.per", law
        if event in _ONCE and trigger.flags:
            law = Sentence(
                f"no problem bears a mark yet when it is {event}: set it off on flagged",
                f"{event} 时问题还没有标记：请以 flagged 触发",
            )
            yield f"{path}.flags", law
        known = set(trigger.outcomes) <= set(pack.closing.outcomes)
        if trigger.outcomes and known and not _with_outcome(event):
            law = Sentence(
                f"a problem has no outcome yet when it is {trigger.on}", f"{trigger.on} 时问题还没有办理结果"
            )
            yield f"{path}.outcomes", law


def _with_outcome(event: str) -> bool:
    """Whether a problem may have an outcome when ``event`` has happened to it."""
    return any(end in _WITH_OUTCOME for (_, kind), end in MOVES[Kind.PROBLEM].items() if kind == event)


LAWS = (what_lifts_a_block_can_happen, checks_have_a_signer, triggers_are_set_off)
