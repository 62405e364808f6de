"""F13: what happens to the receiver of notices."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Self

from duban_cli.chaos.faults.fault import ChaosFault, World, short
from duban_cli.chaos.receiver import MODES


@dataclass(frozen=True, slots=True)
class BadReceiver(ChaosFault):
    """The receiver hangs, is slow, closes in the middle, or answers 429 or 500."""

    NUMBER, NAME, PART = "F13", "receiver", frozenset({"receiver"})
    mode: str = MODES[0]

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Self:
        return cls(short(draw, seconds, 4.0, 15.0), draw.choice(MODES))

    async def strike(self, world: World) -> None:
        world.receiver.mode = self.mode

    async def heal(self, world: World) -> None:
        world.receiver.mode = None
