"""Following one's own report, by its number and the code of its receipt."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request, Response

from duban.messages.handle import handle_of
from duban.pages.words import msgid
from duban_intake.domain import Receipt, own_problem
from duban_intake.gateway.door import refuse_other_pages
from duban_intake.site.city import CitySite
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.vault.answers import reached

_NO_CODE: Final = msgid("This is no code of a receipt: it has 16 letters and digits. Copy it whole.")
_UNKNOWN: Final = msgid("No report has this number and this code. Both stand on the receipt.")
_MOST: Final = 60


def serve_follow(app: FastAPI, parts: SiteParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH + "/{city}/follow")
    async def ask(request: Request, city: str) -> Response:
        """Ask for number and code."""
        return parts.page(request, parts.site(city), "follow.html", number="", flaw="")

    @app.post(PATH + "/{city}/follow")
    async def follow(request: Request, city: str) -> Response:
        """What became of a report; the code stands in no address and no log."""
        refuse_other_pages(request)
        site = parts.site(city)
        async with request.form(max_files=0, max_fields=10, max_part_size=1_000) as sent:
            number, code = (str(sent.get(name, "")).strip()[:_MOST] for name in ("number", "code"))
        number = number.lower().replace("-", "").replace(" ", "")
        flaw, receipt = await _found(parts, site, number, code)
        if receipt is None:
            shown = parts.look.say(request, flaw)
            return parts.page(request, site, "follow.html", 400, number=number, flaw=shown)
        problems = await parts.problems(site, ids=[receipt.problem_id]) if receipt.problem_id else []
        problem = parts.view(request, site, problems[0]) if problems else None
        at = receipt.received_at.astimezone(site.rules.zone)
        return parts.page(request, site, "followed.html", receipt=receipt, at=at, problem=problem, number=number)


async def _found(parts: SiteParts, site: CitySite, number: str, code: str) -> tuple[str, Receipt | None]:
    """The receipt of the report ``number``, if ``code`` is its own; else what is wrong."""
    try:
        handle = handle_of(code) if code else None
    except ValueError:
        return _NO_CODE, None
    key = own_problem(site.source.name, number)
    receipt = await reached(parts.door.receipts.receipt(key), "the receipts cannot be read now")
    if receipt is None or receipt.handle != handle:
        return _UNKNOWN, None
    return "", receipt
