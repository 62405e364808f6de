"""The hand of the clock: reads what falls due, page by page, and sends it; between pages it sleeps until the next.

It sends nothing twice while an answer may still come. It remembers how far it has come and reads on from there, so what
is answered and gone costs nothing. Every twenty seconds it looks from the beginning, and sends what has found no answer
again, under the id it had; so it does when it starts, when partitions change hands, and when the clock is set back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from duban.clock import Clock
from duban.io.backoff import until_available, until_stopped
from duban.messages.envelope import Record
from duban.messages.events import LedgerEvent
from duban_escalation.domain import LATEST_AGAIN, START, Armed, Position
from duban_escalation.handlers import FAR, Deadlines, fire, observe
from duban_escalation.metrics import OLDEST_OVERDUE
from duban_escalation.unanswered import Unanswered

#: How late a deadline can be that another program armed.
_LONGEST_SLEEP: Final = timedelta(seconds=1)
_BETWEEN_LOOKS: Final = timedelta(seconds=20)
#: What is fired anew waits no longer than this, so what waits longer was rearmed under a clock that was ahead.
_LATEST_ANEW: Final = 2 * LATEST_AGAIN


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
        self._unanswered = Unanswered()
        self._watermark = START
        self._reach = START.fire_at
        self._looked_at = START.fire_at
        self._looking = False
        self._rearmed_beyond: datetime | None = None
        self._sleeping_until = START.fire_at
        self._awake = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def reach(self) -> datetime:
        """Up to where the latest read went: what is armed at or before this instant it may have missed."""
        return self._reach

    @property
    def watermark(self) -> Position:
        """Where the last read ended; the next begins behind it."""
        return self._watermark

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions whose deadlines it fires."""
        return self._partitions

    def arms(self, fire_at: datetime) -> None:
        """Something is armed that fires at ``fire_at``: sleep no longer than that."""
        if fire_at < self._sleeping_until:
            self._awake.set()

    def take(self, due: Sequence[Armed], now: datetime) -> list[Armed]:
        """Those of ``due``, armed by a batch, that are not under way already: they are the caller's to send."""
        return self._unanswered.take(due, now, armed_anew=True)

    def note_refused(self, command: UUID) -> None:
        """The router has refused ``command``: if its deadline comes back, it is sent again at once."""
        self._unanswered.refused(command)

    async def assigned(self, places: Set[tuple[str, int]]) -> None:
        """These partitions are ours now, and no others: begin anew, for somebody else may have left things unsent."""
        self._partitions = frozenset(number for topic, number in places if topic == LedgerEvent.TOPIC)
        self._begin_anew(self._clock.now())
        self._awake.set()

    async def revoked(self, places: Set[tuple[str, int]]) -> None:
        """No partition is ours; what is being sent may still go out, and its next owner will send it again."""
        self._partitions = frozenset()
        OLDEST_OVERDUE.set(0.0)

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
        now = self._clock.now()
        if now < self._reach:  # the machine's clock was set back: what lies between would never be looked at again
            self._begin_anew(now)
        elif not self._looking and now - self._looked_at >= _BETWEEN_LOOKS:
            self._look(now, now + _LATEST_ANEW)
        self._reach = now
        begun_at, partitions = self._watermark, self._partitions
        if not partitions:
            return False
        if (beyond := self._rearmed_beyond) is not None:
            await self._deadlines.set_right(beyond, partitions)
            self._rearmed_beyond = None
        due = await self._deadlines.due(begun_at, now, partitions, self._page)
        if begun_at == START:
            OLDEST_OVERDUE.set((now - due[0].due_at).total_seconds() if due else 0.0)
        await self._send(self._unanswered.take(due, now), now)
        full = len(due) == self._page
        if self._watermark is begun_at and self._partitions is partitions:  # not assigned anew meanwhile
            self._watermark = _behind(due, begun_at) if full else _behind(due, Position(now, UUID(int=0), "", ""))
            self._looking = full
        return full

    def _begin_anew(self, now: datetime) -> None:
        """Look at everything, as if nothing had been sent and nothing fired anew."""
        self._unanswered.forget()
        self._look(now, START.fire_at)

    def _look(self, now: datetime, rearmed_beyond: datetime) -> None:
        """Look at everything from the beginning; what waits beyond ``rearmed_beyond`` fires when it is due instead."""
        self._unanswered.begin_look()
        self._watermark = replace(START)  # a place of its own, by which a read that is under way knows that it is late
        self._looked_at, self._looking, self._rearmed_beyond = now, True, rearmed_beyond

    async def _send(self, owed: Sequence[Armed], now: datetime) -> None:
        if not owed:
            return
        try:
            await self._publisher.publish(fire(owed, now))
        except BaseException:
            self._unanswered.give_back(owed)
            raise
        observe(owed, self._clock.now())

    async def _sleep(self) -> None:
        self._awake.clear()
        self._sleeping_until = FAR  # whatever is armed while we ask for the next one wakes us
        next_at = await self._deadlines.next_at(self._watermark, self._partitions) if self._partitions else None
        sleep = self._longest_sleep if next_at is None else min(self._longest_sleep, next_at - self._clock.now())
        if sleep > timedelta(0):
            self._sleeping_until = next_at or FAR
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), sleep.total_seconds())


def _behind(due: Sequence[Armed], least: Position) -> Position:
    """The place of the last of ``due``, or ``least`` where that is later."""
    return max(due[-1].position, least) if due else least
