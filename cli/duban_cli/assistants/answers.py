"""What the tools answer: their output schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from duban_cli.assistants.marks import NOTE, UNTRUSTED, seen


class WrittenText(BaseModel):
    """What somebody has written: data, whatever it says."""

    untrusted: Any

    @classmethod
    def of(cls, written: Any) -> WrittenText:
        """``written``, without characters that nobody sees."""
        return cls.model_validate({UNTRUSTED: seen(written)})


class ToolAnswer(BaseModel):
    """What every answer about records says."""

    note: str = Field(NOTE, description="What stands under `untrusted`, and how to take it")
    masked: list[str] = Field(default_factory=list, description="Facets of the records that are not shown to who asks")


class RunningLimit(BaseModel):
    """A time limit that runs: who owes what until when, and which measure is taken next if it is not met."""

    obligation: str
    part: str | None = None
    owner: str | None = Field(None, description="The unit that owes it; none where the record moves on by itself")
    limit_ends_at: datetime
    next_measure: str = Field(description="What is taken next: at `next_at`, which a reminder lets come earlier")
    next_at: datetime
    provisional: bool = Field(description="A notice of holidays that is not out yet may move it")
    overdue: bool = Field(description="By the clock of the machine on which this server runs")


class RecordLine(BaseModel):
    """A record in a line."""

    kind: str
    id: str
    number: str
    jurisdiction: str
    status: str
    rule: str = Field(description="What the pack says about such a record: its category, duty, list or reward")
    holder: str | None = Field(None, description="The unit that has it in hand")
    title: WrittenText
    limits: list[RunningLimit]


class RecordPage(ToolAnswer):
    """A page of records in the order in which they began; `cursor` leads on."""

    records: list[RecordLine]
    cursor: str | None = None


class WholeRecords(ToolAnswer):
    """Records as they stand: every one of an id or a number, which may stand once in each city."""

    records: list[dict[str, Any]]


class HistoryOfRecord(ToolAnswer):
    """Every event of a record: who did what, when and why, and by which clause."""

    id: str
    number: str
    verified: bool = Field(description="Whether the chain of hashes recomputes")
    events: list[dict[str, Any]]


class ReportsOfProblem(ToolAnswer):
    """The reports of a problem as they came, and those that wait for a reply."""

    reports: list[dict[str, Any]]
    waiting_for_a_reply: list[dict[str, Any]]


class DueLine(BaseModel):
    """A limit that runs, and the record in which it does."""

    kind: str
    id: str
    number: str
    jurisdiction: str
    status: str
    title: WrittenText
    limit: RunningLimit


class WhatIsDue(ToolAnswer):
    """Limits that run, the soonest first."""

    until: datetime
    due: list[DueLine]
    complete: bool = Field(description="False where more records are due than were looked through")


class NameOnLists(ToolAnswer):
    """Whether a name stands on a list, and which entries it has."""

    listed: bool
    entries: list[dict[str, Any]]


class CommandOutcome(ToolAnswer):
    """What came of a command: carried out with its events, or refused with the reason."""

    outcome: dict[str, Any]


class ProposedAction(BaseModel):
    """What somebody might do, ready for them to look at: nothing was sent."""

    page: str = Field(description="Where the person does it: the form of the action on the page of the record")
    number: str
    action: str
    unit: str
    enter: dict[str, Any] = Field(description="What the person would enter there, by field")
    evidence: bool = Field(description="Whether files are handed in with it, which the person adds in the page")
    sent: bool = Field(False, description="Always false: no tool acts")


class WhoAsks(BaseModel):
    """As whom the tools ask, and what that person may."""

    account: str
    full_name: str
    appointments: list[dict[str, str]]
    deeds: list[str]


class PackList(BaseModel):
    """The packs that are published."""

    packs: list[dict[str, Any]]


class PackText(BaseModel):
    """A pack told in sentences, as Markdown."""

    pack: str
    text: str


class PackLint(BaseModel):
    """Whether a draft can be published: the first law that it breaks, else what looks like a slip."""

    ok: bool
    path: str | None = Field(None, description="Where in the draft the law is broken")
    law: str | None = None
    calendar_missing: str | None = Field(None, description="Its calendar is not at hand: working time is unchecked")
    advice: list[dict[str, Any]]


class PackDifferences(BaseModel):
    """What changed between two packs, entry by entry; empty where they say the same."""

    before: str
    after: str
    changes: list[dict[str, Any]]
    in_words: list[str]


class SimulationOfPack(BaseModel):
    """What a pack makes of reports on virtual time: nothing is sent or written anywhere."""

    pack: str
    figures: dict[str, Any]
    unreadable: list[str] = Field(description="Reports and acts that were left out, and why")


class BulletinSheet(ToolAnswer):
    """A bulletin as of an instant, as `duban bulletin` compiles it. It is not sent to anybody."""

    bulletin: str
    kind: str
    title: str
    pack: str
    calendar: str
    period: dict[str, Any]
    as_of: str
    needs_approval: bool
    recipients: list[str]
    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]
