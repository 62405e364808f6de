"""From batches of events and ticks to what is published: commands for what is due, notices for what was done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from duban.clock import Clock, DrivenClock
from duban.errors import NotArrived
from duban.messages.commands import Escalate
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, encode
from duban.messages.events import LedgerEvent, Refused
from duban.messages.notices import Tick
from duban.messages.records import AnyRecord
from duban.moves import OPEN
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_escalation.callbacks import OF_ALL, CallbackReport, CallbackSources
from duban_escalation.calls import Call, answers, calls_of
from duban_escalation.contacts import RotaBook
from duban_escalation.domain import START, Armed, Position, armed, escalate, fired_anew
from duban_escalation.heard import HEEDED, Due, DueAfter, OfReports
from duban_escalation.measures import MeasureTaken, measure_taken, notices_for
from duban_escalation.metrics import DELAY, FIRED
from duban_escalation.records import opened_because, told

#: After every deadline.
FAR: Final = datetime.max.replace(tzinfo=UTC)
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class ArmedVersion:
    """What is held of a problem: the newest version taken in, and the deadlines armed with it."""

    version: int
    armed: tuple[Armed, ...]


@dataclass(slots=True)
class Writing:
    """What one batch changes: the newest version of each problem with its deadlines, and the acts.

    ``answered``: records because of which nobody is called any more by events before that version.
    """

    heads: dict[UUID, int] = field(default_factory=dict)
    armed: list[Armed] = field(default_factory=list)
    measures: list[MeasureTaken] = field(default_factory=list)
    reports: list[CallbackReport] = field(default_factory=list)
    closed: list[tuple[UUID, int, datetime]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    answered: dict[UUID, int] = field(default_factory=dict)


class Deadlines(Protocol):
    """The deadlines as handlers and sweep need them; one ``write`` is one transaction."""

    async def write(self, writing: Writing) -> None:
        """Replace the deadlines of each problem whose version is newer than the one held; record measures once.

        A call begins if its event is newer than the version held of its problem, and ends where it is answered.
        """

    async def armed_versions(self, problem_ids: Collection[UUID]) -> Mapping[UUID, ArmedVersion]:
        """What is held of these problems, those that are known."""

    async def callback_reports(self, problem_ids: Collection[UUID]) -> list[CallbackReport]:
        """The reports of these problems whose sources want to hear of them."""

    async def rearm(self, changed: Mapping[UUID, Armed]) -> None:
        """Give deadlines their new command and instant, by the command they have had; one that has changed is left."""

    async def set_right(self, beyond: datetime, partitions: Collection[int]) -> None:
        """Have what was rearmed to fire beyond ``beyond`` fire when it is due."""

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        """The first ``limit`` of ``partitions`` beyond ``after`` that fire at ``until`` or before, in order."""

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        """When the first deadline beyond ``after`` fires."""


class Sweep(Protocol):
    """The sweep as the handler sees it: how far it has looked, what is under way, and that there is something new."""

    @property
    def reach(self) -> datetime:
        """Up to where it has read, or is reading now: what is armed at or before this instant it may have missed."""

    def arms(self, fire_at: datetime) -> None:
        """Something is armed that fires at ``fire_at``: look again by then."""

    def take(self, due: Sequence[Armed], now: datetime) -> list[Armed]:
        """Those of ``due``, armed by a batch, that are not under way already: they are the caller's to send."""

    def note_refused(self, command: UUID) -> None:
        """The router has refused ``command``."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the schedules gave: the commands, and up to when each jurisdiction that was looked at is opened.

    A pack that arrives later was not looked at, so it is not among ``reached``.
    """

    records: list[Record]
    reached: Mapping[str, datetime]


class Opens(Protocol):
    """What opens duties, as the handler of ticks sees it."""

    async def due(self, now: datetime) -> Look:
        """The commands for everything that has opened up to ``now``."""

    async def opened(self, look: Look) -> None:
        """The commands of ``look`` are on the topic."""


