"""The vault for custodians: one asks with a reason, another agrees, and who asked sees the contact once."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.words import msgid
from duban_console.accounts.access import may
from duban_console.api.asker import Asker
from duban_console.custody import Custody, asks_in
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

PATH: Final = "/vault"
_MOST_LINES: Final = 100
#: What the vault refuses, in the words of the page.
_REFUSALS: Final = {
    "same_person": msgid("You asked yourself: another custodian has to agree."),
    "already_approved": msgid("Another custodian has agreed already."),
    "already_refused": msgid("This ask was refused; ask anew."),
    "already_opened": msgid("This ask was opened, and is not opened a second time; ask anew."),
    "not_approved": msgid("No other custodian has agreed yet."),
    "other_person": msgid("Only who asked may open it."),
    "too_late": msgid("The approval is too old; ask anew."),
    "no_contact": msgid("The vault holds no contact for this report: look at its source and its id."),
    "forgotten": msgid("The contact of this report has been destroyed."),
    "no_vault_key": msgid("The vault is not set up: tell the operator."),
}
#: What the vault calls the parts of a contact.
_PARTS: Final = {
    "name": msgid("Name"), "phone": msgid("Telephone"), "email": msgid("Mail"), "other": msgid("Any other way"),
}  # fmt: skip
#: What was done, as the log calls it.
_ACTS: Final = {
    "asked": msgid("asked"), "approved": msgid("agreed"), "refused": msgid("refused"), "opened": msgid("opened"),
    "forgotten": msgid("contact destroyed"), "erased": msgid("report erased"),
}  # fmt: skip
Line = Annotated[str, Form(max_length=500)]
Why = Annotated[str, Form(max_length=2000)]


def serve_vault(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH)
    async def vault(request: Request, asks: Visits) -> Response:
        """What waits for another custodian, what may be opened, and the log."""
        return await _page(request, asks, parts)

    @app.post(f"{PATH}/asks")
    async def ask(request: Request, asks: Visits, source: Line = "", id: Line = "", reason: Why = "") -> Response:  # noqa: A002 as its field is called
        """Ask to open the contact of a report."""
        step = parts.custody.ask(_token(request, parts), source.strip(), id.strip(), reason.strip())
        return await _done(request, asks, parts, step)

    @app.post(PATH + "/asks/{id}/approval")
    async def approve(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002
        """Agree to an ask."""
        return await _done(request, asks, parts, parts.custody.approve(_token(request, parts), id))

    @app.post(PATH + "/asks/{id}/refusal")
    async def refuse(request: Request, asks: Visits, id: UUID, reason: Why = "") -> Response:  # noqa: A002
        """End an ask before it is opened."""
        step = parts.custody.refuse(_token(request, parts), id, reason.strip())
        return await _done(request, asks, parts, step)

    @app.post(PATH + "/asks/{id}/opening")
    async def open_(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002
        """Show the contact, this once."""
        try:
            contact = await parts.custody.open(_token(request, parts), id)
        except Fault as fault:
            return await _refused(request, asks, parts, fault)
        shown = [(parts.look.say(request, _PARTS.get(name, name)), words) for name, words in contact.items()]
        return parts.page(request, asks, "vault_opened.html", contact=shown)


async def _done(request: Request, asks: Asker, parts: PageParts, step: Awaitable[None]) -> Response:
    try:
        await step
    except Fault as fault:
        return await _refused(request, asks, parts, fault)
    return RedirectResponse(PATH, 303)


async def _refused(request: Request, asks: Asker, parts: PageParts, fault: Fault) -> Response:
    """The page with what the vault said; who is signed in no more signs in anew."""
    if fault.status == 401:
        raise fault
    say = _REFUSALS.get(fault.code)
    flaw = parts.look.say(request, say) if say is not None else str(fault)
    return await _page(request, asks, parts, flaw, fault.status)


async def _page(request: Request, asks: Asker, parts: PageParts, flaw: str = "", status: int = 200) -> Response:
    custody: Custody = parts.custody
    token = _token(request, parts)
    lines = await custody.log(token)
    return parts.page(
        request, asks, "vault.html", status, flaw=flaw, every=asks_in(lines), me=asks.known.account.name,
        acts=may(asks.known, "ask_vault") is None, wishes=await custody.wishes(token),
        lines=lines[: -_MOST_LINES - 1 : -1], acts_words=_ACTS,
    )  # fmt: skip


def _token(request: Request, parts: PageParts) -> str:
    """By what the browser is known here, and at the vault.

    Raises:
        Fault: 401, by nothing.
    """
    if (token := parts.browser.session.read(request)) is None:
        raise Fault(401, "no_token", "nobody is signed in")
    return token
