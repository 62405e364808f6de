"""F1, F4, F5, F8, F11: what happens to the services' own processes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Self

from duban_cli.chaos.faults.fault import SERVICES, ChaosFault, World, short
from duban_local.children import spawn

#: The places where a service is made to die.
POINTS = ("before_handle", "after_handle", "after_publish", "after_offsets")
_SERVICES = frozenset({"services"})
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class _OfServices(ChaosFault):
    PART = _SERVICES
    services: tuple[str, ...] = ()

    @property
    def by_lapse(self) -> bool:
        return self.services == ("escalation",)

    async def _signal(self, world: World, number: signal.Signals) -> None:
        for name in self.services:
            await signalled(world, name, number)


@dataclass(frozen=True, slots=True)
class _ByMishap(_OfServices):
    """What a file of mishaps asks for, until it is healed; of the processes ``BESIDE`` the services too."""

    BESIDE: ClassVar[tuple[str, ...]] = ()

    def _plan(self, world: World, line: str | None) -> None:
        for name in (*self.services, *self.BESIDE):
            world.plan_mishap(name, line)

    async def heal(self, world: World) -> None:
        self._plan(world, None)


@dataclass(frozen=True, slots=True)
class Kill(_OfServices):
    """Services end without a word."""

    NUMBER, NAME, OF = "F1", "kill", "service"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        burst = draw.random() < 0.2
        return cls(0.0, SERVICES if burst else (draw.choice(SERVICES),))

    async def strike(self, world: World) -> None:
        await self._signal(world, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Terminate(_OfServices):
    """A service is asked to end, and starts anew."""

    NUMBER, NAME, OF = "F1", "terminate", "service"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, (draw.choice(SERVICES),))

    async def strike(self, world: World) -> None:
        await self._signal(world, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Freeze(_OfServices):
    """A service stands still for longer than its group waits for it, and goes on as if nothing had happened."""

    NUMBER, NAME, OF = "F1", "freeze", "service"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(short(draw, seconds, 5.0, 60.0), (draw.choice(SERVICES),))

    async def strike(self, world: World) -> None:
        await self._signal(world, signal.SIGSTOP)

    async def heal(self, world: World) -> None:
        await self._signal(world, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class CrashPoint(_ByMishap):
    """A service ends at the worst moment: before or after its transaction, what it publishes, or its offsets."""

    NUMBER, NAME, OF = "F4", "crash-point", "service"
    point: str = POINTS[0]

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, (draw.choice(SERVICES),), draw.choice(POINTS))

    async def strike(self, world: World) -> None:
        (name,) = self.services
        before = world.system.pids.get(name)
        self._plan(world, f"crash_at={self.point}")
        until = time.monotonic() + 10.0
        while world.system.pids.get(name) == before and time.monotonic() < until:  # noqa: ASYNC110 another process
            await asyncio.sleep(_TICK)
        self._plan(world, None)


@dataclass(frozen=True, slots=True)
class Misreport(_ByMishap):
    """What was written, published or committed is reported as not done, one time in twenty."""

    NUMBER, NAME, BESIDE = "F5", "misreport", ("gateway",)
    share: float = 0.05

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(short(draw, seconds, 4.0, 15.0), SERVICES)

    async def strike(self, world: World) -> None:
        self._plan(world, f"misreport={self.share}")


@dataclass(frozen=True, slots=True)
class ClockOff(_ByMishap):
    """The clock of one service is an hour ahead, or behind."""

    NUMBER, NAME = "F8", "clock"
    seconds: int = 3600

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        # Most often the one whose clock decides what it does.
        name = draw.choice(("escalation", "escalation", "router", "intake"))
        return cls(short(draw, seconds, 4.0, 12.0), (name,), draw.choice((3600, -3600)))

    async def strike(self, world: World) -> None:
        self._plan(world, f"clock={self.seconds}")


@dataclass(frozen=True, slots=True)
class Membership(_OfServices):
    """A second member of a group joins and leaves, every two seconds or so."""

    NUMBER, NAME = "F11", "membership"

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(short(draw, seconds, 7.0, 40.0), (draw.choice(SERVICES),))

    async def strike(self, world: World) -> None:
        task = asyncio.create_task(self._come_and_go(world))
        world.tasks.add(task)
        task.add_done_callback(world.tasks.discard)

    async def _come_and_go(self, world: World) -> None:
        (name,) = self.services
        service = world.system.services[name]
        draw, until = random.Random(self.lasts_s), time.monotonic() + self.lasts_s  # noqa: S311 no secret
        while time.monotonic() < until:
            variables = {**service.env, "DUBAN_HEALTH_PORT": "0"}
            member = spawn(f"{name}-second", service.argv, world.logs / f"{name}-second.log", env=variables)
            try:
                await asyncio.sleep(draw.uniform(1.5, 4.0))
                if draw.random() < 0.5:
                    member.process.kill()
            finally:
                await member.end(grace=10.0)
            await asyncio.sleep(draw.uniform(0.5, 2.0))


async def signalled(world: World, name: str, number: signal.Signals) -> None:
    """Signal a service, if it runs; one that has just ended is started again by itself."""
    with suppress(ProcessLookupError):
        if (pid := world.system.pids.get(name)) is not None:
            os.kill(pid, number)
