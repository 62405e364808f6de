"""What whoever reported reads by their code: what they were told, whether their rating counts, what they are owed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from duban.messages.records import Reward
from duban.messages.struct import from_json
from duban_intake.gateway.published_views import rows
from duban_intake.site.reporter_views import GivenReply, RatingOutcome, ReporterReward

_REPLIES: Final = """
    select at, text from router.published_replies
    where problem_id = $1 and source = $2 and report = $3 order by version
"""
_RATINGS: Final = "select key, satisfied, refused from router.published_ratings where key = any($1::uuid[])"
_AWARDS: Final = "select state, reason from router.published_awards where handle = $1 order by begun_at, id"


class ReporterLedger(Protocol):
    """Where it is read. Every question raises :class:`duban.errors.Unavailable` while it cannot be asked."""

    async def replies(self, problem: UUID, source: str, report: str) -> Sequence[GivenReply]:
        """What the reporter of this ``report`` of the ``problem`` was told, the first first."""

    async def ratings(self, keys: Sequence[UUID]) -> dict[UUID, RatingOutcome]:
        """What came of the ratings with these keys; what is not decided yet is absent."""

    async def rewards(self, handle: str) -> Sequence[ReporterReward]:
        """What is or was owed to whoever holds ``handle``, the oldest first."""


class PostgresReporterLedger:
    """The router's views."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def replies(self, problem: UUID, source: str, report: str) -> Sequence[GivenReply]:
        """What the reporter of this ``report`` of the ``problem`` was told, the first first."""
        replies = await rows(self._pool, _REPLIES, problem, source, report, of="ledger")
        return [GivenReply(**dict(row)) for row in replies]

    async def ratings(self, keys: Sequence[UUID]) -> dict[UUID, RatingOutcome]:
        """What came of the ratings with these keys; what is not decided yet is absent."""
        decided = await rows(self._pool, _RATINGS, list(keys), of="ledger")
        return {row["key"]: RatingOutcome(row["satisfied"], row["refused"]) for row in decided}

    async def rewards(self, handle: str) -> Sequence[ReporterReward]:
        """What is or was owed to whoever holds ``handle``, the oldest first."""
        awards = await rows(self._pool, _AWARDS, handle, of="ledger")
        return [ReporterReward(from_json(row["state"], Reward), row["reason"]) for row in awards]
