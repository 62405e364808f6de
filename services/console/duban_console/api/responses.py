"""What the API answers: the shapes of records, histories and outcomes as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.events import Refused
from duban.messages.records import AnyRecord, Duty, Listing, Problem, Reward
from duban_console.chain import Line
from duban_console.ledger import Chain, Outcome

SOURCE = "duban/api"


class Accepted(BaseModel):
    """The broker has the command; the router decides it in its turn."""

    command: str
    source: str = SOURCE
    status: str = "accepted"
    problem_id: str
    status_url: str


class EventLine(BaseModel):
    """One event of a history, with the hashes that chain it to the one before."""

    version: int
    at: AwareDatetime
    actor: Actor
    reason: str
    command: str
    change: Change
    previous: str
    hash: str


class Decision(BaseModel):
    """What came of a command: carried out with its events and the record as it stands now, or refused."""

    command: str
    source: str
    status: str = Field(description="`done` or `refused`")
    problem_id: str
    events: list[EventLine] = []
    refused: Refused | None = None
    problem: Problem | None = None
    duty: Duty | None = None
    listing: Listing | None = None
    reward: Reward | None = None


class HistoryTold(BaseModel):
    """A record's whole history. ``first_broken_version`` says where the chain of hashes breaks, if it does."""

    problem_id: str
    verified: bool
    first_broken_version: int | None = None
    events: list[EventLine]


class Problems(BaseModel):
    """A page of problems; pass ``cursor`` on for the next one, null on the last page."""

    problems: list[Problem]
    cursor: str | None = None


class Duties(BaseModel):
    """A page of duties; pass ``cursor`` on for the next one, null on the last page."""

    duties: list[Duty]
    cursor: str | None = None


class Listings(BaseModel):
    """A page of entries on lists; pass ``cursor`` on for the next one, null on the last page."""

    listings: list[Listing]
    cursor: str | None = None


class Rewards(BaseModel):
    """A page of rewards; pass ``cursor`` on for the next one, null on the last page."""

    rewards: list[Reward]
    cursor: str | None = None


def event_line(line: Line) -> EventLine:
    event = line.event
    return EventLine(
        version=line.version,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        command=event.command,
        change=event.change,
        previous=line.previous,
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
    return Decision(
        command=outcome.command,
        source=source,
        status="refused" if outcome.refused else "done",
        problem_id=str(outcome.problem_id),
        events=[event_line(line) for line in outcome.lines],
        refused=outcome.refused,
        **({record.kind.value: record} if record else {}),
    )


def as_json(answer: BaseModel) -> dict[str, Any]:
    """``answer`` as JSON data, absent fields left out."""
    return answer.model_dump(mode="json", exclude_none=True)
