"""What a run has left in each table and each topic: bytes on disk for each of so many problems."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import asyncpg

#: The rows of each table of ours, with the bytes of them (what is too large for a page too) and of their indices.
_TABLES: Final = """
    select schemaname || '.' || relname as name, n_live_tup as rows, pg_table_size(relid) as bytes,
        pg_indexes_size(relid) as index_bytes
    from pg_stat_user_tables where schemaname in ('intake', 'router', 'escalation', 'console') order by 1
"""
#: Below this, in bytes a problem, a table or topic is left out: it does not grow with problems.
_LEAST: Final = 2.0


async def holdings(database: str, kafka: Path, problems: int) -> dict[str, dict[str, dict[str, float]]]:
    """Bytes a problem in each table and topic that grows with problems, most first.

    ``kafka``: the folder in which the broker has the logs of its partitions.
    """
    return {"tables": await _tables(database, problems), "topics": _topics(kafka, problems)}


async def _tables(database: str, problems: int) -> dict[str, dict[str, float]]:
    session = await asyncpg.connect(database)
    try:
        await session.execute("analyze")
        rows = await session.fetch(_TABLES)
    finally:
        await session.close()
    sizes = {
        row["name"]: {
            "rows": round(row["rows"] / problems, 2),
            "bytes": round(row["bytes"] / problems, 1),
            "index_bytes": round(row["index_bytes"] / problems, 1),
        }
        for row in rows
        if (row["bytes"] + row["index_bytes"]) / problems >= _LEAST
    }
    return dict(sorted(sizes.items(), key=lambda held: -held[1]["bytes"] - held[1]["index_bytes"]))


def _topics(kafka: Path, problems: int) -> dict[str, dict[str, float]]:
    """Of the segments alone: their indices are a hundredth of them, and are laid out in advance."""
    sizes: defaultdict[str, int] = defaultdict(int)
    for segment in kafka.glob("*/*.log"):
        sizes[segment.parent.name.rpartition("-")[0]] += segment.stat().st_size
    held = sorted(((size / problems, name) for name, size in sizes.items()), reverse=True)
    return {name: {"bytes": round(size, 1)} for size, name in held if size >= _LEAST and name.startswith("duban.")}
