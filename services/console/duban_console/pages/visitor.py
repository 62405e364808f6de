"""Who comes to a page: known by the cookie of their session, and to what of it by the table of access."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from duban.pages.look import PageLink
from duban.pages.words import msgid
from duban_console.accounts.access import ANYBODY, PAGES, SIGNED_IN, TABLE, THE_ACTION
from duban_console.accounts.account import Role
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.session import Principal
from duban_console.api.asker import AccessGate, Asker, Denied

_OF_CITY: Final = frozenset({Role.OFFICE, Role.LEADER, Role.SUPERVISOR, Role.INSPECTOR, Role.AUDITOR})
_DECIDING: Final = frozenset({Role.OFFICE, Role.DESK, Role.HEAD, Role.LEADER, Role.SUPERVISOR, Role.INSPECTOR})
_SEEING: Final = frozenset(TABLE["see_problem"])
_CHECKING: Final = frozenset(TABLE["check_name"])


class PageNeed(StrEnum):
    """What a page is made from beside ledger and packs: a server without it does not show the way there."""

    DESK = "desk"  #: the read model of many records
    VAULT = "vault"  #: the vault is asked for custodians (``DUBAN_VAULT``)
    ISSUES = "issues"  #: bulletins are kept that were signed
    CONTACTS = "contacts"  #: how people are told is followed
    LISTS = "lists"  #: a policy that is published knows lists
    OPERATION = "operation"  #: services and brokers may be looked at (``DUBAN_OPERATOR_PAGES``)


#: The pages that are always at hand, each with whose work it is for and what it needs, in the order of a day.
_WAYS: Final = (
    ("/inbox", msgid("Inbox"), _DECIDING, PageNeed.DESK),
    ("/mine", msgid("Our unit"), frozenset({Role.CLERK, Role.HEAD}), PageNeed.DESK),
    ("/ledger", msgid("Ledger"), _SEEING, PageNeed.DESK),
    ("/leader", msgid("Wall chart"), frozenset({Role.LEADER, Role.OFFICE}), PageNeed.DESK),
    ("/comparison", msgid("Units compared"), _OF_CITY, PageNeed.DESK),
    ("/bulletins", msgid("Bulletins"), _OF_CITY, None),
    ("/bulletins/issues", msgid("Bulletins received"), frozenset({Role.CLERK, Role.HEAD, Role.DESK}), PageNeed.ISSUES),
    ("/lists", msgid("Lists"), _CHECKING, PageNeed.LISTS),
    ("/wall", msgid("Wall screen"), _OF_CITY, PageNeed.DESK),
    ("/rota", msgid("On call"), frozenset({Role.OFFICE, Role.DESK, Role.CLERK, Role.HEAD}), PageNeed.CONTACTS),
    ("/operation", msgid("Operation"), frozenset(TABLE["see_operation"]), PageNeed.OPERATION),
    ("/vault", msgid("Vault"), frozenset(TABLE["see_vault_log"]), PageNeed.VAULT),
    ("/accounts", msgid("Accounts"), frozenset(TABLE["keep_accounts"]), None),
    ("/account-log", msgid("Log of accounts"), frozenset({Role.AUDITOR}), None),
    ("/packs", msgid("Policies"), frozenset(Role), None),
)  # fmt: skip


async def visitor(request: Request) -> AsyncIterator[Asker]:
    """A dependency: who comes to the page; what they are denied is written down.

    Raises:
        Fault: 401, nobody is known; 403, the page is not for them, or another site has had the browser ask.
    """
    gate: AccessGate = request.app.state.gate
    route: Any = request.scope["route"]
    deed = PAGES[request.method, route.path]
    if deed == ANYBODY:
        if request.method == "POST":
            gate.browser.check(request)
        yield Asker(None)
        return
    asks = await gate.known(request)
    try:
        if deed not in (SIGNED_IN, THE_ACTION):
            asks.must(deed)
        yield asks
    except Denied as denied:
        await gate.note(AccountActKind.DENIED, asks, request, denied.deed, f", {denied.code}")
        raise


Visits = Annotated[Asker, Depends(visitor)]


def roles_of(principal: Principal) -> set[Role]:
    """What ``principal`` is here, wherever."""
    return {appointment.role for appointment in principal.account.appointments}


def links(roles: Collection[Role], met: Collection[PageNeed], path: str, say: Callable[[str], str]) -> list[PageLink]:
    """Where the work of ``roles`` lies on a server where the needs ``met`` are, seen from the page at ``path``."""
    return [PageLink(href, say(label), path == href) for href, label in _ways(roles, met)]


def first_page_of(roles: Collection[Role], met: Collection[PageNeed]) -> str | None:
    """Where a day's work begins of who has these ``roles``; None for who has none on these pages."""
    return next((href for href, _ in _ways(roles, met)), None)


def _ways(roles: Collection[Role], met: Collection[PageNeed]) -> Iterator[tuple[str, str]]:
    return ((href, label) for href, label, whose, need in _WAYS if not whose.isdisjoint(roles) and need in (None, *met))
