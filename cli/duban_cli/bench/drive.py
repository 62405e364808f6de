"""Reports and people on the clock of the wall: in a closed loop, with a window of problems in hand, or in an open one.

In the open loop reports come when they come, whether the engine keeps up or not, and how late a lapse is counts from
when its report should have been sent, however late the sender was. People act as soon as they see that a problem is
theirs: most at once, some only after it has lapsed, once or twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.events import LedgerEvent, event_type
from duban.moves import Kind
from duban_cli.bench import load
from duban_cli.connection import publishing
from duban_console.kafka.topic_reader import looking

LIMIT = timedelta(seconds=6)
RUNG = timedelta(seconds=2)
#: Problems in hand at once, in the closed loop: those that do not wait for their lapse.
WINDOW = 500
#: How often the sender looks at what is to be sent by now.
_TURN_S = 0.01
#: How long nothing may happen before a run is given up.
_PATIENCE_S = 120.0
_DISPATCHED = event_type(Kind.PROBLEM, "dispatched").encode()
_ESCALATED = event_type(Kind.PROBLEM, "escalated").encode()
_STRUCK_OFF = event_type(Kind.PROBLEM, "struck_off").encode()


@dataclass(slots=True)
class Course:
    """What came of a run: seconds of lateness of each lapse, of each dispatch after its report, and when each ended."""

    lapses: list[float] = field(default_factory=list)
    dispatches: list[float] = field(default_factory=list)
    struck_off: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Problems struck off a second, without the first and the last fifth: neither warming up nor running out."""
        ended = sorted(self.struck_off)
        first, last = len(ended) // 5, len(ended) * 4 // 5
        return round((last - first) / (ended[last] - ended[first]), 1)

    def figures(self) -> dict[str, float]:
        """How many lapses; medians and 99th percentiles in milliseconds."""
        late = _percentiles("lateness", self.lapses)
        return {"lapses": len(self.lapses), **late, **_percentiles("dispatch", self.dispatches)}


def hastened(pack: str, limit: timedelta = LIMIT, rung: timedelta = RUNG) -> str:
    """The YAML of the benchmark's pack with ``limit`` for its 24 hours, and ``rung`` for its hour."""
    minutes = {"{hours: 24}": limit, "{hours: 1}": rung}
    for hours, short in minutes.items():
        assert hours in pack, f"the pack of the benchmark says {hours} no more"
        pack = pack.replace(hours, f"{{minutes: {short.total_seconds() / 60:.6f}}}")
    return pack


def lapses_of(number: int) -> int:
    """How often problem ``number`` lapses before anybody acts: 70 % never, 20 % once, 10 % twice."""
    return (0, 0, 0, 1, 0, 0, 2, 0, 0, 1)[number % 10]


async def drive(settings: Settings, problems: int, per_second: float | None = None) -> Course:
    """Report ``problems``, act on them, and return when the last has been struck off.

    At an even rate ``per_second``; without one, as fast as a window of :data:`WINDOW` problems lets them come.

    Raises:
        TimeoutError: nothing was struck off for two minutes.
    """
    async with publishing(settings) as publisher, looking(settings, [LedgerEvent.TOPIC]) as consumer:
        await consumer.seek_to_end()
        for place in consumer.assignment():
            await consumer.position(place)
        return await _Drive(publisher, consumer, problems, per_second).run()


class _Drive:
    """One run: a sender beside people who read the topic."""

    def __init__(
        self, publisher: Publisher, consumer: AIOKafkaConsumer, problems: int, per_second: float | None
    ) -> None:
        self._publisher, self._consumer = publisher, consumer
        self._problems, self._per_second = problems, per_second
        self._numbers = {str(load.problem_id(number)).encode(): number for number in range(problems)}
        self._submissions = list(load.submissions(problems))
        self._course, self._lapsed, self._known = Course(), Counter[int](), set[bytes]()
        self._intended: dict[int, float] = {}
        self._in_hand = 0
        self._room = asyncio.Event()

    async def run(self) -> Course:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report_in_window() if self._per_second is None else self._report_at_rate())
            tasks.create_task(self._act())
        return self._course

    async def _report_in_window(self) -> None:
        sent = 0
        while sent < len(self._submissions):
            if (room := WINDOW - self._in_hand) <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            at = time.time()
            await self._send(sent, sent + room, lambda _, at=at: at)  # type: ignore[misc]
            sent += room

    async def _report_at_rate(self) -> None:
        """Send each report at its instant; who is late sends all that is due, and the schedule stays as it was."""
        assert self._per_second is not None
        begun, per_second = time.time(), self._per_second * len(self._submissions) / self._problems
        sent = 0
        while sent < len(self._submissions):
            by_now = min(len(self._submissions), int((time.time() - begun) * per_second) + 1)
            if by_now > sent:
                await self._send(sent, by_now, lambda place: begun + place / per_second)
                sent = by_now
            await asyncio.sleep(_TURN_S)

    async def _send(self, first: int, last: int, intended: Callable[[int], float]) -> None:
        for place in range(first, min(last, len(self._submissions))):
            number, _ = self._submissions[place]
            if number not in self._intended:
                self._intended[number] = intended(place)
                self._in_hand += 1
        await self._publisher.publish([record for _, record in self._submissions[first:last]])

    async def _act(self) -> None:
        while len(self._course.struck_off) < self._problems:
            async with asyncio.timeout(_PATIENCE_S):
                fetched = await self._consumer.getmany(timeout_ms=int(_PATIENCE_S * 1000))
            at = datetime.now(UTC)
            acting = [number for records in fetched.values() for record in records for number in self._seen(record)]
            self._room.set()
            if acting:
                await self._publisher.publish([c for number in acting for c in load.way_to_strike_off(number, at)])

    def _seen(self, record: ConsumerRecord[bytes, bytes]) -> Iterator[int]:
        """Take the event in; the problem of which somebody acts now."""
        headers, number = dict(record.headers), self._numbers[record.key or b""]
        if headers["ce_id"] in self._known:
            return  # what is asked again is told again
        self._known.add(headers["ce_id"])
        kind, at = headers["ce_type"], record.timestamp / 1000
        late = at - self._intended[number]
        if kind == _STRUCK_OFF:
            self._course.struck_off.append(at)
            self._in_hand -= 1
        elif kind == _DISPATCHED:
            self._course.dispatches.append(late)
            if lapses_of(number) == 0:
                yield number
            else:
                self._in_hand -= 1
        elif kind == _ESCALATED:
            limit = LIMIT + RUNG * self._lapsed[number]
            self._course.lapses.append(late - limit.total_seconds())
            self._lapsed[number] += 1
            if self._lapsed[number] == lapses_of(number):
                self._in_hand += 1
                yield number


def _percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100)
    return {f"{name}_p50_ms": round(cuts[49] * 1000), f"{name}_p99_ms": round(cuts[98] * 1000)}
