"""The pages of proposals: a draft that somebody has proposed, and a second person's yes or no."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault, PackError
from duban.pages.language import language_of
from duban.policy.language import in_language, refusal
from duban.policy.plain_data import MOST_CHARACTERS
from duban_console.accounts.access import may
from duban_console.api.asker import Asker, address_of
from duban_console.pack_text import Language
from duban_console.packs.publication import parsed_pack
from duban_console.pages.parts import PageParts, at_hand
from duban_console.pages.routes.drafts import shown_verdict
from duban_console.pages.visitor import Visits
from duban_console.policies.draft import DRAFT, judged
from duban_console.policies.proposal import PolicyProposal
from duban_console.policies.proposal_labels import FLAWS, STATES
from duban_console.policies.proposals import MOST_OF_REASON, ProposalDesk, ProposalRefused

PROPOSE: Final = "propose_policy"
DECIDE: Final = "decide_policy"
_Reason = Annotated[str, Form(max_length=MOST_OF_REASON)]


def serve_proposals(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``; where no desk of proposals is kept, they say so."""

    @app.post("/proposals")
    async def propose(
        request: Request,
        asks: Visits,
        text: Annotated[str, Form(max_length=MOST_CHARACTERS)],
        reason: _Reason = "",
    ) -> Response:
        """Propose a draft that breaks no law."""
        desk, text = _at_hand(parts), text.replace("\r\n", "\n")
        try:
            pack = await asyncio.to_thread(parsed_pack, text, DRAFT)
        except PackError as error:
            raise Fault(400, "broken_draft", refusal(error, Language(language_of(request))), "text") from None
        asks.must(PROPOSE, jurisdiction=pack.jurisdiction)
        try:
            proposal = await desk.propose(pack, text, reason, asks.known.account.name, address_of(request))
        except ProposalRefused as refused:
            status = 400 if refused.code == "no_reason" else 409
            raise Fault(status, refused.code, _in_words(request, parts, refused), "reason") from None
        return _to(proposal.id)

    @app.get("/proposals/{id}")
    async def show(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """A proposal: who has made it and why, what it changes, and what who reads may do about it."""
        return await _page(request, asks, parts, await _found(parts, asks, PROPOSE, id))

    _decisions(app, parts)


def _decisions(app: FastAPI, parts: PageParts) -> None:
    @app.post("/proposals/{id}/withdrawal")
    async def withdraw(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """Take one's own back."""
        proposal = await _found(parts, asks, PROPOSE, id)
        step = _at_hand(parts).withdraw(id, asks.known.account.name, address_of(request))
        return await _done(request, asks, parts, proposal, step)

    @app.post("/proposals/{id}/approval")
    async def approve(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """Say yes: it is published."""
        proposal = await _found(parts, asks, DECIDE, id)
        step = _at_hand(parts).approve(id, asks.known.account.name, address_of(request))
        return await _done(request, asks, parts, proposal, step)

    @app.post("/proposals/{id}/refusal")
    async def refuse(request: Request, asks: Visits, id: UUID, why: _Reason = "") -> Response:  # noqa: A002 as above
        """Say no, with the reason."""
        proposal = await _found(parts, asks, DECIDE, id)
        step = _at_hand(parts).refuse(id, asks.known.account.name, address_of(request), why)
        return await _done(request, asks, parts, proposal, step)


async def waiting_for(asks: Asker, desk: ProposalDesk | None) -> list[PolicyProposal]:
    """The proposals that wait, of the cities for which who asks may decide; none where they may not."""
    if desk is None or may(asks.known, DECIDE) is not None:
        return []
    return [each for each in await desk.waiting() if may(asks.known, DECIDE, jurisdiction=each.jurisdiction) is None]


async def others_proposals(asks: Asker, desk: ProposalDesk | None) -> list[PolicyProposal]:
    """Those of them that wait for who asks: nobody agrees to their own."""
    return [each for each in await waiting_for(asks, desk) if each.proposed_by != asks.known.account.name]


def _at_hand(parts: PageParts) -> ProposalDesk:
    return at_hand(parts.proposals, "not_set_up", "nothing can be proposed here: publish by `duban pack publish`")


async def _found(parts: PageParts, asks: Asker, deed: str, id_: UUID) -> PolicyProposal:
    proposal = await _at_hand(parts).proposal(id_)
    if proposal is None:
        raise Fault(404, "unknown_proposal", "there is no such proposal", "id")
    asks.must(deed, jurisdiction=proposal.jurisdiction)
    return proposal


async def _done(
    request: Request, asks: Asker, parts: PageParts, proposal: PolicyProposal, step: Awaitable[PolicyProposal]
) -> Response:
    """Where a ``step`` leads; one that is refused shows the page again, with the reason."""
    try:
        await step
    except ProposalRefused as refused:
        status = {"no_reason": 400, "own_proposal": 403, "not_own": 403}.get(refused.code, 409)
        standing = await _at_hand(parts).proposal(proposal.id)
        return await _page(request, asks, parts, standing or proposal, status, refused)
    return _to(proposal.id)


def _to(id_: UUID) -> Response:
    return RedirectResponse(f"/proposals/{id_}", 303)


async def _page(
    request: Request,
    asks: Asker,
    parts: PageParts,
    proposal: PolicyProposal,
    status: int = 200,
    refused: ProposalRefused | None = None,
) -> Response:
    language = Language(language_of(request))
    verdict = await asyncio.to_thread(judged, proposal.text, parts.library, "", language)
    zone = parts.city_words(request, proposal.jurisdiction)

    def at(instant: datetime | None) -> str:
        return zone.instant(instant) if instant is not None else ""

    return parts.page(
        request, asks, "proposal.html", status, proposal=proposal, text=proposal.text,
        is_own=proposal.proposed_by == asks.known.account.name,
        standing=parts.look.say(request, STATES[proposal.state]), proposed_at=at(proposal.proposed_at),
        decided_at=at(proposal.decided_at), flaw=_in_words(request, parts, refused) if refused is not None else "",
        **shown_verdict(parts, asks, verdict, language),
    )  # fmt: skip


def _in_words(request: Request, parts: PageParts, refused: ProposalRefused) -> str:
    """Why something is not done, in the language of the page."""
    known = FLAWS.get(refused.code)
    return parts.look.say(request, known) if known else in_language(refused.reason, Language(language_of(request)))
