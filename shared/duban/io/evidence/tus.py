"""Uploads over HTTP that go on where they broke off: the tus protocol, version 1.0.0, with five of its extensions.

Creation, also with the first bytes in the same request; expiration; checksum; termination. GET on an upload, which tus
leaves open, says what became of it.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from collections.abc import Callable, Mapping
from email.utils import formatdate
from hashlib import new as hash_of
from time import time
from typing import Annotated, Any, Final, TypeAlias

import structlog
from fastapi import FastAPI, Header, Request, Response
from pydantic import BaseModel, Field
from starlette.types import Scope

from duban.errors import Fault
from duban.io.evidence.desk import title_of
from duban.io.evidence.reception import Reception, taking
from duban.io.evidence.store import is_sha256
from duban.io.evidence.uploads import Announcement, Upload, UploadOutcome
from duban.io.faults import BodyLimit, Faulty

UPLOADS_PATH: Final = "/v1/evidence/uploads"
VERSION: Final = "1.0.0"
_EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
_ALGORITHMS: Final = ("sha1", "sha256")
_BYTES: Final = "application/offset+octet-stream"

_log = structlog.get_logger(__name__)

#: Who sends: the name by which an upload is the sender's own. Raises Fault for whoever may not send, or begin one more.
Speaker: TypeAlias = Callable[[Request, bool], str]

_SPEAKING: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Faulty, "description": "No key, or one that is no source's"},
    403: {"model": Faulty, "description": "The source is off"},
    404: {"model": Faulty, "description": "No such upload of this sender"},
    412: {"model": Faulty, "description": "Another version of tus, or none"},
    501: {"model": Faulty, "description": "No evidence is taken: no store is set"},
}
_WRITING: Final = _SPEAKING | {
    409: {"model": Faulty, "description": "Another offset is reached"},
    410: {"model": Faulty, "description": "All bytes have come"},
    415: {"model": Faulty, "description": "The file, or the request, is of a type that is not taken"},
    422: {"model": Faulty, "description": "The file is infected, or its hash is another than was announced"},
    423: {"model": Faulty, "description": "Another request writes to this upload"},
    429: {"model": Faulty, "description": "The sender is too fast"},
    460: {"model": Faulty, "description": "The checksum is another: the bytes of this request are dropped"},
}
_VersionHeader = Annotated[str | None, Header(alias="tus-resumable", description="1.0.0")]


class UploadDoor:
    """Takes the uploads of whoever may speak; without a reception, nothing is taken."""

    def __init__(self, reception: Reception | None, speaker: Speaker) -> None:
        self._reception = reception
        self._speaker = speaker
        #: Looking into files takes a processor and memory each.
        self._looking = asyncio.Semaphore(2)

    def taking(self) -> Reception:
        """Where evidence comes in; raises Fault, as :func:`taking` does."""
        return taking(self._reception)

    async def begin(self, request: Request) -> Upload:
        """The upload that ``request`` begins."""
        _check_version(request.headers)
        reception, owner = self.taking(), self._speaker(request, True)
        if request.headers.get("upload-defer-length") is not None:
            raise Fault(400, "invalid", "is not taken: say how long the file is", "upload-defer-length")
        length = _number(request.headers, "upload-length")
        reception.desk.check_size(length)
        metadata = _metadata(request.headers.get("upload-metadata", ""))
        expected = metadata.get("sha256")
        if expected is not None and not is_sha256(expected):
            raise Fault(400, "invalid", "sha256 is no SHA-256: 64 hexadecimal digits, small", "upload-metadata")
        title = title_of(metadata.get("filename"))
        about = Announcement(owner=owner, length=length, title=title, sha256=expected)
        return await asyncio.to_thread(reception.uploads.begin, about)

    def find(self, request: Request, id_: str, *, is_tus: bool = True) -> Upload:
        """The upload ``id_``, if it is that of whoever speaks."""
        if is_tus:
            _check_version(request.headers)
        return self.taking().uploads.find(id_, self._speaker(request, False))

    async def write(self, request: Request, upload: Upload, offset: int) -> None:
        """Have the body of ``request`` in ``upload`` from ``offset`` on; of one that breaks off, what has come."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _BYTES:
            raise Fault(415, "unsupported_type", f"bytes are sent as {_BYTES}", "content-type")
        algorithm, expected = _checksum(request.headers.get("upload-checksum"))
        seal, is_whole = hash_of(algorithm, usedforsecurity=False), False
        with upload.writing(offset) as descriptor:
            left = upload.about.length - offset
            try:
                async for piece in request.stream():
                    left -= len(piece)
                    if left < 0:
                        say = f"the bytes go beyond the {upload.about.length} that were announced"
                        raise Fault(413, "too_large", say, "upload-length")
                    seal.update(piece)
                    await asyncio.to_thread(_write_all, descriptor, piece)
                is_whole = True
                await asyncio.to_thread(os.fsync, descriptor)
            finally:
                # What cannot be compared with its checksum is sent again.
                if (left < 0) or (expected is not None and not (is_whole and seal.digest() == expected)):
                    os.ftruncate(descriptor, offset)
            if expected is not None and seal.digest() != expected:
                raise Fault(460, "other_checksum", "the bytes were changed on the way, and dropped: send them again")

    async def finished(self, upload: Upload) -> UploadOutcome | None:
        """What became of ``upload``; None while bytes are missing."""
        if upload.offset < upload.about.length:
            return None
        async with self._looking:
            outcome = await asyncio.to_thread(upload.finish, self.taking().desk)
        if outcome.code == "infected" or outcome.held is not None:
            _log.warning("evidence is not good", owner=upload.about.owner, why=outcome.reason or outcome.held)
        return outcome

    def headers(self, upload: Upload, outcome: UploadOutcome | None = None) -> dict[str, str]:
        """What every answer about ``upload`` says."""
        headers = {
            "Tus-Resumable": VERSION,
            "Upload-Offset": str(upload.offset),
            "Upload-Expires": formatdate(time() + self.taking().uploads.seconds, usegmt=True),
            "Cache-Control": "no-store",
        }
        if outcome is not None and outcome.evidence is not None:
            headers["Evidence"] = outcome.evidence.uri
        return headers


