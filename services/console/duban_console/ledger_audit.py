"""Whether the ledger is still the one that was written: its chains, against what was told, and what was noted. Pure.

A chain proves that nothing inside it was changed, unless all of it was: whoever may write the whole table may also
compute every hash anew. So the heads are compared with what the topic told at the time, and with heads that somebody
keeps elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel

from duban.messages.events import GENESIS, chained


class Head(BaseModel):
    """The latest event of a record when it was noted: enough to find any change before it."""

    record: UUID
    version: int
    hash: str


class Finding(BaseModel):
    """A line of the ledger that is not what it was: of which record, which version, and what is wrong with it."""

    record: UUID
    version: int
    what: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One event as the ledger holds it."""

    record: UUID
    version: int
    body: bytes
    previous: str
    hash: str


def broken(lines: Iterable[LedgerLine], heads: Mapping[UUID, Head]) -> Iterator[Finding]:
    """The first line of each record that does not follow from the one before it, or from nothing.

    ``lines`` come record by record, in order of version; ``heads`` are those that the records themselves hold.
    """
    at: LedgerLine | None = None
    spoilt: UUID | None = None
    seen: set[UUID] = set()
    for line in lines:
        if at is None or at.record != line.record:
            yield from _cut_off(at, spoilt, heads)
            at, spoilt = None, None
        seen.add(line.record)
        if spoilt is None:
            previous, version = (at.hash, at.version + 1) if at else (GENESIS, 1)
            if (line.version, line.previous) != (version, previous):
                yield Finding(record=line.record, version=version, what="does not follow from the line before it")
                spoilt = line.record
            elif chained(previous, line.body) != line.hash:
                yield Finding(record=line.record, version=version, what="was changed: its hash is another")
                spoilt = line.record
        at = line
    yield from _cut_off(at, spoilt, heads)
    for record, head in heads.items():
        if record not in seen:
            yield Finding(record=record, version=head.version, what="stands without any history")


def _cut_off(last: LedgerLine | None, spoilt: UUID | None, heads: Mapping[UUID, Head]) -> Iterator[Finding]:
    """A history whose end is not the head that its record holds."""
    if last is None or spoilt is not None:
        return
    head = heads.get(last.record)
    if head is None:
        yield Finding(record=last.record, version=last.version, what="has a history, but stands in no ledger")
    elif (head.version, head.hash) != (last.version, last.hash):
        yield Finding(record=last.record, version=last.version + 1, what="was cut off, or its head was changed")


def unlike(hashes: Mapping[tuple[UUID, int], str], noted: Iterable[Head], where: str) -> Iterator[Finding]:
    """What was noted ``where`` and does not stand so in the ledger, whose ``hashes`` are by record and version."""
    for head in noted:
        hash_ = hashes.get((head.record, head.version))
        if hash_ is None:
            yield Finding(record=head.record, version=head.version, what=f"is missing, but {where} has it")
        elif hash_ != head.hash:
            yield Finding(record=head.record, version=head.version, what=f"is another than {where} has")
