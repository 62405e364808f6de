"""The hand of the clock: reads what falls due, page by page, and sends it; between pages it sleeps until the next.

It writes nothing. It remembers how far it has come and reads on from there, so what is answered and gone costs nothing
and what is unanswered is sent once. A restart, or partitions that change hands, begin anew: everything unanswered is
sent again, under the ids it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Protocol

from duban.clock import Clock
from duban.io.backoff import until_available, until_stopped
from duban.messages.envelope import Record
from duban.messages.events import LedgerEvent
from duban_escalation.domain import START, Position
from duban_escalation.handlers import FAR, Deadlines, fire, observe

#: How late a deadline can be that another program armed.
_LONGEST_SLEEP: Final = timedelta(seconds=1)


class Publishes(Protocol):
    """Whatever sends records and waits for their acks."""

    async def publish(self, records: Sequence[Record]) -> None: ...


class Sweeper:
    """Fires the deadlines of the partitions that this member holds, each as soon as it is due."""

    def __init__(
        self,
        deadlines: Deadlines,
        publisher: Publishes,
        clock: Clock,
        page: int = 1000,
        longest_sleep: timedelta = _LONGEST_SLEEP,
    ) -> None:
        self._deadlines = deadlines
        self._publisher = publisher
        self._clock = clock
        self._page = page
        self._longest_sleep = longest_sleep
        self._partitions: frozenset[int] = frozenset()
        self._watermark = START
        self._reach = START.fire_at
        self._sleeping_until = START.fire_at
        self._awake = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def reach(self) -> datetime:
        """Up to where the latest read went: what is armed at or before this instant it may have missed."""
        return self._reach

    @property
    def watermark(self) -> Position:
        """The last deadline that was sent; the next read begins behind it."""
        return self._watermark

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions whose deadlines it fires."""
        return self._partitions

    def arms(self, fire_at: datetime) -> None:
        """Something is armed that fires at ``fire_at``: sleep no longer than that."""
        if fire_at < self._sleeping_until:
            self._awake.set()

    async def assigned(self, places: Set[tuple[str, int]]) -> None:
        """These partitions are ours now, and no others: begin anew, for somebody else may have left things unsent."""
        self._partitions = frozenset(number for topic, number in places if topic == LedgerEvent.TOPIC)
        self._watermark = START
        self._awake.set()

    async def revoked(self, places: Set[tuple[str, int]]) -> None:
        """No partition is ours; what is being sent may still go out, and its next owner will send it again."""
        self._partitions = frozenset()

    def stop(self) -> None:
        """End ``run``; a page in hand is broken off, and its next owner sends it again."""
        self._stopping.set()
        self._awake.set()

    async def run(self) -> None:
        """Fire whatever falls due, until ``stop``; what is away is waited for, and nothing is passed over."""
        while not self._stopping.is_set():
            await until_stopped(self._stopping, until_available("sweep", self._turn))

    async def _turn(self) -> None:
        if not await self.step():
            await self._sleep()

    async def step(self) -> bool:
        """Fire one page; whether it was full, so that there may be more."""
        begun_at, partitions = self._watermark, self._partitions
        now = self._clock.now()
        if now < self._reach:  # the machine's clock was set back: what lies between would never be looked at again
            begun_at = self._watermark = START
        self._reach = now
        due = await self._deadlines.due(begun_at, now, partitions, self._page) if partitions else []
        if due:
            await self._publisher.publish(fire(due, now))
            observe(due, self._clock.now())
            if self._watermark is begun_at and self._partitions is partitions:  # not assigned anew meanwhile
                self._watermark = due[-1].position
        return len(due) == self._page

    async def _sleep(self) -> None:
        self._awake.clear()
        self._sleeping_until = FAR  # whatever is armed while we ask for the next one wakes us
        next_at = await self._deadlines.next_at(self._watermark, self._partitions) if self._partitions else None
        sleep = self._longest_sleep if next_at is None else min(self._longest_sleep, next_at - self._clock.now())
        if sleep > timedelta(0):
            self._sleeping_until = next_at or FAR
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), sleep.total_seconds())
