"""The reason for being late: who may give it until when, and whether it is accepted. Pure."""

from __future__ import annotations

from datetime import datetime

from duban.deadlines import after_lapse, owed
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import AnyRecord, Deadline
from duban.policy.model.lifecycle import JustificationRule
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.refusal import Changes, in_words, missing_reason, too_late


def file(record: AnyRecord, command: do.Justify, rules: Rules, now: datetime) -> Changes:
    """The reason waits for whoever accepts it, and what is taken only without one waits with it."""
    rule = rules.pack.justification
    if rule is None or (rule.obligations and command.obligation not in rule.obligations):
        return Refusal("no_justification", f"{rules.pack.ref} hears no reason for being late with {command.obligation}")
    deadline = _own(record, command)
    if deadline is None:
        return _not_owed(record, command)
    return (
        _unfounded(command, rule)
        or _held_by_nothing(record, deadline, rules)
        or _filed_too_late(record, deadline, rule, rules, now)
        or [
            c.JustificationFiled(
                obligation=deadline.obligation, part=deadline.part, generation=deadline.generation,
                clause=command.clause, evidence=command.evidence,
            )
        ]
    )  # fmt: skip


def _own(record: AnyRecord, command: do.Justify) -> Deadline | None:
    """What is due next of the obligation for the unit that gives the reason."""
    for deadline in record.deadlines:
        if deadline.obligation == command.obligation and deadline.owner == command.actor.unit:
            return deadline
    return None


def _not_owed(record: AnyRecord, command: do.Justify) -> Refusal:
    for filed in record.justifications:
        if (filed.obligation, filed.unit, filed.accepted) == (command.obligation, command.actor.unit, None):
            return Refusal("filed_already", f"a reason for {command.obligation} is filed, and not decided yet")
    return Refusal("nothing_runs", f"{command.actor.unit} owes no {command.obligation} that a reason could hold now")


def _unfounded(command: do.Justify, rule: JustificationRule) -> Refusal | None:
    if not command.reason:
        return missing_reason("a justification")
    if rule.evidence and not command.evidence:
        return Refusal("missing_evidence", "the reason for being late is given with sealed evidence")
    return None


def _held_by_nothing(record: AnyRecord, deadline: Deadline, rules: Rules) -> Refusal | None:
    """Why a reason would change nothing: one was decided, or no level that is still to come asks for one."""
    filed = record.justification(deadline.obligation, deadline.part)
    if filed is not None and filed.generation == deadline.generation:
        word = {None: "not decided yet", True: "accepted", False: "refused"}[filed.accepted]
        return Refusal("filed_already", f"a reason for {deadline.obligation} is filed, and {word}")
    levels = rules.levels_of(rules.obligation(record, deadline.obligation))
    if not any(level.unless_justified for level in levels[deadline.level - 1 :]):
        return Refusal("nothing_held", f"no level of {deadline.obligation} that is still to come asks for a reason")
    return None


def _filed_too_late(
    record: AnyRecord, deadline: Deadline, rule: JustificationRule, rules: Rules, now: datetime
) -> Refusal | None:
    """Why it is too late to give a reason, where the pack says that it can be."""
    if rule.before_lapse and now > deadline.lapse_at:
        return too_late("a reason for being late is given before the limit lapses", deadline.lapse_at, rules)
    if rule.within is None:
        return None
    named = (deadline.obligation, deadline.part)
    owing = next(of for of in owed(record, rules) if (of.obligation.id, of.part) == named)
    until = after_lapse(record, owing, deadline.lapse_at, rule.within, rules)
    words = f"a reason for being late is given within {in_words(rule.within)} of the lapse"
    return too_late(words, until, rules) if now > until else None


def decide(record: AnyRecord, command: do.DecideJustification, rules: Rules) -> Changes:
    """The reason that was filed is accepted, or refused with a reason of its own."""
    filed = record.justification(command.obligation, command.part)
    if filed is None or filed.accepted is not None:
        return Refusal("nothing_asked", f"no reason for {command.obligation} waits for a decision")
    if command.actor.unit == filed.unit != rules.pack.office:
        return Refusal("decider_is_asker", "who gave the reason for being late does not decide on it")
    if command.accepted:
        return [c.JustificationAccepted(obligation=command.obligation, part=command.part)]
    if not command.reason:
        return missing_reason("refusing a justification")
    return [c.JustificationRefused(obligation=command.obligation, part=command.part)]
