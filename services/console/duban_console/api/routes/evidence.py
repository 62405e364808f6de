"""The routes of evidence: files of units in, by tus; what is known of a file, what may be shown, and the original."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from duban.errors import Fault
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.file_type import type_of
from duban.io.evidence.reception import Reception
from duban.io.evidence.sealed_file import is_sealed, peeked, size_of
from duban.io.evidence.store import Room, standing
from duban.io.evidence.tus import UploadDoor, serve_uploads
from duban.io.faults import Faulty
from duban_console.accounts.log import AccountActKind
from duban_console.api.asker import Asker, Asks
from duban_console.sealed_evidence import EvidenceOpener

PATH: Final = "/v1/evidence"
#: However a browser comes to a file, it runs nothing that is in it.
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=86400",
}
_ASKING: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": Faulty, "description": "The store has no such file, or no copy that may be shown"},
    409: {"model": Faulty, "description": "The file waits for a scanner, or is infected"},
    410: {"model": Faulty, "description": "The file was erased"},
    501: {"model": Faulty, "description": "No evidence store is set"},
}
_BYTES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The bytes", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    **_ASKING,
}
Seal = Annotated[str, Path(alias="sha256", pattern="^[0-9a-f]{64}$", description="The SHA-256 of the original")]


class KnownFile(BaseModel):
    """What is known of a file."""

    sha256: str
    state: Room = Field(description="`originals`: it is given out; `held`: it waits for a scanner; `infected`: never")
    size: int
    since: AwareDatetime
    published: bool = Field(description="Whether there is a copy without metadata")


def serve_evidence(app: FastAPI, reception: Reception | None, opener: EvidenceOpener) -> None:
    """Add the routes to ``app``."""
    serve_uploads(app, UploadDoor(reception, _speaker))

    def desk() -> EvidenceDesk:
        if reception is None:
            raise Fault(501, "no_evidence_store", "there is no evidence here: DUBAN_EVIDENCE names no store")
        return reception.desk

    @app.get(PATH + "/{sha256}", responses=_ASKING, tags=["evidence"])
    async def known(seal: Seal) -> KnownFile:
        """How a file stands in the store."""
        store = desk().store
        stored = await asyncio.to_thread(standing, store, seal)
        if stored is None:
            await opener.check(seal)
            raise Fault(404, "unknown_evidence", "no file with this SHA-256 is in the store", "sha256")
        beginning = await asyncio.to_thread(lambda: next(store.read(stored.room, seal) or iter(()), b""))
        published = await asyncio.to_thread(store.find, Room.PUBLISHED, seal)
        return KnownFile(
            sha256=seal,
            state=stored.room,
            size=size_of(beginning) if is_sealed(beginning) else stored.size,
            since=stored.at,
            published=published is not None,
        )

    @app.get(PATH + "/{sha256}/published", responses=_BYTES, tags=["evidence"])
    async def published(seal: Seal) -> StreamingResponse:
        """What may be shown of a file: a copy without what it says of who made it, with what, when and where."""
        return await given(desk(), Room.PUBLISHED, seal, opener)

    @app.get(PATH + "/{sha256}/original", responses=_BYTES, tags=["evidence"])
    async def original(seal: Seal, request: Request, asks: Asks) -> StreamingResponse:
        """The original, byte for byte, with all that it says of who made it and where; who opened it is logged."""
        answer = await given(desk(), Room.ORIGINALS, seal, opener)
        await request.app.state.gate.note(AccountActKind.ORIGINAL_OPENED, asks, request, seal)
        return answer


async def given(desk: EvidenceDesk, room: Room, seal: str, opener: EvidenceOpener) -> StreamingResponse:
    """The bytes that lie in ``room``.

    Raises:
        Fault: 404, 409 or 410, there are none for anybody; 403, they are sealed.
    """
    stored, why_not = await asyncio.to_thread(lambda: (standing(desk.store, seal), desk.why_not(seal)))
    if stored is None:
        await opener.check(seal)
    if why_not is not None:
        raise Fault(404 if stored is None else 409, "unknown_evidence" if stored is None else stored.room, why_not)
    pieces = await asyncio.to_thread(desk.store.read, room, seal)
    if pieces is None:
        say = "there is no copy of it without metadata: none can be made of this type, or of this file"
        raise Fault(404, "not_published", say, "sha256")
    plain, _ = await opener.bytes_of(seal, pieces)
    first, plain = await asyncio.to_thread(peeked, plain)
    # An original is given to be kept, and not for a browser to open.
    kind = (type_of(first) if room is Room.PUBLISHED else None) or "application/octet-stream"
    return StreamingResponse(plain, media_type=kind, headers=_SAFE)


def _speaker(request: Request, begins: bool) -> str:
    """Whose an upload is: the account's, by a name that no source has, for both may be kept in one place."""
    asks: Asker = request.state.asks
    return f"@{asks.known.account.name}"