class ProblemHandler:
    """Keeps the deadlines as the events say, and fires at once what was armed too late for the sweep to see."""

    def __init__(
        self,
        deadlines: Deadlines,
        library: Library,
        clock: Clock,
        sweep: Sweep,
        callbacks: CallbackSources | None = None,
        rotas: RotaBook | None = None,
    ) -> None:
        self._deadlines = deadlines
        self._library = library
        self._clock = clock
        self._sweep = sweep
        self._callbacks = CallbackSources() if callbacks is None else callbacks
        self._rotas = RotaBook() if rotas is None else rotas

    async def __call__(self, batch: Sequence[Delivery[LedgerEvent | DueAfter | Refused]]) -> list[Record]:
        """Take in ``batch``; the notices that it causes, and the commands of what is due already."""
        writing, notices = Writing(), list[Record]()
        newest: dict[UUID, tuple[AnyRecord | Due, int]] = {}
        refusals: list[tuple[UUID, Refused, datetime]] = []
        for delivery in batch:
            data = delivery.message.data
            if not isinstance(data, Refused):
                notices += self._take(data, writing, delivery.partition)
                held = data.record
                known = newest.get(held.id)
                if known is None or known[0].version < held.version:
                    newest[held.id] = (held, delivery.partition)
            elif data.command_type == Escalate.TYPE:
                told_at = self._clock.instant(delivery.appended_at, delivery.message.time)
                refusals.append((UUID(delivery.message.subject), data, told_at))
        for held, partition in newest.values():
            writing.heads[held.id] = held.version
            writing.armed += armed(held, partition)
        of_reports = [delivery.message.data for delivery in batch if isinstance(delivery.message.data, OfReports)]
        writing.reports = [report for event in of_reports if (report := self._callbacks.filed(event))]
        await self._deadlines.write(writing)
        notices += await self._call_back(of_reports)
        for _, refused, _ in refusals:
            with suppress(ValueError):  # somebody else's id
                self._sweep.note_refused(UUID(refused.command))
        anew = await self._fire_anew(refusals)
        return [*notices, *await self._overdue([*writing.armed, *anew])]

    def _take(self, event: LedgerEvent | DueAfter, writing: Writing, partition: int) -> list[Record]:
        """Note the measure that ``event`` took, and that the problem was closed; what it tells, and what it opens."""
        held = event.record
        if held.status not in OPEN:
            writing.closed.append((held.id, event.event.version, event.event.at))
        if self._rotas.any:
            answered_before = answers(event)
            if answered_before is None:
                writing.answered.pop(held.id, None)
            else:
                writing.answered[held.id] = answered_before
        if isinstance(event, DueAfter) or not isinstance(event.event.change, HEEDED):
            return []
        held = event.record
        rules = self._rules(held.pack)
        writing.measures += filter(None, [measure_taken(event, rules)])
        measured = notices_for(event, rules)
        if self._rotas.any:
            writing.calls += calls_of(event, measured, rules, self._rotas, partition, self._clock.now())
        notices = [*measured, *told(event.event, held, rules)]
        opened = opened_because(event.event, held, rules)
        return [*map(encode, notices), *map(encode, opened)]

    async def _call_back(self, events: Sequence[OfReports]) -> list[Record]:
        """What ``events`` tell the sources of reports; nothing is looked up while no source wants to hear anything."""
        if not self._callbacks.any:
            return []
        of_all = {event.problem.id for event in events if event.event.change.kind in OF_ALL}
        reports = await self._deadlines.callback_reports(of_all) if of_all else ()
        return [
            encode(notice)
            for event in events
            for notice in self._callbacks.called_back(event, reports, self._rules(event.problem.pack))
        ]

    def _rules(self, pack: str) -> Rules:
        rules = self._library.rules(pack)
        if rules is None:
            raise NotArrived(f"the pack {pack} has not arrived on duban.packs.v1, or its calendar has not")
        return rules

    async def _fire_anew(self, refusals: Sequence[tuple[UUID, Refused, datetime]]) -> Collection[Armed]:
        """Rearm what was refused though it still stands, to be sent under a new command id."""
        if not refusals:
            return ()
        versions = await self._deadlines.armed_versions({problem_id for problem_id, _, _ in refusals})
        now = self._clock.now()
        changed: dict[UUID, Armed] = {}
        for problem_id, refused, told_at in refusals:
            held = versions.get(problem_id, ArmedVersion(0, ()))
            for deadline in held.armed:
                again = (
                    fired_anew(deadline, refused, told_at, held.version, now)
                    if str(deadline.command) == refused.command
                    else None
                )
                if again is not None:
                    changed[deadline.command] = again
        await self._deadlines.rearm(changed)
        return changed.values()

    async def _overdue(self, suspects: Sequence[Armed]) -> list[Record]:
        """The commands of those among ``suspects`` that the sweep may have passed and not sent; it learns of the rest.

        Read after the transaction: a sweep that began before it has a reach that is known here, a later one sees it.
        """
        now = self._clock.now()
        until = max(now, self._sweep.reach)
        late = {suspect.problem_id for suspect in suspects if suspect.fire_at <= until}
        self._sweep.arms(min((suspect.fire_at for suspect in suspects if suspect.fire_at > until), default=FAR))
        if not late:
            return []
        held = (await self._deadlines.armed_versions(late)).values()
        overdue = (deadline for each in held for deadline in each.armed if deadline.fire_at <= until)
        due = self._sweep.take(sorted(overdue, key=lambda deadline: deadline.position), now)
        observe(due, now)
        return fire(due, now)


class TickHandler:
    """Moves the driven clock and fires everything that is due by then, before the tick counts as handled."""

    def __init__(
        self, deadlines: Deadlines, opener: Opens, clock: DrivenClock, partitions: Callable[[], Collection[int]]
    ) -> None:
        self._deadlines = deadlines
        self._opener = opener
        self._clock = clock
        self._partitions = partitions
        self._last: tuple[int, Look] | None = None

    async def __call__(self, batch: Sequence[Delivery[Tick]]) -> list[Record]:
        """The commands of what opens and of what is due at each tick of ``batch``."""
        if self._last is not None and batch[0].offset > self._last[0]:
            # A later tick comes only after what the last one gave is published.
            await self._opener.opened(self._last[1])
        records: list[Record] = []
        after = START
        for delivery in batch:
            self._clock.tick(delivery.message.data.at)
            now = self._clock.now()
            while due := await self._deadlines.due(after, now, self._partitions(), _PAGE):
                observe(due, now)
                records += fire(due, now)
                after = due[-1].position
        look = await self._opener.due(self._clock.now())
        self._last = (batch[-1].offset, look)
        return [*records, *look.records]


def fire(due: Sequence[Armed], now: datetime) -> list[Record]:
    """The commands of ``due``, as records."""
    return [encode(escalate(deadline, now)) for deadline in due]


def observe(due: Sequence[Armed], now: datetime) -> None:
    """Measure how late ``due`` is on its way."""
    FIRED.inc(len(due))
    for deadline in due:
        DELAY.observe(max(0.0, (now - deadline.due_at).total_seconds()))
