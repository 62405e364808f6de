"""Where files come in: looked at by their bytes, sealed by their hash, and in the store before anybody is told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from duban.errors import Fault, Unavailable
from duban.io.evidence.file_type import file_type
from duban.io.evidence.published_copy import publish
from duban.io.evidence.scanner import Scanner
from duban.io.evidence.store import EvidenceStore, Room, Stored, standing
from duban.messages.report import STORE_SCHEME, Evidence, stored_evidence

_MOST_OF_TITLE: Final = 300


def title_of(name: str | None) -> str:
    """What a file is called in the ledger, from the ``name`` that its sender gives it: without folders, to be read."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:_MOST_OF_TITLE]


async def checked(desk: EvidenceDesk | None, evidence: Sequence[Evidence]) -> None:
    """Refuse evidence that is said to lie in the store, and does not.

    Raises:
        Fault: as with :meth:`EvidenceDesk.check`; or 501, there is no store here.
    """
    if any(piece.is_ours for piece in evidence):
        if desk is None:
            raise Fault(501, "no_evidence_store", "there is no evidence here: DUBAN_EVIDENCE names no store")
        await asyncio.to_thread(desk.check, evidence)


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that is in the store: as the ledger speaks of it, its size in bytes and its type by its bytes.

    ``held`` says why it is not given out yet, where a scanner has yet to look at it; ``unpublished`` why there is no
    copy of it that may be shown.
    """

    evidence: Evidence
    size: int
    type: str
    held: str | None = None
    unpublished: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceDesk:
    """Takes files into ``store``: of ``types``, of at most ``most_bytes``, looked at by ``scanner``."""

    store: EvidenceStore
    types: Collection[str]
    most_bytes: int
    scanner: Scanner | None = None

    def take(self, file: Path, title: str = "", expected: str | None = None) -> TakenFile:
        """Have ``file`` in the store; nobody else may write to it meanwhile. The same file again is the same evidence.

        ``expected``: the SHA-256 that its sender says it has.

        Raises:
            Fault: it is not taken; says why and what to do.
            Unavailable: the store is away; the same file may be sent again.
        """
        size = file.stat().st_size
        self.check_size(size)
        type_ = self._type(file)
        with file.open("rb") as raw:
            sha256 = file_digest(raw, "sha256").hexdigest()
        if expected not in (None, sha256):
            say = f"the bytes have the SHA-256 {sha256}, not {expected}: they were changed on the way; send them again"
            raise Fault(422, "other_hash", say, "sha256")
        held, unpublished = self._kept(sha256, file, type_)
        return TakenFile(stored_evidence(sha256, title), size, type_, held, unpublished)

    def look_again(self, stored: Stored) -> str | None:
        """What the scanner finds in a file that lies in the store, and the file where it belongs then; None if nothing.

        Raises:
            Unavailable: the scanner cannot say, or the store is away; the file stays where it is.
        """
        with TemporaryDirectory(prefix="duban-evidence-") as folder:
            file = Path(folder) / stored.sha256
            with file.open("wb") as whole:
                for piece in self.store.read(stored.room, stored.sha256) or ():
                    whole.write(piece)
            infection = self._found(file)
            if infection is None:
                self._publish(stored.sha256, file, file_type(file) or "")
            self._settle(stored.sha256, stored.room, Room.ORIGINALS if infection is None else Room.INFECTED, file)
            return infection

    def _kept(self, sha256: str, file: Path, type_: str) -> tuple[str | None, str | None]:
        """Have ``file`` where it belongs, by what the scanner says; why it is held, and why no copy of it is shown.

        Raises:
            Fault: 422, it is infected.
        """
        stored = standing(self.store, sha256)
        room = None if stored is None else stored.room
        try:
            infection = "it was found so before" if room is Room.INFECTED else None
            if room in (None, Room.HELD):
                infection = self._found(file)
        except Unavailable as error:
            self._settle(sha256, room, Room.HELD, file)
            return f"it is kept, and given to nobody before a scanner has looked at it: {error}", None
        if infection is not None:
            self._settle(sha256, room, Room.INFECTED, file)
            say = f"the file is infected ({infection}): it is kept apart and given to nobody"
            raise Fault(422, "infected", say, "evidence")
        # The copy first: an original that is there has its copy, if one can be made.
        unpublished = self._publish(sha256, file, type_)
        self._settle(sha256, room, Room.ORIGINALS, file)
        return None, unpublished

    def _publish(self, sha256: str, file: Path, type_: str) -> str | None:
        """Have a copy of ``file`` that may be shown; why there is none, where none can be made."""
        if self.store.find(Room.PUBLISHED, sha256) is not None:
            return None
        with TemporaryDirectory(prefix="duban-evidence-") as folder:
            copy = Path(folder) / "copy"
            why_not = publish(file, type_, copy)
            if why_not is None:
                self.store.put(Room.PUBLISHED, sha256, copy)
            return why_not

    def _found(self, file: Path) -> str | None:
        return None if self.scanner is None else self.scanner.scan(file)

    def _settle(self, sha256: str, room: Room | None, target: Room, file: Path) -> None:
        if room is None:
            self.store.put(target, sha256, file)
        elif room is not target:
            self.store.move(sha256, room, target)

    def check_size(self, size: int) -> None:
        """Refuse a file of ``size`` bytes that is none, or more than may be taken.

        Raises:
            Fault: 400 or 413.
        """
        if size == 0:
            raise Fault(400, "empty", "the file has no bytes; send what it should hold", "evidence")
        if size > self.most_bytes:
            say = f"the file has {size} bytes, and {self.most_bytes} are taken (DUBAN_EVIDENCE_MAX_BYTES); send less"
            raise Fault(413, "too_large", say, "evidence")

    def check(self, evidence: Iterable[Evidence]) -> None:
        """Refuse evidence that is said to lie in the store, and does not.

        Raises:
            Fault: 400 or 409; the field names the first that is wrong.
        """
        for place, piece in enumerate(evidence):
            if not piece.is_ours:
                continue
            if piece.uri != f"{STORE_SCHEME}{piece.sha256}":
                raise Fault(400, "invalid", f"is not {STORE_SCHEME}{piece.sha256}", f"evidence.{place}.uri")
            stored = standing(self.store, piece.sha256)
            if stored is None or stored.room is Room.INFECTED:
                why = "no file with this SHA-256 is in the store" if stored is None else "the file is infected"
                say = f"{why}: send the file first, then what speaks of it"
                raise Fault(409, "unknown_evidence", say, f"evidence.{place}.sha256")

    def why_not(self, sha256: str) -> str | None:
        """Why nobody is given the file ``sha256``, in words; None where the store has it and it may be given."""
        stored = standing(self.store, sha256)
        match stored.room if stored is not None else None:
            case Room.ORIGINALS:
                return None
            case Room.HELD:
                return "it is kept until a scanner has looked at it, and not given out before"
            case Room.INFECTED:
                return "a scanner found it infected; it is kept apart and never given out"
            case _:
                return "no file with this SHA-256 is in the store"

    def _type(self, file: Path) -> str:
        type_ = file_type(file)
        if type_ is None or type_ not in self.types:
            known = f"is {type_} by its bytes" if type_ else "is of no kind that is known, by its bytes"
            say = f"the file {known}, and taken are: {', '.join(sorted(self.types))}"
            raise Fault(415, "unsupported_type", say, "evidence")
        return type_
