"""What stands before strike-off (销号), and the look-back (回头看) after it. Pure.

Each question is answered with the refusal, or with None where nothing speaks against it.
"""

from __future__ import annotations

from typing import Final

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Problem
from duban.moves import Occasion, Status
from duban.policy.model.lifecycle import GateBlock
from duban.policy.model.step import StepRule
from duban.policy.rules import Rules
from duban.policy.scope import is_for
from duban.refusal import Refusal
from duban_router.domain import ratings
from duban_router.domain.permission import in_words, is_one_of
from duban_router.domain.refusal import missing_reason, not_permitted


def shut(problem: Problem, rules: Rules) -> Refusal | None:
    """Why the gate is shut: a reporter who is not satisfied, a check that nobody signed, what must have happened."""
    gate = rules.pack.gate
    if rules.holding and (held := ratings.held(problem, rules)) is not None:
        return held
    if gate is None:
        return None
    missing = [check.title.native for check in rules.checks_of(problem) if check.id not in problem.checks]
    if missing:
        return Refusal("gate_shut", f"not signed yet: {', '.join(missing)}")
    for block in gate.blocks:
        if _blocks(block, problem, rules):
            return Refusal("gate_shut", block.says.native)
    return None


def opened_by(change: c.Change, rules: Rules) -> bool:
    """Whether ``change`` may be what the gate has waited for."""
    gate = rules.pack.gate
    if rules.holding and ratings.lifted_by(change, rules):
        return True
    if gate is None:
        return False
    if isinstance(change, c.Checked | c.Unflagged | c.StepWaived):
        return True
    return any(block.needs.event == change.kind for block in gate.blocks)


def _blocks(block: GateBlock, problem: Problem, rules: Rules) -> bool:
    if block.flag is not None and block.flag not in problem.flags:
        return False
    if block.outcomes and problem.outcome not in block.outcomes:
        return False
    if block.by:
        referrals = (problem.referrals.get(unit) for unit in block.by)
        return not any(referral is not None and referral.received is not None for referral in referrals)
    event, of = block.needs
    if event == "step_taken" and of is not None:
        waived = of in problem.steps_waived or not is_for(rules.steps[of], problem.category, problem.matter)
        return not waived and not _has_happened(block.needs, problem, anew=_is_taken_anew(rules.steps[of]))
    return not _has_happened(block.needs, problem, anew=event in _OF_THE_WORK)


def _is_taken_anew(step: StepRule) -> bool:
    """Whether it can be taken again once the work is led back to its unit, or done."""
    return step.again and not step.taken_in.isdisjoint((Status.UNDERWAY, Status.VERIFYING, Status.VERIFIED))


#: What is said of the work as it was then; what has happened once and for all counts whatever becomes of the work.
_OF_THE_WORK: Final = ("rated", "replied", "reviewed", "progressed")


def _has_happened(needs: Occasion, problem: Problem, *, anew: bool) -> bool:
    """Whether it has; with ``anew`` since the work was last led back. A reply of the pack is one to every report."""
    latest = ratings.latest(problem, needs)
    return latest > 0 and not (anew and any(ratings.latest(problem, back) > latest for back in ratings.ANEW))


def signing_refused(problem: Problem, command: do.Check, rules: Rules) -> Refusal | None:
    """Why the unit may not sign this check: no such check, not its to sign, its own work, or no evidence."""
    check = next((check for check in rules.checks_of(problem) if check.id == command.check), None)
    if check is None:
        return Refusal("unknown_check", f"{command.check} is no check of this problem under {rules.pack.ref}")
    if not is_one_of(command.actor.unit, problem, check.by, rules):
        return not_permitted(command.actor.unit, *in_words(check.by, problem, rules))
    if _handled(command.actor.unit, problem):
        return Refusal("reviewer_is_handler", "who handled the problem cannot sign its strike-off")
    if not command.evidence:
        return Refusal("missing_evidence", f"{check.id} is signed with its evidence")
    return None


def look_back_refused(problem: Problem, command: do.LookBack, rules: Rules) -> Refusal | None:
    """Why the unit may not look back: the pack knows no look-back, it is not its to make, or its own work."""
    rule = rules.pack.look_back
    if rule is None:
        return Refusal("no_look_back", f"{rules.pack.ref} knows no look-back")
    if not is_one_of(command.actor.unit, problem, rule.by, rules):
        return not_permitted(command.actor.unit, *in_words(rule.by, problem, rules))
    if _handled(command.actor.unit, problem):
        return Refusal("reviewer_is_handler", "who handled the problem cannot look back at it")
    failed = command.rebound or not (command.truthful and command.timely and command.effective)
    if failed and not command.reason:
        return missing_reason("a look-back that finds fault")
    return None


def looked_back(command: do.LookBack, rules: Rules) -> list[c.Change]:
    """The verdicts; a rebound, or work that was not truthful or not effective, takes the problem up again."""
    assert rules.pack.look_back is not None
    changes: list[c.Change] = [
        c.LookedBack(
            truthful=command.truthful, timely=command.timely, effective=command.effective, evidence=command.evidence
        )
    ]
    if command.rebound or not command.truthful or not command.effective:
        changes.append(c.Rebounded(raised=rules.pack.look_back.raise_by))
    return changes


def _handled(unit: str, problem: Problem) -> bool:
    return unit == problem.lead_unit or unit in problem.co_units
