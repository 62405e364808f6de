"""Reporting something: the form, what is near already, and the receipt with its code."""

from __future__ import annotations

import secrets
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from duban.errors import Fault
from duban.io.evidence.form_files import files_in, taken
from duban.messages.handle import ALPHABET
from duban_intake.gateway.door import refuse_other_pages
from duban_intake.gateway.open311.requests import STATES
from duban_intake.site.city import CitySite
from duban_intake.site.parts import PATH, SiteParts
from duban_intake.site.report_form import TRAP, PublicForm, filled_in, handed
from duban_intake.site.views import PublicView, nearest
from duban_intake.vault.desk import VaultRefused

#: So many photos come with one report.
MOST_PHOTOS: Final = 5
_NUMBER_LENGTH: Final = 12


def serve_report(app: FastAPI, parts: SiteParts) -> None:
    """Add the routes to ``app``."""

    @app.get(PATH + "/{city}/report")
    async def blank(request: Request, city: str) -> Response:
        """An empty form, with the number that the report will have."""
        number = "".join(secrets.choice(ALPHABET.lower()) for _ in range(_NUMBER_LENGTH))
        return _form_page(request, parts, parts.site(city), PublicForm(number, secrets.token_urlsafe(24), {}))

    @app.post(PATH + "/{city}/report")
    async def report(request: Request, city: str) -> Response:
        """Hand in what was filled in; where something like it is near already, that is shown before."""
        refuse_other_pages(request)
        site = parts.site(city)
        async with request.form(max_files=MOST_PHOTOS, max_fields=60, max_part_size=100_000) as sent:
            pairs = [(name, text) for name, text in sent.multi_items() if isinstance(text, str)]
            form = filled_in(pairs, site)
            try:
                stored = await taken(parts.door.reception, files) if (files := files_in(sent, "photos")) else []
            except Fault as fault:
                return _form_page(request, parts, site, form, {**form.flaws, "photos": str(fault)}, fault.status)
        photos = (*form.photos, *((piece.sha256, piece.title) for piece in stored))[:MOST_PHOTOS]
        form = PublicForm(form.number, form.secret, form.answers, photos, form.flaws)
        if form.flaws:
            return _form_page(request, parts, site, form, status=400)
        if not dict(pairs).get("new") and (near := await _near(request, parts, site, form)):
            return parts.page(request, site, "near.html", form=form, near=near)
        return await _handed_in(request, parts, site, form)


async def _handed_in(request: Request, parts: SiteParts, site: CitySite, form: PublicForm) -> Response:
    door = parts.door
    with door.journal.watching(site.source):
        door.hold_back(site.source)
        try:
            whole = handed(form, site, door.clock.now(), takes_contacts=door.vault.keyring is not None)
            accepted = await door.hand_in(site.source, whole, str(request.base_url))
        except VaultRefused as error:
            return _form_page(request, parts, site, form, {"name": str(error)}, 409)
        except Fault as fault:
            if fault.status not in (400, 409):
                raise
            field = (fault.field or "").rpartition(".")[2]
            return _form_page(
                request, parts, site, form, {field if field in form.answers else "title": str(fault)}, 400
            )
    return parts.page(request, site, "receipt.html", number=form.number, code=accepted.code)


async def _near(request: Request, parts: SiteParts, site: CitySite, form: PublicForm) -> list[PublicView]:
    """What is open of the same category around the place of ``form``, as far as the public sees it."""
    place = form.location
    if place is None:
        return []
    problems = await parts.problems(site, STATES["open"], [form.answers["category"]])
    return nearest([parts.view(request, site, each, place) for each in problems])


def _form_page(
    request: Request,
    parts: SiteParts,
    site: CitySite,
    form: PublicForm,
    flaws: dict[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    if site.channel is None:
        raise Fault(
            501, "unusable_source",
            f"{site.source.name} names no channel of the pack: `duban source add … --kind site --channel CHANNEL`",
        )  # fmt: skip
    shown = {name: parts.look.say(request, flaw) for name, flaw in (flaws or form.flaws).items()}
    door = parts.door
    return parts.page(
        request, site, "report.html", status, form=form, flaws=shown, trap=TRAP, most_photos=MOST_PHOTOS,
        takes_photos=door.reception is not None, takes_contacts=door.vault.keyring is not None,
    )  # fmt: skip
