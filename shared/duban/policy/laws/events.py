"""The laws of what a pack waits for: events that can happen, and signers who may sign. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.moves import CLOSED, MOVES, STEPS, Kind, Occasion, Status
from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack
from duban.policy.signers import unsigned

#: What happens once in the life of a problem.
_ONCE: Final = ("registered",)
#: Where a problem has an outcome: its work is done.
_WITH_OUTCOME: Final = (Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF)


def never_happens(pack: PolicyPack, event: str) -> str | None:
    """What the pack would have to say for ``event`` ever to happen to a problem; None where it can happen."""
    gate = pack.gate
    needed = {
        "an `extension`": (pack.extension is None, ("extension_asked", "extended", "extension_denied")),
        "a `justification`": (
            pack.justification is None,
            ("justification_filed", "justification_accepted", "justification_refused"),
        ),
        "a `pause`": (pack.pause is None, ("paused", "resumed")),
        "`plan_changes: by_approval`": (pack.plan_changes == "filed", ("plan_proposed", "plan_refused")),
        "`checks` of the gate": (gate is None or not gate.checks, ("checked",)),
        "a rating with `then: another_unit`": (
            all(rating.then != "another_unit" for rating in pack.ratings),
            ("withdrawn",),
        ),
        "a `look_back`": (pack.look_back is None, ("looked_back", "rebounded")),
        "`flags`": (not pack.flags, ("flagged", "unflagged")),
        "`steps`": (not pack.steps, STEPS),
        "`signs`": (not pack.signs, ("sign_seen",)),
        "a measure with `approval`": (
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
            yield f"{path}.needs", f"{needed} comes only after strike-off: the block would never be lifted"
        if lacking := never_happens(pack, needed):
            yield f"{path}.needs", f"{needed} never happens without {lacking}: the block would never be lifted"
        if block.by and block.needs != Occasion("received"):
            words = "says whose receipt counts, and goes with `needs: received` alone"
            yield f"{path}.by", f"{words}: no unit of it brings about that a problem is {block.needs}"


def checks_have_a_signer(pack: PolicyPack) -> Iterator[Breach]:
    """Who handles a problem never signs its strike-off; so somebody else must be among the signers."""
    for i, check in enumerate(pack.gate.checks if pack.gate is not None else ()):
        _, always = unsigned(pack, check.by, check.categories, check.matters)
        if always:
            who = ", ".join(check.by)
            yield f"gate.checks.{i}.by", f"nobody but who handles the problem, and so may not sign: {who}; name another"


def triggers_are_set_off(pack: PolicyPack) -> Iterator[Breach]:
    for i, trigger in enumerate(pack.triggers):
        path, event = f"triggers.{i}", trigger.on.event
        if lacking := never_happens(pack, event):
            yield f"{path}.on", f"{event} never happens without {lacking}"
        if event in _ONCE and trigger.times > 1 and trigger.per is None:
            yield f"{path}.times", f"{event} happens once to a problem: `times: {trigger.times}` never comes"
        if event in _ONCE and trigger.per == "unit":
            yield f"{path}.per", f"no unit has a problem yet when it is {event}: set it off on dispatched"
        if event in _ONCE and trigger.flags:
            yield f"{path}.flags", f"no problem bears a mark yet when it is {event}: set it off on flagged"
        known = set(trigger.outcomes) <= set(pack.closing.outcomes)
        if trigger.outcomes and known and not _with_outcome(event):
            yield f"{path}.outcomes", f"a problem has no outcome yet when it is {trigger.on}"


def _with_outcome(event: str) -> bool:
    """Whether a problem may have an outcome when ``event`` has happened to it."""
    return any(end in _WITH_OUTCOME for (_, kind), end in MOVES[Kind.PROBLEM].items() if kind == event)


LAWS = (what_lifts_a_block_can_happen, checks_have_a_signer, triggers_are_set_off)
