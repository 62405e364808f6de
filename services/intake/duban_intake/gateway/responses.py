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


class Became(BaseModel):
    """What became of a report."""

    source: str
    id: str
    outcome: ReportOutcome
    received_at: AwareDatetime
    problem_id: UUID | None = None
    code: str | None = None
    reason: str | None = None
