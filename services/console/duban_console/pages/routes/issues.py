"""Bulletins that were signed: which there are, what each says, as a file, and on to whom it is for."""

from __future__ import annotations

from uuid import UUID

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.policy import Rules
from duban_console.accounts.access import may
from duban_console.api.asker import Asker, address_of, unknown
from duban_console.assessment.papers.official import Letterhead
from duban_console.assessment.sheet import Sheet
from duban_console.issues.issue import Issue
from duban_console.pages.cities import units_in
from duban_console.pages.parts import PageParts
from duban_console.pages.routes.bulletins import FILE_TYPES, sheet_file
from duban_console.pages.visitor import Visits


def serve_issues(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""

    @app.get("/bulletins/issues")
    async def issues(request: Request, asks: Visits) -> Response:
        """Those of a city that are there for who asks, the newest first."""
        city = parts.city(request, asks)
        asks.must("see_issue", jurisdiction=city)
        shown = [each for each in await parts.issues.shelf.issues(city) if _is_there(asks, each)]
        return parts.page(request, asks, "issues.html", issues=shown, city=city, words=parts.city_words(request, city))

    @app.get("/bulletins/issues/{id}")
    async def issue(request: Request, asks: Visits) -> Response:
        """One as it was signed."""
        issue, rules = await _found(request, asks, parts)
        sends = issue.sent_at is None and may(asks.known, "send_bulletin", jurisdiction=issue.jurisdiction) is None
        return parts.page(
            request, asks, "issue.html", issue=issue, sheet=_sheet(issue, rules), sends=sends,
            words=parts.words(request, issue.pack), is_seen_whole=_is_seen_whole(asks, issue),
        )  # fmt: skip

    @app.get("/bulletins/issues/{id}/{form}")
    async def file(request: Request, asks: Visits) -> Response:
        """The same as a file; as JSON the very bytes that were signed."""
        form = request.path_params["form"]
        if form != "json" and form not in FILE_TYPES:
            raise Fault(404, "unknown_path", "a bulletin is a pdf, an xlsx, a csv, or json as it was signed")
        issue, rules = await _found(request, asks, parts)
        if form == "json":
            name = f"{issue.bulletin}-{issue.last}.json"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(issue.document, media_type="application/json", headers=headers)
        letterhead = Letterhead(issue.number, parts.fonts)
        return await sheet_file(_sheet(issue, rules), form, rules, issue.language, letterhead)

    @app.post("/bulletins/issues/{id}/sending")
    async def send(request: Request, asks: Visits) -> Response:
        """Send it to whom the pack names."""
        issue, rules = await _found(request, asks, parts)
        asks.must("send_bulletin", jurisdiction=issue.jurisdiction)
        await parts.issues.send(issue, rules, asks.known, parts.clock.now(), address_of(request))
        return RedirectResponse(f"/bulletins/issues/{issue.id}", 303)


async def _found(request: Request, asks: Asker, parts: PageParts) -> tuple[Issue, Rules]:
    """The issue that the address names, and the rules of its pack.

    Raises:
        Fault: 404, it is not there, or not for who asks; 409, its pack is not published any more.
    """
    name = request.path_params["id"]
    try:
        issue = await parts.issues.shelf.issue(UUID(name))
    except ValueError:
        issue = None
    if issue is None or not _is_there(asks, issue):
        raise unknown("issue", name, denied=None if issue is None else "see_issue")
    rules = parts.library.rules(issue.pack)
    if rules is None:
        raise Fault(409, "not_published", f"the pack {issue.pack} is not published: `duban pack publish` brings it")
    return issue, rules


def _sheet(issue: Issue, rules: Rules) -> Sheet:
    try:
        return issue.sheet(rules)
    except LookupError as error:
        raise Fault(409, "not_published", str(error.args[0])) from None


def _is_seen_whole(asks: Asker, issue: Issue) -> bool:
    """Whether who asks may compile bulletins of the city themselves, and so sees what was not sent."""
    return may(asks.known, "see_bulletin", jurisdiction=issue.jurisdiction) is None


def _is_there(asks: Asker, issue: Issue) -> bool:
    if may(asks.known, "see_issue", jurisdiction=issue.jurisdiction) is not None:
        return False
    units = frozenset(units_in(asks.known.account.appointments, issue.jurisdiction))
    return _is_seen_whole(asks, issue) or issue.concerns(units)
