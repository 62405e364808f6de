"""F2, F3, F6: what happens to broker and database, and to the network before them."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import dataclass
from typing import Self

from duban_cli.chaos.faults.fault import ChaosFault, World, short
from duban_cli.chaos.proxy import WEATHERS, Proxy
from duban_local.children import StackError
from duban_local.kafka import Broker
from duban_local.postgres import Database

_TRIES = 20


@dataclass(frozen=True, slots=True)
class BrokerRestart(ChaosFault):
    """The broker ends, in order or as a crash would, and comes back."""

    NUMBER, NAME, OF, PART, ALONE = "F2", "broker-restart", "broker", frozenset({"broker"}), True
    clean: bool = True
    down_s: float = 0.0

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(0.0, draw.random() < 0.5, round(draw.uniform(0.0, 2.0), 2))

    async def strike(self, world: World) -> None:
        broker = world.system.stack.broker
        assert broker is not None
        assert broker.child is not None
        await (broker.stop() if self.clean else broker.child.kill())
        await asyncio.sleep(self.down_s)
        await _started(broker)

    async def heal(self, world: World) -> None:
        await _back(world.system.stack.broker)


@dataclass(frozen=True, slots=True)
class DatabaseStop(ChaosFault):
    """PostgreSQL is stopped at once, and comes back soon, or once in a run after half a minute."""

    NUMBER, NAME, OF, PART, ALONE = "F3", "database-stop", "database", frozenset({"database"}), True
    down_s: float = 0.0

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        long = seconds >= 240 and draw.random() < 0.1
        return cls(0.0, 30.0 if long else round(draw.uniform(0.0, 2.0), 2))

    async def strike(self, world: World) -> None:
        server = world.system.stack.server
        assert server is not None
        assert server.child is not None
        server.child.process.send_signal(signal.SIGQUIT)
        await server.child.ended()
        await asyncio.sleep(self.down_s)
        await _started(server)

    async def heal(self, world: World) -> None:
        await _back(world.system.stack.server)


@dataclass(frozen=True, slots=True)
class Network(ChaosFault):
    """The network before one of the servers is slow, silent, or resets what is open."""

    NUMBER, NAME, PART = "F6", "network", frozenset({"broker", "database"})
    before: str = "broker"
    weather: str = WEATHERS[0]

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        before, weather = draw.choice(("broker", "database")), draw.choice(WEATHERS)
        return cls(short(draw, seconds, 3.0, 12.0), before, weather)

    def _proxy(self, world: World) -> Proxy:
        return world.broker if self.before == "broker" else world.database

    async def strike(self, world: World) -> None:
        self._proxy(world).weather = self.weather

    async def heal(self, world: World) -> None:
        self._proxy(world).weather = None


async def _back(part: Broker | Database | None) -> None:
    """Start ``part`` unless it runs."""
    if part is not None and (part.child is None or part.child.exit_code is not None):
        await _started(part)


async def _started(part: Broker | Database) -> None:
    """Start ``part``; what has just ended may hold its port for a moment."""
    for _ in range(_TRIES - 1):
        try:
            await part.start()
        except StackError:
            await asyncio.sleep(0.5)
        else:
            return
    await part.start()
