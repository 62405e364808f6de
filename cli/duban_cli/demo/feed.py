"""What the topics say so far: the state of every problem, what lapsed, what was told to whom."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from datetime import datetime
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from duban.errors import Undecodable
from duban.io.broker import connection
from duban.io.decode import delivery
from duban.io.settings import Settings
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.messages.notices import NOTICES, Concern, Notice
from duban_cli.demo.observation import Seen

REFUSED_REPORTS = "duban.reports.v1.duban-intake.dlq"
TOPICS = (LedgerEvent.TOPIC, Notice.TOPIC, REFUSED_REPORTS)


class Feed(Seen):
    """Reads problems, notices and refused reports from where it was opened, and remembers how things stand."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self.notices: deque[Notice] = deque(maxlen=8)
        self.told: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(*TOPICS, **connection(self._settings, "duban-feed"), group_id=None)
        await self._consumer.start()
        await self._consumer.seek_to_end()
        for place in self._consumer.assignment():
            await self._consumer.position(place)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def read_up_to(self, ends: dict[TopicPartition, int]) -> None:
        """Take in everything that lies before ``ends``."""
        assert self._consumer is not None
        goals = {place: end for place, end in ends.items() if place in self._consumer.assignment()}
        while True:
            positions = await asyncio.gather(*(self._consumer.position(place) for place in goals))
            if all(position >= end for position, end in zip(positions, goals.values(), strict=True)):
                return
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    self._take(record)

    def _take(self, record: object) -> None:
        if record.topic == REFUSED_REPORTS:  # type: ignore[attr-defined]
            headers = {name: value.decode(errors="replace") for name, value in record.headers}  # type: ignore[attr-defined]
            name = headers.get("ce_source", "?"), headers.get("ce_id", "?")
            self.refused_reports[name] = headers.get("duban.dlq.code", "?")
            return
        try:
            data = delivery(record, {**PROBLEMS, **NOTICES}).message.data  # type: ignore[arg-type]
        except Undecodable:
            return
        if isinstance(data, LedgerEvent):
            self.take(data.event, data.record)
        elif isinstance(data, Refused):
            self.refusals[data.command] = data.code
        elif isinstance(data, Notice):
            self.notices.append(data)
            about = "approval" if data.concern is Concern.ASKED else data.measure_kind or data.event
            self.told[about] += 1

    @property
    def next_due_at(self) -> datetime | None:
        """The soonest deadline of all records."""
        return min((record.deadlines[0].due_at for record in self.records.values() if record.deadlines), default=None)
