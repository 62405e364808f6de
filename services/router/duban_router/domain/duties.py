"""Duties: what is asked of each command on them, and which changes it makes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from uuid import UUID

from duban.duties import lapse_at
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Duty
from duban.policy.model.duty import Every
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban.texts import is_blank
from duban_router.domain.kinds import OfDuties
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def opened(command: do.Open, rules: Rules, now: datetime) -> Changes:
    """A duty that is opened for a unit: its number says which, whose, and for which period, problem or silence."""
    duty = rules.duties.get(command.duty)
    if duty is None:
        return Refusal("unknown_duty", f"{rules.pack.ref} has no duty {command.duty}")
    if duty.schedule.every is Every.PLEDGED:
        why = f"{duty.id} is what an enterprise pledges, each time by a day of its own: enter it by `duban duty pledge`"
        return Refusal("unknown_duty", why)
    by_silence = duty.schedule.every is Every.SILENCE
    if by_silence is not (command.of is not None):
        why = (
            f"{duty.id} is opened {'by the silence of a source, and none is named' if by_silence else 'by no silence'}"
        )
        return Refusal("unknown_duty", why)
    if command.unit not in (rules.owing(duty) if command.cause is None and not by_silence else rules.units):
        return Refusal("unknown_unit", f"{command.unit} does not owe {duty.id} under {rules.pack.ref}")
    if command.opens_at > now:
        return Refusal("not_due", f"{duty.id} opens at {command.opens_at.isoformat()}, not before")
    return [
        c.Opened(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{duty.id}/{command.unit}/{_occasion(command, rules)}",
            pack=rules.pack.ref,
            duty=duty.id,
            title=duty.title.native,
            unit=command.unit,
            opens_at=command.opens_at,
            cause=command.cause,
            of=command.of,
        )
    ]


def _occasion(command: do.Open, rules: Rules) -> str:
    """For what a duty is opened, as its number says it."""
    if command.cause is not None:
        return command.cause.ref
    opens_at = command.opens_at.astimezone(rules.zone)
    # A source may be silent twice in a day.
    return f"{command.of}/{opens_at:%Y-%m-%dT%H:%M:%S}" if command.of is not None else opens_at.date().isoformat()


def pledged(command: do.Pledge, id_: UUID, rules: Rules, now: datetime) -> Changes:
    """What an enterprise has pledged, entered by a unit that takes such pledges."""
    duty = rules.duties.get(command.duty)
    if duty is None or duty.schedule.every is not Every.PLEDGED:
        pledges = [rule.id for rule in rules.pack.duties if rule.schedule.every is Every.PLEDGED]
        known = f"it is one of {', '.join(pledges)}" if pledges else "no duty of it is `every: pledged`"
        return Refusal("unknown_duty", f"{command.duty} is nothing that is pledged under {rules.pack.ref}: {known}")
    unit, takers = command.actor.unit, rules.owing(duty)
    if unit not in takers:
        return not_permitted(unit, named("the units that take such pledges", *takers))
    if is_blank(command.of) or is_blank(command.promise):
        return Refusal("blank_name", "a pledge says of whom it is, and what is promised: one of them shows nothing")
    day = now.astimezone(rules.zone).date()
    if command.due_on < day:
        return Refusal("past_date", f"a pledge is for what is to come: {command.due_on.isoformat()} is past")
    rules.calendar.working_seconds(now, lapse_at(duty, now, rules, command.due_on))  # beyond the calendar: refused
    return [
        c.Opened(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{duty.id}/{day.isoformat()}/{str(id_)[:8]}",
            pack=rules.pack.ref,
            duty=duty.id,
            title=command.promise,
            unit=unit,
            opens_at=now,
            of=command.of,
            due_on=command.due_on,
            evidence=command.evidence,
        )
    ]


#: How a pledge ends.
KEPT, BROKEN = "kept", "broken"


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
    if duty.is_pledge and command.outcome not in (KEPT, BROKEN):
        return Refusal("unknown_outcome", f"a pledge is {KEPT} or {BROKEN}, not {command.outcome}")
    if command.outcome == BROKEN and duty.is_pledge:
        return [c.Completed(outcome=BROKEN), c.StruckOff()] if command.reason else missing_reason("a broken pledge")
    if rules.duties[duty.duty].proof and not command.evidence:
        return Refusal("missing_evidence", f"{duty.duty} is submitted with its proof: what is empty is not done")
    return [c.Completed(outcome=command.outcome, evidence=command.evidence), c.StruckOff()]
