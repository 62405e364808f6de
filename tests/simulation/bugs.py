"""Bugs that the simulation must find: each a small fault in our own code, as it was once or as somebody might make it.

``laws`` are those that may notice it; the first to do so depends on the way that is taken. ``seed`` is one that needs
few ways to find it (``python -m tests.simulation.walk --planted`` looks for it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

import pytest
from aiokafka.consumer import fetcher
from asyncpg.exceptions import InternalClientError

from duban.io import availability
from duban.io.consumer import Runner, _Arrivals
from duban.io.isolation import Culprit, Isolation
from duban.io.lenient_records import LenientPartitionRecords
from duban.io.publisher import Publisher
from duban.io.tail import Tail
from duban.messages.envelope import derived_id
from duban.messages.events import Refused
from duban.refusal import Refusal
from duban_escalation.domain import Armed, armed, fired_anew
from duban_escalation.duty_schedule import Opener
from duban_escalation.handlers import Look
from duban_escalation.handlers import Writing as Deadlines
from duban_escalation.memory import MemoryDeadlines
from duban_escalation.sweep import Sweeper
from duban_intake.memory import MemoryTransaction
from duban_router.domain import ladder
from duban_router.domain.precedents import Count
from duban_router.handlers import CommandHandler
from duban_router.ledger import Register, Writing
from duban_router.memory import MemoryLedger
from duban_router.memory import MemoryTransaction as LedgerTransaction

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Bug:
    """A fault that ``plant`` puts into the code, and the laws that it may break."""

    name: str
    plant: Callable[[Patch], None]
    laws: frozenset[str]
    seed: int


BUGS: Final[list[Bug]] = []


def _bug(*laws: str, seed: int = 0) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def kept(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        name = plant.__name__.strip("_").replace("_", " ")
        BUGS.append(Bug(name, plant, frozenset(laws), seed))
        return plant

    return kept


# The router


@_bug("I5")
def a_deadline_is_not_asked_whether_it_is_due(patch: Patch) -> None:
    real = ladder.escalate
    patch.setattr(ladder, "escalate", lambda record, command, rules, now: real(record, command, rules, _NEVER))


@_bug("I7")
def what_is_due_at_this_very_instant_is_too_early(patch: Patch) -> None:
    real, tick = ladder.escalate, timedelta(microseconds=1)
    patch.setattr(ladder, "escalate", lambda record, command, rules, now: real(record, command, rules, now - tick))


@_bug("I4", "I5", "I6")
def the_generation_of_an_escalation_is_not_checked(patch: Patch) -> None:
    def escalate(record: Any, command: Any, rules: Any, now: datetime) -> Any:
        deadline = record.deadline(command.obligation, command.part)
        if deadline is None:
            return Refusal("moved_on", "it does not run")
        if command.due_at > now:
            return Refusal("not_due", "not yet")
        return [ladder._climbed(record, deadline, rules)]

    patch.setattr(ladder, "escalate", escalate)


@_bug("I2", seed=1)
def a_refusal_is_forgotten_when_its_command_comes_again(patch: Patch) -> None:
    real = MemoryLedger.write

    async def write(self: MemoryLedger, writing: Writing) -> None:
        writing.outcomes = [outcome for outcome in writing.outcomes if outcome.refused is None]
        await real(self, writing)

    patch.setattr(MemoryLedger, "write", write)


@_bug("I2", "I3", "I8", "I9", "I10", "numbers", seed=1)
def two_members_may_write_the_same_version(patch: Patch) -> None:
    async def write(self: MemoryLedger, writing: Writing) -> None:
        for line in writing.lines:
            self._lines[line.event.problem_id].append(line)
        self._outcomes |= {outcome.key: outcome for outcome in writing.outcomes}
        self._standings |= writing.standings
        self._allocated |= writing.allocated

    patch.setattr(MemoryLedger, "write", write)


@_bug("numbers", seed=1)
def a_number_is_taken_as_from_a_sequence(patch: Patch) -> None:
    def allocated(self: MemoryLedger, registers: Collection[Register]) -> dict[Register, int]:
        given = {register: self._allocated.get(register, 0) for register in registers}
        self._allocated |= {register: last + 1 for register, last in given.items()}
        return given

    patch.setattr(MemoryLedger, "allocated", allocated)


@_bug("numbers")
def nobody_waits_for_whoever_takes_numbers(patch: Patch) -> None:
    @asynccontextmanager
    async def transaction(
        self: MemoryLedger, registers: Collection[Register], counts: Collection[Count] = ()
    ) -> AsyncIterator[LedgerTransaction]:
        async with self._turn if counts and not registers else nullcontext():
            yield LedgerTransaction(self, self.allocated(registers), counts)

    patch.setattr(MemoryLedger, "transaction", transaction)


@_bug("counts")
def what_was_written_before_the_batch_does_not_count(patch: Patch) -> None:
    async def precedents(_: LedgerTransaction) -> list[Any]:
        return []

    patch.setattr(LedgerTransaction, "precedents", precedents)


@_bug("needless")
def a_repeated_command_is_decided_before_anybody_asks(patch: Patch) -> None:
    real, asked = LedgerTransaction.outcomes, WeakKeyDictionary[MemoryLedger, set[frozenset[Any]]]()

    async def outcomes(self: LedgerTransaction, keys: Sequence[Any]) -> dict[Any, Any]:
        before = asked.setdefault(self._ledger, set())
        if frozenset(keys) in before:
            return await real(self, keys)
        before.add(frozenset(keys))
        return {}

    patch.setattr(LedgerTransaction, "outcomes", outcomes)


@_bug("I1", "I8", "I11")
def an_event_that_no_topic_takes_becomes_a_row_that_nobody_hears_of(patch: Patch) -> None:
    real = CommandHandler.__init__

    def init(self: CommandHandler, ledger: Any, library: Any, clock: Any, most_bytes: int = 0) -> None:
        real(self, ledger, library, clock, most_bytes=1_000_000_000)

    patch.setattr(CommandHandler, "__init__", init)


# Escalation


@_bug("I7", seed=1)
def another_generation_is_sent_under_the_same_id(patch: Patch) -> None:
    def without_generation(record: Any, partition: int) -> list[Armed]:
        return [
            replace(one, command=derived_id("escalate", one.problem_id, one.obligation, one.level))
            for one in armed(record, partition)
        ]

    patch.setattr("duban_escalation.handlers.armed", without_generation)


@_bug("I7", "twice", seed=11)
def an_old_event_takes_the_deadlines_of_a_newer_one_away(patch: Patch) -> None:
    real = MemoryDeadlines.write

    async def write(self: MemoryDeadlines, writing: Deadlines) -> None:
        for problem_id in writing.heads:
            self._heads.pop(problem_id, None)
        await real(self, writing)

    patch.setattr(MemoryDeadlines, "write", write)


@_bug("I7")
def what_was_refused_as_too_early_is_not_sent_again(patch: Patch) -> None:
    patch.setattr("duban_escalation.handlers.fired_anew", lambda *_: None)


@_bug("I7", seed=1)
def an_answer_of_long_ago_is_taken_for_a_new_one(patch: Patch) -> None:
    def fires(held: Armed, refused: Refused, told_at: datetime, version: int, now: datetime) -> Armed | None:
        return fired_anew(held, refused, refused.at, version, now)

    patch.setattr("duban_escalation.handlers.fired_anew", fires)


@_bug("I7")
def what_was_fired_by_a_clock_that_was_ahead_waits_for_that_clock(patch: Patch) -> None:
    real = Sweeper._look

    def look(self: Sweeper, now: datetime, rearmed_beyond: datetime) -> None:
        real(self, now, rearmed_beyond)
        self._rearmed_beyond = None

    patch.setattr(Sweeper, "_look", look)


@_bug("twice", seed=4)
def the_handler_and_the_sweep_both_fire(patch: Patch) -> None:
    patch.setattr(Sweeper, "take", lambda self, due, now: list(due))


@_bug("duties", seed=6)
def a_city_that_arrives_while_duties_open_counts_as_looked_at(patch: Patch) -> None:
    async def opened(self: Opener, look: Look) -> None:
        latest = max(look.reached.values(), default=None)
        if latest is not None:
            await self._schedules.set_opened_until(dict.fromkeys(self._library.jurisdictions, latest))

    patch.setattr(Opener, "opened", opened)


# Intake


@_bug("places", seed=7)
def an_old_event_makes_intake_forget_an_open_place(patch: Patch) -> None:
    async def versions(self: MemoryTransaction, ids: Collection[Any]) -> Mapping[Any, int]:
        return {}

    patch.setattr(MemoryTransaction, "versions", versions)


@_bug("I1", seed=1)
def a_report_that_cannot_be_attached_finds_no_other_way(patch: Patch) -> None:
    patch.setattr("duban_intake.handlers.rerouted", lambda refused: None)


@_bug("I1", "I2")
def another_body_passes_under_an_id_that_is_taken(patch: Patch) -> None:
    patch.setattr("duban_intake.domain.other_body", lambda arrival, first: None)


# What all services share


@_bug("I1", "I7", "I11", "I12", "duties")
def offsets_are_committed_first(patch: Patch) -> None:
    real = Runner._work_on

    async def work_on(self: Runner, consumer: Any, fetched: Any) -> None:
        await self._commit(consumer, fetched)
        await real(self, consumer, fetched)

    patch.setattr(Runner, "_work_on", work_on)


@_bug("I1", "I7", "I11", "I12", "duties", "stops")
def nobody_waits_for_the_acks(patch: Patch) -> None:
    real = Publisher.publish
    sending: set[asyncio.Task[None]] = set()

    async def publish(self: Publisher, records: Sequence[Any]) -> None:
        sending.add(asyncio.create_task(real(self, records)))

    patch.setattr(Publisher, "publish", publish)


@_bug("I1", "stops")
def a_connection_that_ends_is_the_fault_of_the_message(patch: Patch) -> None:
    real = availability.dependency

    def dependency(error: BaseException) -> str | None:
        return None if isinstance(error, InternalClientError) else real(error)

    patch.setattr("duban.io.consumer.dependency", dependency)
    patch.setattr("duban.io.availability.dependency", dependency)


@_bug("I1", seed=2)
def one_bad_message_takes_its_whole_batch_along(patch: Patch) -> None:
    async def run(self: Isolation[Any, Any], batch: Sequence[Any]) -> tuple[list[Any], list[Culprit[Any]]]:
        try:
            return list(await self.handle(batch)) if batch else [], []
        except Exception as error:
            if availability.is_unavailable(error):
                raise
            return [], [Culprit(item, error, 1) for item in batch]

    patch.setattr(Isolation, "run", run)


@_bug("stops", seed=5)
def a_dead_letter_may_be_too_large_for_its_topic(patch: Patch) -> None:
    async def lay_aside(letters: Sequence[Any], publish: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
        await publish(letters)

    patch.setattr("duban.io.consumer.lay_aside", lay_aside)


@_bug("I1")
def what_is_no_message_is_passed_over_without_a_word(patch: Patch) -> None:
    async def nothing(letters: Sequence[Any], publish: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
        pass

    patch.setattr("duban.io.consumer.lay_aside", nothing)


@_bug("stops", seed=11)
def a_pack_that_cannot_be_used_ends_its_readers(patch: Patch) -> None:
    async def run(self: Tail[Any], take: Callable[[Any], Any]) -> None:
        async for delivered in self:
            await take(delivered)

    patch.setattr(Tail, "run", run)


@_bug("stops", "waits", "duties", "I1", seed=5)
def a_header_that_is_no_utf_8_stops_its_readers(patch: Patch) -> None:
    for module in ("consumer", "tail"):
        patch.setattr(f"duban.io.{module}.read_leniently", lambda: None)
    patch.setattr(fetcher, "PartitionRecords", LenientPartitionRecords.__mro__[1])


@_bug("waits", seed=2)
def a_pack_that_never_comes_is_waited_for_without_end(patch: Patch) -> None:
    patch.setattr(_Arrivals, "waits", lambda self, now: True)


_NEVER: Final = datetime.max.replace(tzinfo=UTC)
