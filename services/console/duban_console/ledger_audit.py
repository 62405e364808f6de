"""Whether the ledger is still the one that was written: each history against its chain, and against what was claimed.

A chain proves that nothing inside it was changed, unless all of it was: whoever may write the whole table may also
compute every hash anew. So each history is compared with what was claimed of it elsewhere at the time: by the topic, by
anchors, and by heads that somebody keeps. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from duban.messages.anchors import LOGS, Head
from duban.messages.events import GENESIS, chained

#: What a finding rests on when nothing but the history itself is needed.
CHAIN: Final = "its own chain"


class Finding(BaseModel):
    """What is not as it was: a line of the ledger by ``record`` and ``version``, or an ``anchor`` by chain and number.

    ``evidence`` is what shows it.
    """

    record: UUID | None = None
    version: int | None = None
    anchor: str | None = None
    what: str
    evidence: str

    def __str__(self) -> str:
        if self.anchor is not None:
            what = f"anchor {self.anchor}"
        elif self.record in LOGS:
            what = f"line {self.version} of {LOGS[self.record]}"
        else:
            what = f"{self.record} version {self.version}"
        return f"{what} {self.what} ({self.evidence})"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One event as the ledger holds it."""

    record: UUID
    version: int
    body: bytes
    hash: str


class Where(IntEnum):
    """Where a claim was made."""

    TOPIC = 0  #: by an event on the topic
    ANCHOR = 1  #: by an anchor, of the number that the claim names
    FILE = 2  #: by a head that stands in a file, in the line that the claim names

    def words(self, number: int) -> str:
        """As it is said."""
        return ("the topic", f"anchor {number}", f"line {number} of the file")[self]


#: Bytes of a claim as a row; rows are in order of record and version, as the ledger's lines are.
CLAIM_WIDTH: Final = 16 + 4 + 32 + 1 + 4


class Claim(NamedTuple):
    """That a record's line of that version has that hash; who says so, and in which anchor or line of a file."""

    record: bytes
    version: int
    hash: bytes
    where: Where
    number: int

    @property
    def row(self) -> bytes:
        """The claim as bytes that sort as claims do."""
        version, where, number = self.version.to_bytes(4), self.where.to_bytes(1), self.number.to_bytes(4)
        return self.record + version + self.hash + where + number

    @classmethod
    def of(cls, head: Head, where: Where, number: int = 0) -> Claim:
        """What ``head`` claims."""
        return cls(head.record.bytes, head.version, bytes.fromhex(head.hash), where, number)

    @classmethod
    def read(cls, row: bytes) -> Claim:
        """The claim in ``row``."""
        where, number = Where(row[52]), int.from_bytes(row[53:])
        return cls(row[:16], int.from_bytes(row[16:20]), row[20:52], where, number)


def first_difference(
    record: UUID, lines: Sequence[LedgerLine], head: Head | None, claims: Sequence[Claim]
) -> Finding | None:
    """The first line of a record that is not what it was, by its chain, its head and every claim; None: all is whole.

    ``lines`` and ``claims`` are those of ``record``, in order of version; ``head`` is what the record itself holds.
    """
    hashes = {line.version: line.hash for line in lines}
    findings = [*_broken(record, lines, head), *filter(None, [unlike(record, hashes, claims)])]
    return min(findings, key=lambda finding: finding.version or 0, default=None)


def untold(lines: Sequence[LedgerLine], claims: Sequence[Claim]) -> LedgerLine | None:
    """The first line of a record that no event on the topic tells."""
    versions = {claim.version for claim in claims if claim.where is Where.TOPIC}
    return next((line for line in lines if line.version not in versions), None)


def _broken(record: UUID, lines: Sequence[LedgerLine], head: Head | None) -> Iterator[Finding]:
    previous = GENESIS
    for version, line in enumerate(lines, start=1):
        if line.version != version:
            what = "does not follow from the line before it"
        elif chained(previous, line.body) != line.hash:
            what = "was changed: its hash is another"
        else:
            previous = line.hash
            continue
        yield Finding(record=record, version=version, what=what, evidence=CHAIN)
        return
    last = len(lines)
    if not lines:
        if head is not None:
            yield Finding(record=record, version=head.version, what="stands without any history", evidence=CHAIN)
    elif head is None:
        yield Finding(record=record, version=last, what="has a history, but stands in no ledger", evidence=CHAIN)
    elif (head.version, head.hash) != (last, previous):
        what = "was cut off, or its head was changed"
        yield Finding(record=record, version=last + 1, what=what, evidence=CHAIN)


def unlike(record: UUID, hashes: Mapping[int, str], claims: Iterable[Claim]) -> Finding | None:
    """The first of ``claims`` that the lines of ``record``, their ``hashes`` by version, do not meet."""
    for claim in claims:
        hash_, where = hashes.get(claim.version), claim.where.words(claim.number)
        if hash_ != claim.hash.hex():
            what = f"is another than {where} has" if hash_ is not None else f"is missing, but {where} has it"
            return Finding(record=record, version=claim.version, what=what, evidence=where)
    return None
