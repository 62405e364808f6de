"""The shelf of issues in memory, for tests; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from duban_console.issues.issue import Issue
from duban_console.issues.shelf import MOST_ISSUES


class MemoryIssues:
    """The shelf."""

    def __init__(self) -> None:
        self._issues: dict[UUID, Issue] = {}

    async def issue(self, id_: UUID) -> Issue | None:
        return self._issues.get(id_)

    async def issues(self, jurisdiction: str) -> list[Issue]:
        of_city = [each for each in self._issues.values() if each.jurisdiction == jurisdiction]
        return sorted(of_city, key=lambda each: (-each.signed_at.timestamp(), each.id))[:MOST_ISSUES]

    async def put(self, issue: Issue) -> bool:
        return self._issues.setdefault(issue.id, issue) is issue

    async def mark_sent(self, id_: UUID, by: str, at: datetime) -> None:
        if self._issues[id_].sent_at is None:
            self._issues[id_] = replace(self._issues[id_], sent_by=by, sent_at=at)
