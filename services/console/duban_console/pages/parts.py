"""What the routes of pages are made from, and how one of them shows a page to who reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse

from duban.clock import Clock
from duban.errors import Fault
from duban.io.evidence.reception import Reception
from duban.messages.records import AnyRecord
from duban.pages.language import language_of
from duban.pages.look import PageLook
from duban.policy import Rules
from duban.policy.library import Library
from duban_console.accounts.admission import Admission
from duban_console.accounts.desk import AccountDesk
from duban_console.accounts.key_desk import KeyDesk
from duban_console.api.asker import Asker, unknown
from duban_console.api.browser import Browser
from duban_console.api.submission import CommandDoor
from duban_console.contact_desk import ContactDesk
from duban_console.custody import Custody
from duban_console.desk.reader import NEAR, DeskReader
from duban_console.desk.views import ViewShelf
from duban_console.issues.desk import IssueDesk
from duban_console.ledger import LedgerReader
from duban_console.oidc.sign_on import SignOn
from duban_console.operation.desk import OperationDesk
from duban_console.pages.cities import chosen_city, cities_of
from duban_console.pages.labels import LAMP_SIGNS, LAMPS
from duban_console.pages.record_words import RecordWords
from duban_console.pages.visitor import PageNeed, links, roles_of
from duban_console.policies.experiments import ExperimentDesk
from duban_console.policies.proposals import ProposalDesk

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccountDesks:
    """The desks over accounts and keys, for whoever keeps them."""

    accounts: AccountDesk
    keys: KeyDesk


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
    account_desks: AccountDesks
    desk_reader: DeskReader | None = None
    #: What operators' pages ask, where they have any.
    operation: OperationDesk | None = None
    #: The vault, where custodians have pages.
    vault: Custody | None = None
    #: How people are told, where this server follows that.
    contact_desk: ContactDesk | None = None
    #: Plays drafts over the past, where what plays them is installed.
    experiments: ExperimentDesk | None = None
    #: Publishes what one has proposed and another one says yes to.
    proposals: ProposalDesk | None = None
    view_shelf: ViewShelf | None = None
    issue_desk: IssueDesk | None = None
    #: The office's own fonts, if documents are set in any.
    fonts: Path | None = None
    #: A limit is near when no more than this is left of it.
    near: timedelta = NEAR
    #: Whether the server still listens: what is shown as it comes ends when it does not.
    listens: Callable[[], bool] = lambda: True

    @property
    def desk(self) -> DeskReader:
        """The desk, which answers what is asked of many records at once.

        Raises:
            Fault: 501, none is kept here.
        """
        return at_hand(self.desk_reader, "no_desk", "this server keeps no read model for pages of many records")

    @property
    def custody(self) -> Custody:
        """The vault.

        Raises:
            Fault: 501, none is known here.
        """
        return at_hand(self.vault, "no_vault", "this server knows no vault: DUBAN_VAULT names one to it")

    @property
    def met(self) -> frozenset[PageNeed]:
        """What pages need, as far as this server has it."""
        have = {
            PageNeed.DESK: self.desk_reader, PageNeed.OPERATION: self.operation, PageNeed.VAULT: self.vault,
            PageNeed.ISSUES: self.issue_desk, PageNeed.CONTACTS: self.contact_desk,
            PageNeed.LISTS: next((pack for pack in self.library.packs if pack.lists), None),
        }  # fmt: skip
        return frozenset(need for need, part in have.items() if part is not None)

    @property
    def views(self) -> ViewShelf:
        """Where views of the ledger are saved.

        Raises:
            Fault: 501, none is kept here.
        """
        return at_hand(self.view_shelf, "no_desk", "this server keeps no views")

    @property
    def issues(self) -> IssueDesk:
        """Where bulletins are signed and sent.

        Raises:
            Fault: 501, none is kept here.
        """
        return at_hand(self.issue_desk, "no_desk", "this server keeps no bulletins that were signed")

    def page(self, request: Request, asks: Asker, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page for who is signed in."""
        account = asks.known.account
        around = links(roles_of(asks.known), self.met, request.url.path, partial(self.look.say, request))
        cities = cities_of(asks.known, self.library.jurisdictions)
        titles = {city: self.city_words(request, city).city or city for city in cities} if len(cities) > 1 else {}
        return self.look.page(
            request, template, status, links=around, reader=account.full_name or account.name, cities=titles,
            lamps=LAMPS, lamp_signs=LAMP_SIGNS, **shown,
        )  # fmt: skip

    def words(self, request: Request, pack: str) -> RecordWords:
        """The words of records under ``pack`` for who reads ``request``."""
        return self._words(request, self.library.rules(pack))

    def words_of(self, request: Request) -> Callable[[str], RecordWords]:
        """The words of each pack that a page speaks of, made once."""
        return cache(partial(self.words, request))

    def city_words(self, request: Request, city: str) -> RecordWords:
        """The words of what begins in ``city`` now."""
        return self._words(request, self.library.current(city, self.clock.now()))

    def _words(self, request: Request, rules: Rules | None) -> RecordWords:
        return RecordWords(language_of(request), partial(self.look.say, request), rules)

    def city(self, request: Request, asks: Asker) -> str:
        """The city that the address of a page names, else the first in which who asks is appointed.

        Raises:
            Fault: 404, it is none of theirs, or they have none.
        """
        cities = cities_of(asks.known, self.library.jurisdictions)
        city = chosen_city(cities, request.query_params.get("city"))
        if city is None:
            raise Fault(404, "unknown_city", "this account has nothing to do in that city")
        return city

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


def at_hand(part: T | None, code: str, reason: str) -> T:
    """``part``, which only some servers have.

    Raises:
        Fault: 501, it is not here.
    """
    if part is None:
        raise Fault(501, code, reason)
    return part
