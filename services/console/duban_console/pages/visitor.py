"""Who comes to a page: known by the cookie of their session, and to what of it by the table of access."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from duban.pages.look import PageLink
from duban.pages.words import msgid
from duban_console.accounts.access import ANYBODY, PAGES, SIGNED_IN, THE_ACTION, may
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.session import Principal
from duban_console.api.asker import AccessGate, Asker, Denied

#: The pages that are always at hand, each with the deed that it is for, in the order of a day's work.
_WAYS: Final = (
    ("/", msgid("First page"), SIGNED_IN),
    ("/packs", msgid("Policies"), SIGNED_IN),
    ("/operation", msgid("Operation"), "see_operation"),
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
    """Where ``principal`` may go from the page at ``path``."""
    return [
        PageLink(href, say(label), path == href)
        for href, label, deed in _WAYS
        if deed == SIGNED_IN or may(principal, deed) is None
    ]
