"""The rounds in which it is looked, each half minute, at what no service says of itself: groups, topics, and so on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from duban.clock import Clock
from duban.io.backoff import rounds
from duban_console.ledger import LedgerReader
from duban_console.operation import metrics
from duban_console.operation.broker_watch import BrokerWatch
from duban_console.operation.overdue_deadlines import OverdueDeadlines
from duban_console.source_journal import SourceActivity

_SECONDS: Final = 30.0


class OperationRounds:
    """Runs within the API where operators have pages; what is away leaves a gap."""

    def __init__(self, brokers: BrokerWatch, deadlines: OverdueDeadlines, ledger: LedgerReader, clock: Clock) -> None:
        self._brokers = brokers
        self._deadlines = deadlines
        self._ledger = ledger
        self._clock = clock
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``."""
        self._stopping.set()

    async def run(self) -> None:
        """Look until ``stop``: at the brokers and, whatever becomes of that, at the database."""
        await asyncio.gather(
            rounds(self._stopping, "kafka", self._brokers.look, _SECONDS),
            rounds(self._stopping, "database", self._look, _SECONDS),
        )

    async def _look(self) -> None:
        tell_of_sources(await self._ledger.source_activities())
        await self._deadlines.look(self._clock.now())


def tell_of_sources(heard: Mapping[str, SourceActivity]) -> None:
    """Have Prometheus take what was ``heard`` of each source."""
    metrics.SOURCE_REPORTS.clear()
    for name, activity in heard.items():
        metrics.SOURCE_REPORTS.labels(name, "accepted").set(activity.accepted)
        metrics.SOURCE_REPORTS.labels(name, "refused").set(activity.refused)
