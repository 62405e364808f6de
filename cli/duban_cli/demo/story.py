"""A story: dated reports and duties, what is done about each, and what must become of it. Data for demo and tests.

Times in the file are wall-clock times of the city; everything that leaves this module is UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import ConfigDict, ValidationError, model_validator

from duban.duties import Opening
from duban.errors import DubanError
from duban.messages import struct
from duban.messages.commands import COMMANDS, Approve, Command, Withhold
from duban.messages.envelope import Message, first_fault
from duban.messages.form import unknown_field
from duban.messages.handle import handle_of
from duban.messages.report import Report, Reporter
from duban.messages.struct import flaw_of, from_data
from duban.policy.model.entry import Name, Written
from duban.policy.plain_data import Unreadable, one_line, plain_data
from duban_cli.demo.observation import Seen
from duban_cli.demo.story_entry import (
    Act,
    DutyTold,
    Expected,
    LocalTime,
    RecordTold,
    ReportTold,
    Routine,
    said_by,
    sealed,
    utc,
)
from duban_intake.domain import submitted

__all__ = [
    "Act",
    "Acted",
    "DutyTold",
    "Entry",
    "Expected",
    "RecordTold",
    "ReportTold",
    "Reported",
    "Story",
    "StoryError",
    "load_story",
    "sealed",
]  # fmt: skip

SOURCE = "duban/story"


class StoryError(DubanError):
    """A story that cannot be played: the file, and what is wrong where in it."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An entry of the story: a report comes in."""

    at: datetime
    told: ReportTold
    message: Message[Report]


@dataclass(frozen=True, slots=True)
class Acted:
    """An entry of the story: somebody acts on what ``told`` is about: the problem of a report, a duty, a record.

    A record that a measure opens has its id from the event that took the measure: :meth:`now` finds it. Until then
    the message is to the problem that it is because of.
    """

    at: datetime
    told: ReportTold | DutyTold | RecordTold
    act: Act
    message: Message[Command]

    @property
    def problem_id(self) -> UUID:
        """What is acted on."""
        return UUID(self.message.subject)

    def now(self, seen: Seen) -> Message[Command]:
        """The message as things stand in ``seen``: to the record that was opened, of the version that waits."""
        message, about = self.message, self.problem_id
        if isinstance(self.told, RecordTold):
            about = seen.opened_because(about, self.told.record, self.told.of) or UUID(int=0)
            message = struct.replace(message, subject=str(about), key=str(about))
        if isinstance(message.data, Approve | Withhold) and about in seen.records:
            measure = (self.act.model_extra or {})["measure"]
            waiting = seen.records[about].awaiting_approval.items()
            version = next(
                (version for version, held in waiting if held.measure == measure),
                message.data.version,
            )
            message = struct.replace(message, data=struct.replace(message.data, version=version))
        return message


Entry = Reported | Acted


