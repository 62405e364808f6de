"""What becomes of a report: refused with a reason, attached to the problem it repeats, or its own problem. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from duban.messages.commands import ENGINE, Actor, Attach, Register
from duban.messages.envelope import Message, derived_id
from duban.messages.events import Refused
from duban.messages.report import Filed, Report, SealedFields
from duban.messages.sealed import report_key
from duban.messages.struct import canonical_json, to_json
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban.texts import is_blank
from duban_intake.heard import TurnedProblem
from duban_intake.nearness import Grid, Place, is_nowhere

SOURCE: Final = "duban/intake"
#: Under which intake acts towards the router.
ACTOR: Final = Actor(unit=ENGINE, person="intake")
#: Longest source and id of a report.
MOST_CHARACTERS: Final = 300


class ReportOutcome(StrEnum):
    """What became of a report."""

    ACCEPTED = "accepted"  #: it opened a problem of its own
    ATTACHED = "attached"  #: it repeats an open problem and was filed under it
    REFUSED = "refused"  #: no problem came of it; the receipt says why


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report as it came: ``key`` is its identity and the id of the problem it opens, ``digest`` that of its body."""

    source: str
    id: str
    key: UUID
    digest: bytes
    at: datetime
    report: Report

    @classmethod
    def of(cls, message: Message[Report], at: datetime) -> Arrival:
        """The report in ``message``, counted at ``at``."""
        key = own_problem(message.source, message.id)
        return cls(message.source, message.id, key, digest(message.data), at.astimezone(UTC), message.data)

    @property
    def continues(self) -> UUID | None:
        """The identity of the report that it goes on with, if it does with one."""
        earlier = self.report.continues
        return None if earlier is None else own_problem(self.source, earlier)

    @property
    def seen_at(self) -> datetime:
        """When it was seen, by which it is near in time to others."""
        return seen_at(self.report, self.at)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a producer is told. ``problem_id`` is None exactly when intake itself refused the report."""

    source: str
    id: str
    key: UUID
    digest: bytes
    received_at: datetime
    outcome: ReportOutcome
    problem_id: UUID | None = None
    code: str | None = None
    reason: str | None = None
    handle: str | None = None

    @property
    def final(self) -> bool:
        """Whether it stands when the report comes again; what policy refused may pass under a later pack."""
        return self.problem_id is not None


@dataclass(frozen=True, slots=True)
class Ending:
    """That a source said of what it had reported that it is over: how often, and when last."""

    times: int
    at: datetime


def own_problem(source: str, report_id: str) -> UUID:
    """The id of the problem that a report opens, if it opens one."""
    return report_key(source, report_id)


def digest(report: Report) -> bytes:
    """The SHA-256 of the report as canonical JSON: keys sorted, no white space, fields at their defaults left out."""
    return sha256(canonical_json(report)).digest()


def submitted(source: str, report_id: str, report: Report, at: datetime) -> Message[Report]:
    """The message that carries ``report`` to intake, stated at ``at``; its key keeps repetitions in order.

    What goes on with another report comes after that.
    """
    key = f"{source}/{report.continues or report_id}"
    return Message(report_id, source, report_id, at, report.jurisdiction, key, report)


def seen_at(report: Report, received_at: datetime) -> datetime:
    """When what ``report`` tells was seen: when it came, where it does not say, or says an instant to come."""
    return min(report.observed_at, received_at) if report.observed_at is not None else received_at


def unfit(report: Report) -> Refusal | None:
    """Why ``report`` tells nothing that could be handled, or a place that is none, if so."""
    for field, text in (("title", report.title), ("enterprise", report.enterprise)):
        if text is not None and is_blank(text):
            say = f"{field}: shows nothing: it is blank, or made of characters that nobody sees; fill it"
            return Refusal("blank", say if field == "title" else f"{say} or leave it out")
    if report.location is not None and is_nowhere(report.location):
        say = "location: latitude 0, longitude 0 is no place, but what is written where none is known; leave it out"
        return Refusal("no_place", say)
    return None


def too_large(report: Report, most_bytes: int) -> Refusal | None:
    """Why a report is not taken that would not fit into the records that must tell of it."""
    # Characters are at most six bytes of JSON each; only what may be too large is measured.
    characters = len(report.text) + sum(len(evidence.uri) for evidence in report.evidence)
    characters += sum(len(name) + len(str(value)) for name, value in report.attributes.items())
    if 6 * characters + 65_536 < most_bytes:
        return None
    size = len(to_json(report))
    if size <= most_bytes:
        return None
    say = "send fewer or shorter attributes, and evidence as links"
    return Refusal("too_large", f"the report has {size} bytes, at most {most_bytes} can be passed on: {say}")


def unusable_identity(source: str, report_id: str) -> Refusal | None:
    """Why no receipt can be written under this source and id, if so."""
    for name, text in (("source", source), ("id", report_id)):
        if not 0 < len(text) <= MOST_CHARACTERS or not text.isprintable():
            say = f"{name}: 1 to {MOST_CHARACTERS} printable characters are taken; choose another and send again"
            return Refusal("invalid_identity", say)
    return None


def inadmissible(report: Report, library: Library, at: datetime) -> Refusal | None:
    """Why the policy that holds in the report's jurisdiction at ``at`` does not take it, if it does not."""
    if (refusal := unfit(report)) is not None:
        return refusal
    rules = library.current(report.jurisdiction, at)
    if rules is None:
        known = _some(library.jurisdictions)
        say = f"jurisdiction: no pack is published for {report.jurisdiction}; publish one, or use one of: {known}"
        return Refusal("unknown_jurisdiction", say)
    for field, name, known_names in (
        ("channel", report.channel, rules.channels),
        ("category", report.category, rules.categories),
        ("matter", report.matter, rules.matters),
        ("area", report.area, rules.areas),
    ):
        if name is not None and name not in known_names:
            say = f"{field}: {rules.pack.ref} has no {field} {name}; use one of: {_some(known_names)}"
            return Refusal(f"unknown_{field}", say)
    return None


