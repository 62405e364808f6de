"""What every fault is: drawn from a seed, it strikes, and is healed; and the engine that it strikes."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from duban_cli.chaos.client import ChaosClient
from duban_cli.chaos.load import Load
from duban_cli.chaos.proxy import Proxy
from duban_cli.chaos.receiver import ChaosReceiver
from duban_cli.system import System

#: The services that are struck.
SERVICES = ("intake", "router", "escalation")


@dataclass(slots=True)
class World:
    """Everything that a fault can reach."""

    system: System
    client: ChaosClient
    load: Load
    receiver: ChaosReceiver
    broker: Proxy
    database: Proxy
    mishaps: Path
    logs: Path
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def plan_mishap(self, service: str, line: str | None) -> None:
        """Have ``line`` stand in the file of mishaps of a service, or nothing."""
        place = self.mishaps / service
        fresh = place.with_suffix(".new")
        fresh.write_text(f"{line or ''}\n")
        fresh.replace(place)


@dataclass(frozen=True, slots=True)
class ChaosFault:
    """A fault with its particulars: ``NUMBER`` as in F1; ``OF`` is whose bar of recovery holds, if any.

    ``PART`` are what it strikes: two faults of one part do not strike together. ``ALONE``: it strikes with no other.
    """

    NUMBER: ClassVar[str]
    NAME: ClassVar[str]
    OF: ClassVar[str] = "other"
    PART: ClassVar[frozenset[str]] = frozenset()
    ALONE: ClassVar[bool] = False

    lasts_s: float

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        """One with particulars, for a run of so many seconds."""
        raise NotImplementedError

    @property
    def by_lapse(self) -> bool:
        """Whether it is got over when deadlines lapse again; else when problems are registered again."""
        return False

    async def strike(self, world: World) -> None:
        """Break it."""
        raise NotImplementedError

    async def heal(self, world: World) -> None:
        """Mend it; harmless when it was not broken."""


def short(draw: random.Random, seconds: float, least: float, most: float) -> float:
    """A duration: as drawn, but no more than a sixth of the run."""
    return round(min(draw.uniform(least, most), max(least, seconds / 6)), 2)
