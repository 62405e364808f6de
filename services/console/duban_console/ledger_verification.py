"""The ledger, read from end to end beside what was claimed of it: in bounded memory, whatever its size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final
from uuid import UUID

from duban.messages.anchors import Head
from duban_console.ledger import asking
from duban_console.ledger_audit import Claim, Finding, LedgerLine, first_difference, untold
from duban_console.witnesses import told

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from duban.io.settings import Settings

    Connection = PoolConnectionProxy[asyncpg.Record]

_LINES: Final = "select problem_id, version, body, hash from router.published_events order by problem_id, version"
_HEADS: Final = "select id, version, head from router.published_records order by id"
_ROWS_AT_A_TIME: Final = 1000
#: Most lines that are looked for again when the rest has been read: those that were just being told.
_MOST_LATE: Final = 10_000
_PATIENCE: Final = 3.0


@dataclass(slots=True)
class Extent:
    """How much has been looked at; ``say`` hears of every event."""

    say: Callable[[int], None]
    events: int = 0
    records: int = 0


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Connection]:
    """A connection that sees the ledger as of one moment."""
    from duban.io.postgres import connect_pool

    async with asking():
        pool = await connect_pool(settings, "console")
        try:
            async with (
                pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection
        finally:
            await pool.close()


async def standing_heads(connection: Connection) -> AsyncIterator[Head]:
    """The head that each record holds, in order."""
    async for row in connection.cursor(_HEADS, prefetch=_ROWS_AT_A_TIME):
        yield Head(record=row["id"], version=row["version"], hash=row["head"])


async def differences(
    connection: Connection, claims: Iterable[bytes], extent: Extent, late: list[LedgerLine] | None
) -> AsyncGenerator[Finding, None]:
    """The first line of each record that is not what it was; ``claims`` are rows in order.

    With ``late``, the first line of each record that the topic does not tell is added to it: it may be on its way.
    """
    histories, heads, claimed = _histories(connection, extent), standing_heads(connection), _claimed(claims)
    history, head, about = await anext(histories, None), await anext(heads, None), next(claimed, None)
    while history is not None or head is not None or about is not None:
        ids = [history[0].bytes if history else None, head.record.bytes if head else None, about[0] if about else None]
        id_ = min(each for each in ids if each is not None)
        lines = history[1] if history and ids[0] == id_ else []
        holds = head if ids[1] == id_ else None
        its = about[1] if about and ids[2] == id_ else []
        finding = first_difference(UUID(bytes=id_), lines, holds, its)
        if finding is not None:
            yield finding
        elif late is not None and (line := untold(lines, its)) is not None:
            if len(late) < _MOST_LATE:
                late.append(line)
            else:
                yield not_told(line)
        extent.records += bool(lines)
        if lines:
            history = await anext(histories, None)
        if holds is not None:
            head = await anext(heads, None)
        if its:
            about = next(claimed, None)


async def still_untold(settings: Settings, late: Iterable[LedgerLine], since: dict[int, int]) -> list[LedgerLine]:
    """Those of ``late`` that the topic does not tell after ``since`` either, within a few seconds."""
    waiting = {(line.record, line.version, line.hash): line for line in late}
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while waiting:
        async for head in told(settings, since):
            waiting.pop((head.record, head.version, head.hash), None)
        if loop.time() > until:
            break
        await asyncio.sleep(0.2)
    return list(waiting.values())


def not_told(line: LedgerLine) -> Finding:
    """That a line stands in the ledger alone."""
    what = "stands in the ledger, but the topic does not tell it; a router that runs tells what it wrote"
    return Finding(record=line.record, version=line.version, what=what, evidence="the topic")


async def _histories(connection: Connection, extent: Extent) -> AsyncIterator[tuple[UUID, list[LedgerLine]]]:
    lines: list[LedgerLine] = []
    async for row in connection.cursor(_LINES, prefetch=_ROWS_AT_A_TIME):
        line = LedgerLine(row["problem_id"], row["version"], row["body"].encode(), row["hash"])
        if lines and lines[0].record != line.record:
            yield lines[0].record, lines
            lines = []
        lines.append(line)
        extent.events += 1
        extent.say(extent.events)
    if lines:
        yield lines[0].record, lines


def _claimed(rows: Iterable[bytes]) -> Iterator[tuple[bytes, list[Claim]]]:
    for record, its in groupby(map(Claim.read, rows), key=lambda claim: claim.record):
        yield record, list(its)
