"""What the gateway answers that is a success."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from duban_intake.domain import ReportOutcome

REPORTS_PATH: Final = "/v1/reports"


class Accepted(BaseModel):
    """The broker has the report. ``problem_id`` is the problem it opens, unless it repeats one that is open."""

    source: str
    id: str
    problem_id: UUID
    status: str = "accepted"
    status_url: str = Field(description="Where to ask what became of the report")
    code: str | None = Field(
        None, description="The reporter's receipt: it shows that the report is theirs. Kept nowhere; tell it them now"
    )


class BadItem(BaseModel):
    """An item of a request that gives no report: its number from 1, its field, and what to do."""

    item: int
    field: str
    message: str


class Noted(BaseModel):
    """What was told of a report that came before: it goes on, or it ended. Nothing is closed by it."""

    id: str
    what: str


class HandedIn(BaseModel):
    """What became of a request in the language of its source: the broker has the good items, the bad ones are named."""

    accepted: list[Accepted]
    refused: list[BadItem]
    noted: list[Noted]


class Became(BaseModel):
    """What became of a report."""

    source: str
    id: str
    outcome: ReportOutcome
    received_at: AwareDatetime
    problem_id: UUID | None = None
    code: str | None = None
    reason: str | None = None
    ended_at: AwareDatetime | None = Field(
        None, description="When its source said that it is over; whether the problem is, people say"
    )
