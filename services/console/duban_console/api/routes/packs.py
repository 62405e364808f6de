"""The routes of policies: which packs hold, each of them whole, the calendars, and the bulletins that a pack offers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, Field

from duban.clock import Clock
from duban.errors import Fault
from duban.policy import PolicyPack
from duban.policy.library import Library
from duban.policy.model.assessment import Bulletin, Period
from duban_console.api.asker import Asks
from duban_console.api.bulletins import BulletinDesk
from duban_console.assessment.words import Language
from duban_console.ledger import LedgerReader

_AS_OF = "The end of this local day, YYYY-MM-DD, or a local time, YYYY-MM-DDTHH:MM; it has passed"
_BULLETIN_ID = "The id of one of the bulletins of the pack, or a kind of them"


class PackLine(BaseModel):
    """A pack that is published, as a list names it."""

    ref: str = Field(description="Its id and its version, as records cite it: `id@version`")
    jurisdiction: str
    title: dict[str, str] = Field(description="By language: `en`, and `zh` where the pack has it")
    calendar: str = Field(description="The id of the calendar by which it counts")
    bulletins: list[str] = Field(description="The ids of the bulletins that it provides for")


class Packs(BaseModel):
    """Every pack that is published, in the order of their references."""

    packs: list[PackLine]


class PackDocument(BaseModel):
    """A pack whole, as its file holds it."""

    ref: str
    pack: dict[str, Any]


class CalendarDocument(BaseModel):
    """A calendar whole, as its file holds it."""

    id: str
    calendar: dict[str, Any]


class CompiledBulletin(BaseModel):
    """A bulletin as of an instant: its columns, and a row a unit or a problem with every key; days are local."""

    bulletin: str
    kind: str
    title: str
    clause: str | None = Field(None, description="What it rests on in the document of the city")
    basis: str | None = Field(None, description="What it rests on, where the document is silent")
    pack: str
    calendar: str
    period: dict[str, Any]
    as_of: str
    needs_approval: bool = Field(description="Whether it is a draft until somebody has approved it")
    recipients: list[str]
    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]


def serve_packs(app: FastAPI, ledger: LedgerReader, library: Library, clock: Clock) -> None:
    """Add the routes to ``app``."""
    desk = BulletinDesk(ledger, library, clock)

    @app.get("/v1/packs", tags=["packs"])
    async def packs(asks: Asks) -> Packs:
        """Every pack that is published; they are no secret among those who act by them."""
        return Packs(packs=[_line(pack) for pack in library.packs])

    @app.get("/v1/packs/{ref}", tags=["packs"])
    async def pack(ref: str, asks: Asks) -> PackDocument:
        """The pack `id@version` whole: what `duban pack explain` tells and `duban pack diff` compares."""
        return PackDocument(ref=ref, pack=published(library, ref).model_dump(mode="json", exclude_defaults=True))

    @app.get("/v1/calendars/{calendar}", tags=["packs"])
    async def calendar(calendar: str, asks: Asks) -> CalendarDocument:
        """The calendar by which packs count, as it was published last."""
        notice = library.calendar(calendar)
        if notice is None:
            raise Fault(404, "unknown_calendar", f"no calendar {calendar} is published", "calendar")
        return CalendarDocument(id=notice.id, calendar=notice.model_dump(mode="json", exclude_defaults=True))

    @app.get("/v1/packs/{ref}/bulletins/{bulletin}", response_model=CompiledBulletin, tags=["packs"])
    async def bulletin(
        ref: str,
        bulletin: str,
        asks: Asks,
        as_of: Annotated[str, Query(max_length=40, description=_AS_OF)],
        period: Annotated[Period | None, Query(description="Another period than that of the pack")] = None,
        language: Annotated[Language | None, Query(description="Chinese where the pack has it, if not said")] = None,
    ) -> Response:
        """A bulletin of a city as of an instant, as `duban bulletin` compiles it: nothing is sent to anybody."""
        asks.must("see_bulletin", jurisdiction=published(library, ref).jurisdiction)
        compiled = await desk.compiled(ref, bulletin, as_of, period, language)
        return Response(compiled, media_type="application/json")


def published(library: Library, ref: str) -> PolicyPack:
    """The pack ``ref``.

    Raises:
        Fault: 404, there is none.
    """
    pack = library.pack(ref)
    if pack is None:
        raise Fault(404, "unknown_pack", f"no pack {ref} is published; GET /v1/packs lists them", "ref")
    return pack


def _line(pack: PolicyPack) -> PackLine:
    offered: tuple[Bulletin, ...] = pack.bulletins
    return PackLine(
        ref=pack.ref,
        jurisdiction=pack.jurisdiction,
        title=pack.title.model_dump(exclude_none=True),
        calendar=pack.time.calendar,
        bulletins=[bulletin.id for bulletin in offered],
    )