class Story(Written):
    """Reports, duties and acts of one city between ``begins`` and ``ends``; what is expected holds at the end.

    ``pack`` and ``calendar`` are files, from where the story lies; without a calendar it is the one that comes with
    the engine under the name that the pack gives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    jurisdiction: Name
    timezone: str
    pack: str | None = None
    calendar: str | None = None
    begins: LocalTime
    ends: LocalTime
    reports: tuple[ReportTold, ...] = ()
    duties: tuple[DutyTold, ...] = ()
    opened: tuple[RecordTold, ...] = ()
    routine: tuple[Routine, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Story:
        if not self.reports and not self.duties:
            raise ValueError("tells of no report and of no duty")
        opened: dict[str, datetime] = {}
        for report in sorted(self.reports, key=lambda report: report.at):
            if report.id in opened and report.expect.outcome != "refused":
                raise ValueError(f"the report {report.id} stands twice")
            if report.expect.to is not None and report.expect.to not in opened:
                raise ValueError(f"{report.id} is attached to {report.expect.to}, which no earlier report opened")
            if report.expect.outcome not in ("attached", "refused"):
                opened[report.id] = report.at
            self._lies_within(report.id, [report.at, *(act.at for act in report.acts)])
        for owed in self.duties:
            self._lies_within(owed.id, [act.at for act in owed.acts])
        for record in self.opened:
            if record.because not in opened:
                raise ValueError(f"{record.id}: no such report opened a problem")
            self._lies_within(record.id, [act.at for act in record.acts])
        if len({owed.id for owed in self.duties}) < len(self.duties):
            raise ValueError("a duty stands twice: the same unit, on the same day")
        return self

    def _lies_within(self, what: str, times: list[datetime]) -> None:
        for at in times:
            if not self.begins <= at <= self.ends:
                raise ValueError(f"{what}: {at} lies outside the story, {self.begins} to {self.ends}")

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.timezone} is no time zone of the IANA list, such as Asia/Shanghai") from None

    @property
    def begins_at(self) -> datetime:
        """Where the clock starts."""
        return utc(self.begins, self.zone)

    @property
    def ends_at(self) -> datetime:
        """Where the clock stops, and what is expected holds."""
        return utc(self.ends, self.zone)

    def duty_id(self, owed: DutyTold) -> UUID:
        """The id of the record that the calendar opens for ``owed``."""
        opens_at = utc(owed.opens, self.zone)
        return UUID(Opening(opens_at, owed.duty, owed.unit, opens_at).problem_id(self.jurisdiction))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that is told of what people do, in the order of time; at one instant in the order of the file.

        What they do at the very instant of a deadline still meets it. What is done as a matter of ``routine`` needs
        the pack and comes from :func:`duban_cli.demo.cities.routine_of`.
        """
        entries = chain(
            map(self._of_report, self.reports), map(self._of_duty, self.duties), map(self._of_record, self.opened)
        )
        return tuple(sorted(chain.from_iterable(entries), key=lambda entry: entry.at))

    def _of_report(self, report: ReportTold) -> Iterator[Entry]:
        at = utc(report.at, self.zone)
        yield Reported(at, report, submitted(report.source, report.id, self._report(report), at))
        for index, act in enumerate(report.acts, start=1):
            yield self.acted(report, act, report.problem_id, f"{report.source}/{report.id}/{index}")

    def _of_duty(self, owed: DutyTold) -> Iterator[Entry]:
        for index, act in enumerate(owed.acts, start=1):
            yield self.acted(owed, act, self.duty_id(owed), f"{owed.id}/{index}")

    def _of_record(self, record: RecordTold) -> Iterator[Entry]:
        for index, act in enumerate(record.acts, start=1):
            yield self.acted(record, act, self.cause_of(record), f"{record.id}/{index}")

    def cause_of(self, record: RecordTold) -> UUID:
        """The id of the problem whose measure opens ``record``."""
        return next(report.problem_id for report in self.reports if report.id == record.because)

    def _report(self, report: ReportTold) -> Report:
        fields = ("channel", "title", "text", "category", "matter", "area", "location", "enterprise", "reply_form")
        reporter = Reporter(identity=report.reporter, handle=handle_of(report.code) if report.code else None)
        content = {name: getattr(report, name) for name in fields}
        return from_data({**content, "jurisdiction": self.jurisdiction, "reporter": reporter}, Report)

    def acted(self, item: ReportTold | DutyTold | RecordTold, act: Act, problem_id: UUID, message_id: str) -> Acted:
        """The entry for ``act``.

        Raises:
            ValueError: the act lacks what its command needs.
        """
        try:
            command = self._command(item, act)
        except (msgspec.ValidationError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{item.id}: {act.action} at {act.at}: {_fault(error, act)}") from None
        at, subject = utc(act.at, self.zone), str(problem_id)
        return Acted(at, item, act, Message(message_id, SOURCE, subject, at, self.jurisdiction, subject, command))

    def _command(self, item: ReportTold | DutyTold | RecordTold, act: Act) -> Command:
        fields = said_by(act, self.zone)
        if act.action == "reply" and isinstance(item, ReportTold):
            fields = {"source": item.source, "id": item.id, **fields}
        if act.action in ("approve", "withhold"):
            fields["version"] = 1  # which one it is, shows when it is played
        return from_data({"actor": {"unit": act.by}, **fields}, COMMANDS[f"duban.command.{act.action}"])


def _fault(error: Exception, act: Act) -> str:
    """Why ``act`` gives no command; a field that is not known with those that are."""
    if not isinstance(error, msgspec.ValidationError):
        return str(error)
    flaw = flaw_of(error, COMMANDS[f"duban.command.{act.action}"])
    if flaw.sort != "unknown" or len(flaw.place) > 1:
        return str(flaw)
    known = [name for name in COMMANDS[f"duban.command.{act.action}"].__struct_fields__ if name != "actor"]
    return f"{flaw.place[0]}: {unknown_field(flaw.place[0], act.action, known)}"


def load_story(text: str, file: str) -> Story:
    """The story in ``text``, checked to the last act.

    Raises:
        StoryError: naming ``file``, the place and what is wrong there.
    """
    try:
        story = Story.model_validate(plain_data(text))
        _ = story.entries
    except Unreadable as error:
        raise StoryError(f"{file}: {error}") from None
    except ValidationError as error:
        raise StoryError(f"{file}: {one_line(first_fault(error, Story))}") from None
    except ValueError as error:
        raise StoryError(f"{file}: {one_line(str(error))}") from None
    return story
