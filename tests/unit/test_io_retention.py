"""What is kept for its time, and then forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from duban.errors import Unavailable
from duban.io.retention import Retention


class Table:
    """A table of so many keys, one a page; ``away`` makes it unavailable so many times."""

    def __init__(self, keys: int, away: int = 0) -> None:
        self.keys = keys
        self.away = away
        self.asked: list[tuple[timedelta, int]] = []
        self.walked = asyncio.Event()

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        self.asked.append((age, after.int))
        if after.int < self.keys:
            return UUID(int=after.int + 1), 1
        self.walked.set()
        return None, 0


async def test_every_table_is_walked_to_its_end_by_its_own_age_though_it_was_away() -> None:
    heads, deliveries = Table(2, away=1), Table(1)
    year, month = timedelta(days=365), timedelta(days=30)
    retention = Retention({"heads": (heads, year), "deliveries": (deliveries, month)}, between_pages=0.0)
    running = asyncio.create_task(retention.run())
    async with asyncio.timeout(30):
        await deliveries.walked.wait()
        retention.stop()
        await running
    assert heads.asked == [(year, 0), (year, 1), (year, 2)]
    assert deliveries.asked == [(month, 0), (month, 1)]


async def test_it_ends_when_it_is_stopped_between_two_steps() -> None:
    table = Table(1000)
    retention = Retention({"heads": (table, timedelta(days=1))}, between_pages=3600.0)
    running = asyncio.create_task(retention.run())
    await asyncio.sleep(0)
    retention.stop()
    async with asyncio.timeout(30):
        await running
    assert len(table.asked) <= 1
