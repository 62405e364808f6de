"""One life of a member: a process of a service, from its start to its end, and all that may befall it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from duban.clock import SystemClock

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Where the world begins: three minutes before midnight in its cities.
BEGINS_AT: Final = datetime(2024, 3, 4, 15, 57, tzinfo=UTC)
#: The life whose code is running.
LIVING: Final[ContextVar[Life]] = ContextVar("living")
#: What happens to a member at a point; one that raises, raises there.
Effect = Callable[["Life", str], "BaseException | None"]


class Life:
    """A member of ``service`` as the fakes see it: everything that it asks of the outside passes :meth:`reach`."""

    def __init__(self, world: World, service: str, number: int, serial: int, seed: int) -> None:
        self.world = world
        self.loop = loop = world.loop
        self.service = service
        self.number = number
        self.name = f"{service} {number}, life {serial}"
        self.clock = SkewedClock(loop)
        self.is_dead = False
        #: Begins an orderly end, as SIGTERM does; there once it has connected.
        self.stop: Callable[[], None] | None = None
        self.task: asyncio.Task[None]
        #: When the last batch was fetched.
        self.fetched_at = 0.0
        self.struck: dict[str, Effect] = {}
        #: When it was last disturbed, so that what it did before may be done again.
        self.disturbed_at = 0.0
        self._seed = seed
        self._passes: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[Any]] = []
        self._runs = asyncio.Event()
        self._runs.set()

    @property
    def is_stalled(self) -> bool:
        """Whether it stands still, as after SIGSTOP."""
        return not self._runs.is_set()

    async def reach(self, point: str) -> None:
        """Take a little time, and suffer what waits for this member at ``point``."""
        await self._gate()
        effect = self.struck.pop(point, None)
        if effect is not None:
            self.disturbed()
            error = effect(self, point)
            await self._gate()
            if error is not None:
                raise error
        if latency := self._latency(point):
            await asyncio.sleep(latency)
            await self._gate()

    async def _gate(self) -> None:
        while self.is_stalled and not self.is_dead:
            await self._runs.wait()
        if self.is_dead:
            raise asyncio.CancelledError

    def _latency(self, point: str) -> float:
        """0 to 7 ms, by the name of the point and how often it was passed."""
        self._passes[point] += 1
        drawn = crc32(f"{self._seed} {self.name} {point} {self._passes[point]}".encode())
        return 0.0 if drawn % 3 == 0 else (drawn % 7_000) / 1_000_000

    def has(self, task: asyncio.Task[Any]) -> None:
        """``task`` is part of this life."""
        if len(self._tasks) > 100:
            self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)

    def crash(self) -> None:
        """End as after ``kill -9``: nothing that is under way is finished, nothing is told."""
        self.is_dead = True
        self._runs.set()
        for task in self._tasks:
            task.cancel()

    def stall(self, seconds: float) -> None:
        """Stand still, and go on later as if nothing had been."""
        self._runs.clear()
        self.loop.call_later(seconds, self.go_on)

    def go_on(self) -> None:
        """Run again."""
        self.disturbed()
        self._runs.set()

    def disturbed(self) -> None:
        """Note that from now on it may do again what it has done."""
        self.disturbed_at = self.loop.time()


class SkewedClock(SystemClock):
    """The clock of a machine: virtual time, and by how much it is wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return instant(self._loop.time()) + self.ahead


def instant(seconds: float) -> datetime:
    """The true time, ``seconds`` after the beginning."""
    return BEGINS_AT + timedelta(seconds=seconds)
