"""How work on a problem ends: completed, verified, struck off. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Problem
from duban.moves import Status
from duban.policy.model.lifecycle import Closing
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain import gate, ratings
from duban_router.domain.refusal import Changes, missing_reason


def complete(problem: Problem, command: do.Complete, rules: Rules) -> Changes:
    """The unit has put it right, with an outcome and the items that it cites."""
    closing = rules.pack.closing
    if command.outcome not in closing.outcomes:
        return Refusal("unknown_outcome", f"{command.outcome} is not among {', '.join(closing.outcomes)}")
    miscited = _miscited(command, closing)
    if miscited is not None:
        return miscited
    unfinished = [unit for unit in problem.co_units if unit not in problem.parts_finished]
    if rules.pack.parts == "each_co_unit" and unfinished:
        return Refusal("parts_unfinished", f"the whole is complete when each part is; missing: {', '.join(unfinished)}")
    return [c.Completed(outcome=command.outcome, evidence=command.evidence, items=tuple(dict.fromkeys(command.items)))]


def _miscited(command: do.Complete, closing: Closing) -> Refusal | None:
    """Why the items that the completion cites, or does not cite, are not those that it may or must."""
    codes = {item.code for item in closing.items}
    for code in command.items:
        if code not in codes:
            return Refusal("unknown_item", f"{code} is no item of the catalogue that the pack carries")
    if command.outcome in closing.item_for and not command.items:
        return Refusal("missing_item", f"a problem that ends as {command.outcome} cites the item of the catalogue")
    return None


def verify(problem: Problem, command: do.Verify, rules: Rules) -> Changes:
    """A reviewer passes the work, or sends it back."""
    if command.actor.unit == problem.lead_unit:
        return Refusal("reviewer_is_handler", "who handled the problem cannot review it")
    if not command.passed:
        return [c.SentBack(evidence=command.evidence)] if command.reason else missing_reason("sending back")
    if rules.holding and (held := ratings.held(problem, rules)) is not None:
        return held
    return [c.Verified(evidence=command.evidence)]


def strike_off(problem: Problem, rules: Rules) -> Changes:
    """The problem leaves the ledger, when its gate is open."""
    if problem.status is Status.VERIFYING and rules.pack.closing.verify:
        return Refusal("not_verified", "the work has not been verified yet")
    return gate.shut(problem, rules) or [c.StruckOff()]


def closed_by(problem: Problem, changes: Iterable[c.Change], rules: Rules) -> bool:
    """Whether ``problem``, after ``changes``, is struck off by itself: they ended the work, or opened its gate."""
    closing = rules.pack.closing
    return (
        closing.strike_off == "automatic"
        and (problem.status is Status.VERIFIED or (problem.status is Status.VERIFYING and not closing.verify))
        and any(isinstance(change, _ENDING) or gate.opened_by(change, rules) for change in changes)
        and gate.shut(problem, rules) is None
    )


#: What may leave nothing to wait for but the gate.
_ENDING: Final = (c.Completed, c.Verified)
