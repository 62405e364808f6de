"""Where issues are kept: what was signed stands as it is, and that it was sent is written beside it once.

Both stand in the log of accounts in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol, cast
from uuid import UUID

import asyncpg

from duban.io.act_log import ActLog
from duban_console.accounts.log import AccountAct, AccountLine
from duban_console.assessment.words import Language
from duban_console.issues.issue import Issue
from duban_console.ledger import asking

#: Issues in a list, the newest first.
MOST_ISSUES: Final = 200
_LOG: Final = ActLog("console.account_log", AccountLine)
_COLUMNS: Final = (
    "id", "jurisdiction", "bulletin", "title", "number", "pack", "period", "first_day", "last_day", "as_of", "language",
    "document", "sha256", "recipients", "public", "signed_by", "signer", "signed_for", "signed_at", "sent_by",
    "sent_at",
)  # fmt: skip
_ISSUES: Final = f"select {', '.join(_COLUMNS)} from console.issues"  # noqa: S608 - constant
_LATEST: Final = f"{_ISSUES} where jurisdiction = $1 order by signed_at desc, id limit $2"
_PUT: Final = f"""
    insert into console.issues ({", ".join(_COLUMNS)})
    values ({", ".join(f"${at}" for at, _ in enumerate(_COLUMNS, start=1))}) on conflict do nothing returning true
"""  # noqa: S608 - constant
_SEND: Final = (
    "update console.issues set (sent_by, sent_at) = ($2, $3) where id = $1 and sent_at is null returning true"
)


class IssueShelf(Protocol):
    """Where issues are kept. Each method raises :class:`duban.errors.Unavailable` while they cannot be reached."""

    async def issue(self, id_: UUID) -> Issue | None:
        """The issue of that id."""

    async def issues(self, jurisdiction: str) -> list[Issue]:
        """The issues of a city, the newest first, and no more than :data:`MOST_ISSUES`."""

    async def put(self, issue: Issue, act: AccountAct) -> bool:
        """Keep ``issue``, and ``act`` in the log; False where another of its id stands already, and stays."""

    async def mark_sent(self, id_: UUID, by: str, at: datetime, act: AccountAct) -> None:
        """Write down that it was sent, and ``act`` in the log; the first time holds."""


class PostgresIssues:
    """The shelf in PostgreSQL, beside the accounts."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def issue(self, id_: UUID) -> Issue | None:
        async with asking():
            row = await self._pool.fetchrow(f"{_ISSUES} where id = $1", id_)
        return _issue(row) if row else None

    async def issues(self, jurisdiction: str) -> list[Issue]:
        async with asking():
            return [_issue(row) for row in await self._pool.fetch(_LATEST, jurisdiction, MOST_ISSUES)]

    async def put(self, issue: Issue, act: AccountAct) -> bool:
        named: dict[str, Any] = {"first_day": issue.first, "last_day": issue.last}
        values = (named[column] if column in named else getattr(issue, column) for column in _COLUMNS)
        return await self._write(act, _PUT, *values)

    async def mark_sent(self, id_: UUID, by: str, at: datetime, act: AccountAct) -> None:
        await self._write(act, _SEND, id_, by, at)

    async def _write(self, act: AccountAct, query: str, *values: object) -> bool:
        """Whether ``query`` has changed anything; then ``act`` is in the log with it."""
        async with asking(), self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(query, *values):
                return False
            await _LOG.take_turn(connection)
            await _LOG.append(connection, act.fields())
            return True


def _issue(row: asyncpg.Record) -> Issue:
    fields = dict(row)
    first, last = fields.pop("first_day"), fields.pop("last_day")
    fields |= {"recipients": tuple(fields["recipients"]), "language": cast(Language, fields["language"])}
    return Issue(**fields, first=first, last=last)
