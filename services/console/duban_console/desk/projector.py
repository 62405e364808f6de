"""From batches of ``duban.problems.v1`` to the read model: each batch one transaction, each event once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from duban.clock import Clock
from duban.errors import NotArrived
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, Unheeded
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_console.desk.metrics import DELAY, GAPS
from duban_console.desk.projection import Projection
from duban_console.desk.rows import DeskWriting, Dossier

#: The consumer group that keeps the read model.
GROUP: Final = "duban-desk"
#: Most events in a batch beside a server whose requests must not wait.
SMALL_BATCH: Final = 100
#: So many events are followed before others on the loop have their turn.
_SLICE: Final = 20
#: What of the topic it reads: what was refused changes nothing.
PROJECTED: Final[dict[str, type[LedgerEvent] | type[Unheeded]]] = {
    name: Unheeded if model is Refused else LedgerEvent for name, model in PROBLEMS.items()
}


class DeskTransaction(Protocol):
    """What one batch reads and writes, wholly or not at all; nobody else touches its records meanwhile."""

    @property
    def near(self) -> timedelta:
        """How long before its limit a problem counts as yellow."""

    async def dossiers(self, ids: Collection[UUID]) -> Mapping[UUID, Dossier]:
        """What is kept of these records, those that are known."""

    async def write(self, writing: DeskWriting) -> None:
        """Write what a batch changes."""


class DeskStore(Protocol):
    """Where the read model is kept."""

    def transaction(self, partitions: Collection[int]) -> AbstractAsyncContextManager[DeskTransaction]:
        """A transaction of events from ``partitions``; it waits for another one of any of them.

        So who was taken for dead and has a batch in hand still, and who took its partitions over, count nothing twice.

        Raises:
            Unavailable: the read model is being made anew.
        """


class DeskProjector:
    """Takes in batches of events."""

    def __init__(self, store: DeskStore, library: Library, clock: Clock) -> None:
        """``clock`` is the machine's, by which delays are measured."""
        self._store = store
        self._library = library
        self._clock = clock

    async def __call__(self, batch: Sequence[Delivery[LedgerEvent]]) -> list[Record]:
        """Keep what ``batch`` says; nothing is published for it."""
        async with self._store.transaction({each.partition for each in batch}) as transaction:
            dossiers = await transaction.dossiers({each.message.data.record.id for each in batch})
            projection = Projection(dossiers, transaction.near)
            for number, delivery in enumerate(batch, start=1):
                if number % _SLICE == 0:
                    await asyncio.sleep(0)
                rules = self._rules(delivery.message.data.record.pack)
                projection.take(delivery.message.data, rules, delivery.partition)
            writing = projection.writing()
            await transaction.write(writing)
        GAPS.inc(writing.gaps)
        oldest = min(delivery.appended_at for delivery in batch)
        DELAY.observe(max(0.0, (self._clock.now() - oldest).total_seconds()))
        return []

    def _rules(self, pack: str) -> Rules:
        rules = self._library.rules(pack)
        if rules is None:
            raise NotArrived(f"the pack {pack} has not arrived on duban.packs.v1, or its calendar has not")
        return rules
