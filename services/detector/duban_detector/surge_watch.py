"""Reports of late, read by every member for itself; what they say of surges has the same ids, and intake keeps one."""

from __future__ import annotations

from functools import partial

from duban.clock import Clock
from duban.io.backoff import until_available
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import Tail
from duban.messages.delivery import Delivery
from duban.messages.envelope import encode
from duban.messages.report import Report
from duban.policy.library import Library
from duban_detector.domain.surges import Surges, longest
from duban_detector.metrics import REPORTS


class SurgeWatch:
    """Follows ``duban.reports.v1``, from as far back as the rules of all cities look."""

    def __init__(self, settings: Settings, library: Library, clock: Clock, publisher: Publisher) -> None:
        self._library = library
        self._clock = clock
        self._publisher = publisher
        self._surges = Surges()
        now = clock.now()
        current = (library.current(jurisdiction, now) for jurisdiction in library.jurisdictions)
        back = longest(rules for rules in current if rules is not None)
        self._tail: Tail[Report] = Tail(settings, [Report.TOPIC], {Report.TYPE: Report}, now - back)

    def stop(self) -> None:
        """Read no further."""
        self._tail.stop()

    async def run(self) -> None:
        """Read until ``stop``."""
        await self._tail.run(self._take)

    async def _take(self, delivery: Delivery[Report]) -> None:
        message = delivery.message
        at = self._clock.instant(delivery.appended_at, message.time)
        rules = self._library.current(message.data.jurisdiction, at)
        if rules is None:
            return
        if surges := [encode(surge) for surge in self._surges.take(message, at, rules)]:
            await until_available("broker", partial(self._publisher.publish, surges))
            REPORTS.inc(len(surges))
