"""What is owed in a record now, by whom until when, whether its ladder goes on or has come to its end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from duban.deadlines import limit_of, owed
from duban.messages.records import AnyRecord, Deadline
from duban.policy.model.ladder import Obligation
from duban.policy.rules import Rules


class OwedLimit(NamedTuple):
    """The limit of one obligation: its end ``at``, and what is taken next; None at the end of the ladder."""

    obligation: Obligation
    owner: str | None
    at: datetime
    following: Deadline | None


def limits(record: AnyRecord, rules: Rules) -> list[OwedLimit]:
    """Every limit that runs, or has passed while what it was of is still owed; the soonest first."""
    return sorted(_limits(record, rules), key=lambda limit: (limit.at, limit.obligation.id, limit.owner or ""))


def _limits(record: AnyRecord, rules: Rules) -> Iterator[OwedLimit]:
    for owing in owed(record, rules):
        deadline = record.deadline(owing.obligation.id, owing.part)
        # Without a deadline its ladder is climbed to the end, or waits: the limit stands all the same.
        at = deadline.lapse_at if deadline is not None else limit_of(record, owing, rules)
        if at is not None:
            yield OwedLimit(owing.obligation, owing.owner, at, deadline)
