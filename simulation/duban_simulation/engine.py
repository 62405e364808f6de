"""A city on virtual time: intake's handlers over its store in memory, router and escalation as plain functions. Pure.

The clock moves to each thing that people do. What falls due before it lapses first, each deadline at its very instant;
what is done at the instant of a deadline still meets it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, TypeVar
from uuid import UUID

from msgspec import convert

from duban.clock import DrivenClock
from duban.messages import commands as do
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Payload
from duban.messages.events import Refused
from duban.messages.records import AnyRecord, Deadline, Event, Problem
from duban.messages.report import Report
from duban.moves import TURNS
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban.policy.library import Library
from duban.refusal import Refusal
from duban_escalation.domain import fires
from duban_escalation.records import opened_because
from duban_intake.domain import ACTOR, Arrival, Receipt, own_problem
from duban_intake.domain import SOURCE as INTAKE
from duban_intake.handlers import AnswerHandler, ReportHandler
from duban_intake.heard import Turned, TurnedProblem
from duban_intake.memory import MemoryStore
from duban_intake.report_seal import Discarding
from duban_router.domain.decision import Decided, allocates_from, allocation, decide, pack_of
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import NOBODY, Audience, RepliesOwed

T = TypeVar("T")


class Witness(Protocol):
    """Who is told of everything that happens, in the order in which it does."""

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """An event led from ``before`` to ``record``."""

    def repeats(self, arrival: Arrival) -> None:
        """A report came again, and changes nothing."""

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A report was refused."""

    def refused(self, message: Message[do.Command], why: Refusal) -> None:
        """A command was not carried out."""


