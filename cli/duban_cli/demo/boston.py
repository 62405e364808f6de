"""The Boston requests as scenes: each opening a report, each closing a completion with the city's own outcome."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from duban.errors import DubanError
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.envelope import Message, Payload, derived_id
from duban.messages.report import Report
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Scene
from duban_cli.table_file import opened
from duban_intake.channels.columns import load_mapping, read_reports
from duban_intake.channels.table import BadRow
from duban_intake.domain import own_problem

JURISDICTION = "boston"
OFFICE = "INFO"
SENT_BACK = "INFO_Reallocation From Dept"
ZONE = ZoneInfo("America/New_York")
FORMAT = "%m/%d/%Y %I:%M:%S %p"
#: The state of the data: what was open then and past its target counts as overdue.
UNTIL = datetime(2016, 1, 12, tzinfo=ZONE).astimezone(UTC)
SOURCE = "duban/demo"


@dataclass(frozen=True, slots=True)
class Boston:
    """The requests as scenes; ``overdue`` are the problems that the city itself counts as late."""

    scenes: Sequence[Scene]
    reports: int
    overdue: frozenset[UUID]


def load(rows_file: Path, mapping_file: Path) -> Boston:
    """The sample in ``rows_file``, read through the same mapping that imports such files."""
    with rows_file.open(encoding="utf-8", newline="") as file:
        rows = {row["CASE_ENQUIRY_ID"]: row for row in csv.DictReader(file)}
    mapping = load_mapping(mapping_file.read_text("utf-8"), mapping_file.name)
    scenes: list[Scene] = []
    overdue = set()
    with opened(rows_file) as file_:
        for report in read_reports(file_.table(mapping), mapping):
            if isinstance(report, BadRow):
                raise DubanError(f"{rows_file.name}: {report}")
            row = rows[report.id]
            scenes += _scenes(report, row)
            if row["OnTime_Status"] == "OVERDUE":
                overdue.add(own_problem(report.source, report.id))
    return Boston(scenes, len(rows), frozenset(overdue))


def _scenes(report: Message[Report], row: dict[str, str]) -> Iterator[Scene]:
    opened_at = _instant(row["OPEN_DT"])
    problem = own_problem(report.source, report.id)
    yield Scene(opened_at, lambda _: [struct.replace(report, time=opened_at)])
    yield Scene(opened_at, lambda feed: _given_on(feed, problem, row["QUEUE"], opened_at), order=1)
    if row["TARGET_DT"]:
        target_at = _instant(row["TARGET_DT"])
        yield Scene(opened_at, lambda feed: _set_by_hand(feed, problem, target_at, opened_at), order=2)
    if row["CLOSED_DT"]:
        closed_at = _instant(row["CLOSED_DT"])
        outcome = row["CLOSURE_REASON"] or "No reason given"
        yield Scene(closed_at, lambda feed: [_completed(feed, problem, outcome, closed_at)], order=3)


def _instant(local: str) -> datetime:
    return datetime.strptime(local, FORMAT).replace(tzinfo=ZONE).astimezone(UTC)


def _given_on(feed: Feed, problem: UUID, queue: str, at: datetime) -> list[Message[Payload]]:
    """A case that ended with another queue than the list names was given on; the pool's cases were handed back."""
    lead = feed.records[problem].holder
    if lead is None or lead == queue:
        return []
    dispatch = do.Dispatch(actor=do.Actor(unit=OFFICE), reason="the case was moved", lead_unit=queue)
    if queue != SENT_BACK:
        return [_command(problem, dispatch, at)]
    back = do.HandBack(actor=do.Actor(unit=lead), reason="the department sent the case back")
    return [_command(problem, back, at), _command(problem, dispatch, at)]


def _set_by_hand(feed: Feed, problem: UUID, target_at: datetime, at: datetime) -> list[Message[Payload]]:
    """Where no rule of the city gives a target, somebody set it: the unit's plan with its date."""
    lead = feed.records[problem].holder
    if feed.records[problem].deadlines or lead is None:
        return []
    unit = do.Actor(unit=lead)
    plan = do.RectificationPlan(person=lead, target="as set by the city", measures=("as usual",), due_at=target_at)
    return [_command(problem, do.Acknowledge(actor=unit), at), _command(problem, do.Plan(actor=unit, plan=plan), at)]


def _completed(feed: Feed, problem: UUID, outcome: str, at: datetime) -> Message[Payload]:
    lead = feed.records[problem].holder
    return _command(problem, do.Complete(actor=do.Actor(unit=str(lead)), outcome=outcome), at)


def _command(problem: UUID, data: do.Command, at: datetime) -> Message[Payload]:
    id_ = derived_id("demo", problem, data.TYPE, at)
    return Message(str(id_), SOURCE, str(problem), at, JURISDICTION, str(problem), data)
