"""Who comes to a page: known by the cookie of their session, and to what of it by the table of access."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
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
#: The pages that are always at hand, each with whose work it is for, in the order of a day.
_WAYS: Final = (
    ("/inbox", msgid("Inbox"), _DECIDING),
    ("/mine", msgid("Our unit"), frozenset({Role.CLERK, Role.HEAD})),
    ("/ledger", msgid("Ledger"), _SEEING),
    ("/leader", msgid("Wall chart"), frozenset({Role.LEADER, Role.OFFICE})),
    ("/comparison", msgid("Units compared"), _OF_CITY),
    ("/bulletins", msgid("Bulletins"), _OF_CITY),
    ("/wall", msgid("Wall screen"), _OF_CITY),
    ("/operation", msgid("Operation"), frozenset(TABLE["see_operation"])),
    ("/packs", msgid("Policies"), frozenset(Role)),
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


def links(principal: Principal, path: str, say: Callable[[str], str]) -> list[PageLink]:
    """Where the work of ``principal`` lies, seen from the page at ``path``."""
    roles = {appointment.role for appointment in principal.account.appointments}
    return [PageLink(href, say(label), path == href) for href, label, whose in _WAYS if roles & whose]


def first_page_of(roles: Collection[Role]) -> str | None:
    """Where a day's work begins of who has these ``roles``; None for who has none on these pages."""
    return next((href for href, _, whose in _WAYS if not whose.isdisjoint(roles)), None)
