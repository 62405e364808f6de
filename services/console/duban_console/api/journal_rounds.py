"""The rounds in which counts of the log of accounts are written, beside the API."""

from __future__ import annotations

import asyncio
from typing import Final

from duban.io.backoff import rounds
from duban_console.accounts.journal import AccessJournal

_SECONDS: Final = 30.0


class JournalRounds:
    """Runs within the service; what was counted last is written when it ends."""

    def __init__(self, journal: AccessJournal) -> None:
        self._journal = journal
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``."""
        self._stopping.set()

    async def run(self) -> None:
        """Write counts of minutes that are over, until ``stop``."""
        await rounds(self._stopping, "accounts", self._journal.settle, _SECONDS)
        await self._journal.settle(ending=True)
