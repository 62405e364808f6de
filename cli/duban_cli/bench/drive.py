"""Reports and people on the clock of the wall: in a closed loop, with a window of problems in hand, or in an open one.

In the open loop reports come when they come, whether the engine keeps up or not, and how late a lapse is counts from
when its report should have been sent, however late the sender was. People act as soon as they see that a problem is
theirs: most at once, some only after it has lapsed, once or twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
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
#: Long enough for people to act in an engine that is far behind, or a second lapse would come that was not meant.
RUNG = timedelta(seconds=5)
#: Problems in hand at once, in the closed loop: those that do not wait for their lapse.
WINDOW = 500
#: How often the sender looks at what is to be sent by now, and people at what has happened.
_TURN_S = 0.01
#: How long nothing may happen before a run is given up.
_PATIENCE_S = 120.0
_DISPATCHED = event_type(Kind.PROBLEM, "dispatched").encode()
_ESCALATED = event_type(Kind.PROBLEM, "escalated").encode()
_STRUCK_OFF = event_type(Kind.PROBLEM, "struck_off").encode()
_HEEDED = frozenset((_DISPATCHED, _ESCALATED, _STRUCK_OFF))


@dataclass(slots=True)
class Course:
    """What came of a run: how late each lapse was, how long after its report each dispatch, in seconds; what ended."""

    lapses: list[float] = field(default_factory=list)
    dispatches: list[float] = field(default_factory=list)
    struck_off: int = 0

    def figures(self) -> dict[str, float]:
        """How many lapses; medians and 99th percentiles in milliseconds."""
        late = percentiles("lateness", self.lapses)
        return {"lapses": len(self.lapses), **late, **percentiles("dispatch", self.dispatches)}


@dataclass(slots=True)
class _Case:
    """A problem in hand: its number, when its report should have been sent, and which events of it have been seen."""

    number: int
    intended: float
    lapsed: int = 0
    seen: set[bytes] = field(default_factory=set)


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


async def drive(
    settings: Settings,
    problems: int,
    per_second: float | None = None,
    course: Course | None = None,
    mark: Callable[[], None] = lambda: None,
) -> Course:
    """Report ``problems``, act on them, and return when the last has been struck off.

    At an even rate ``per_second``; without one, as fast as a window of :data:`WINDOW` problems lets them come.
    ``mark`` is called when a fifth of the problems has been struck off, and again when four fifths have: between them
    the run is neither warming up nor running out. ``course`` is filled on the way.

    Raises:
        TimeoutError: nothing was struck off for two minutes.
    """
    async with publishing(settings) as publisher, watching(settings, [LedgerEvent.TOPIC]) as consumer:
        return await _Drive(publisher, consumer, problems, per_second, course or Course(), mark).run()


@asynccontextmanager
async def watching(settings: Settings, topics: Sequence[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of what is appended to ``topics`` from now on."""
    async with looking(settings, topics) as consumer:
        await consumer.seek_to_end()
        for place in consumer.assignment():
            await consumer.position(place)
        yield consumer


class _Drive:
    """One run: a sender beside people who read the topic."""

    def __init__(
        self, publisher: Publisher, consumer: AIOKafkaConsumer, problems: int, per_second: float | None,
        course: Course, mark: Callable[[], None],
    ) -> None:  # fmt: skip
        self._publisher, self._consumer = publisher, consumer
        self._problems, self._per_second = problems, per_second
        self._submissions, self._left = load.submissions(problems), load.submitted_in_all(problems)
        self._course, self._mark = course, mark
        self._marks = (max(1, problems // 5), problems * 4 // 5)
        self._cases: dict[bytes, _Case] = {}
        self._reported = 0
        self._in_hand = 0
        self._room = asyncio.Event()

    async def run(self) -> Course:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report_in_window() if self._per_second is None else self._report_at_rate())
            tasks.create_task(self._act())
        return self._course

    async def _report_in_window(self) -> None:
        while self._left:
            if (room := WINDOW - self._in_hand) <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            at = time.time()
            await self._send(room, lambda _, at=at: at)  # type: ignore[misc]

    async def _report_at_rate(self) -> None:
        """Send each report at its instant; who is late sends all that is due, and the schedule stays as it was."""
        assert self._per_second is not None
        every = self._left
        begun, per_second = time.time(), self._per_second * every / self._problems
        while self._left:
            sent, by_now = every - self._left, int((time.time() - begun) * per_second) + 1
            if by_now > sent:
                await self._send(by_now - sent, lambda place, sent=sent: begun + (sent + place) / per_second)  # type: ignore[misc]
            await asyncio.sleep(_TURN_S)

    async def _send(self, count: int, intended: Callable[[int], float]) -> None:
        sending = list(islice(self._submissions, count))
        self._left -= len(sending)
        for place, (number, _) in enumerate(sending):
            if number == self._reported:  # what comes again opens nothing
                self._reported += 1
                self._in_hand += 1
                self._cases[str(load.problem_id(number)).encode()] = _Case(number, intended(place))
        await self._publisher.publish([record for _, record in sending])

    async def _act(self) -> None:
        while self._course.struck_off < self._problems:
            async with asyncio.timeout(_PATIENCE_S):
                fetched = await self._consumer.getmany(timeout_ms=int(_PATIENCE_S * 1000))
            at = datetime.now(UTC)
            acting = [number for records in fetched.values() for record in records for number in self._seen(record)]
            self._room.set()
            if acting:
                await self._publisher.publish([c for number in acting for c in load.way_to_strike_off(number, at)])
            await asyncio.sleep(_TURN_S)  # who asks at once is told little, and asks often

    def _seen(self, record: ConsumerRecord[bytes, bytes]) -> Iterator[int]:
        """Take the event in; the problem of which somebody acts now. Its body is not looked at."""
        headers = dict(record.headers)
        kind, id_, case = headers["ce_type"], headers["ce_id"], self._cases.get(record.key or b"")
        if kind not in _HEEDED or case is None or id_ in case.seen:
            return  # what is asked again is told again
        case.seen.add(id_)
        late = record.timestamp / 1000 - case.intended
        if kind == _STRUCK_OFF:
            del self._cases[record.key or b""]
            self._in_hand -= 1
            self._course.struck_off += 1
            if self._course.struck_off in self._marks:
                self._mark()
        elif kind == _DISPATCHED:
            self._course.dispatches.append(late)
            if lapses_of(case.number) == 0:
                yield case.number
            else:
                self._in_hand -= 1
        else:
            limit = LIMIT + RUNG * case.lapsed
            self._course.lapses.append(late - limit.total_seconds())
            case.lapsed += 1
            if case.lapsed == lapses_of(case.number):
                self._in_hand += 1
                yield case.number


def percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile of ``seconds``, in milliseconds; nothing where there are fewer than two."""
    if len(seconds) < 2:
        return {}
    cuts = quantiles(seconds, n=100)
    return {f"{name}_p50_ms": round(cuts[49] * 1000), f"{name}_p99_ms": round(cuts[98] * 1000)}
