"""The pages of what-if: a draft, played over a city's past, with how far it is and what would have been otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from duban.errors import CalendarError, Fault, PackError
from duban.pages.language import language_of
from duban.pages.look import HEADERS
from duban.policy import PolicyPack, Rules
from duban.policy.language import Language, refusal
from duban.policy.library import Library
from duban.policy.plain_data import MOST_CHARACTERS
from duban_console.api.asker import Asker
from duban_console.packs.publication import parsed_pack
from duban_console.pages.parts import PageParts, at_hand
from duban_console.pages.record_words import RecordWords
from duban_console.pages.routes.wall import changes
from duban_console.pages.visitor import Visits
from duban_console.policies.draft import DRAFT
from duban_console.policies.experiment_view import FAULTS, loads, other_lapses
from duban_console.policies.experiments import MOST_RECORDS, ExperimentDesk, ExperimentRefused, PolicyExperiment

DEED: Final = "try_policy"
#: How often it is said how far it is, in seconds.
_LOOK: Final = 1.0


def serve_experiments(app: FastAPI, parts: PageParts) -> None:
    """Add the routes to ``app``; where nothing is installed that plays, they say so."""

    @app.post("/experiments")
    async def begin(
        request: Request,
        asks: Visits,
        text: Annotated[str, Form(max_length=MOST_CHARACTERS)],
        since: Annotated[date, Form()],
        until: Annotated[date, Form()],
    ) -> Response:
        """Begin one over the records that began on the days from ``since`` to ``until``."""
        here = _at_hand(parts)
        try:
            pack = await asyncio.to_thread(parsed_pack, text, DRAFT)
        except PackError as error:
            raise Fault(400, "broken_draft", refusal(error, Language(language_of(request))), "text") from None
        asks.must(DEED, jurisdiction=pack.jurisdiction)
        if since > until:
            raise Fault(400, "invalid", "the period ends before it begins", "until")
        zone = zone_of(pack, parts.library)
        try:
            experiment = here.begin(asks.known.account.name, pack, _first(since, zone), _first(until, zone, days=1))
        except ExperimentRefused as refused:
            raise Fault(409, refused.code, str(refused)) from None
        return RedirectResponse(f"/experiments/{experiment.id}", 303)

    @app.get("/experiments/{id}")
    async def show(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """How far it is, or what came of it; without a script it is loaded anew until it is over."""
        experiment = _found(parts, asks, id)
        return parts.page(request, asks, "experiment.html", **_shown(request, parts, experiment))

    @app.post("/experiments/{id}/end")
    async def end(asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """Play it no further."""
        await _at_hand(parts).stop(_found(parts, asks, id))
        return RedirectResponse(f"/experiments/{id}", 303)

    _stream(app, parts)


def _stream(app: FastAPI, parts: PageParts) -> None:
    @app.get("/experiments/{id}/stream")
    async def stream(request: Request, asks: Visits, id: UUID) -> Response:  # noqa: A002 a name of the path
        """The same, sent anew as it goes on, until it is over."""
        experiment = _found(parts, asks, id)

        async def state() -> str:
            _found(parts, asks, id)  # whoever listens looks
            shown = _shown(request, parts, experiment)
            return parts.look.fragment(language_of(request), "experiment_state.html", **shown)

        async def goes_on() -> bool:
            return parts.listens() and not experiment.is_over and not await request.is_disconnected()

        async def events() -> AsyncIterator[str]:
            async for event in changes(state, goes_on, seconds=_LOOK):
                yield event
            if experiment.is_over:
                last = "".join(f"data: {line}\n" for line in (await state()).splitlines())
                yield f"{last}\nevent: over\ndata: over\n\n"

        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(events(), media_type="text/event-stream", headers=headers)


def _at_hand(parts: PageParts) -> ExperimentDesk:
    say = "nothing can be played here: the package duban-simulation is not installed"
    return at_hand(parts.experiments, "not_set_up", say)


def _found(parts: PageParts, asks: Asker, id_: UUID) -> PolicyExperiment:
    """The one that who asks has asked for, who looks at it now."""
    experiment = _at_hand(parts).seen(asks.known.account.name, id_)
    if experiment is None:
        raise Fault(404, "unknown_experiment", "no such experiment is remembered here: begin it anew", "id")
    return experiment


def usual_period(zone: ZoneInfo, now: datetime) -> tuple[date, date]:
    """The year that ends today in ``zone``."""
    today = now.astimezone(zone).date()
    return today - timedelta(days=365), today


def zone_of(pack: PolicyPack, library: Library) -> ZoneInfo:
    """The time by which ``pack`` counts; UTC where its calendar is not here."""
    notice = library.calendar(pack.time.calendar)
    return ZoneInfo("UTC" if notice is None else notice.timezone)


def _shown(request: Request, parts: PageParts, experiment: PolicyExperiment) -> dict[str, Any]:
    words = _words(request, parts, experiment.pack)
    differences = experiment.differences if experiment.differences and not experiment.is_empty else None
    return {
        "experiment": experiment,
        "words": words,
        "most": MOST_RECORDS,
        "fault": words.say(FAULTS[experiment.fault]) if experiment.fault else "",
        "lapses": other_lapses(differences, words) if differences else [],
        "loads": loads(differences, words) if differences else [],
    }


def _words(request: Request, parts: PageParts, pack: PolicyPack) -> RecordWords:
    """The words of the draft."""
    notice = parts.library.calendar(pack.time.calendar)
    rules = None
    if notice is not None:
        try:
            rules = Rules.compile(pack, notice)
        except CalendarError:
            rules = None
    return RecordWords(language_of(request), lambda text: parts.look.say(request, text), rules)


def _first(day: date, zone: ZoneInfo, days: int = 0) -> datetime:
    """The first instant of the day so many ``days`` later."""
    return datetime.combine(day + timedelta(days=days), time(), zone)
