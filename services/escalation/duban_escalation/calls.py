"""Calls: whoever of a unit is on call is called because of an urgent problem, until somebody has answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from duban.duties import called_id
from duban.messages.commands import Cause
from duban.messages.contacts import OnCall, RegisteredRota
from duban.messages.envelope import Message, derived_id
from duban.messages.events import LedgerEvent
from duban.messages.notices import Notice
from duban.messages.records import Problem
from duban.messages.struct import replace
from duban.moves import Kind, Status
from duban.policy.model.entry import Text
from duban.policy.model.ladder import MeasureKind
from duban.policy.rules import Rules
from duban_escalation.contacts import RotaBook
from duban_escalation.heard import DueAfter
from duban_escalation.measures import SOURCE, is_urgent, takes, waits

#: What happened where somebody is called again, and where somebody takes over.
CALLED: Final = "called"
HANDED_OVER: Final = "handed_over"
#: So long after its event a call still begins: whoever reads an old history calls nobody out of bed.
_BEGINS_WITHIN: Final = timedelta(hours=12)
_EVERY: Final = 2**31 - 1
_AGAIN: Final = Text(en="Call {count}: nobody has answered yet.\n{text}", zh="【第{count}次呼叫，尚无应答】\n{text}")
_TAKES_OVER: Final = Text(
    en="You are on call for {unit} from {begins} to {ends}. What is called out in that time reaches you at any hour.",
    zh="值班交接：{begins}至{ends}由您代表{unit}值班，期间的紧急呼叫随时发给您。",
)


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody of ``unit`` is called until the record ``record_id`` is answered: the problem by who leads it, a duty.

    ``notice`` is what was told at first, by the event ``version`` of the problem; ``again``: how often since then.
    ``partition`` is where the events of the problem lie, and so which member calls.
    """

    record_id: UUID
    unit: str
    version: int
    partition: int
    again: int
    next_at: datetime
    notice: Message[Notice]

    @property
    def problem_id(self) -> UUID:
        """The problem because of which is called."""
        return self.notice.data.problem_id


def calls_of(
    event: LedgerEvent, notices: list[Message[Notice]], rules: Rules, rotas: RotaBook, partition: int, now: datetime
) -> Iterator[Call]:
    """The calls that begin with ``event``, which tells ``notices``: of units with a rota, by a measure that calls out.

    Who leads the problem answers by acknowledging it; others by the duty that the call opens for them. Who has nothing
    to answer by is told once.
    """
    change, record = event.event.change, event.record
    if not takes(change) or waits(change) or not isinstance(record, Problem) or not is_urgent(record, rules):
        return
    measure = rules.measures[change.measure]
    if measure.kind is not MeasureKind.PAGE or now - event.event.at > _BEGINS_WITHIN:
        return
    cause = Cause(problem_id=record.id, number=record.number, version=event.event.version, pack=record.pack)
    for notice in notices:
        unit = notice.data.recipient
        rota = rotas.of(record.jurisdiction, unit) if notice.key == unit else None
        if rota is None:
            continue
        if unit == record.lead_unit and record.status is Status.DISPATCHED:
            answered_by = record.id
        elif measure.opens in rules.duties and unit in (measure.owed_by or change.to):
            answered_by = called_id(cause, str(measure.opens), unit)
        else:
            continue
        next_at = event.event.at + timedelta(minutes=rota.minutes)
        yield Call(answered_by, unit, event.event.version, partition, 0, next_at, notice)


def answers(event: LedgerEvent | DueAfter) -> int | None:
    """Up to before which version calls are answered by the record of ``event``, as it stands after it; None: by none.

    A call counts by versions of the problem; a duty that one opened answers that one, whatever its own version is.
    """
    if event.problem is not None:
        return event.event.version if event.problem.status is not Status.DISPATCHED else None
    return _EVERY if event.duty is not None and event.duty.status is not Status.UNDERWAY else None


def call_again(call: Call, person: str, chinese: bool) -> Message[Notice]:
    """What ``person`` is told, for nobody has answered; repeated, it is the same notice."""
    again = call.again + 1
    words = (_AGAIN.zh if chinese else None) or _AGAIN.en
    text = words.format(count=again + 1, text=call.notice.data.text)
    data = replace(call.notice.data, event=CALLED, person=person, urgent=True, text=text)
    id_ = str(derived_id("call", call.record_id, call.version, call.unit, again))
    return replace(call.notice, id=id_, data=data, cause=call.notice.id)


def hand_over(rota: RegisteredRota, turn: OnCall, unit: str, now: datetime, chinese: bool) -> Message[Notice]:
    """What whoever takes over is told; told by several members, it is one notice."""
    words = (_TAKES_OVER.zh if chinese else None) or _TAKES_OVER.en
    zone = rota.shown_in
    begins, ends = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (turn.begins, turn.ends))
    id_ = derived_id("hand over", rota.key, turn.person, turn.begins.isoformat(), turn.ends.isoformat())
    data = Notice(
        recipient=rota.unit, kind=Kind.DUTY, event=HANDED_OVER, problem_id=id_, number="ROTA", title=rota.key,
        owner=rota.unit, lapse_at=turn.ends, text=words.format(unit=unit, begins=begins, ends=ends), issued_at=now,
        person=turn.person,
    )  # fmt: skip
    return Message(str(id_), SOURCE, str(id_), now, rota.jurisdiction, rota.unit, data)
