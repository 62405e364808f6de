"""What the calendar opens: the duties of every pack, each once, as commands to the router.

How far it has come is written down only after the commands are on the topic, so a crash opens again what is open
already, under the same ids, and the router answers the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from duban.clock import Clock
from duban.duties import OPENING_MARGIN
from duban.io.backoff import rounds
from duban.messages.envelope import encode
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_escalation.domain import opened_by
from duban_escalation.handlers import Look
from duban_escalation.sweep import Publishes

#: A duty counts from its opening however late the command comes, so a coarse look is enough.
_SECONDS_BETWEEN: Final = 15.0


class Schedules(Protocol):
    """Up to when the duties of each jurisdiction have been opened."""

    async def opened_until(self) -> dict[str, datetime]:
        """By jurisdiction; one whose pack has never been looked at is absent."""

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        """Write down how far each jurisdiction has come; never back."""


class OtherClock(Protocol):
    """The clock of another machine."""

    async def now(self) -> datetime:
        """The instant now, by that clock."""


class Opener:
    """Opens duties as they fall due, for every jurisdiction that has a pack."""

    def __init__(self, schedules: Schedules, library: Library) -> None:
        self._schedules = schedules
        self._library = library

    async def due(self, now: datetime) -> Look:
        """The commands for everything that has opened up to ``now`` and is not written down as opened."""
        reached = await self._schedules.opened_until()
        looked_at = self._with_duties(now)
        records = [
            encode(message)
            for rules in looked_at
            for message in opened_by(rules, reached.get(rules.pack.jurisdiction), now)
        ]
        return Look(records, {rules.pack.jurisdiction: now for rules in looked_at})

    async def opened(self, look: Look) -> None:
        """The commands of ``look`` are on the topic: begin after it from now on, in a later life too."""
        await self._schedules.set_opened_until(look.reached)

    def _with_duties(self, now: datetime) -> list[Rules]:
        in_force = (self._library.current(jurisdiction, now) for jurisdiction in self._library.jurisdictions)
        return [rules for rules in in_force if rules is not None and rules.pack.duties]


class OpeningLoop:
    """Runs an opener by the slower of two clocks, and a little behind it: one that is ahead must open nothing early."""

    def __init__(self, opener: Opener, publisher: Publishes, clock: Clock, other: OtherClock) -> None:
        self._opener = opener
        self._publisher = publisher
        self._clock = clock
        self._other = other
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; a look in hand is broken off, and what it sent is sent again in a later life."""
        self._stopping.set()

    async def run(self) -> None:
        """Look again and again, until ``stop``; what is away is waited for, as long as that."""
        await rounds(self._stopping, "opening", self._look, _SECONDS_BETWEEN)

    async def _look(self) -> None:
        now = min(self._clock.now(), await self._other.now())
        look = await self._opener.due(now - OPENING_MARGIN)
        if look.records:
            await self._publisher.publish(look.records)
        await self._opener.opened(look)
