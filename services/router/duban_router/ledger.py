"""The ledger (台账) as the handler needs it: what stands in it, and what one batch adds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from msgspec import Struct

from duban.messages.events import Refused
from duban.messages.records import AnyRecord, Event
from duban_router.domain.precedents import Count, Precedent
from duban_router.domain.replies import Filing, Reported

#: So many of what stands under one count are told at most.
MOST_COUNTED: Final = 1000

#: What is given out without gaps, by its name and year: the numbers of a jurisdiction, or the money of a budget.
Register: TypeAlias = tuple[str, int]


class Conflict(Exception):
    """Somebody else wrote first: what is remembered of the ledger is stale, and must be asked for again."""


class Standing(Struct, frozen=True, gc=False):
    """A record as the ledger holds it, with its JSON and the hash of its latest event."""

    record: AnyRecord
    state: bytes
    head: str


class Line(Struct, frozen=True, gc=False):
    """One line of a record's history: the event, its bytes, and the hash over the line before and them."""

    event: Event
    body: bytes
    hash: str


class Outcome(Struct, frozen=True, gc=False):
    """What came of a command: the versions of its events, or its refusal."""

    key: UUID
    command: str
    problem_id: UUID
    versions: range
    refused: Refused | None = None


@dataclass(slots=True)
class Writing:
    """What one batch adds to the ledger."""

    lines: list[Line] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    standings: dict[UUID, Standing] = field(default_factory=dict)
    #: How much of each register has been given out after this batch.
    allocated: dict[Register, int] = field(default_factory=dict)
    #: The versions that refusals rest on: an event meets the key of its version, a refusal would meet nothing.
    rests_on: dict[UUID, int] = field(default_factory=dict)
    #: The reports that wait for a reply from now on (True), and those that do no more (False).
    unanswered: dict[Filing, bool] = field(default_factory=dict)
    #: What of it counts beyond its record; each count is one that the transaction was asked for.
    precedents: list[Precedent] = field(default_factory=list)


class Transaction(Protocol):
    """A turn on the ledger. Until it ends nobody else takes from the registers that it was asked for, nor counts what
    it was asked to count.
    """

    #: How much of each register that was asked for has been given out: its last number, or the money of a budget.
    allocated: Mapping[Register, int]

    async def outcomes(self, keys: Sequence[UUID]) -> dict[UUID, Outcome]:
        """What came of the commands ``keys``, those that have been decided."""

    async def unanswered(self, reports: Sequence[Reported]) -> list[Filing]:
        """Those of ``reports`` that wait for a reply."""

    async def precedents(self) -> list[Precedent]:
        """What stands under the counts that were asked for, of each the latest, :data:`MOST_COUNTED` at most."""

    async def write(self, writing: Writing) -> None:
        """Add all of ``writing``, or raise :class:`Conflict` and add nothing. It comes last."""


class Ledger(Protocol):
    """The ledger (台账) as the handler needs it."""

    async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """The records that stand under ``ids``."""

    async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
        """The lines of each record up to a version, in order."""

    def transaction(
        self, registers: Collection[Register], counts: Collection[Count] = ()
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that may take from ``registers`` and add to ``counts``, once whoever does so now is through.

        What is written stands when it is left; left by an error, nothing of it does. Who asks for none of these waits
        for nobody.
        """