class Engine:
    """The records of one city, and what is awaited for each of them.

    ``rules`` are those of the pack it begins with; ``records`` are all that have begun, as they stand;
    ``receipts`` what became of each report.
    """

    def __init__(self, rules: Rules, witnesses: Sequence[Witness] = ()) -> None:
        self.rules = rules
        self.records: dict[UUID, AnyRecord] = {}
        self._witnesses = tuple(witnesses)
        self._library = Library()
        self._opens = False
        self.publish(rules.pack)
        self.publish(PublishedCalendar(notice=rules.calendar.notice))
        self._intake = MemoryStore()
        self._reports = ReportHandler(self._intake, self._library, DrivenClock(), sealer=Discarding())
        self._answers = AnswerHandler(self._intake, self._library)
        self._refusals: dict[str, Refusal] = {}
        self._allocated: Counter[tuple[str, int]] = Counter()
        self._audiences: dict[UUID, Audience] = {}
        self._replies_owed = RepliesOwed(audiences=self._audiences)
        self._precedents: defaultdict[Count, list[Precedent]] = defaultdict(list)
        self._awaited: list[tuple[datetime, int, tuple[str, str], int, UUID, Deadline]] = []
        self._turn = count()

    @property
    def receipts(self) -> dict[UUID, Receipt]:
        """The receipt of each report, by the key of its :class:`Arrival`."""
        return self._intake.receipts

    def publish(self, published: PolicyPack | PublishedCalendar) -> None:
        """Another edition of the pack, or of its calendar: what begins while it holds begins under it."""
        self._library.add(published)
        if isinstance(published, PolicyPack):
            self._opens = self._opens or any(measure.opens for measure in published.measures)

    def submit(self, message: Message[Report]) -> Receipt | Refusal:
        """Have intake take a report: refused, attached, registered, or known from before."""
        self.run(message.time)
        key = own_problem(message.source, message.id)
        first = self.receipts.get(key)
        (answer,) = at_once(self._reports.decide([_delivered(message)]))
        if isinstance(answer, SetAside):
            why = Refusal(answer.code, answer.reason)
            for witness in self._witnesses:
                witness.turned_away(Arrival.of(message, message.time), why)
            return why
        if first is not None and first.final:
            for witness in self._witnesses:
                witness.repeats(Arrival.of(message, message.time))
        else:
            self.send(answer)
        return self.receipts[key]

    def send(self, message: Message[do.Command]) -> Decided | Refusal:
        """Have a command decided at its own instant; whatever falls due before that lapses first.

        Where intake finds another way for what was refused, the answer is what came of that.
        """
        self.run(message.time)
        done = self._decide(self._standing(message), message)
        if isinstance(done, Refusal) and message.data.actor == ACTOR:
            for again in self._rerouted(message, done):
                done = self._decide(self._standing(again), again)
        return done

    def _rerouted(self, message: Message[do.Command], why: Refusal) -> Sequence[Message[do.Command]]:
        """What intake sends instead of a command that the router refused."""
        data = message.data
        if not isinstance(data, do.Register | do.Attach):
            return ()
        refused = Refused(
            command=message.id, command_type=data.TYPE, actor=data.actor, at=message.time, code=why.code,
            reason=why.reason, filed=data.filed,
        )  # fmt: skip
        return at_once(self._answers.decide([_answered(message, refused)]))

    def run(self, to: datetime) -> None:
        """Let time pass up to ``to``; what falls due at that very instant may still be met."""
        awaited = self._awaited
        while awaited and awaited[0][0] < to:
            self._fire()

    def finish(self, until: datetime) -> None:
        """Let time pass, that instant included: what is still unmet then has lapsed."""
        awaited = self._awaited
        while awaited and awaited[0][0] <= until:
            self._fire()

    @property
    def next_due_at(self) -> datetime | None:
        """When something may fall due next; None while nothing is awaited."""
        return self._awaited[0][0] if self._awaited else None

    def _fire(self) -> None:
        due_at, _, _, _, id_, deadline = heappop(self._awaited)
        record = self.records[id_]
        for armed in record.deadlines:
            if armed is deadline:
                break
        else:
            return  # it was met, or is awaited anew: the state holds another one by now
        subject = str(id_)
        done = self._decide(record, fires(deadline, subject, subject, record.jurisdiction, due_at))
        assert isinstance(done, Decided), f"{deadline.obligation} of {record.number} was refused: {done.reason}"

    def _standing(self, message: Message[do.Command]) -> AnyRecord | None:
        return self.records.get(UUID(message.subject))

    def _decide(self, before: AnyRecord | None, message: Message[do.Command]) -> Decided | Refusal:
        rules = self._rules(message, before)
        name = allocates_from(before, message.data, rules)
        register = (name, message.time.astimezone(rules.zone).year) if name else None
        allocated = self._allocated[register] if register else 0
        addressee = self._replies_owed.addressee(before.id, message.data) if before is not None else NOBODY
        done = self._refusals.get(message.id) or decide(
            before, message, rules, message.time, allocated, addressee, self._counted
        )  # fmt: skip
        if isinstance(done, Refusal):
            if message.source == INTAKE:  # the same report gives the same command, which is answered once and for all
                self._refusals[message.id] = done
            for witness in self._witnesses:
                witness.refused(message, done)
            return done
        if register:
            self._allocated[register] = allocated + allocation(message.data)
        self._take(before, done, message, rules)
        return done

    def _counted(self, count: Count) -> Sequence[Precedent]:
        return self._precedents.get(count, ())

    def _rules(self, message: Message[do.Command], record: AnyRecord | None) -> Rules:
        """Those that the record began under, or begins under now; those of the city where no such pack is here."""
        ref = pack_of(record, message.data)
        if ref is None:
            return self._library.current(message.jurisdiction, message.time) or self.rules
        return self._library.rules(ref) or self.rules

    def _take(self, before: AnyRecord | None, done: Decided, message: Message[do.Command], rules: Rules) -> None:
        last = before
        for precedent in done.precedents:
            self._precedents[precedent.under].append(precedent)
        if before is None and rules.replies:
            self._audiences[done.record.id] = Audience()
        for event, record in done.steps:
            for witness in self._witnesses:
                witness.happened(last, event, record)
            self._replies_owed.take(event)
            last = record
        assert last is not None
        self.records[last.id] = last
        self._await(before, last, done.steps[-1][0].at)
        turns = [
            Turned(problem=convert(record, TurnedProblem, from_attributes=True))
            for event, record in done.steps
            if isinstance(record, Problem) and event.change.kind in TURNS
        ]
        if turns:
            at_once(self._answers.decide([_answered(message, turn) for turn in turns]))
        for event, record in done.steps if self._opens else ():
            for opens in opened_because(event, record, rules):
                self._decide(self._standing(opens), opens)

    def _await(self, before: AnyRecord | None, record: AnyRecord, now: datetime) -> None:
        """Wait for what is newly due; what is overdue already when its clock begins falls due at once, not before."""
        known = {id(deadline) for deadline in before.deadlines} if before else ()
        for deadline in record.deadlines:
            if id(deadline) not in known:
                order = (max(deadline.due_at, now), record.id.int, (deadline.obligation, deadline.part or ""))
                entry = (*order, next(self._turn), record.id, deadline)
                heappush(self._awaited, entry)


def _delivered(message: Message[Report]) -> Delivery[Report]:
    return Delivery(message, Report.TOPIC, 0, 0, message.time)


def _answered(message: Message[Any], data: Refused | Turned) -> Delivery[Payload]:
    answer = Message(message.id, "duban/router", message.subject, message.time, message.jurisdiction, message.key, data)
    return Delivery(answer, data.TOPIC, 0, 0, message.time)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: stores in memory answer at once."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise AssertionError("the handler waited for something")
