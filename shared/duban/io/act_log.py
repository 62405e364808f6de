"""A log of acts in PostgreSQL: a table of lines that follow on one another, written by one transaction at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

import structlog

from duban.io.anchors import Growth
from duban.messages.anchors import LOGS, Anchor, Head
from duban.messages.log_chain import LogLine

if TYPE_CHECKING:
    import asyncpg

L = TypeVar("L", bound=LogLine)
_log = structlog.get_logger(__name__)


class LogGrowth:
    """By what the log in ``table`` has grown since an anchor: its last line, which covers every line before it.

    ``record`` stands for the log in anchors. A log that lost the line that was anchored is told at once; ``cure``: by
    which command it is looked at.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], table: str, record: UUID, cure: str) -> None:
        self._pool, self._record, self._cure = pool, record, cure
        self._last = f"select number, hash from {table} order by number desc limit 1"  # noqa: S608 - constant
        self._hash = f"select hash from {table} where number = $1"  # noqa: S608 - constant

    async def __call__(self, latest: Anchor | None) -> Growth:
        """What has grown since ``latest``, or since the beginning."""
        anchored = latest.heads[0] if latest else None
        if anchored and await self._pool.fetchval(self._hash, anchored.version) != anchored.hash:
            _log.error(f"{LOGS[self._record]} is not what was anchored", line=anchored.version, cure=self._cure)
        last = await self._pool.fetchrow(self._last)
        if last is None or (anchored and last["number"] <= anchored.version):
            return Growth()
        return Growth((Head(record=self._record, version=last["number"], hash=last["hash"]),))


class ActLog(Generic[L]):
    """The lines of ``table``, which has the columns number, body, previous and hash, as ``line``."""

    def __init__(self, table: str, line: type[L]) -> None:
        self._line = line
        words = table.replace(".", " ").replace("_", " ")
        self._turn = f"select pg_advisory_xact_lock(hashtextextended('duban {words}', 0))"
        self._columns = f"select number, body, previous, hash from {table}"  # noqa: S608 - constant
        self._append = f"insert into {table} (number, body, previous, hash) values ($1, $2, $3, $4)"  # noqa: S608

    async def take_turn(self, connection: Any) -> None:
        """Wait until nobody else writes, and keep others waiting until the transaction ends.

        Otherwise two lines would follow on the same one.
        """
        await connection.execute(self._turn)

    async def lines(self, where: Any, condition: str = "", *values: object) -> list[L]:
        """The lines in order, of a pool or a connection; those alone for which ``condition`` holds of ``values``."""
        rows = await where.fetch(f"{self._columns} {condition} order by number", *values)
        return [self._read(row) for row in rows]

    async def append(self, connection: Any, fields: Mapping[str, object]) -> L:
        """Write the line that says ``fields`` at the end, once it is our turn."""
        last = await connection.fetchrow(f"{self._columns} order by number desc limit 1")
        line = self._line.following(self._read(last) if last else None, fields)
        await connection.execute(self._append, line.number, line.body.decode(), line.previous, line.hash)
        return line

    def _read(self, row: asyncpg.Record) -> L:
        return self._line(row["number"], row["body"].encode(), row["previous"], row["hash"])
