"""Duties: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Duty
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.kinds import OfDuties
from duban_router.domain.refusal import Changes, missing_reason


def opened(command: do.Open, rules: Rules, now: datetime) -> Changes:
    """A duty that the calendar or a measure opens: its number says which, whose, and for which period or problem."""
    duty = rules.duties.get(command.duty)
    if duty is None:
        return Refusal("unknown_duty", f"{rules.pack.ref} has no duty {command.duty}")
    if command.unit not in (rules.owing(duty) if command.cause is None else rules.units):
        return Refusal("unknown_unit", f"{command.unit} does not owe {duty.id} under {rules.pack.ref}")
    if command.opens_at > now:
        return Refusal("not_due", f"{duty.id} opens at {command.opens_at.isoformat()}, not before")
    day = command.opens_at.astimezone(rules.zone).date()
    return [
        c.Opened(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{duty.id}/{command.unit}/{command.cause.ref if command.cause else day.isoformat()}",
            pack=rules.pack.ref,
            duty=duty.id,
            title=duty.title.native,
            unit=command.unit,
            opens_at=command.opens_at,
            cause=command.cause,
        )
    ]


def perform(duty: Duty, command: OfDuties, rules: Rules) -> Changes:
    """The changes that ``command`` makes to a duty: it is submitted, or the office releases its unit from it."""
    match command:
        case do.Progress():
            return [c.Progressed(note=command.note, evidence=command.evidence)]
        case do.Complete():
            return _submit(duty, command, rules)
        case do.Reject():
            return [c.Rejected()] if command.reason else missing_reason("a rejection")
        case do.Reopen():
            return [c.Reopened()] if command.reason else missing_reason("a reopening")
        case _:
            assert_never(command)


def _submit(duty: Duty, command: do.Complete, rules: Rules) -> Changes:
    if rules.duties[duty.duty].proof and not command.evidence:
        return Refusal("missing_evidence", f"{duty.duty} is submitted with its proof: what is empty is not done")
    return [c.Completed(outcome=command.outcome, evidence=command.evidence), c.StruckOff()]
