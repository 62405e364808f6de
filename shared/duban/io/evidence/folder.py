"""A store in a folder: ``ROOM/ab/abcd…``, each file whole or not there, whenever the process ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfileobj
from typing import Final
from uuid import uuid4

from duban.errors import SettingsError, Unavailable
from duban.io.evidence.store import CHUNK, Room, Stored, is_sha256
from duban.io.mishaps import crash_point

_ARRIVING: Final = "arriving"
#: After so long nobody writes any more what still lies among what arrives.
_ABANDONED_SECONDS: Final = 24 * 3600


class FolderStore:
    """An :class:`~duban.io.evidence.store.EvidenceStore` in a folder, which is made where it is missing."""

    def __init__(self, folder: Path) -> None:
        """Open the store.

        Raises:
            SettingsError: the folder cannot be made.
        """
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in (_ARRIVING, *Room):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise SettingsError(f"DUBAN_EVIDENCE: {folder} is no folder to write to: {error.strerror}") from None

    def __str__(self) -> str:
        return str(self._folder)

    def put(self, room: Room, sha256: str, file: Path) -> None:
        place = self._place(room, sha256)
        with _reached(self._folder):
            if place.exists():  # under its hash, so it is the same; whoever writes it may still be about to sync
                _sync(place.parent)
                return
            self._write(file, place)

    def replace(self, room: Room, sha256: str, file: Path) -> None:
        place = self._place(room, sha256)
        with _reached(self._folder):
            since = place.stat()
            self._write(file, place)
            os.utime(place, ns=(since.st_atime_ns, since.st_mtime_ns))  # it is there since then

    def erase(self, room: Room, sha256: str) -> None:
        place = self._place(room, sha256)
        with _reached(self._folder), suppress(FileNotFoundError):
            place.unlink()
            _sync(place.parent)

    def _write(self, file: Path, place: Path) -> None:
        """Have ``file`` at ``place``, whole at once."""
        arriving = self._folder / _ARRIVING / uuid4().hex
        try:
            with file.open("rb") as source, arriving.open("xb") as target:
                copyfileobj(source, target, CHUNK)
                os.fchmod(target.fileno(), 0o440)
                target.flush()
                crash_point("evidence_written")
                os.fsync(target.fileno())
            self._settle(arriving, place)
        finally:
            arriving.unlink(missing_ok=True)

    def move(self, sha256: str, source: Room, target: Room) -> None:
        with _reached(self._folder):
            self._settle(self._place(source, sha256), self._place(target, sha256))

    def find(self, room: Room, sha256: str) -> Stored | None:
        with _reached(self._folder):
            try:
                return _stored(self._place(room, sha256), room)
            except FileNotFoundError:
                return None

    def read(self, room: Room, sha256: str) -> Iterator[bytes] | None:
        with _reached(self._folder):
            try:
                file = self._place(room, sha256).open("rb")
            except FileNotFoundError:
                return None

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(CHUNK):
                    yield piece

        return pieces()

    def all(self, room: Room) -> Iterator[Stored]:
        with _reached(self._folder):
            for shelf in sorted((self._folder / room).iterdir()):
                for file in sorted(shelf.iterdir()):
                    if is_sha256(file.name):
                        yield _stored(file, room)

    def tidy(self) -> None:
        with _reached(self._folder):
            for file in (self._folder / _ARRIVING).iterdir():
                with suppress(FileNotFoundError):
                    if file.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                        file.unlink()

    def _place(self, room: Room, sha256: str) -> Path:
        assert is_sha256(sha256)
        return self._folder / room / sha256[:2] / sha256

    def _settle(self, source: Path, place: Path) -> None:
        """Have ``source`` at ``place`` and nowhere else, also after the power has failed."""
        if not place.parent.exists():
            place.parent.mkdir(exist_ok=True)
            _sync(place.parent.parent)
        source.replace(place)
        _sync(place.parent)
        if source.parent.name != _ARRIVING:
            _sync(source.parent)


@contextmanager
def _reached(folder: Path) -> Iterator[None]:
    """What the file system does not do now is waited for: a disk that is full or away."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the evidence store {folder} cannot be used now: {error.strerror}") from error


def _stored(file: Path, room: Room) -> Stored:
    status = file.stat()
    return Stored(file.name, room, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _sync(folder: Path) -> None:
    """Have the names in ``folder`` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
