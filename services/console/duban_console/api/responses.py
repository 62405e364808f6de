"""What the API answers: the shapes of records, histories and outcomes as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from pydantic import BaseModel

from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.events import Refused
from duban.messages.records import AnyRecord, Duty, Listing, Problem, Reading, Reward
from duban.messages.struct import AwareDatetime, Frozen, plain
from duban.moves import Kind
from duban_console.chain import Line
from duban_console.export import Export
from duban_console.ledger import Chain, Outcome, WaitingReport
from duban_console.listings import NameCheck, SameName
from duban_console.reports import ShownReport

SOURCE = "duban/api"
#: Where records of each kind are found.
PATHS: Final = {
    Kind.PROBLEM: "/v1/problems",
    Kind.DUTY: "/v1/duties",
    Kind.LISTING: "/v1/listings",
    Kind.REWARD: "/v1/rewards",
    Kind.READING: "/v1/readings",
}
#: Where pages of them are.
PAGES: Final = {**PATHS, Kind.LISTING: "/v1/listings/entries"}
#: What the rule and the holder of a record are called in a query.
FILTERS: Final = {
    Kind.PROBLEM: ("category", "lead_unit"),
    Kind.DUTY: ("duty", "unit"),
    Kind.LISTING: ("list", "keeper"),
    Kind.REWARD: ("reward", "fixed_by"),
    Kind.READING: ("target", "unit"),
}
_ALIKE = (
    "Entries that stand on the list under the same name, written otherwise: case, width, blanks, zero-width characters"
)
Alike = Annotated[tuple[SameName, ...], Meta(description=_ALIKE)]


class Accepted(Frozen):
    """The broker has the command; the router decides it in its turn."""

    command: str
    source: str
    status: str
    problem_id: str
    status_url: str
    alike: Alike = ()


class EventLine(Frozen):
    """One event of a history, with the hash that chains it to the one before."""

    version: int
    at: AwareDatetime
    actor: Actor
    reason: str
    command: str
    change: Change
    hash: str


class Decision(Frozen):
    """What came of a command: carried out with its events and the record as it stands now, or refused."""

    command: str
    source: str
    status: Annotated[str, Meta(description="`done` or `refused`")]
    problem_id: str
    events: list[EventLine]
    refused: Refused | None = None
    problem: Problem | None = None
    duty: Duty | None = None
    listing: Listing | None = None
    reward: Reward | None = None
    reading: Reading | None = None
    alike: Alike = ()


class HistoryTold(Frozen):
    """A record's whole history. ``first_broken_version`` says where the chain of hashes breaks, if it does."""

    problem_id: str
    verified: bool
    first_broken_version: int | None = None
    events: list[EventLine]


class Problems(Frozen):
    """A page of problems; pass ``cursor`` on for the next one, null on the last page."""

    problems: list[Problem]
    cursor: str | None = None


class Records(Frozen):
    """Every record of an id or a number: a number may stand once in each city."""

    records: list[AnyRecord]


class WaitingReports(Frozen):
    """A page of reports that wait for a reply; pass ``cursor`` on for the next one, null on the last page."""

    reports: list[WaitingReport]
    cursor: str | None = None


class ShownReports(Frozen):
    """The reports of a problem, the first first."""

    reports: list[ShownReport]


class Duties(Frozen):
    """A page of duties; pass ``cursor`` on for the next one, null on the last page."""

    duties: list[Duty]
    cursor: str | None = None


class Listings(Frozen):
    """A page of entries on lists; pass ``cursor`` on for the next one, null on the last page."""

    listings: list[Listing]
    cursor: str | None = None


class Rewards(Frozen):
    """A page of rewards; pass ``cursor`` on for the next one, null on the last page."""

    rewards: list[Reward]
    cursor: str | None = None


class Readings(Frozen):
    """A page of readings; pass ``cursor`` on for the next one, null on the last page."""

    readings: list[Reading]
    cursor: str | None = None


#: What answers are made of, for the document.
ANSWERS = (
    Accepted, Decision, HistoryTold, Records, Problems, WaitingReports, Duties, Listings, Rewards, Readings, NameCheck,
    ShownReports, Export,
)  # fmt: skip


def event_line(line: Line) -> EventLine:
    event = line.event
    return EventLine(
        version=line.version,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        command=event.command,
        change=event.change,
        hash=line.hash,
    )


def told(problem_id: str, history: Chain) -> HistoryTold:
    return HistoryTold(
        problem_id=problem_id,
        verified=history.first_broken is None,
        first_broken_version=history.first_broken,
        events=[event_line(line) for line in history.lines],
    )


def decision(source: str, outcome: Outcome, record: AnyRecord | None) -> Decision:
    of_kind: dict[str, Any] = {record.kind.value: record} if record else {}
    return Decision(
        command=outcome.command,
        source=source,
        status="refused" if outcome.refused else "done",
        problem_id=str(outcome.problem_id),
        events=[event_line(line) for line in outcome.lines],
        refused=outcome.refused,
        **of_kind,
    )


def as_json(answer: BaseModel | Struct) -> dict[str, Any]:
    """``answer`` as JSON data, absent fields left out, and of what is made of messages those at their defaults."""
    return plain(answer) if isinstance(answer, Struct) else answer.model_dump(mode="json", exclude_none=True)
