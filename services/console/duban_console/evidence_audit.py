"""Whether the store still has what the ledger speaks of: every hash in the ledger beside the bytes in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

from duban.io.evidence.store import EvidenceStore, Room, Stored, standing
from duban.messages.report import STORE_SCHEME

if TYPE_CHECKING:
    from duban_console.ledger_verification import Connection

#: Only what names a hash at all; the rest of the ledger stays in the database.
_NAMING: Final = """
    select problem_id, version, body from router.published_events where body like '%"sha256"%'
    order by problem_id, version
"""
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
    """Compares what the ledger names with ``store``, each file once; counts what it has looked at."""

    store: EvidenceStore
    good: int = 0
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
        if stored is None:
            return Lack(named, "is missing in the store") if is_ours else None
        return self._compared(named, stored)

    def _compared(self, named: Named, stored: Stored) -> Lack | None:
        bytes_ = self.store.read(stored.room, named.sha256)
        seal = sha256()
        for piece in bytes_ or ():
            seal.update(piece)
        if seal.hexdigest() != named.sha256:
            return Lack(named, f"was changed in the store: its bytes have the SHA-256 {seal.hexdigest()}")
        if stored.room is Room.INFECTED:
            return Lack(named, "was found infected later, and is kept apart")
        self.good += 1
        self.held += stored.room is Room.HELD
        return None


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
