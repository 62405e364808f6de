"""The services in memory: their own handlers, each behind its topic, on a clock that stands still between two calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from duban.clock import DrivenClock
from duban.messages import commands as do
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Record, decode, encode
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.messages.records import AnyRecord
from duban.messages.report import Report
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban.policy.library import Library
from duban_escalation.domain import START, Armed
from duban_escalation.handlers import ProblemHandler, fire
from duban_escalation.memory import MemoryDeadlines
from duban_intake.domain import Receipt
from duban_intake.handlers import ANSWERS, AnswerHandler, ReportHandler
from duban_intake.memory import MemoryStore
from duban_router.handlers import CommandHandler
from duban_router.memory import MemoryLedger
from duban_simulation.engine import at_once

_PARTITION = 0


class Services:
    """What is sent goes from topic to topic until nothing is left to do; ``records`` are as last published.

    ``dead`` are the codes of what went to the dead letters, ``refused`` those of the commands refused.
    """

    #: The sweep comes only between two calls: nothing is missed before.
    reach = START.fire_at

    def __init__(self, rules: Rules) -> None:
        self.records: dict[UUID, AnyRecord] = {}
        self.dead: list[str] = []
        self.refused: list[str] = []
        self._library, self._clock = Library(), DrivenClock()
        self.publish(rules.pack)
        self.publish(PublishedCalendar(notice=rules.calendar.notice))
        self._store, self._deadlines = MemoryStore(), MemoryDeadlines()
        self._reports = ReportHandler(self._store, self._library, self._clock)
        self._answers = AnswerHandler(self._store, self._library)
        self._router = CommandHandler(MemoryLedger(), self._library, self._clock)
        self._escalation = ProblemHandler(self._deadlines, self._library, self._clock, self)

    @property
    def receipts(self) -> dict[UUID, Receipt]:
        """The receipt of each report."""
        return self._store.receipts

    def publish(self, published: PolicyPack | PublishedCalendar) -> None:
        """A pack or a calendar reaches every service."""
        self._library.add(published)

    def submit(self, message: Message[Report]) -> None:
        """A producer sends a report."""
        self.run(message.time)
        delivery = Delivery(message, Report.TOPIC, _PARTITION, 0, self._clock.now())
        self._settle(self._take(at_once(self._reports([delivery]))))

    def send(self, message: Message[do.Command]) -> None:
        """Somebody sends a command."""
        self.run(message.time)
        self._settle([encode(message)])

    def run(self, to: datetime) -> None:
        """Let time pass up to ``to``; what falls due at that very instant may still be met."""
        while (next_at := at_once(self._deadlines.next_at(START, [_PARTITION]))) is not None and next_at < to:
            self._fire(next_at)
        self._clock.tick(to)

    def finish(self, until: datetime) -> None:
        """Let time pass, that instant included."""
        self.run(until)
        self._fire(until)

    def arms(self, fire_at: datetime) -> None:
        """Nothing sleeps."""

    def take(self, due: Sequence[Armed], now: datetime) -> list[Armed]:
        """Every answer comes within the call, so nothing is under way."""
        return list(due)

    def note_refused(self, command: UUID) -> None:
        """Nothing was under way."""

    def _fire(self, at: datetime) -> None:
        self._clock.tick(at)
        while due := at_once(self._deadlines.due(START, at, [_PARTITION], 1)):
            self._settle(fire(due, at))

    def _settle(self, records: Iterable[Record]) -> None:
        waiting = deque(records)
        while waiting:
            record = waiting.popleft()
            if record.topic == do.Register.TOPIC:
                waiting += at_once(self._router([self._read(record, do.COMMANDS)]))
            elif record.topic == LedgerEvent.TOPIC:
                heard = self._read(record, PROBLEMS)
                self._note(heard.message.data)
                waiting += at_once(self._escalation([heard]))
                waiting += at_once(self._answers([self._read(record, ANSWERS)]))

    def _note(self, data: LedgerEvent | Refused) -> None:
        if isinstance(data, LedgerEvent):
            self.records[data.record.id] = data.record
        else:
            self.refused.append(data.code)

    def _take(self, answers: Iterable[Record | SetAside]) -> list[Record]:
        found = []
        for one in answers:
            if isinstance(one, SetAside):
                self.dead.append(one.code)
            else:
                found.append(one)
        return found

    def _read(self, record: Record, types: Any) -> Delivery[Any]:
        message = decode(record.key, record.value, record.headers, types)
        return Delivery(message, record.topic, _PARTITION, 0, self._clock.now())
