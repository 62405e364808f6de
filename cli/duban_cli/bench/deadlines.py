"""How fast deadlines are armed, met and fired, over a real PostgreSQL: W4 without the broker.

Events go through the handler as decoded messages; commands are encoded and counted, not sent.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from duban.clock import DrivenClock
from duban.io.migrations import migrate
from duban.io.postgres import connect_pool
from duban.messages import changes as c
from duban.messages import struct
from duban.messages.commands import Actor
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.records import Deadline, Event, Problem
from duban.moves import Status
from duban.policy.library import Library
from duban_escalation.domain import START, Position
from duban_escalation.handlers import ProblemHandler
from duban_escalation.settings import EscalationSettings
from duban_escalation.store import SCHEMA, PostgresDeadlines
from duban_escalation.sweep import Sweeper

BATCH = 500
PARTITIONS = 4
BEGIN_AT = datetime(2030, 1, 1, tzinfo=UTC)
LAPSE_AT = BEGIN_AT + timedelta(days=30)
SPAN = timedelta(seconds=10)

_TEMPLATE = Problem(
    id=UUID(int=1), jurisdiction="bench", pack="bench@1", number="1", status=Status.DISPATCHED, version=1, title="b",
    category="bench", channel="bench",
)  # fmt: skip


class CountingPublisher:
    """Takes records as a publisher does, and counts them."""

    def __init__(self) -> None:
        self.records = 0

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += len(records)


async def measure(database_url: str, armed: int) -> dict[str, float]:
    """Arm ``armed`` deadlines, meet nine in ten early, let the others lapse within ten seconds; rates a second."""
    settings = EscalationSettings(database=SecretStr(database_url))
    await migrate(database_url, SCHEMA, "duban_escalation.migrations")
    pool = await connect_pool(settings, SCHEMA)
    try:
        return await _measure(pool, database_url, armed)
    finally:
        await pool.close()


async def _measure(pool: asyncpg.Pool[asyncpg.Record], database_url: str, armed: int) -> dict[str, float]:
    store, counting, clock = PostgresDeadlines(pool), CountingPublisher(), DrivenClock(BEGIN_AT)
    sweeper = Sweeper(store, counting, clock)
    await sweeper.assigned(frozenset((LedgerEvent.TOPIC, number) for number in range(PARTITIONS)))
    handler = ProblemHandler(store, Library(), clock, sweeper)
    lapsing = range(0, armed, 10)
    met = [number for number in range(armed) if number % 10]
    figures: dict[str, float] = {"armed": armed, "lapsing": len(lapsing)}

    figures["arm_per_second"] = await _handle(handler, range(armed), armed, version=1)
    figures["meet_per_second"] = await _handle(handler, met, armed, version=2)
    figures["poll_nothing_due_ms"] = median(await _polls(store, clock, START))
    clock.tick(LAPSE_AT + SPAN)
    begun = time.perf_counter()
    while await sweeper.step():
        pass
    assert counting.records == len(lapsing), f"{counting.records} fired of {len(lapsing)}"
    figures["fire_per_second"] = len(lapsing) / (time.perf_counter() - begun)

    holder = await asyncpg.connect(database_url)  # an old snapshot, so that vacuum takes nothing away
    await holder.execute("begin isolation level repeatable read; select 1 from escalation.heads limit 1")
    await _handle(handler, lapsing, armed, version=2)
    behind = await _polls(store, clock, sweeper.watermark)
    figures["poll_behind_dead_rows_ms"] = median(behind)
    figures["poll_behind_dead_rows_p99_ms"] = quantiles(behind, n=100)[-1]
    await holder.close()
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["bytes_per_deadline"] = await pool.fetchval("select pg_total_relation_size('escalation.deadlines')") / armed
    return {name: round(value, 3) for name, value in figures.items()}


async def _handle(handler: ProblemHandler, numbers: Sequence[int], armed: int, version: int) -> float:
    """Deadlines a second through the handler; making the messages is not counted."""
    spent = 0.0
    for batch in _batches(numbers, armed, version):
        begun = time.perf_counter()
        await handler(batch)
        spent += time.perf_counter() - begun
    return len(numbers) / spent


def _batches(numbers: Sequence[int], armed: int, version: int) -> Iterator[list[Delivery[LedgerEvent]]]:
    for start in range(0, len(numbers), BATCH):
        yield [_delivery(number, armed, version) for number in numbers[start : start + BATCH]]


def _delivery(number: int, armed: int, version: int) -> Delivery[LedgerEvent]:
    # Ids are spread like derived ones, so the index is written all over, as in life.
    id_ = UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)
    due_at = LAPSE_AT + SPAN * (number / armed)
    deadline = Deadline(
        obligation="acknowledge", generation=1, level=1, measure="m", owner="u", due_at=due_at, lapse_at=due_at
    )
    update: dict[str, Any] = {"id": id_, "version": version, "deadlines": (deadline,) if version == 1 else ()}
    change = c.Dispatched(lead_unit="u") if version == 1 else c.Acknowledged()
    event = Event(problem_id=id_, version=version, at=BEGIN_AT, actor=Actor(unit="u"), command="c", change=change)
    problem = struct.replace(_TEMPLATE, **update)
    data = LedgerEvent(event=event, hash=GENESIS, problem=problem)
    message = Message(str(number), "bench", str(id_), BEGIN_AT, "bench", str(id_), data)
    return Delivery(message, LedgerEvent.TOPIC, number % PARTITIONS, number, BEGIN_AT)


async def _polls(store: PostgresDeadlines, clock: DrivenClock, position: Position) -> list[float]:
    """Milliseconds of polls that find nothing beyond ``position``."""
    spent = []
    for _ in range(200):
        begun = time.perf_counter()
        assert not await store.due(position, clock.now(), range(PARTITIONS), 1000)
        spent.append((time.perf_counter() - begun) * 1000)
    return spent
