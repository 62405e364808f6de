"""An open loop on the clock of the wall: reports come when they come, whether the engine keeps up or not.

People act as soon as they see that a problem is theirs: most at once, some only after it has lapsed, once or twice. How
late a lapse is counts from the instant that was intended: from when its report should have been sent, however late the
sender was.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from duban.io.broker import connection
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.events import LedgerEvent, event_type
from duban.moves import Kind
from duban_cli.bench import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMIT = timedelta(seconds=6)
RUNG = timedelta(seconds=2)
#: How often the sender looks at what is to be sent by now.
_TURN_S = 0.01
#: How long after the last report everything must be over.
_PATIENCE_S = 120.0
_DISPATCHED = event_type(Kind.PROBLEM, "dispatched").encode()
_ESCALATED = event_type(Kind.PROBLEM, "escalated").encode()
_STRUCK_OFF = event_type(Kind.PROBLEM, "struck_off").encode()


@dataclass(slots=True)
class Course:
    """What came of a run: seconds of lateness of each lapse, and of each dispatch after its intended report."""

    lapses: list[float] = field(default_factory=list)
    dispatches: list[float] = field(default_factory=list)
    struck_off: int = 0

    def figures(self) -> dict[str, float]:
        """Medians and 99th percentiles in milliseconds."""
        late = _percentiles("lateness", self.lapses)
        return {"lapses": len(self.lapses), **late, **_percentiles("dispatch", self.dispatches)}


def hastened(pack: str) -> str:
    """The YAML of the benchmark's pack with :data:`LIMIT` and :data:`RUNG` for its hours."""
    minutes = {"{hours: 24}": LIMIT, "{hours: 1}": RUNG}
    for hours, short in minutes.items():
        assert hours in pack, f"the pack of the benchmark says {hours} no more"
        pack = pack.replace(hours, f"{{minutes: {short.total_seconds() / 60:.6f}}}")
    return pack


def lapses_of(number: int) -> int:
    """How often problem ``number`` lapses before anybody acts: 70 % never, 20 % once, 10 % twice."""
    return (0, 0, 0, 1, 0, 0, 2, 0, 0, 1)[number % 10]


async def drive(settings: Settings, problems: int, per_second: float) -> Course:
    """Report ``problems`` at an even rate, act on them, and return when the last has been struck off.

    Raises:
        TimeoutError: something was not struck off in two minutes after the last report.
    """
    publisher = Publisher(settings, "duban-bench")
    await publisher.start()
    try:
        async with _events(settings) as consumer:
            return await _Drive(publisher, consumer, problems, per_second).run()
    finally:
        await publisher.stop()


class _Drive:
    """One run: a sender on its schedule beside people who read the topic."""

    def __init__(self, publisher: Publisher, consumer: AIOKafkaConsumer, problems: int, per_second: float) -> None:
        self._publisher, self._consumer = publisher, consumer
        self._problems, self._per_second = problems, per_second
        self._numbers = {str(load.problem_id(number)).encode(): number for number in range(problems)}
        self._course, self._lapsed, self._known = Course(), Counter[int](), set[bytes]()
        self._begun = 0.0

    async def run(self) -> Course:
        self._begun = time.time() + 0.5
        async with asyncio.timeout(self._problems / self._per_second + _PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report())
            tasks.create_task(self._act())
        return self._course

    def _intended(self, number: int) -> float:
        return self._begun + number / self._per_second

    async def _report(self) -> None:
        """Send each report at its instant; who is late sends all that is due, and the schedule stays as it was."""
        waiting = list(load.submissions(self._problems))
        sent, per_second = 0, self._per_second * len(waiting) / self._problems
        while sent < len(waiting):
            by_now = min(len(waiting), int((time.time() - self._begun) * per_second) + 1)
            if by_now > sent:
                await self._publisher.publish(waiting[sent:by_now])
                sent = by_now
            await asyncio.sleep(_TURN_S)

    async def _act(self) -> None:
        while self._course.struck_off < self._problems:
            fetched = await self._consumer.getmany(timeout_ms=100)
            at = datetime.now(UTC)
            acting = [number for records in fetched.values() for record in records for number in self._seen(record)]
            if acting:
                await self._publisher.publish([c for number in acting for c in load.way_to_strike_off(number, at)])

    def _seen(self, record: ConsumerRecord[bytes, bytes]) -> Iterator[int]:
        """Take the event in; the problem of which somebody acts now."""
        headers, number = dict(record.headers), self._numbers[record.key or b""]
        if headers["ce_id"] in self._known:
            return  # what is asked again is told again
        self._known.add(headers["ce_id"])
        kind = headers["ce_type"]
        late = record.timestamp / 1000 - self._intended(number)
        if kind == _STRUCK_OFF:
            self._course.struck_off += 1
        elif kind == _DISPATCHED:
            self._course.dispatches.append(late)
            if lapses_of(number) == 0:
                yield number
        elif kind == _ESCALATED:
            limit = LIMIT + RUNG * self._lapsed[number]
            self._course.lapses.append(late - limit.total_seconds())
            self._lapsed[number] += 1
            if self._lapsed[number] == lapses_of(number):
                yield number


@asynccontextmanager
async def _events(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """What comes onto the topic of events from now on."""
    consumer = AIOKafkaConsumer(LedgerEvent.TOPIC, **connection(settings, "duban-bench"), group_id=None)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for place in consumer.assignment():
            await consumer.position(place)
        yield consumer
    finally:
        await consumer.stop()


def _percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100)
    return {f"{name}_p50_ms": round(cuts[49] * 1000), f"{name}_p99_ms": round(cuts[98] * 1000)}