def other_body(arrival: Arrival, first: Receipt) -> Refusal | None:
    """Why a report is refused under an id that is taken, if its body is not the one that took it."""
    if arrival.digest == first.digest:
        return None
    say = f"id: {arrival.source} has used {arrival.id} for another report; that one stands. Send this under a new id"
    return Refusal("other_body", say)


class Neighbourhood:
    """The places of open problems around the reports of one batch, those opened in the batch among them."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._cells: defaultdict[int, dict[UUID, Place]] = defaultdict(dict)
        self.changed: dict[UUID, Place] = {}
        for place in places:
            self._cells[place.cell][place.problem_id] = place

    def nearest(self, arrival: Arrival, rules: Rules) -> Place | None:
        """The open problem that the report repeats: of several the nearest."""
        location, category = arrival.report.location, category_of(arrival.report, rules)
        matter = matter_of(arrival.report, rules)
        near = rules.nearness(category, matter)
        if location is None or near is None:
            return None
        cells = Grid(arrival.report.jurisdiction, category, near.metres).around(location)
        near_by = [
            (metres, place.problem_id, place)
            for cell in cells
            if cell in self._cells
            for place in self._cells[cell].values()
            if (place.jurisdiction, place.category, place.matter) == (arrival.report.jurisdiction, category, matter)
            and (metres := place.metres_to(location, arrival.seen_at, near)) is not None
        ]
        return min(near_by, key=lambda place: place[:2])[2] if near_by else None

    def seen_again(self, problem_id: UUID, at: datetime) -> None:
        """What is wrong at the place of a problem was seen ``at`` an instant too, if its place is around."""
        for places in self._cells.values():
            if (place := places.get(problem_id)) is not None:
                return self.put(place.with_report(at))
        return None

    def put(self, place: Place) -> None:
        """Add ``place``, or take it as it is now."""
        self._cells[place.cell][place.problem_id] = self.changed[place.problem_id] = place


def decide(
    arrival: Arrival, first: Receipt | None, library: Library, around: Neighbourhood, earlier: Receipt | None = None
) -> Receipt | Refusal:
    """What becomes of a report, ``first`` being the receipt that was given under its source and id, if one was.

    ``earlier`` is the receipt of the report that it goes on with: it is filed where that one was, however far off.

    A receipt that is final stands, and is itself the answer; another body is refused. What policy refused is decided
    anew: it may pass once a new pack takes it, and from then on it stands too. ``around`` learns what this changes.
    """
    if first is not None:
        why = other_body(arrival, first)
        if why is not None:
            return why
        if first.final:
            return first
    return _given(arrival, library, around, earlier)


def _given(arrival: Arrival, library: Library, around: Neighbourhood, earlier: Receipt | None) -> Receipt:
    refusal = inadmissible(arrival.report, library, arrival.at)
    if refusal is not None:
        return _receipt(arrival, ReportOutcome.REFUSED, None, refusal)
    rules = library.current(arrival.report.jurisdiction, arrival.at)
    assert rules is not None
    if earlier is not None and earlier.problem_id is not None:
        if arrival.report.ended_at is None:
            around.seen_again(earlier.problem_id, arrival.seen_at)
        return _receipt(arrival, ReportOutcome.ATTACHED, earlier.problem_id)
    if arrival.report.continues is not None and arrival.report.ended_at is not None:
        say = f"continues: no problem knows of {arrival.report.continues}, so there is nothing that could be over"
        return _receipt(arrival, ReportOutcome.REFUSED, None, Refusal("nothing_to_end", say))
    place = around.nearest(arrival, rules)
    if place is not None:
        around.put(place.with_report(arrival.seen_at))
        return _receipt(arrival, ReportOutcome.ATTACHED, place.problem_id)
    opened = place_of(arrival.key, arrival.report, arrival.seen_at, rules)
    if opened is not None:
        around.put(opened)
    return _receipt(arrival, ReportOutcome.ACCEPTED, arrival.key)


def search(arrivals: Iterable[Arrival], library: Library) -> tuple[set[int], datetime]:
    """The cells in which problems may lie that ``arrivals`` repeat, and the instant before which none would do."""
    cells: set[int] = set()
    since_at = datetime.max.replace(tzinfo=UTC)
    for arrival in arrivals:
        report, rules = arrival.report, library.current(arrival.report.jurisdiction, arrival.at)
        if report.location is None or rules is None or (category := category_of(report, rules)) not in rules.categories:
            continue
        near = rules.nearness(category, matter_of(report, rules))
        if near is not None:
            cells.update(Grid(report.jurisdiction, category, near.metres).around(report.location))
            since_at = min(since_at, arrival.seen_at - timedelta(hours=near.hours))
    return cells, since_at


def place_of(problem_id: UUID, subject: Report | TurnedProblem, at: datetime, rules: Rules) -> Place | None:
    """The place of a problem seen at ``at``; None where nobody says where, or each report stands for itself."""
    category, matter = category_of(subject, rules), matter_of(subject, rules)
    near = rules.nearness(category, matter) if category in rules.categories else None
    if subject.location is None or near is None:
        return None
    cell = Grid(subject.jurisdiction, category, near.metres).cell(subject.location)
    return Place(problem_id, subject.jurisdiction, category, subject.location, cell, at, at, matter)


def category_of(subject: Report | TurnedProblem, rules: Rules) -> str:
    """The category; a report that names none gets the pack's default."""
    return subject.category or rules.pack.default_category


