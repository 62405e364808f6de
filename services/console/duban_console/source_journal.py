"""What the gateway remembers of sources, by the view that intake publishes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import asyncpg

_ASK: Final = "select * from intake.published_sources where source = $1"
_ASK_ALL: Final = "select * from intake.published_sources"


@dataclass(frozen=True, slots=True)
class SourceActivity:
    """When a source spoke last, how much was taken and refused, the latest refusals, and its last payload.

    ``shape``: the fields of that payload; ``made``: the reports that came of it, without a word of theirs.
    """

    source: str
    spoke_at: datetime
    accepted: int
    refused: int
    refusals: list[dict[str, Any]]
    shape: Any
    made: list[dict[str, Any]] | None


async def activity(pool: asyncpg.Pool[asyncpg.Record], name: str) -> SourceActivity | None:
    """What ``name`` did; None if it was never heard."""
    row = await pool.fetchrow(_ASK, name)
    return None if row is None else _activity(row)


async def activities(pool: asyncpg.Pool[asyncpg.Record]) -> dict[str, SourceActivity]:
    """What each source did that was ever heard, by its name."""
    return {row["source"]: _activity(row) for row in await pool.fetch(_ASK_ALL)}


def _activity(row: asyncpg.Record) -> SourceActivity:
    refusals, shape, made = (None if row[part] is None else orjson.loads(row[part]) for part in _DOCUMENTS)
    return SourceActivity(row["source"], row["spoke_at"], row["accepted"], row["refused"], refusals or [], shape, made)


_DOCUMENTS: Final = ("refusals", "shape", "made")
