"""Where issues are signed and sent; both stand in the log of accounts, as surely as on the shelf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from duban.clock import Clock
from duban.errors import Fault
from duban.io.publisher import Publisher
from duban.messages.envelope import encode
from duban.policy import Rules
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.accounts.session import Principal
from duban_console.api.responses import SOURCE
from duban_console.issues.issue import Issue, notices
from duban_console.issues.shelf import IssueShelf


@dataclass(frozen=True, slots=True)
class IssueDesk:
    """``clock`` is that of the log; ``url`` is where people reach the pages, as notices name it, empty if not known."""

    shelf: IssueShelf
    publisher: Publisher
    clock: Clock
    url: str = ""

    async def sign(self, issue: Issue, address: str) -> None:
        """Keep ``issue``, which was signed just now from ``address``.

        Raises:
            Fault: 409, somebody has signed it already.
        """
        if not await self.shelf.put(issue, self._act(AccountActKind.BULLETIN_SIGNED, issue.signed_by, issue, address)):
            raise Fault(409, "signed_already", "somebody has signed this bulletin of the period: it stands as it is")

    async def send(self, issue: Issue, rules: Rules, by: Principal, at: datetime, address: str) -> None:
        """Tell the recipients of ``issue``, each once however often this is done, and write down that it was sent."""
        each = notices(issue, rules, SOURCE, self.url, issue.sent_at or at)
        await self.publisher.publish([encode(notice) for notice in each])
        if issue.sent_at is None:
            act = self._act(AccountActKind.BULLETIN_SENT, by.account.name, issue, address)
            await self.shelf.mark_sent(issue.id, by.account.name, at, act)

    def _act(self, kind: AccountActKind, by: str, issue: Issue, address: str) -> AccountAct:
        detail = f"{issue.jurisdiction} {issue.bulletin} {issue.last}: sha256 {issue.sha256}"
        return AccountAct(kind, self.clock.now(), by, by, address, detail)
