"""Readings of targets: what is asked of one before it stands in the ledger. Pure."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from uuid import UUID

from duban.messages import changes as c
from duban.messages import commands as do
from duban.policy.model.target import Target
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def taken(command: do.TakeReading, id_: UUID, rules: Rules, now: datetime) -> Changes:
    """A reading as it was taken; a correction stands beside it, with the reason."""
    target = rules.targets.get(command.target)
    if target is None:
        known = f"the targets are {', '.join(rules.targets)}" if rules.targets else "it has none"
        return Refusal("unknown_target", f"{rules.pack.ref} has no target {command.target}; {known}")
    refusal = _unfit(command, target, rules, now)
    if refusal is not None:
        return refusal
    if id_ != command.record_id(rules.pack.jurisdiction):
        return Refusal("wrong_id", "the id of a reading follows from its target, unit, day and correction")
    if command.correction and not command.reason:
        return missing_reason("the correction of a reading")
    again = f"/{command.correction}" if command.correction else ""
    return [
        c.ReadingTaken(
            jurisdiction=rules.pack.jurisdiction,
            number=f"{target.id}/{command.unit}/{command.read_on.isoformat()}{again}",
            pack=rules.pack.ref,
            target=target.id,
            title=target.title.native,
            unit=command.unit,
            read_on=command.read_on,
            value=command.value,
            measured_in=target.measured_in,
            source=command.source,
            correction=command.correction,
            evidence=command.evidence,
        )
    ]


def _unfit(command: do.TakeReading, target: Target, rules: Rules, now: datetime) -> Refusal | None:
    """Why nobody reads such a value, on such a day, for such a unit, or why this unit may not enter it."""
    answering = (target.lead, *target.co)
    if command.unit not in answering:
        return Refusal("unknown_unit", f"{command.unit} does not answer for {target.id}: {', '.join(answering)} do")
    if command.actor.unit not in {command.unit, target.lead, rules.pack.office}:
        return not_permitted(
            command.actor.unit, f"{command.unit} itself", f"the lead unit, {target.lead}", "the office"
        )
    if not isfinite(command.value):
        return Refusal("no_number", f"{command.value} is no number that anybody reads")
    if target.measured_in == "%" and not 0 <= command.value <= 100:
        return Refusal("out_of_range", f"{target.id} is measured in %: from 0 to 100, not {command.value:g}")
    today = now.astimezone(rules.zone).date()
    if command.read_on > today:
        return Refusal(
            "future_date", f"{command.read_on.isoformat()} is yet to come: a reading is of today, or of before"
        )
    return None
