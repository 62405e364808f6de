"""From a batch of commands to what is published: load the states, decide in memory, write once, answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from duban.clock import Clock
from duban.errors import NotArrived, Unavailable
from duban.messages import commands as do
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record, derived_id, encode, record
from duban.messages.events import GENESIS, LedgerEvent, Refused, canonical, chained, event_id, event_json, event_type
from duban.messages.records import AnyRecord
from duban.messages.struct import from_data, to_json
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.cache import Cache
from duban_router.domain.decision import (
    REGISTER,
    Allocating,
    Decided,
    after,
    allocates_from,
    allocation,
    decide,
    pack_of,
)
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Audience, RepliesOwed, Reported, answered
from duban_router.ledger import Conflict, Ledger, Line, Outcome, Register, Standing, Writing
from duban_router.metrics import COMMANDS, DECIDED_ANEW, LATENESS

SOURCE = "duban/router"
_MOST_CONFLICTS = 5

#: Steps in the histories of records, by record and version: each line with the record as it stood after it.
Steps: TypeAlias = "dict[tuple[UUID, int], tuple[Line, AnyRecord]]"


class _Unforeseen(Exception):
    """Commands take from ``registers``, or count what was not asked for: the batch is decided again with these."""

    def __init__(self, registers: Collection[Register] = (), counts: Collection[Count] = ()) -> None:
        super().__init__(registers, counts)
        self.registers, self.counts = registers, counts


class CommandHandler:
    """Decides commands batch by batch. States stay in memory; the ledger's keys tell when they are stale.

    What would give a record of more than ``most_bytes`` is refused: the ledger holds nothing that no topic tells.
    About ``remembered`` bytes of memory hold states.
    """

    def __init__(
        self, ledger: Ledger, library: Library, clock: Clock, most_bytes: int = 2_000_000, remembered: int = 256_000_000
    ) -> None:
        self._ledger = ledger
        self._library = library
        self._clock = clock
        self._most_bytes = most_bytes
        self._cache = Cache(ledger, remembered)

    def forget(self) -> None:
        """Drop every remembered state: the partitions have changed hands."""
        self._cache.forget()

    async def __call__(self, batch: Sequence[Delivery[do.Command]]) -> list[Record]:
        """Decide ``batch`` and give what is to be published, in order."""
        registers: set[Register] = set()
        counts: set[Count] = set()
        conflicts = 0
        while conflicts < _MOST_CONFLICTS:
            attempt = _Attempt(self._ledger, self._library, self._clock, self._cache, self._most_bytes, batch)
            try:
                records = await attempt.take(registers, counts)
            except _Unforeseen as unforeseen:
                registers.update(unforeseen.registers)
                counts.update(unforeseen.counts)
            except Conflict:
                conflicts += 1
                self._cache.forget_standings(attempt.ids)
            else:
                attempt.measure(self._clock)
                return records
            DECIDED_ANEW.inc()
        raise Unavailable("the ledger kept changing under this batch")


class _Request(Struct, frozen=True, gc=False):
    """A command as a batch brings it: what it names (None: no record), what it is itself by, and when it counts."""

    message: Message[do.Command]
    problem_id: UUID | None
    key: UUID
    at: datetime


class _Attempt:
    """One attempt at one batch."""

    def __init__(
        self, ledger: Ledger, library: Library, clock: Clock, cache: Cache, most_bytes: int,
        batch: Sequence[Delivery[do.Command]],
    ) -> None:  # fmt: skip
        self._ledger, self._library, self._cache = ledger, library, cache
        self._most_bytes = most_bytes
        self._requests = [
            _Request(message, _problem_id(message), _key(message), clock.instant(delivery.appended_at, message.time))
            for delivery in batch
            for message in (delivery.message,)
        ]
        self._fresh: dict[UUID, list[Record]] = {}
        self._writing = Writing()
        self._allocated: dict[Register, int] = {}
        self._replies_owed = RepliesOwed()
        self._precedents: dict[Count, list[Precedent]] = {}
        self._uncounted: set[Count] = set()
        self._refused = 0
        self._fired: list[tuple[datetime, UUID]] = []

    @property
    def ids(self) -> set[UUID]:
        """The records that the batch names."""
        return {request.problem_id for request in self._requests if request.problem_id is not None}

    async def take(self, registers: Collection[Register], counts: Collection[Count]) -> list[Record]:
        """Decide the batch, which may take from ``registers`` besides those that it seems to take from, and counts."""
        await self._cache.recall(self.ids)
        reports = list(self._answered())
        audiences = await self._audiences() if reports else {}
        async with self._ledger.transaction({*registers, *self._foreseen()}, counts) as transaction:
            self._allocated |= transaction.allocated
            # Asked before anything is decided: one command that comes again would roll its whole batch back.
            decided = await transaction.outcomes([request.key for request in self._requests])
            if reports:
                self._replies_owed = RepliesOwed(await transaction.unanswered(reports), audiences)
            if counts:
                self._precedents = {count: [] for count in counts}
                self._count(await transaction.precedents())
            for request in self._requests:
                if request.key not in decided and request.key not in self._fresh:
                    self._fresh[request.key] = self._decide(request)
            if self._uncounted:
                raise _Unforeseen(counts=self._uncounted)
            if self._fresh:
                await transaction.write(self._writing)
        self._cache.add(self._writing)
        steps = await self._steps_again(decided.values())
        records: list[Record] = []
        for request in self._requests:
            fresh = self._fresh.get(request.key)
            records += _again(request.message, decided[request.key], steps) if fresh is None else fresh
        return records

    def measure(self, clock: Clock) -> None:
        """Count what became of the batch, and how late its deadlines were."""
        COMMANDS.labels("carried_out").inc(len(self._fresh) - self._refused)
        COMMANDS.labels("refused").inc(self._refused)
        COMMANDS.labels("repeated").inc(len(self._requests) - len(self._fresh))
        if self._fired:
            now = clock.now()
            for due_at, problem_id in self._fired:
                LATENESS.observe(max(0.0, (now - due_at).total_seconds()), {"trace_id": problem_id.hex})

    async def _audiences(self) -> dict[UUID, Audience]:
        """All reports of the problems in which the batch gives a reply of the pack, with what each was told."""
        ids = {
            request.problem_id
            for request in self._requests
            if request.problem_id is not None
            and isinstance(request.message.data, do.Reply)
            and request.message.data.reply is not None
        }
        standings = {id_: standing for id_ in ids if (standing := self._cache.standing(id_)) is not None}
        histories = await self._ledger.histories({id_: known.record.version for id_, known in standings.items()})
        return {id_: Audience(line.event for line in histories.get(id_, ())) for id_ in ids}

    def _answered(self) -> Iterator[Reported]:
        """The reports to which the batch replies."""
        for request in self._requests:
            if request.problem_id is not None and (reported := answered(request.problem_id, request.message.data)):
                yield reported

    def _count(self, precedents: Iterable[Precedent]) -> None:
        for precedent in precedents:
            self._precedents[precedent.under].append(precedent)

    def _counting(self, count: Count) -> Sequence[Precedent]:
        """What counts already; where it was not asked for, all that is decided here is decided again once it was."""
        known = self._precedents.get(count)
        if known is None:
            self._uncounted.add(count)
            return ()
        return known

    def _foreseen(self) -> Iterator[Register]:
        """The registers that the batch takes from, as far as that shows before it is decided."""
        for request in self._requests:
            command = request.message.data
            if request.problem_id is not None and isinstance(command, Allocating):
                standing = self._cache.standing(request.problem_id)
                rules = self._known_rules(request, standing)
                register = _register(standing, request, rules) if rules else None
                if register is not None:
                    yield register

    def _decide(self, request: _Request) -> list[Record]:
        message, problem_id = request.message, request.problem_id
        if problem_id is None:
            return self._refuse(request, None, Refusal("no_problem_id", f"{message.subject} is no problem id"))
        if message.key != message.subject:
            misplaced = Refusal("wrong_key", "the Kafka key of a command is its problem id, or the order is lost")
            return self._refuse(request, None, misplaced)
        standing = self._writing.standings.get(problem_id) or self._cache.standing(problem_id)
        rules = self._rules(request, standing)
        if rules is None:
            missing = Refusal("unknown_jurisdiction", f"no pack is published for {message.jurisdiction or 'nowhere'}")
            return self._refuse(request, standing, missing)
        register = _register(standing, request, rules)
        if register is not None and register not in self._allocated:
            raise _Unforeseen((register,))
        allocated = self._allocated[register] if register else 0
        addressee = self._replies_owed.addressee(problem_id, message.data)
        outcome = decide(
            standing.record if standing else None, message, rules, request.at, allocated, addressee, self._counting
        )  # fmt: skip
        if isinstance(outcome, Refusal):
            return self._refuse(request, standing, outcome)
        lines, records, state = self._told(message, standing, outcome)
        if any(record.size > self._most_bytes for record in records):
            why = f"what it leads to is larger than the {self._most_bytes} bytes that a record may have: say less in it"
            return self._refuse(request, standing, Refusal("too_large", why))
        if register:
            self._allocated[register] = self._writing.allocated[register] = allocated + allocation(message.data)
        self._writing.lines += lines
        self._note_replies(lines)
        if outcome.precedents and not self._uncounted:
            self._count(outcome.precedents)
            self._writing.precedents += outcome.precedents
        if isinstance(message.data, do.Escalate):
            self._fired.append((message.data.due_at, problem_id))
        latest, versions = outcome.record, range(lines[0].event.version, lines[-1].event.version + 1)
        self._writing.standings[problem_id] = Standing(latest, state, lines[-1].hash)
        self._writing.outcomes.append(Outcome(request.key, message.id, latest.id, versions))
        return records

    def _known_rules(self, request: _Request, standing: Standing | None) -> Rules | None:
        """The rules under which a command is decided, as far as they are here."""
        ref = pack_of(standing.record if standing else None, request.message.data)
        return self._library.rules(ref) if ref else self._library.current(request.message.jurisdiction, request.at)

    def _rules(self, request: _Request, standing: Standing | None) -> Rules | None:
        """The same; None where no pack of the jurisdiction is published.

        Raises:
            NotArrived: what the command rests on has been published somewhere, and is not here yet.
        """
        rules, data = self._known_rules(request, standing), request.message.data
        if rules is None:
            ref = pack_of(standing.record if standing else None, data)
            if ref is not None:
                raise NotArrived(f"the pack {ref} has not arrived on duban.packs.v1")
            return None
        notice = rules.calendar.notice
        if isinstance(data, do.Recompute) and data.calendar == notice.id and data.version > notice.version:
            raise NotArrived(f"version {data.version} of the calendar {notice.id} has not arrived on duban.packs.v1")
        return rules

    def _note_replies(self, lines: Sequence[Line]) -> None:
        """Which reports wait for a reply after ``lines``, and which do no more; what came and went was never there."""
        waiting = self._writing.unanswered
        for line in lines:
            turn = self._replies_owed.take(line.event)
            if turn is not None and (turn[1] or waiting.pop(turn[0], None) is None):
                waiting[turn[0]] = turn[1]

    @staticmethod
    def _told(
        message: Message[do.Command], standing: Standing | None, done: Decided
    ) -> tuple[list[Line], list[Record], bytes]:
        """The lines of the history that ``done`` adds, the records that tell of them, and the last state as JSON."""
        head = standing.head if standing else GENESIS
        lines, records, state = [], [], b""
        for event, after_it in done.steps:
            body = canonical(event)
            head = chained(head, body)
            line = Line(event, body, head)
            lines.append(line)
            state = to_json(after_it)
            records.append(_record(message, line, after_it, state))
        return lines, records, state

    def _refuse(self, request: _Request, standing: Standing | None, why: Refusal) -> list[Record]:
        message, command = request.message, request.message.data
        self._refused += 1
        if standing and standing.record.id not in self._writing.standings:
            self._writing.rests_on[standing.record.id] = standing.record.version
        refused = Refused(
            command=message.id,
            command_type=command.TYPE,
            actor=command.actor,
            at=request.at,
            code=why.code,
            reason=why.reason,
            status=standing.record.status if standing else None,
            version=standing.record.version if standing else 0,
            filed=command.filed if isinstance(command, do.Register | do.Attach) else None,
        )
        problem_id = request.problem_id or derived_id("no problem", message.subject)
        self._writing.outcomes.append(Outcome(request.key, message.id, problem_id, range(0), refused))
        return [_answer(message, refused)]

    async def _steps_again(self, decided: Iterable[Outcome]) -> Steps:
        """The steps that commands which come again took, by record and version, folded anew from the histories."""
        carried_out = [outcome for outcome in decided if outcome.refused is None]
        if not carried_out:
            return {}
        until: dict[UUID, int] = {}
        for outcome in carried_out:
            until[outcome.problem_id] = max(until.get(outcome.problem_id, 0), outcome.versions[-1])
        histories = await self._ledger.histories(until)
        return {(line.event.problem_id, line.event.version): (line, held) for line, held in self._folded(histories)}

    def _folded(self, histories: Mapping[UUID, Sequence[Line]]) -> Iterator[tuple[Line, AnyRecord]]:
        """Each line with the record as it stood after it."""
        for lines in histories.values():
            held: AnyRecord | None = None
            for line in lines:
                rules = self._library.rules(held.pack if held else line.event.change.pack)  # type: ignore[union-attr]
                if rules is None:
                    raise NotArrived("the pack of this record has not arrived on duban.packs.v1")
                held = after(held, line.event, rules)
                yield line, held


def _again(message: Message[do.Command], outcome: Outcome, steps: Steps) -> list[Record]:
    """The same records as when the command was decided."""
    if outcome.refused is not None:
        return [_answer(message, outcome.refused)]
    retold = (steps[outcome.problem_id, version] for version in outcome.versions)
    return [_record(message, line, held, to_json(held)) for line, held in retold]


def _register(standing: Standing | None, request: _Request, rules: Rules) -> Register | None:
    """What a command takes from, of its year; a budget of a jurisdiction stands beside its register of numbers."""
    name = allocates_from(standing.record if standing else None, request.message.data, rules)
    if name is None:
        return None
    jurisdiction, year = rules.pack.jurisdiction, request.at.astimezone(rules.zone).year
    return (jurisdiction if name == REGISTER else f"{jurisdiction}/budget/{name}", year)


def _problem_id(message: Message[do.Command]) -> UUID | None:
    try:
        return from_data(message.subject, UUID)
    except msgspec.ValidationError:
        return _written_otherwise(message.subject)


def _written_otherwise(subject: str) -> UUID | None:
    """The id in ``subject`` in one of the other ways to write one: in braces, as a URN."""
    try:
        return UUID(subject)
    except ValueError:
        return None


def _key(message: Message[do.Command]) -> UUID:
    """A command is itself by its source and its id, as CloudEvents say."""
    return derived_id(message.source, message.id)


def _record(message: Message[do.Command], line: Line, held: AnyRecord, state: bytes) -> Record:
    """The :class:`LedgerEvent` of ``line``, put together from JSON that is there already."""
    event = line.event
    return record(
        LedgerEvent.TOPIC,
        event_type(held.kind, event.change.kind),
        event_json(line.body, line.hash, held.kind, state),
        id_=event_id(event.problem_id, event.version),
        source=SOURCE,
        subject=message.subject,
        time=event.at,
        jurisdiction=held.jurisdiction,
        key=message.subject,
        cause=message.id,
    )


def _answer(message: Message[do.Command], refused: Refused) -> Record:
    id_, subject = str(derived_id("refused", _key(message))), message.subject
    return encode(Message(id_, SOURCE, subject, refused.at, message.jurisdiction, subject, refused, cause=message.id))