class Piece(BaseModel):
    """A piece of evidence, as a report or an action names it."""

    uri: str
    sha256: str
    title: str = ""


class UploadState(BaseModel):
    """An upload as it stands: what has come, and once all has, the evidence that it is, or why it is none."""

    offset: int
    length: int
    evidence: Piece | None = None
    type: str | None = None
    held: str | None = Field(None, description="Why the file is given to nobody yet")
    unpublished: str | None = Field(None, description="Why there is no copy of it that may be shown")
    code: str | None = None
    reason: str | None = None


def upload_limit(reception: Reception | None, scope: Scope) -> BodyLimit | None:
    """How large the body of an upload may be."""
    if reception is None or not scope["path"].startswith(UPLOADS_PATH):
        return None
    return BodyLimit(reception.desk.most_bytes, "DUBAN_EVIDENCE_MAX_BYTES", "send a smaller file")


def serve_uploads(app: FastAPI, door: UploadDoor) -> None:
    """Add the routes of uploads to ``app``."""

    @app.options(UPLOADS_PATH, status_code=204, tags=["evidence"])
    async def able() -> Response:
        """What of tus is spoken here."""
        most = door.taking().desk.most_bytes
        return Response(
            status_code=204,
            headers={
                "Tus-Resumable": VERSION,
                "Tus-Version": VERSION,
                "Tus-Extension": _EXTENSIONS,
                "Tus-Max-Size": str(most),
                "Tus-Checksum-Algorithm": ",".join(_ALGORITHMS),
            },
        )

    @app.post(UPLOADS_PATH, status_code=201, responses=_WRITING, tags=["evidence"])
    async def begin(request: Request, version: _VersionHeader = None) -> Response:
        """Begin an upload (tus); its address stands in `Location`."""
        upload = await door.begin(request)
        outcome = None
        if request.headers.get("content-type") is not None:
            try:
                await door.write(request, upload, 0)
            except Fault:
                upload.remove()
                raise
            outcome = _good(await door.finished(upload))
        return Response(
            status_code=201, headers={"Location": f"{UPLOADS_PATH}/{upload.id}", **door.headers(upload, outcome)}
        )

    @app.head(UPLOADS_PATH + "/{id}", responses=_SPEAKING, tags=["evidence"])
    async def reached(id: str, request: Request, version: _VersionHeader = None) -> Response:  # noqa: A002
        """How far an upload has come (tus)."""
        upload = door.find(request, id)
        return Response(headers={**door.headers(upload), "Upload-Length": str(upload.about.length)})

    @app.patch(UPLOADS_PATH + "/{id}", status_code=204, responses=_WRITING, tags=["evidence"])
    async def go_on(id: str, request: Request, version: _VersionHeader = None) -> Response:  # noqa: A002
        """Send bytes on from where the upload stands (tus); with the last of them, what became of the file."""
        upload = door.find(request, id)
        await door.write(request, upload, _number(request.headers, "upload-offset"))
        return Response(status_code=204, headers=door.headers(upload, _good(await door.finished(upload))))

    @app.delete(UPLOADS_PATH + "/{id}", status_code=204, responses=_SPEAKING, tags=["evidence"])
    async def end(id: str, request: Request, version: _VersionHeader = None) -> Response:  # noqa: A002
        """Give an upload up (tus); what the store has taken stays there."""
        door.find(request, id).remove()
        return Response(status_code=204, headers={"Tus-Resumable": VERSION})

    @app.get(UPLOADS_PATH + "/{id}", responses=_SPEAKING, tags=["evidence"])
    async def state(id: str, request: Request, response: Response) -> UploadState:  # noqa: A002
        """How an upload stands; once all has come, the evidence as reports and actions name it, or why it is none."""
        upload = door.find(request, id, is_tus=False)
        outcome = await door.finished(upload) or UploadOutcome()
        piece = outcome.evidence
        response.headers["Cache-Control"] = "no-store"
        return UploadState(
            offset=upload.offset,
            length=upload.about.length,
            evidence=None if piece is None else Piece(uri=piece.uri, sha256=piece.sha256, title=piece.title),
            type=outcome.type,
            held=outcome.held,
            unpublished=outcome.unpublished,
            code=outcome.code,
            reason=outcome.reason,
        )


