"""A batch of notices, each seen off once; what cannot go now comes again, what nobody will have is set aside."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from duban.errors import Unavailable
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record
from duban.messages.notices import Notice
from duban_escalation.metrics import NOTICES
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.webhook import NoticeRefused


class Deliveries(Protocol):
    """Which notices have gone out."""

    async def known(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of ``ids`` that have gone out."""

    async def record(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        """Note that these have gone out, and how."""


class NoticeHandler:
    """Sends notices through ``outlet``: at most ``concurrency`` at once, one after another to the same recipient."""

    def __init__(self, outlet: Outlet, deliveries: Deliveries, concurrency: int = 16) -> None:
        self._outlet = outlet
        self._deliveries = deliveries
        self._free = asyncio.Semaphore(concurrency)
        self._refused: dict[str, NoticeRefused] = {}

    async def __call__(self, batch: Sequence[Delivery[Notice]]) -> list[Record]:
        """Send what has not gone out yet.

        Raises:
            Unavailable: the receiver is away; what did go out is remembered, the rest is to come again.
            NoticeRefused: for one notice that the receiver will not have; the runner isolates it and sets it aside.
        """
        notices = {delivery.message.id: delivery.message for delivery in batch}
        known = await self._deliveries.known([UUID(id_) for id_ in notices])
        NOTICES.labels("repeated").inc(len(known) + len(batch) - len(notices))
        by_recipient: defaultdict[str, list[Message[Notice]]] = defaultdict(list)
        for id_, notice in notices.items():
            if UUID(id_) not in known and id_ not in self._refused:
                by_recipient[notice.data.recipient].append(notice)
        sent: dict[UUID, NoticeOutcome] = {}
        failures = await asyncio.gather(*(self._one_recipient(queue, sent) for queue in by_recipient.values()))
        if sent:
            await self._deliveries.record(sent)
        for failure in filter(None, failures):
            raise failure
        self._set_aside(notices)
        return []

    async def _one_recipient(
        self, queue: Sequence[Message[Notice]], sent: dict[UUID, NoticeOutcome]
    ) -> Unavailable | None:
        """Send ``queue`` in order, as far as the receiver is there."""
        for notice in queue:
            async with self._free:
                try:
                    outcome = await self._outlet.send(notice)
                except Unavailable as error:
                    return error
                except NoticeRefused as error:
                    self._refused[notice.id] = error
                    NOTICES.labels("refused").inc()
                else:
                    sent[UUID(notice.id)] = outcome
                    NOTICES.labels(outcome).inc()
        return None

    def _set_aside(self, notices: Collection[str]) -> None:
        """Raise for what was refused; the runner halves the batch until it is alone, and sends nothing for that."""
        refused = [id_ for id_ in notices if id_ in self._refused]
        if refused:
            raise self._refused[refused[0]] if len(notices) > 1 else self._refused.pop(refused[0])