def matter_of(subject: Report | TurnedProblem, rules: Rules) -> str | None:
    """The matter; a report that names none gets the pack's default, if that has one."""
    return subject.matter or rules.pack.default_matter


def command(receipt: Receipt, report: Report, sealed: SealedFields | None = None) -> Message[Register | Attach] | None:
    """The command that follows from a receipt: the same receipt gives the same command. None for a refused report.

    What is ``sealed`` of the report is not in ``report``.
    """
    if receipt.problem_id is None:
        return None
    filed = Filed(source=receipt.source, id=receipt.id, received_at=receipt.received_at, report=report, sealed=sealed)
    model = Attach if receipt.outcome is ReportOutcome.ATTACHED else Register
    return Message(
        id=command_id(receipt.source, receipt.id, model),
        source=SOURCE,
        subject=str(receipt.problem_id),
        time=receipt.received_at,
        jurisdiction=report.jurisdiction,
        key=str(receipt.problem_id),
        data=model(actor=ACTOR, filed=filed),
        cause=receipt.id,
    )


def rerouted(refused: Refused) -> Receipt | None:
    """What becomes of a report whose command the router refused; None where nothing does.

    A report that could not be attached gets a problem of its own, unless it says of one that was closed meanwhile that
    what it was about is over; one that could not be registered is refused.
    """
    filed = refused.filed
    if filed is None or refused.actor != ACTOR:
        return None
    key = own_problem(filed.source, filed.id)
    decided = Receipt(
        filed.source,
        filed.id,
        key,
        digest(filed.report),
        filed.received_at.astimezone(UTC),
        ReportOutcome.ACCEPTED,
        key,
    )
    attaching = refused.command == command_id(filed.source, filed.id, Attach)
    over = filed.report.continues is not None and filed.report.ended_at is not None
    if attaching and not over:
        return decided
    registering = refused.command == command_id(filed.source, filed.id, Register)
    if attaching or (registering and refused.code != "already_registered"):
        return replace(decided, outcome=ReportOutcome.REFUSED, code=refused.code, reason=refused.reason)
    return None


def command_id(source: str, report_id: str, model: type[Register] | type[Attach]) -> str:
    """The id of the command that intake sends for a report."""
    return str(derived_id(source, report_id, model.TYPE))


def _receipt(
    arrival: Arrival, outcome: ReportOutcome, problem_id: UUID | None, refusal: Refusal | None = None
) -> Receipt:
    code, reason = (refusal.code, refusal.reason) if refusal else (None, None)
    return Receipt(
        arrival.source, arrival.id, arrival.key, arrival.digest, arrival.at, outcome, problem_id, code, reason,
        arrival.report.reporter.handle,
    )  # fmt: skip


def _some(names: Collection[str], most: int = 12) -> str:
    """The first of ``names`` in order, for a sentence."""
    listed = sorted(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more if listed else "(none)"
