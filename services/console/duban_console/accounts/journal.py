"""What is written into the log of accounts as it comes, by whoever asks: refusals, denials, openings of originals."""

from __future__ import annotations

from duban.clock import Clock
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.recurrence import Recurrence
from duban_console.accounts.rows import AccountStore


class AccessJournal:
    """What comes again within a minute is counted, and the count written when the minute is over."""

    def __init__(self, store: AccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._recurrence = Recurrence()

    def lines(self, act: AccountAct, subject: str) -> list[AccountAct]:
        """What is to be written, in the transaction of ``act``, now that it was done about ``subject``."""
        return self._recurrence.lines(act, subject)

    async def note(self, kind: AccountActKind, by: str, subject: str, address: str, what: str = "") -> None:
        """Write down what ``by`` has done or was denied; ``what`` it was about stands in the first line alone."""
        detail = f"{subject}: {what}" if what else subject
        await self._write(self.lines(AccountAct(kind, self._clock.now(), by, by, address, detail), subject))

    async def settle(self, *, ending: bool = False) -> None:
        """Write the counts of a minute that is over, or of any where the process is ``ending``."""
        await self._write(self._recurrence.over(self._clock.now(), ending=ending))

    async def _write(self, acts: list[AccountAct]) -> None:
        if acts:
            async with self._store.transaction() as store:
                for act in acts:
                    await store.append(act)
