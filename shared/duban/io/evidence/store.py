"""What every store of evidence can do: put, find, read, move from room to room, and have a file sealed or erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

#: So much of a file is in memory at a time.
CHUNK: Final = 256 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Room(StrEnum):
    """Where a file lies, which says what may be done with it."""

    ORIGINALS = "originals"  #: taken, byte for byte as it came: what the ledger speaks of
    PUBLISHED = "published"  #: what may be shown of it: a copy without metadata, under the SHA-256 of its original
    HELD = "held"  #: kept until a scanner has looked at it, and not served before
    INFECTED = "infected"  #: in which a scanner found something; never served


#: In the order in which a file is looked for: what was found infected is infected, wherever else it lies.
STATES: Final = (Room.INFECTED, Room.ORIGINALS, Room.HELD)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the store: its size in bytes, and since when it is there."""

    sha256: str
    room: Room
    size: int
    at: datetime


class EvidenceStore(Protocol):
    """Rooms full of files, each under a SHA-256. Every method raises Unavailable while the store is away."""

    def put(self, room: Room, sha256: str, file: Path) -> None:
        """Keep the bytes of ``file`` in ``room``: on its return all of them are safe, before it none is to be seen."""

    def replace(self, room: Room, sha256: str, file: Path) -> None:
        """Have the bytes of ``file`` in place of what lies in ``room``: at every instant one of the two lies there."""

    def erase(self, room: Room, sha256: str) -> None:
        """Have nothing lie in ``room`` under ``sha256``: its key is destroyed, and nobody could read it."""

    def move(self, sha256: str, source: Room, target: Room) -> None:
        """Have what lies in ``source`` lie in ``target``; at every instant it is in one of them."""

    def find(self, room: Room, sha256: str) -> Stored | None:
        """What lies in ``room`` under ``sha256``."""

    def read(self, room: Room, sha256: str) -> Iterator[bytes] | None:
        """The bytes of it, piece by piece; None where nothing lies there."""

    def all(self, room: Room) -> Iterator[Stored]:
        """Everything in ``room``, in the order of the hashes."""

    def tidy(self) -> None:
        """Remove what a process left that died while it wrote: bytes that nobody has been told of."""


def standing(store: EvidenceStore, sha256: str) -> Stored | None:
    """The file ``sha256`` in the room that says how it stands; None where the store has never had it."""
    return next((stored for room in STATES if (stored := store.find(room, sha256)) is not None), None)


def is_sha256(text: str) -> bool:
    """Whether ``text`` is a SHA-256 as the ledger writes it: 64 hexadecimal digits, small."""
    return _SHA256.fullmatch(text) is not None
