"""Uploads that are not finished: bytes as far as they have come, in a folder, until the desk takes the whole.

    ID/about.json     whose it is, how long it will be, what was announced of it
    ID/bytes          what has come; its length is the offset, so that no process that dies leaves them in disagreement
    ID/outcome.json   what the desk made of it, when all had come

Whatever else lies there a process has left that died: it is cleared as an upload is that nobody goes on with.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import Final

from msgspec import DecodeError

from duban.errors import Fault
from duban.io.evidence.desk import EvidenceDesk
from duban.messages.report import Evidence, Sha256
from duban.messages.struct import Frozen, from_json, to_json

_ID: Final = re.compile(r"[0-9a-f]{32}")
#: So many unfinished uploads one folder holds at most.
_MOST: Final = 10_000


class Announcement(Frozen):
    """What is known of an upload from its beginning."""

    owner: str
    length: int
    title: str = ""
    sha256: Sha256 | None = None


class UploadOutcome(Frozen):
    """What became of an upload that is complete: ``evidence`` where it was taken, else ``code`` and ``reason``.

    ``held`` says why the file is given to nobody yet, ``unpublished`` why there is no copy of it that may be shown.
    """

    evidence: Evidence | None = None
    type: str | None = None
    held: str | None = None
    unpublished: str | None = None
    status: int = 200
    code: str | None = None
    reason: str | None = None


class Upload:
    """One upload, in its folder."""

    def __init__(self, folder: Path, about: Announcement) -> None:
        self._folder = folder
        self.about = about

    @property
    def id(self) -> str:
        """By which its sender goes on with it; nobody can guess it."""
        return self._folder.name

    @property
    def bytes(self) -> Path:
        """The file with what has come."""
        return self._folder / "bytes"

    @property
    def offset(self) -> int:
        """How many bytes have come; all of them once there is an outcome."""
        try:
            return self.bytes.stat().st_size
        except FileNotFoundError:
            return self.about.length

    @property
    def outcome(self) -> UploadOutcome | None:
        """What became of it, if that is known."""
        try:
            return from_json((self._folder / "outcome.json").read_bytes(), UploadOutcome)
        except FileNotFoundError:
            return None

    @contextmanager
    def writing(self, offset: int) -> Iterator[int]:
        """The descriptor by which its bytes are written on from ``offset``, for one request at a time.

        Raises:
            Fault: 409, another offset is reached; 423, somebody else writes; 410, all has come.
        """
        try:
            descriptor = os.open(self.bytes, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            raise Fault(410, "complete", "all bytes have come; ask what became of them by GET") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say = "another request writes to this upload; ask by HEAD how far it has come, and go on from there"
                raise Fault(423, "locked", say, retry=1) from None
            reached = os.fstat(descriptor).st_size
            if offset != reached:
                say = f"is {offset}, and {reached} bytes have come; go on from there"
                raise Fault(409, "other_offset", say, "upload-offset")
            yield descriptor
        finally:
            os.close(descriptor)

    def finish(self, desk: EvidenceDesk) -> UploadOutcome:
        """What becomes of the upload, all of which has come: the desk takes it once, whoever asks and however often.

        Raises:
            Unavailable: the store is away; the upload stays as it is.
        """
        # Who finishes it at the same time waits here, and finds the outcome.
        with (self._folder / "about.json").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (known := self.outcome) is not None:
                return known
            outcome = self._taken(desk)
            _write(self._folder / "outcome.json", to_json(outcome))
            self.bytes.unlink(missing_ok=True)
            return outcome

    def _taken(self, desk: EvidenceDesk) -> UploadOutcome:
        try:
            file = desk.take(self.bytes, self.about.title, self.about.sha256)
        except Fault as fault:
            return UploadOutcome(status=fault.status, code=fault.code, reason=str(fault))
        return UploadOutcome(evidence=file.evidence, type=file.type, held=file.held, unpublished=file.unpublished)

    def remove(self) -> None:
        """Forget it, with the bytes that came."""
        rmtree(self._folder, ignore_errors=True)

    def is_left(self, since: float) -> bool:
        """Whether nobody has gone on with it ``since``, in seconds of the epoch."""
        try:
            return max(place.stat().st_mtime for place in (self._folder, *self._folder.iterdir())) < since
        except FileNotFoundError:
            return False

    @property
    def is_owed(self) -> bool:
        """Whether all of it has come, and the desk has yet to take it."""
        return self.bytes.exists() and self.offset >= self.about.length and self.outcome is None


class Uploads:
    """The uploads in ``folder``, each removed when nobody has gone on with it for ``hours``."""

    def __init__(self, folder: Path, hours: float) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.seconds = hours * 3600

    def begin(self, about: Announcement) -> Upload:
        """A new upload of which nothing has come.

        Raises:
            Fault: 503, there are too many.
        """
        if sum(1 for _ in self.folder.iterdir()) >= _MOST:
            raise Fault(503, "too_many", f"{_MOST} uploads are not finished; go on with one, or wait", retry=60)
        id_ = token_hex(16)
        # Whole at once: an upload is there with all that is known of it.
        arriving = self.folder / f".{id_}"
        arriving.mkdir()
        (arriving / "bytes").touch(mode=0o600)
        _write(arriving / "about.json", to_json(about))
        return Upload(arriving.rename(self.folder / id_), about)

    def find(self, id_: str, owner: str) -> Upload:
        """The upload ``id_`` of ``owner``.

        Raises:
            Fault: 404, there is none.
        """
        upload = self._read(id_) if _ID.fullmatch(id_) else None
        if upload is None or upload.about.owner != owner:
            say = "there is no such upload: it was removed, was another's, or its time is over; begin a new one"
            raise Fault(404, "unknown_upload", say)
        return upload

    def all(self) -> Iterator[Upload]:
        """Every upload that is there."""
        for folder in sorted(self.folder.iterdir()):
            if (upload := self._read(folder.name)) is not None:
                yield upload

    def clear(self) -> int:
        """Remove those that nobody goes on with, and what a process left that died as it began one; how many.

        What has come as a whole stays until the store has it.
        """
        since, cleared = time.time() - self.seconds, 0
        for folder in list(self.folder.iterdir()):
            upload = self._read(folder.name) or Upload(folder, Announcement(owner="", length=1))
            if upload.is_left(since) and not upload.is_owed:
                upload.remove()
                cleared += 1
        return cleared

    def _read(self, id_: str) -> Upload | None:
        try:
            return Upload(self.folder / id_, from_json((self.folder / id_ / "about.json").read_bytes(), Announcement))
        except (FileNotFoundError, NotADirectoryError, DecodeError):
            return None


def _write(file: Path, data: bytes) -> None:
    """Have ``data`` in ``file``: whole, or not at all."""
    arriving = file.with_suffix(".new")
    with arriving.open("wb") as whole:
        whole.write(data)
        whole.flush()
        os.fsync(whole.fileno())
    arriving.replace(file)
