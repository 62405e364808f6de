"""The pages of policies: which packs hold, one of them in sentences, and a draft that is looked at."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, Response, UploadFile

from duban.errors import Fault
from duban.pages.language import language_of
from duban.policy.plain_data import MOST_CHARACTERS
from duban_console.accounts.access import may
from duban_console.pack_text import Language, explained
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.drafts import is_sound, shown_verdict
from duban_console.pages.routes.proposals import PROPOSE, waiting_for
from duban_console.pages.visitor import Visits
from duban_console.policies.draft import DraftVerdict, judged
from duban_console.policies.markup import rendered


def serve_policies(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""
    turn = asyncio.Lock()  # a draft may come from anybody who is signed in: one is looked at at a time

    @app.get("/packs")
    async def packs(request: Request, asks: Visits) -> Response:
        """Every pack that is published."""
        return parts.page(
            request, asks, "policies.html", packs=parts.library.packs, own=language_of(request),
            proposals=await waiting_for(asks, parts.proposals),
        )  # fmt: skip

    @app.get("/packs/{ref}")
    async def pack(request: Request, asks: Visits, ref: str) -> Response:
        """A pack in sentences."""
        known = parts.library.pack(ref)
        if known is None:
            raise Fault(404, "unknown_pack", f"no pack {ref[:200]} is published", "ref")
        text = await asyncio.to_thread(explained, known, Language(language_of(request)))
        return parts.page(request, asks, "policy.html", pack=known, text=rendered(text))

    @app.get("/drafts")
    async def asked(request: Request, asks: Visits) -> Response:
        """Where a draft is handed in to be looked at."""
        return _draft_page(request, asks, None)

    @app.post("/drafts")
    async def look(
        request: Request,
        asks: Visits,
        text: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
        against: Annotated[str, Form(max_length=200)] = "",
        file: Annotated[UploadFile | None, File()] = None,
    ) -> Response:
        """What there is to say of a draft; it is kept nowhere, and published by nobody."""
        if file is not None and file.filename:
            try:
                text = (await file.read()).decode()
            except UnicodeDecodeError:
                raise Fault(400, "invalid", "the file is not in UTF-8; convert it first", "file") from None
        if not text.strip():
            return _draft_page(request, asks, None, 400, against=against, is_empty=True)
        async with turn:
            verdict = await asyncio.to_thread(judged, text, parts.library, against, Language(language_of(request)))
        return _draft_page(request, asks, verdict, text=text, against=against)

    def _draft_page(
        request: Request,
        asks: Visits,
        verdict: DraftVerdict | None,
        status: int = 200,
        *,
        text: str = "",
        against: str = "",
        is_empty: bool = False,
    ) -> Response:
        pack = verdict.pack if verdict is not None and is_sound(verdict) else None
        may_propose = (
            parts.proposals is not None
            and pack is not None
            and may(asks.known, PROPOSE, jurisdiction=pack.jurisdiction) is None
        )
        return parts.page(
            request, asks, "draft.html", status, text=text, against=against, refs=parts.library.refs,
            is_empty=is_empty, may_propose=may_propose,
            **shown_verdict(parts, asks, verdict, Language(language_of(request))),
        )  # fmt: skip
