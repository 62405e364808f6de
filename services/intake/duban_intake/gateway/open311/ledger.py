"""What the router's ledger shows everybody of a problem: a view that it publishes for this."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from duban.messages.report import Location
from duban.messages.struct import from_json
from duban.moves import Status
from duban_intake.gateway.open311.requests import PublicLimit, PublicProblem, RequestFilter
from duban_intake.gateway.published_views import rows

#: As many as the protocol wants of a server at most.
_MOST: Final = 1000
#: A title is the first reporter's: where that one came by another way, it is not for everybody.
_COLUMNS: Final = """
    id, number, begun_at, updated_at, status, category, lead_unit,
    case when sources[1] = any($2) then title end as title, pack, location, deadlines, ground
"""
_BY_ID: Final = f"""
    select {_COLUMNS} from router.published_requests
    where id = any($3::uuid[]) and jurisdiction = $1 and sources && $2::text[]
    order by begun_at desc, id
"""  # noqa: S608 - constant
_SOME: Final = f"""
    select {_COLUMNS} from router.published_requests
    where jurisdiction = $1 and sources && $2::text[] and begun_at between $3 and $4
        and ($5::text[] is null or category = any($5)) and ($6::text[] is null or status = any($6))
    order by begun_at desc, id limit {_MOST}
"""  # noqa: S608 - constant


class PublicLedger:
    """Questions to the view; each raises :class:`Unavailable` while it cannot be asked."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()

    async def problems(self, jurisdiction: str, sources: Sequence[str], only: RequestFilter) -> list[PublicProblem]:
        """Those of ``jurisdiction`` that pass ``only`` and that one of ``sources`` has reported, the latest first."""
        if only.ids is not None:
            return await self._found(_BY_ID, jurisdiction, sources, only.ids)
        # A list looks at all of its stretch, for anybody: one at a time, so that connections are left to who reports.
        async with self._turn:
            parameters = (only.since, only.until, only.categories, only.statuses)
            return await self._found(_SOME, jurisdiction, sources, *parameters)

    async def _found(self, query: str, *parameters: object) -> list[PublicProblem]:
        return [_problem(row) for row in await rows(self._pool, query, *parameters, of="ledger")]


def _problem(row: asyncpg.Record) -> PublicProblem:
    location, deadlines = row["location"], row["deadlines"]
    return PublicProblem(
        id=row["id"],
        number=row["number"],
        begun_at=row["begun_at"],
        updated_at=row["updated_at"],
        status=Status(row["status"]),
        category=row["category"],
        lead_unit=row["lead_unit"],
        title=row["title"],
        pack=row["pack"],
        location=from_json(location, Location) if location else None,
        limits=from_json(deadlines, tuple[PublicLimit, ...]) if deadlines else (),
        ground=row["ground"],
    )
