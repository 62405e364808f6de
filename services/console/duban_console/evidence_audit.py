"""Whether the store still has what the ledger speaks of: every hash in the ledger beside the bytes in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

from duban.io.evidence.sealed_file import is_sealed, opened, peeked
from duban.io.evidence.store import EvidenceStore, Room, Stored, standing
from duban.messages.report import STORE_SCHEME
from duban.seal import Unsealable
from duban_console.ledger import HeldKey, held_key
from duban_console.sealed_evidence import FileOpener

if TYPE_CHECKING:
    from duban_console.ledger_verification import Connection

#: Only what names a hash at all; the rest of the ledger stays in the database.
_NAMING: Final = """
    select problem_id, version, body from router.published_events where body like '%"sha256"%'
    order by problem_id, version
"""
_KEYS: Final = "select sha256, key_id, wrapped, erased_at, null as why from intake.published_file_keys"
_ROWS_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class Named:
    """That an event speaks of a file: the record and version, its SHA-256, and where it is said to lie."""

    record: UUID
    version: int
    sha256: str
    uri: str


@dataclass(frozen=True, slots=True)
class Lack:
    """What is wrong with a file that the ledger speaks of; ``named`` is the first event that does."""

    named: Named
    what: str

    def __str__(self) -> str:
        return f"{self.named.sha256} {self.what} ({self.named.record} version {self.named.version}, {self.named.uri})"


@dataclass(slots=True)
class EvidenceAudit:
    """Compares what the ledger names with ``store``, each file once; counts what it has looked at.

    ``keys`` are those of files that may lie sealed, which ``opener`` opens; without it, these are not compared.
    """

    store: EvidenceStore
    keys: Mapping[str, HeldKey] = field(default_factory=dict)
    opener: FileOpener | None = None
    good: int = 0
    erased: int = 0
    sealed: int = 0
    held: int = 0
    elsewhere: int = 0
    _seen: dict[bytes, bool] = field(default_factory=dict)

    def lack(self, named: Named) -> Lack | None:
        """What is wrong with the file that ``named`` speaks of, if it is ours and is looked at for the first time.

        Raises:
            Unavailable: the store is away.
        """
        key, is_ours = bytes.fromhex(named.sha256), named.uri.startswith(STORE_SCHEME)
        if key in self._seen and (self._seen[key] or not is_ours):
            return None
        stored = standing(self.store, named.sha256)
        self.elsewhere += stored is None and not is_ours and key not in self._seen
        self._seen[key] = is_ours or stored is not None
        held = self.keys.get(named.sha256)
        if held is not None and held.key is None:
            self.erased += 1
            return None
        if stored is None:
            return Lack(named, "is missing in the store") if is_ours else None
        return self._compared(named, stored, held)

    def _compared(self, named: Named, stored: Stored, held: HeldKey | None) -> Lack | None:
        first, bytes_ = peeked(self.store.read(stored.room, named.sha256) or ())
        if is_sealed(first):
            if self.opener is None:
                self.sealed += 1
                return None
            if held is None or held.key is None:
                return Lack(named, "lies sealed in the store, and no key of it is known")
            bytes_ = opened(bytes_, self.opener.key_of_file(held.key, named.sha256), named.sha256)
        seal = sha256()
        try:
            for piece in bytes_:
                seal.update(piece)
        except Unsealable as error:
            return Lack(named, f"was changed in the store: {error}")
        if seal.hexdigest() != named.sha256:
            return Lack(named, f"was changed in the store: its bytes have the SHA-256 {seal.hexdigest()}")
        if stored.room is Room.INFECTED:
            return Lack(named, "was found infected later, and is kept apart")
        self.good += 1
        self.held += stored.room is Room.HELD
        return None


async def keys_of_files(connection: Connection) -> dict[str, HeldKey]:
    """The keys of the files that sealed reports speak of, by their SHA-256."""
    rows = await connection.fetch(_KEYS)
    return {row["sha256"]: held_key(row) for row in rows}


async def named_evidence(connection: Connection) -> AsyncIterator[Named]:
    """Every piece of evidence that the ledger names, in the order of its records and versions."""
    async for row in connection.cursor(_NAMING, prefetch=_ROWS_AT_A_TIME):
        for uri, seal in pieces(orjson.loads(row["body"])):
            yield Named(row["problem_id"], row["version"], seal, uri)


def pieces(part: Any) -> Iterator[tuple[str, str]]:
    """URI and SHA-256 of each piece of evidence in a part of an event, whatever it is the evidence of."""
    if isinstance(part, dict):
        match part:
            case {"uri": str(uri), "sha256": str(seal)}:
                yield uri, seal
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from pieces(inner)