def _good(outcome: UploadOutcome | None) -> UploadOutcome | None:
    if outcome is not None and outcome.code is not None:
        raise Fault(outcome.status, outcome.code, outcome.reason or "", "evidence")
    return outcome


def _write_all(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _check_version(headers: Mapping[str, str]) -> None:
    if (version := headers.get("tus-resumable")) != VERSION:
        say = f"is {version or 'missing'}; spoken is tus {VERSION}"
        raise Fault(412, "other_version", say, "tus-resumable", headers={"Tus-Version": VERSION})


def _number(headers: Mapping[str, str], name: str) -> int:
    written = headers.get(name, "")
    if not (written.isascii() and written.isdigit() and len(written) < 16):
        raise Fault(400, "invalid", "is no number of bytes; tus asks for it", name)
    return int(written)


def _metadata(header: str) -> dict[str, str]:
    """What the sender says of the file: pairs of a name and a text in base64."""
    pairs = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            pairs[name] = b64decode(value, validate=True).decode()
        except ValueError:
            raise Fault(400, "invalid", f"{name} is no UTF-8 in base64", "upload-metadata") from None
    return pairs


def _checksum(header: str | None) -> tuple[str, bytes | None]:
    """The algorithm and the digest that the bytes of a request are to have."""
    if header is None:
        return "sha256", None
    algorithm, _, value = header.partition(" ")
    try:
        if algorithm in _ALGORITHMS:
            return algorithm, b64decode(value, validate=True)
    except ValueError:
        pass
    raise Fault(400, "invalid", f"is none of {', '.join(_ALGORITHMS)} with a digest in base64", "upload-checksum")
