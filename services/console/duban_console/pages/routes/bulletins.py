"""Bulletins (通报), accounts, lists and scores: a preview with its diagrams, and the same as PDF, workbook or CSV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

import anyio
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from duban.errors import Fault
from duban.pages.language import language_of
from duban.policy import Rules
from duban.policy.model.assessment import BulletinKind, Period
from duban.refusal import Refusal
from duban.texts import printable
from duban_console.api.asker import Asker, Denied, address_of
from duban_console.api.bulletins import BulletinDesk
from duban_console.assessment.diagram_svg import drawn
from duban_console.assessment.edition import Edition
from duban_console.assessment.papers.official import Letterhead, NoTypesetter, to_pdf
from duban_console.assessment.papers.workbook import to_xlsx
from duban_console.assessment.periods import as_of as instant
from duban_console.assessment.periods import stretch_of
from duban_console.assessment.selection import chosen, offered
from duban_console.assessment.sheet import Sheet
from duban_console.assessment.sheet_formats import to_csv
from duban_console.assessment.words import Language
from duban_console.issues.issue import Issue, acts_for, changed, digest, issue_id, signed, signing_unit
from duban_console.pages.bulletin_view import KINDS, shown_diagram
from duban_console.pages.comparison_view import PERIODS
from duban_console.pages.parts import PageParts
from duban_console.pages.visitor import Visits

FILE_TYPES: Final = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
#: So many rows are shown; a file has all of them.
_SHOWN: Final = 500
DocumentNumber = Annotated[str, Form(max_length=60)]


def serve_bulletins(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``."""
    desk = BulletinDesk(parts.ledger, parts.library, parts.clock)

    @app.post("/bulletins/signature")
    async def sign(request: Request, asks: Visits, number: DocumentNumber = "", sha256: str = Form("")) -> Response:
        """Sign the bulletin that the address names, whose figures who asks has seen under ``sha256``."""
        city, rules = _city(request, asks, parts)
        sheet = (await _made(request, parts, desk, rules, "", draws=False)).sheet
        unit = signing_unit(sheet.bulletin, rules.pack)
        if not acts_for(asks.known, "sign_bulletin", city, unit):
            why = Refusal("other_unit", f"{sheet.bulletin.id} is signed by {unit}, for which you do not act")
            raise Denied(403, "sign_bulletin", why)
        if (flaw := changed(sheet, sha256)) is not None:
            raise flaw
        issue = signed(
            sheet, rules, language_of(request), printable(number).strip(), asks.known, unit, parts.clock.now()
        )
        await parts.issues.sign(issue, address_of(request))
        return RedirectResponse(f"/bulletins/issues/{issue.id}", 303)

    @app.get("/bulletins")
    async def bulletins(request: Request, asks: Visits) -> Response:
        """What can be compiled; and, once something is chosen, how it looks."""
        city, rules = _city(request, asks, parts)
        words = parts.city_words(request, city)
        today = parts.clock.now().astimezone(rules.zone).date()
        query, yesterday = request.query_params, (today - timedelta(days=1)).isoformat()
        made, flaw = None, ""
        if query.get("bulletin"):
            try:
                made = await _made(request, parts, desk, rules, yesterday)
            except Fault as fault:
                flaw = str(fault)
        offers = {each.id: _titled(words.text(each.title), each.period, query.get("day") or yesterday, rules)
                  for each in offered(rules.pack)[1]}  # fmt: skip
        usual = {kind.value: parts.look.say(request, label) for kind, label in KINDS.items() if _is_usual(kind, rules)}
        signing = await _signing(parts, asks, city, made.sheet, rules) if made else None
        return parts.page(
            request, asks, "bulletins.html", status=400 if flaw else 200, city=city, words=words, offers=offers,
            usual=usual, chosen=query.get("bulletin", ""), day=query.get("day") or yesterday, periods=PERIODS,
            period=query.get("period", ""), today=today.isoformat(), made=made, flaw=flaw, shown=_SHOWN,
            signing=signing,
            diagrams=[shown_diagram(each, drawn(each), words) for each in made.diagrams] if made else [],
        )  # fmt: skip

    @app.get("/bulletins/{form}")
    async def file(request: Request, asks: Visits) -> Response:
        """The same as a file."""
        form = request.path_params["form"]
        if form not in FILE_TYPES:
            raise Fault(404, "unknown_path", "a bulletin is a pdf, an xlsx or a csv")
        _, rules = _city(request, asks, parts)
        sheet = (await _made(request, parts, desk, rules, "", draws=False)).sheet
        return await sheet_file(sheet, form, rules, language_of(request), Letterhead(fonts=parts.fonts))


async def sheet_file(sheet: Sheet, form: str, rules: Rules, language: Language, letterhead: Letterhead) -> Response:
    """``sheet`` as a file.

    Raises:
        Fault: 501, nothing here sets a PDF.
    """
    write = {
        "csv": lambda: to_csv(sheet, bom=True),
        "xlsx": lambda: to_xlsx(sheet),
        "pdf": lambda: to_pdf(sheet, rules, language, letterhead),
    }[form]
    try:
        content = await anyio.to_thread.run_sync(write)
    except NoTypesetter as error:
        raise Fault(501, "no_typesetter", str(error)) from None
    name = f"{sheet.bulletin.id}-{sheet.stretch.last}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=FILE_TYPES[form], headers=headers)


def _city(request: Request, asks: Asker, parts: PageParts) -> tuple[str, Rules]:
    """The city of a bulletin, and its rules.

    Raises:
        Fault: 403, it is not for who asks; 404, it has no pack.
    """
    city = parts.city(request, asks)
    asks.must("see_bulletin", jurisdiction=city)
    rules = parts.library.current(city, parts.clock.now())
    if rules is None:
        raise Fault(404, "unknown_city", f"no pack of {city} is published")
    return city, rules


@dataclass(frozen=True, slots=True)
class _Signing:
    """Who signs a bulletin, whether that is who asks, under which hash, and what became of it."""

    unit: str
    may: bool
    sha256: str
    issue: Issue | None


async def _signing(parts: PageParts, asks: Asker, city: str, sheet: Sheet, rules: Rules) -> _Signing | None:
    """None where this server keeps nothing that was signed."""
    if parts.issue_desk is None:
        return None
    unit = signing_unit(sheet.bulletin, rules.pack)
    issue = await parts.issues.shelf.issue(issue_id(city, sheet))
    return _Signing(unit, acts_for(asks.known, "sign_bulletin", city, unit), digest(sheet), issue)


async def _made(
    request: Request, parts: PageParts, desk: BulletinDesk, rules: Rules, day: str, *, draws: bool = True
) -> Edition:
    """The bulletin that the address names, compiled; raises Fault as the desk does."""
    query = request.query_params
    period = next((each for each in Period if each.value == query.get("period")), None)
    return await desk.edition(
        rules.pack.ref, query.get("bulletin", ""), query.get("day") or day, period, language_of(request),
        parts.near if draws else None,
    )  # fmt: skip


def _titled(title: str, period: Period, day: str, rules: Rules) -> str:
    """The title of a bulletin for the period in which ``day`` lies; without that where it is no day."""
    try:
        return title.format(**stretch_of(period, instant(day, rules.zone), rules.zone).named)
    except ValueError:
        return title


def _is_usual(kind: BulletinKind, rules: Rules) -> bool:
    """Whether the usual one of ``kind`` can be compiled, and the pack has none of its own."""
    try:
        return chosen(rules.pack, kind.value).id == kind.value
    except LookupError:
        return False
