"""A city on virtual time: intake, router and escalation as plain functions, and a heap of what falls due. Pure.

The clock moves to each thing that people do. What falls due before it lapses first, each deadline at its very instant;
what is done at the instant of a deadline still meets it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol
from uuid import UUID

from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.problem import Deadline, Event, Problem
from duban.messages.report import Report
from duban.moves import OPEN
from duban.policy import PublishedCalendar, Rules
from duban.policy.library import Library
from duban_escalation.domain import Armed, escalate
from duban_escalation.records import opened_because
from duban_intake.domain import (
    Arrival,
    Neighbourhood,
    Receipt,
    Refusal,
    command,
    other_body,
    own_problem,
    place_of,
    search,
    take,
)
from duban_intake.nearness import Place
from duban_router.domain.decision import Decided, decide, draws, draws_on
from duban_router.domain.decision import Refusal as RouterRefusal


class Witness(Protocol):
    """Who is told of everything that happens, in the order in which it does."""

    def happened(self, before: Problem | None, event: Event, problem: Problem) -> None:
        """An event led from ``before`` to ``problem``."""

    def repeats(self, arrival: Arrival) -> None:
        """A report came again, and changes nothing."""

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A report was refused."""

    def refused(self, wanted: Message[do.Command], why: RouterRefusal) -> None:
        """A command was not carried out."""


class Engine:
    """The problems of one city under one pack, and what is awaited for each of them.

    ``problems`` are all that were registered, as they stand; ``receipts`` what became of each report.
    """

    def __init__(self, rules: Rules, witnesses: Sequence[Witness] = ()) -> None:
        self.rules = rules
        self.problems: dict[UUID, Problem] = {}
        self.receipts: dict[UUID, Receipt] = {}
        self._witnesses = tuple(witnesses)
        self._library = Library()
        self._library.add(rules.pack)
        self._library.add(PublishedCalendar(notice=rules.calendar.notice))
        self._places = _Places()
        self._drawn: Counter[tuple[str, int]] = Counter()
        self._opens = any(measure.opens for measure in rules.pack.measures)
        self._awaited: list[tuple[datetime, int, str, int, UUID, Deadline]] = []
        self._turn = count()

    def submit(self, message: Message[Report]) -> Receipt | Refusal:
        """Take a report as intake does, once by its source and id: refused, attached or registered."""
        arrival = Arrival.of(message, message.time)
        self.run(arrival.at)
        first = self.receipts.get(arrival.key)
        if first is not None and (why := other_body(arrival, first)) is not None:
            return self._turn_away(arrival, why)
        if first is not None and first.final:
            for witness in self._witnesses:
                witness.repeats(arrival)
            return first
        around = Neighbourhood(self._places.near(arrival, self._library))
        receipt = self.receipts[arrival.key] = take(arrival, self._library, around)
        self._places.put(around.changed.values())
        follows = command(receipt, arrival.report)
        if follows is None:
            return self._turn_away(arrival, Refusal(receipt.code or "", receipt.reason or ""))
        self.send(follows)
        return receipt

    def _turn_away(self, arrival: Arrival, why: Refusal) -> Refusal:
        for witness in self._witnesses:
            witness.turned_away(arrival, why)
        return why

    def send(self, message: Message[do.Command]) -> Decided | RouterRefusal:
        """Have a command decided at its own instant; whatever falls due before that lapses first.

        A report that can no longer be attached opens a problem of its own, as intake sees to.
        """
        self.run(message.time)
        done = self._decide(UUID(message.subject), message)
        if isinstance(done, RouterRefusal) and isinstance(message.data, do.Attach):
            filed = message.data.filed
            own = own_problem(filed.source, filed.id)
            register = do.Register(actor=message.data.actor, filed=filed)
            return self._decide(own, replace(message, subject=str(own), key=str(own), data=register))
        return done

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
        due_at, _, obligation, _, problem_id, deadline = heappop(self._awaited)
        problem = self.problems[problem_id]
        for one in problem.deadlines:
            if one is deadline:
                break
        else:
            return  # it was met, or is awaited anew: the state holds another one by now
        fires = Armed(
            problem_id, obligation, deadline.generation, deadline.level, due_at, due_at, problem_id, 0,
            problem.jurisdiction,
        )  # fmt: skip
        done = self._decide(problem_id, escalate(fires, due_at))
        assert isinstance(done, Decided), f"{obligation} of {problem.number} is due and was refused: {done.reason}"

    def _decide(self, problem_id: UUID, message: Message[do.Command]) -> Decided | RouterRefusal:
        before = self.problems.get(problem_id)
        name = draws_on(before, message.data, self.rules)
        register = (name, message.time.astimezone(self.rules.zone).year) if name else None
        drawn = self._drawn[register] if register else 0
        done = decide(before, message, self.rules, message.time, drawn)
        if isinstance(done, RouterRefusal):
            for witness in self._witnesses:
                witness.refused(message, done)
            return done
        if register:
            self._drawn[register] = drawn + draws(message.data)
        self._take(before, done)
        return done

    def _take(self, before: Problem | None, done: Decided) -> None:
        last = before
        for event, problem in done.steps:
            for witness in self._witnesses:
                witness.happened(last, event, problem)
            last = problem
        assert last is not None
        self.problems[last.id] = last
        self._await(before, last, done.steps[-1][0].at)
        if before is not None and (before.status in OPEN) != (last.status in OPEN):
            self._places.moved(last, self.rules)
        for event, problem in done.steps if self._opens else ():
            for message in opened_because(event, problem, self.rules):
                self._decide(UUID(message.subject), message)

    def _await(self, before: Problem | None, problem: Problem, now: datetime) -> None:
        """Wait for what is newly due; what is overdue already when its clock begins falls due at once, not before."""
        known = before.deadlines if before else ()
        for one in problem.deadlines:
            if not any(one is other for other in known):
                entry = (max(one.due_at, now), problem.id.int, one.obligation, next(self._turn), problem.id, one)
                heappush(self._awaited, entry)


#: Events after which a report may be attached to the problem.
_REPORTED: Final = ("registered", "reported", "attached")


class _Places:
    """Where open problems lie: what intake keeps in its table, by cell and by problem."""

    def __init__(self) -> None:
        self._cells: dict[int, dict[UUID, Place]] = {}
        self._cell_of: dict[UUID, int] = {}

    def near(self, arrival: Arrival, library: Library) -> Iterable[Place]:
        """The places that a report may repeat."""
        cells, since_at = search((arrival,), library)
        found = (place for cell in cells if cell in self._cells for place in self._cells[cell].values())
        return [place for place in found if place.latest_at >= since_at]

    def put(self, places: Iterable[Place]) -> None:
        for place in places:
            self._cells.setdefault(place.cell, {})[place.problem_id] = place
            self._cell_of[place.problem_id] = place.cell

    def moved(self, problem: Problem, rules: Rules) -> None:
        """A problem was closed and takes no more reports, or was opened again and does."""
        if problem.status in OPEN:
            latest_at = max(problem.marks[kind].at for kind in _REPORTED if kind in problem.marks)
            place = place_of(problem.id, problem, latest_at, rules)
            self.put([place] if place else [])
        elif (cell := self._cell_of.pop(problem.id, None)) is not None:
            del self._cells[cell][problem.id]
            if not self._cells[cell]:
                del self._cells[cell]
