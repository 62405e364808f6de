"""What the routes of pages are made from, and how one of them shows a page to who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse

from duban.clock import Clock
from duban.io.evidence.reception import Reception
from duban.messages.records import AnyRecord
from duban.pages.language import language_of
from duban.pages.look import PageLook
from duban.policy.library import Library
from duban_console.accounts.admission import Admission
from duban_console.api.asker import Asker, unknown
from duban_console.api.browser import Browser
from duban_console.api.submission import CommandDoor
from duban_console.desk.reader import DeskReader
from duban_console.ledger import LedgerReader
from duban_console.oidc.sign_on import SignOn
from duban_console.pages.record_words import RecordWords
from duban_console.pages.visitor import links


@dataclass(frozen=True, slots=True)
class PageParts:
    """The look, and what is asked and told behind it: the ledger, the packs, the door for commands, the accounts."""

    look: PageLook
    ledger: LedgerReader
    library: Library
    door: CommandDoor
    clock: Clock
    reception: Reception | None
    admission: Admission
    sign_on: SignOn | None
    browser: Browser
    #: What is asked of many records at once; None where nothing is kept for that.
    desk: DeskReader | None = None

    def page(self, request: Request, asks: Asker, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page for who is signed in."""
        account = asks.known.account
        around = links(asks.known, request.url.path, partial(self.look.say, request))
        return self.look.page(
            request, template, status, links=around, reader=account.full_name or account.name, **shown
        )

    def words(self, request: Request, record: AnyRecord) -> RecordWords:
        """The words of ``record`` for who reads ``request``."""
        say = partial(self.look.say, request)
        return RecordWords(language_of(request), say, self.library.rules(record.pack))

    async def found(self, id_: UUID, asks: Asker, deed: str | None = None) -> AnyRecord:
        """The record, where it is there for who asks and they may do ``deed`` on it, which is else to see it.

        Raises:
            Fault: 404, it is not there, or not for them.
        """
        record = await self.ledger.record(id_)
        if record is None:
            raise unknown("record", id_)
        deed = deed or f"see_{record.kind}"
        asks.must(deed)
        if not asks.sees(deed, record):
            raise unknown("record", id_, denied=deed)
        return record
