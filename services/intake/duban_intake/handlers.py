"""From a batch of reports to commands: load receipts and places, decide in memory, write once, then publish."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol, TypeAlias
from uuid import UUID

from duban.clock import Clock
from duban.messages.commands import Attach, Register
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Payload, Record, Unheeded, encode
from duban.messages.events import PROBLEMS, Refused, event_type
from duban.messages.report import Filed, Report
from duban.messages.sealed import WrappedKey
from duban.moves import OPEN, TURNS, Kind
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_intake.domain import (
    Arrival,
    Neighbourhood,
    Receipt,
    ReportOutcome,
    command,
    decide,
    place_of,
    rerouted,
    search,
    seen_at,
    too_large,
    unusable_identity,
)
from duban_intake.heard import Turned, TurnedProblem
from duban_intake.nearness import Place
from duban_intake.report_seal import SHARE, ReportKey, ReportTerms, Sealer, files_of, key_of, sealed, seals, terms


@dataclass(frozen=True, slots=True)
class RefusedArrival:
    """A report under an id that another report has taken."""

    arrival: Arrival
    why: Refusal


@dataclass(slots=True)
class Writing:
    """What one batch changes. ``versions``: the latest of each problem that was closed, reopened or reclassified.

    ``revises``: receipts that were final are written anew, as the router answered them. ``keys``: those of reports,
    by the receipts' keys, and ``files`` those of the files that each speaks of; ``moved``: in which other problem a
    report that has one is filed now. ``terms``: until when the reports of a problem that was closed, or opened again,
    are kept.
    """

    receipts: dict[UUID, Receipt] = field(default_factory=dict)
    refusals: list[RefusedArrival] = field(default_factory=list)
    places: dict[UUID, Place] = field(default_factory=dict)
    closed: set[UUID] = field(default_factory=set)
    versions: dict[UUID, int] = field(default_factory=dict)
    keys: dict[UUID, ReportKey] = field(default_factory=dict)
    files: dict[UUID, dict[str, WrappedKey]] = field(default_factory=dict)
    moved: dict[UUID, UUID] = field(default_factory=dict)
    terms: dict[UUID, ReportTerms] = field(default_factory=dict)
    revises: bool = False


class Transaction(Protocol):
    """One transaction: everything in it is written, or nothing."""

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        """The receipts that were given under ``keys``."""

    async def places(self, cells: Collection[int], since_at: datetime) -> list[Place]:
        """The open problems in ``cells`` whose latest report was not seen before ``since_at``."""

    async def versions(self, ids: Collection[UUID]) -> dict[UUID, int]:
        """The latest version at which each of these problems last turned, where it ever did."""

    async def report_keys(self, keys: Collection[UUID]) -> dict[UUID, ReportKey]:
        """The keys of those of the reports ``keys`` that have one, or had."""

    async def write(self, writing: Writing) -> None:
        """Remove the places that closed, then add what there is.

        Raises:
            Unavailable: a receipt was given meanwhile; nothing is written, and the same batch may be tried again.
        """


class Store(Protocol):
    """What intake remembers."""

    def transaction(self, jurisdictions: Collection[str]) -> AbstractAsyncContextManager[Transaction]:
        """A transaction during which nobody else decides for ``jurisdictions``."""

    async def receipt(self, key: UUID) -> Receipt | None:
        """The receipt under ``key``, for the producer that asks."""


#: The largest report that is taken: what the router tells of it is a little larger, and must fit a record too.
MOST_BYTES: Final = 1_900_000


#: Told of the receipts that were given, and when.
Given: TypeAlias = Callable[[Collection[Receipt], datetime], None]


class ReportHandler:
    """Gives every report of a batch its receipt, and the command that follows from it; ``given`` hears of each once."""

    def __init__(
        self,
        store: Store,
        library: Library,
        clock: Clock,
        most_bytes: int = MOST_BYTES,
        given: Given = lambda receipts, at: None,
        sealer: Sealer | None = None,
    ) -> None:
        self._store = store
        self._library = library
        self._clock = clock
        self._most_bytes = most_bytes
        self._given = given
        self._sealer = sealer

    async def __call__(self, batch: Sequence[Delivery[Report]]) -> list[Record | SetAside]:
        """The commands, in the order of the reports; what was refused goes to the dead letters, with the reason."""
        return [answer if isinstance(answer, SetAside) else encode(answer) for answer in await self.decide(batch)]

    async def decide(self, batch: Sequence[Delivery[Report]]) -> list[Message[Register | Attach] | SetAside]:
        """The same before it is encoded, for whoever decides the commands in this process."""
        unusable, arrived = self._sorted(batch)
        jurisdictions = {arrival.report.jurisdiction for _, arrival in arrived}
        async with self._store.transaction(jurisdictions) as transaction:
            keys = {arrival.key for _, arrival in arrived}
            earlier = {arrival.continues for _, arrival in arrived if arrival.continues is not None}
            known = await transaction.receipts(keys | earlier)
            report_keys = await transaction.report_keys(keys & known.keys()) if keys & known.keys() else {}
            fresh = [arrival for _, arrival in arrived if not ((held := known.get(arrival.key)) and held.final)]
            around = Neighbourhood(await transaction.places(*search(fresh, self._library)))
            writing = Writing(places=around.changed)
            decided = [
                (delivery, arrival, self._decide(arrival, known, report_keys, around, writing))
                for delivery, arrival in arrived
            ]
            await transaction.write(writing)
        self._given(writing.receipts.values(), self._clock.now())
        return [
            *unusable,
            *(self._answer(delivery, arrival, receipt, report_keys) for delivery, arrival, receipt in decided),
        ]

    def _sorted(
        self, batch: Sequence[Delivery[Report]]
    ) -> tuple[list[SetAside], list[tuple[Delivery[Report], Arrival]]]:
        """Those that no receipt can be written for, and the others."""
        unusable, arrived = [], []
        for delivery in batch:
            message = delivery.message
            at = self._clock.instant(delivery.appended_at, message.time)
            most = self._most_bytes
            if seals(self._library.current(message.data.jurisdiction, at)):
                most = most * SHARE[0] // SHARE[1]
            why = unusable_identity(message.source, message.id) or too_large(message.data, most)
            if why is not None:
                unusable.append(SetAside(delivery, why.code, why.reason))
            else:
                arrived.append((delivery, Arrival.of(message, at)))
        return unusable, arrived

    def _decide(
        self,
        arrival: Arrival,
        known: dict[UUID, Receipt],
        keys: dict[UUID, ReportKey],
        around: Neighbourhood,
        writing: Writing,
    ) -> Receipt | Refusal:
        """The receipt that stands or is given now; a refusal where another body holds the id."""
        first, key = known.get(arrival.key), keys.get(arrival.key)
        if first is not None and first.final and key is not None and key.wrapped is None:
            return first  # nobody knows any more what it said
        earlier = None if arrival.continues is None else known.get(arrival.continues)
        given = decide(arrival, first, self._library, around, earlier)
        if isinstance(given, Refusal):
            writing.refusals.append(RefusedArrival(arrival, given))
        elif given is not first:
            known[arrival.key] = writing.receipts[arrival.key] = given
            fresh = None if key is not None else key_of(given, self._rules(arrival), self._sealer)
            if fresh is not None:
                keys[arrival.key] = writing.keys[arrival.key] = fresh
                if files := files_of(arrival.report, fresh, self._sealer):
                    writing.files[arrival.key] = files
        return given

    def _answer(
        self, delivery: Delivery[Report], arrival: Arrival, decided: Receipt | Refusal, keys: dict[UUID, ReportKey]
    ) -> Message[Register | Attach] | SetAside:
        if isinstance(decided, Refusal):
            return SetAside(delivery, decided.code, decided.reason)
        report, part = arrival.report, None
        if (key := keys.get(arrival.key)) is not None:
            report, part = sealed(report, key, self._rules(arrival), self._sealer)
        follows = command(decided, report, part)
        if follows is None:
            return SetAside(delivery, decided.code or "", decided.reason or "")
        return follows

    def _rules(self, arrival: Arrival) -> Rules | None:
        return self._library.current(arrival.report.jurisdiction, arrival.at)


#: What intake wants from ``duban.problems.v1``: refusals, and what decides which reports a problem takes.
ANSWERS: Final[dict[str, type[Payload]]] = {
    **dict.fromkeys(PROBLEMS, Unheeded),
    Refused.TYPE: Refused,
    **{event_type(Kind.PROBLEM, change): Turned for change in (*TURNS, "classified")},
}


class AnswerHandler:
    """Learns from the router which problems take no more reports, and finds another way for what it refused."""

    def __init__(self, store: Store, library: Library) -> None:
        self._store = store
        self._library = library

    async def __call__(self, batch: Sequence[Delivery[Payload]]) -> list[Record]:
        """A Register for each report that could not be attached."""
        return [encode(message) for message in await self.decide(batch)]

    async def decide(self, batch: Sequence[Delivery[Payload]]) -> list[Message[Register | Attach]]:
        """The same before it is encoded."""
        turned: list[TurnedProblem] = []
        refused: list[tuple[Receipt, Filed]] = []
        for data in (delivery.message.data for delivery in batch):
            if isinstance(data, Turned):
                turned.append(data.problem)
            elif isinstance(data, Refused) and data.filed is not None and (receipt := rerouted(data)) is not None:
                refused.append((receipt, data.filed))
        if not turned and not refused:
            return []
        jurisdictions = {problem.jurisdiction for problem in turned}
        jurisdictions |= {filed.report.jurisdiction for _, filed in refused}
        of_sealed = {receipt.key for receipt, filed in refused if filed.sealed is not None}
        writing = Writing(revises=True)
        async with self._store.transaction(jurisdictions) as transaction:
            versions = await transaction.versions({problem.id for problem in turned})
            for problem in turned:
                # An old event that comes again tells nothing: the problem may have been reopened since.
                if problem.version > versions.get(problem.id, 0):
                    versions[problem.id] = writing.versions[problem.id] = problem.version
                    self._turned(problem, writing)
            known = await transaction.receipts(of_sealed) if of_sealed else {}
            commands = [
                command
                for receipt, filed in refused
                for command in self._reroute(_as_it_came(receipt, known), filed, writing)
            ]
            await transaction.write(writing)
        return commands

    def _turned(self, problem: TurnedProblem, writing: Writing) -> None:
        """A problem was closed, opened again, or is of another category or matter now."""
        place = self._place(problem, _latest_report_at(problem)) if problem.status in OPEN else None
        if place is None:
            writing.places.pop(problem.id, None)
            writing.closed.add(problem.id)
        else:
            writing.closed.discard(problem.id)
            writing.places[problem.id] = place
        until = terms(self._library.rules(problem.pack), None if problem.status in OPEN else _closed_at(problem))
        if until is not None:
            writing.terms[problem.id] = until

    def _reroute(self, receipt: Receipt, filed: Filed, writing: Writing) -> list[Message[Register | Attach]]:
        report = filed.report
        writing.receipts[receipt.key] = receipt
        rules = self._library.current(report.jurisdiction, receipt.received_at)
        if receipt.outcome is ReportOutcome.REFUSED:
            writing.places.pop(receipt.key, None)
            writing.closed.add(receipt.key)
            if (until := terms(rules, receipt.received_at)) is not None:
                writing.terms[receipt.key] = until
            return []
        if rules and (place := place_of(receipt.key, report, seen_at(report, receipt.received_at), rules)):
            writing.places[receipt.key] = place
        if filed.sealed is not None:
            writing.moved[receipt.key] = receipt.key
        follows = command(receipt, report, filed.sealed)
        return [follows] if follows else []

    def _place(self, problem: TurnedProblem, at: datetime) -> Place | None:
        rules = self._library.current(problem.jurisdiction, at)
        return place_of(problem.id, problem, at, rules) if rules else None


def _closed_at(problem: TurnedProblem) -> datetime:
    """When a problem that is closed was closed."""
    return max(mark.at for mark in problem.marks.values() if mark.version == problem.version)


def _as_it_came(receipt: Receipt, known: dict[UUID, Receipt]) -> Receipt:
    """``receipt`` with the hash of the report as it came: what the router has of it is not all that it said."""
    held = known.get(receipt.key)
    return receipt if held is None else replace(receipt, digest=held.digest)


def _latest_report_at(problem: TurnedProblem) -> datetime:
    return max(problem.marks[kind].at for kind in ("registered", "reported", "attached") if kind in problem.marks)
