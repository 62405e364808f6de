"""The shelf of issues in memory, for tests, beside the accounts there; held to the contract of that in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban_console.accounts.log import AccountAct
from duban_console.accounts.rows import AccountStore
from duban_console.issues.issue import Issue
from duban_console.issues.shelf import MOST_ISSUES


class MemoryIssues:
    """The shelf."""

    def __init__(self, accounts: AccountStore) -> None:
        self._accounts = accounts
        self._issues: dict[UUID, Issue] = {}

    async def issue(self, id_: UUID) -> Issue | None:
        return self._issues.get(id_)

    async def issues(self, jurisdiction: str) -> list[Issue]:
        of_city = [each for each in self._issues.values() if each.jurisdiction == jurisdiction]
        return sorted(of_city, key=lambda each: (-each.signed_at.timestamp(), each.id))[:MOST_ISSUES]

    async def put(self, issue: Issue, act: AccountAct) -> bool:
        if self._issues.setdefault(issue.id, issue) is not issue:
            return False
        await self._append(act)
        return True

    async def mark_sent(self, id_: UUID, by: str, at: datetime, act: AccountAct) -> None:
        if self._issues[id_].sent_at is None:
            self._issues[id_] = replace(self._issues[id_], sent_by=by, sent_at=at)
            await self._append(act)

    async def _append(self, act: AccountAct) -> None:
        async with self._accounts.transaction() as store:
            await store.append(act)
