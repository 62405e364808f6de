"""What is waited for, and what it says to the router when it is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from duban.duties import openings
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.events import Refused
from duban.messages.records import Deadline, LedgerRecord
from duban.policy.rules import Rules
from duban_escalation.heard import Due
from duban_escalation.measures import ENGINE, SOURCE

_INSTANT: Final = timedelta(microseconds=1)
_SOONEST_AGAIN: Final = timedelta(milliseconds=1)
#: What is refused as not due is sent again no later than this.
LATEST_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the order in which deadlines fire; no two share one."""

    fire_at: datetime
    problem_id: UUID
    obligation: str
    part: str


#: Before every deadline.
START: Final = Position(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0), "", "")


@dataclass(frozen=True, slots=True)
class Armed:
    """A deadline that is waited for: the one that runs for this obligation of this record.

    ``command`` is the id under which it is sent. ``fire_at`` is ``due_at``, unless the router found that too early by
    its own clock. ``partition`` is where the events of the record lie, and so which member fires it.
    """

    problem_id: UUID
    obligation: str
    part: str | None
    generation: int
    level: int
    due_at: datetime
    fire_at: datetime
    command: UUID
    partition: int
    jurisdiction: str

    @property
    def position(self) -> Position:
        """Its place in the order of firing."""
        return Position(self.fire_at, self.problem_id, self.obligation, self.part or "")


def armed(record: LedgerRecord | Due, partition: int) -> Iterator[Armed]:
    """What must be waited for while ``record`` stands as it does."""
    for deadline in record.deadlines:
        command = derived_id(
            "escalate", record.id, deadline.obligation, deadline.part or "", deadline.generation, deadline.level
        )
        yield Armed(
            record.id, deadline.obligation, deadline.part, deadline.generation, deadline.level, deadline.due_at,
            deadline.due_at, command, partition, record.jurisdiction,
        )  # fmt: skip


def escalate(deadline: Armed, now: datetime) -> Message[do.Escalate]:
    """The command that a deadline sends when it fires; fired again, it is the same command."""
    return fires(deadline, str(deadline.command), str(deadline.problem_id), deadline.jurisdiction, now)


def fires(deadline: Armed | Deadline, id_: str, subject: str, jurisdiction: str, now: datetime) -> Message[do.Escalate]:
    """The same, of any deadline of the record ``subject``, under the id ``id_``."""
    data = do.Escalate(
        actor=ENGINE,
        obligation=deadline.obligation,
        part=deadline.part,
        generation=deadline.generation,
        level=deadline.level,
        due_at=deadline.due_at,
    )
    return Message(id_, SOURCE, subject, now, jurisdiction, subject, data)


def opened_by(rules: Rules, since: datetime | None, now: datetime) -> Iterator[Message[do.Open]]:
    """The commands for the duties that have opened after ``since``.

    With ``since`` None the pack is looked at for the first time: then what opened since it took effect is opened too,
    as far as it has not lapsed already; a policy does not begin with a heap of lapsed duties.
    """
    begins = rules.pack.effective_from
    if since is None and begins is None:
        return
    after = since or datetime.combine(begins or date.max, time(), rules.zone).astimezone(UTC) - _INSTANT
    for opening in openings(rules, after, now):
        if since is not None or opening.lapse_at > now:
            subject = opening.problem_id(rules.pack.jurisdiction)
            data = do.Open(actor=ENGINE, duty=opening.duty, unit=opening.unit, opens_at=opening.opens_at)
            id_ = str(derived_id("open", subject))
            yield Message(id_, SOURCE, subject, now, rules.pack.jurisdiction, subject, data)


def fired_anew(deadline: Armed, refused: Refused, told_at: datetime, version: int, now: datetime) -> Armed | None:
    """``deadline`` as it fires again after the router refused its command; None where the refusal is final.

    ``told_at`` is when the broker was told so. That is later than ``refused.at`` where an id was sent before, while a
    clock was ahead, and the answer of then is given again.

    The router answers a command id once and for all, so what must be decided anew needs a new id. That is so when the
    broker's clock was behind ours (``not_due``), and when the problem came back to the very state that it had left as
    the command arrived (``moved_on``, with ``version``, the newest we know, later than the refusal).
    """
    if refused.code == "not_due":
        behind = min(max(deadline.due_at - told_at, _SOONEST_AGAIN), LATEST_AGAIN)
        return replace(deadline, command=derived_id("again", deadline.command), fire_at=now + behind)
    if refused.code == "moved_on" and version > refused.version:
        fire_at = max(deadline.due_at, now)
        return replace(deadline, command=derived_id("again", deadline.command), fire_at=fire_at)
    return None
