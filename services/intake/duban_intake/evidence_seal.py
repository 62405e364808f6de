"""The files that sealed reports speak of: sealed in the store under a key each, taken out once that is destroyed.

A batch of reports only notes which files, in its transaction; what is slow is done here, again and again, by every
member, and comes to the same whoever does it and however often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import structlog

from duban.io.backoff import rounds
from duban.io.evidence.sealed_file import is_sealed, opened, peeked, seal_file
from duban.io.evidence.store import EvidenceStore, Room
from duban.io.report_keys import ReportKeys
from duban.messages.sealed import WrappedKey
from duban.seal import Unsealable

_SECONDS_BETWEEN: Final = 30.0
_PAGE: Final = 100
#: Where files lie that are sealed; what is held waits for a scanner, which has to read it first.
_ROOMS: Final = (Room.PUBLISHED, Room.ORIGINALS, Room.INFECTED)
_UNSETTLED: Final = """
    select sha256, key_id, wrapped, erased_at is not null as is_erased from intake.file_keys
    where (sealed_at is null or (erased_at is not null and removed_at is null)) and sha256 > $1
    order by sha256 limit $2
"""
_SEALED: Final = "update intake.file_keys set sealed_at = now() where sha256 = $1 and wrapped = $2"
_REMOVED: Final = "update intake.file_keys set removed_at = now() where sha256 = $1 and erased_at is not null"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EvidenceSeal:
    """Seals files in ``store`` with ``keys``."""

    store: EvidenceStore
    keys: ReportKeys

    def seal(self, sha256: str, wrapped: WrappedKey) -> bool:
        """Have the file lie sealed wherever it lies; whether it does, and nowhere waits for a scanner.

        What lies sealed under a key that was destroyed before is taken out: nobody reads it.

        Raises:
            Unavailable: the store is away.
            Unsealable: the master key of ``wrapped`` is not here.
        """
        key, is_there = self.keys.key_of_file(wrapped, sha256), False
        for room in _ROOMS:
            if (pieces := self.store.read(room, sha256)) is None:
                continue
            beginning, whole = peeked(pieces)
            if not is_sealed(beginning):
                is_there |= self._sealed(room, sha256, key)
            elif _opens(whole, key, sha256):
                is_there = True
            else:
                self.store.erase(room, sha256)
        return is_there and self.store.find(Room.HELD, sha256) is None

    def erase(self, sha256: str) -> None:
        """Have nothing of the file in the store.

        Raises:
            Unavailable: the store is away.
        """
        for room in (*_ROOMS, Room.HELD):
            self.store.erase(room, sha256)

    def _sealed(self, room: Room, sha256: str, key: bytes) -> bool:
        """Seal what lies in ``room``, if it is what it should be; whether it is sealed now.

        Another member may have sealed it meanwhile, or taken it out; what was changed stays for the audit to find.
        """
        with TemporaryDirectory(prefix="duban-evidence-") as folder:
            plain, sealed = Path(folder) / "plain", Path(folder) / "sealed"
            digest, beginning = new_sha256(), b""
            with plain.open("wb") as whole:
                for piece in self.store.read(room, sha256) or ():
                    beginning = beginning or piece
                    digest.update(piece)
                    whole.write(piece)
            if not beginning or is_sealed(beginning):
                return bool(beginning)
            if room is not Room.PUBLISHED and digest.hexdigest() != sha256:
                _log.error("evidence was changed in the store and is not sealed", sha256=sha256, room=room)
                return False
            seal_file(plain, sealed, key, sha256)
            self.store.replace(room, sha256, sealed)
            return True


def _opens(pieces: Iterator[bytes], key: bytes, sha256: str) -> bool:
    """Whether a file lies sealed under ``key``: whether its first piece opens."""
    try:
        next(opened(pieces, key, sha256))
    except Unsealable:
        return False
    return True


class EvidenceSealer:
    """Makes its rounds through what is to be sealed or taken out, until ``stop``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], seal: EvidenceSeal) -> None:
        self._pool = pool
        self._seal = seal
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; a file in hand is finished first."""
        self._stopping.set()

    async def run(self) -> None:
        """Make rounds; what is away is waited for."""
        await rounds(self._stopping, "evidence", self.round, _SECONDS_BETWEEN)

    async def round(self) -> None:
        """Look at everything once.

        Raises:
            Unavailable: the store is away, or the database.
        """
        after = ""
        while rows := await self._pool.fetch(_UNSETTLED, after, _PAGE):
            for row in rows:
                if self._stopping.is_set():
                    return
                await self._settle(row)
            after = rows[-1]["sha256"]

    async def _settle(self, row: asyncpg.Record) -> None:
        sha256 = row["sha256"]
        if row["is_erased"]:
            await asyncio.to_thread(self._seal.erase, sha256)
            await self._pool.execute(_REMOVED, sha256)
            return
        try:
            done = await asyncio.to_thread(self._seal.seal, sha256, WrappedKey(row["key_id"], row["wrapped"]))
        except Unsealable as error:
            _log.error("a file cannot be sealed", sha256=sha256, why=str(error))
            return
        if done:
            await self._pool.execute(_SEALED, sha256, row["wrapped"])
