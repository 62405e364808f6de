"""The read model made anew, from the first event of the topic to the last there is.

Meanwhile nobody takes in anything else: the projector of the API waits, and goes on where the group had come to, whose
events are known then. A rebuild that died leaves the read model closed until the next one has ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog
from aiokafka import ConsumerRecord

from duban.clock import SystemClock
from duban.errors import Unavailable, Undecodable
from duban.io.decode import delivery
from duban.io.settings import Settings
from duban.io.tail import present_records
from duban.messages.delivery import Delivery
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.policy.library import Library
from duban_console.desk.projector import DeskProjector
from duban_console.desk.store import TABLES, PostgresDeskTransaction
from duban_console.packs.publication import published

_log = structlog.get_logger(__name__)
#: Events in one transaction: of a problem whose events are near each other, only the last state is written.
BATCH: Final = 2000
_EVENTS: Final[dict[str, type[LedgerEvent]]] = {
    name: model for name, model in PROBLEMS.items() if model is not Refused and issubclass(model, LedgerEvent)
}
_LOCK: Final = "select pg_try_advisory_lock(hashtext('duban desk rebuild'))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtext('duban desk rebuild'))"
_NEAR: Final = "select near from console.desk_state"
_BEGIN: Final = "update console.desk_state set rebuilding = true"
_END: Final = "update console.desk_state set rebuilding = false, rebuilt_at = now()"
_EMPTY: Final = f"truncate {', '.join(f'console.{table}' for table in TABLES)}"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many events were taken in, and how many records of the topic could not be read."""

    events: int
    unreadable: int


class _RebuildStore:
    """The store as the one who makes it anew comes into it, over the connection that holds the lock."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def transaction(self, _partitions: Collection[int]) -> AsyncIterator[PostgresDeskTransaction]:
        async with self._connection.transaction():
            yield PostgresDeskTransaction(self._connection, await self._connection.fetchval(_NEAR))


async def rebuild(
    settings: Settings,
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    say: Callable[[int], None] = lambda _: None,
) -> Rebuilt:
    """Make the read model anew over ``connection``; ``say`` is told after each batch how many events were taken in.

    Raises:
        Unavailable: somebody else is making it anew; or the broker is away.
    """
    library = Library.of((await published(settings)).values())
    if not await connection.fetchval(_LOCK):
        raise Unavailable("somebody else is making the read model of the desk anew: wait until they are done")
    try:
        async with connection.transaction():
            # Waits for the batches in hand, which hold this row; whoever comes later finds it closed.
            await connection.execute(_BEGIN)
            await connection.execute(_EMPTY)
        rebuilt = await _filled(settings, DeskProjector(_RebuildStore(connection), library, SystemClock()), say)
        await connection.execute(_END)
    finally:
        if not connection.is_closed():  # else the lock went with it
            await connection.execute(_UNLOCK)
    return rebuilt


async def _filled(settings: Settings, projector: DeskProjector, say: Callable[[int], None]) -> Rebuilt:
    """Have ``projector`` take in every event there is."""
    events, unreadable = 0, 0
    batch: list[Delivery[LedgerEvent]] = []
    async for record in present_records(settings, LedgerEvent.TOPIC, {}):
        if _is_refusal(record):
            continue
        try:
            batch.append(delivery(record, _EVENTS))
        except Undecodable as error:
            unreadable += 1
            _log.warning("record passed over", partition=record.partition, offset=record.offset, error=str(error))
        if len(batch) == BATCH:
            events += await _taken_in(projector, batch)
            say(events)
    events += await _taken_in(projector, batch)
    say(events)
    return Rebuilt(events, unreadable)


async def _taken_in(projector: DeskProjector, batch: list[Delivery[LedgerEvent]]) -> int:
    """Take in ``batch``, which is empty then; how many events it had."""
    count = len(batch)
    if batch:
        await projector(batch)
        batch.clear()
    return count


def _is_refusal(record: ConsumerRecord[bytes, bytes]) -> bool:
    return dict(record.headers).get("ce_type") == Refused.TYPE.encode()
