"""A story: dated reports, what is done about each, and what must become of it. Data for the demo and the tests.

Times in the file are wall-clock times of the city; everything that leaves this module is UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from itertools import chain
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from duban.errors import DubanError
from duban.messages.commands import COMMANDS, Command
from duban.messages.envelope import Message, first_fault
from duban.messages.report import Identity, Location, Name, Part, Report, Reporter
from duban_intake.domain import own_problem, submitted

SOURCE = "duban/story"


class StoryError(DubanError):
    """A story that cannot be played: the file, and what is wrong where in it."""


def _unzoned(at: datetime) -> datetime:
    if at.tzinfo is not None:
        raise ValueError("is a wall-clock time of the story's timezone; leave the offset out")
    return at


def _point(value: object) -> object:
    return dict(zip(("latitude", "longitude"), value, strict=True)) if isinstance(value, list) else value


#: A wall-clock time of the city, such as ``2022-04-06 09:12``.
LocalTime = Annotated[datetime, AfterValidator(_unzoned)]
#: ``[latitude, longitude]``.
Point = Annotated[Location, BeforeValidator(_point)]


class Act(Part):
    """What a unit does about a problem. Fields beyond these are the command's own.

    ``evidence`` is a list of statements: each is sealed as a data URI with its SHA-256. ``refused`` is the code with
    which the router must refuse the act.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    at: LocalTime
    action: str
    by: Name
    refused: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Act:
        if f"duban.command.{self.action}" not in COMMANDS:
            raise ValueError(f"{self.action} is no action; they are {', '.join(t.split('.')[-1] for t in COMMANDS)}")
        return self


class Expected(Part):
    """What must have become of a report when the story ends.

    ``lapsed`` names the obligations that were missed; ``measures``, where given, all that were taken, in order.
    """

    outcome: Literal["struck_off", "rejected", "open", "attached", "refused"]
    lapsed: tuple[str, ...] = ()
    measures: tuple[str, ...] | None = None
    to: str | None = Field(default=None, description="the id of the report that it is attached to")
    code: str | None = Field(default=None, description="the code with which it is refused")

    @model_validator(mode="after")
    def _complete(self) -> Expected:
        if (self.outcome == "attached") != (self.to is not None):
            raise ValueError("`to` goes with the outcome attached, and only with it")
        if (self.outcome == "refused") != (self.code is not None):
            raise ValueError("`code` goes with the outcome refused, and only with it")
        return self


class Told(Part):
    """A report as the story tells it, with the acts that follow and the end that is expected."""

    at: LocalTime
    source: str = Field(min_length=1)
    id: str = Field(min_length=1)
    channel: Name
    title: str
    text: str = ""
    category: Name | None = None
    area: Name | None = None
    location: Point | None = None
    enterprise: Name | None = None
    reporter: Identity = Identity.ANONYMOUS
    acts: tuple[Act, ...] = ()
    expect: Expected

    @model_validator(mode="after")
    def _in_order(self) -> Told:
        times = [self.at, *(act.at for act in self.acts)]
        if times != sorted(times):
            raise ValueError("its acts must stand in the order of time, after the report itself")
        if self.acts and self.expect.outcome in ("attached", "refused"):
            raise ValueError(f"a report that is {self.expect.outcome} has no acts of its own")
        return self

    @property
    def problem_id(self) -> UUID:
        """The id of the problem that the report opens, if it opens one."""
        return own_problem(self.source, self.id)


@dataclass(frozen=True, slots=True)
class Reported:
    """An entry of the story: a report comes in."""

    at: datetime
    told: Told
    message: Message[Report]


@dataclass(frozen=True, slots=True)
class Acted:
    """An entry of the story: somebody acts on the problem that ``told`` opened."""

    at: datetime
    told: Told
    act: Act
    message: Message[Command]


Entry = Reported | Acted


class Story(Part):
    """Reports and acts of one city between ``begins`` and ``ends``; what is expected holds at the end."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    jurisdiction: Name
    timezone: str
    begins: LocalTime
    ends: LocalTime
    reports: tuple[Told, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _hangs_together(self) -> Story:
        opened: dict[str, datetime] = {}
        for told in sorted(self.reports, key=lambda one: one.at):
            if told.id in opened and told.expect.outcome != "refused":
                raise ValueError(f"the report {told.id} stands twice")
            if told.expect.to is not None and told.expect.to not in opened:
                raise ValueError(f"{told.id} is attached to {told.expect.to}, which no earlier report opened")
            if told.expect.outcome not in ("attached", "refused"):
                opened[told.id] = told.at
            for at in (told.at, *(act.at for act in told.acts)):
                if not self.begins <= at <= self.ends:
                    raise ValueError(f"{told.id}: {at} lies outside the story, {self.begins} to {self.ends}")
        return self

    @property
    def begins_at(self) -> datetime:
        """Where the clock starts."""
        return self._utc(self.begins)

    @property
    def ends_at(self) -> datetime:
        """Where the clock stops, and what is expected holds."""
        return self._utc(self.ends)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that people do, in the order of time; at one instant in the order of the file.

        What they do at the very instant of a deadline still meets it.
        """
        return tuple(sorted(chain.from_iterable(map(self._entries, self.reports)), key=lambda entry: entry.at))

    def _entries(self, told: Told) -> Iterator[Entry]:
        at = self._utc(told.at)
        yield Reported(at, told, submitted(told.source, told.id, self._report(told), at))
        for index, act in enumerate(told.acts, start=1):
            yield Acted(self._utc(act.at), told, act, self._message(told, act, index))

    def _report(self, told: Told) -> Report:
        said = told.model_dump(exclude={"at", "source", "id", "reporter", "acts", "expect"}, exclude_none=True)
        return Report(jurisdiction=self.jurisdiction, reporter=Reporter(identity=told.reporter), **said)

    def _message(self, told: Told, act: Act, index: int) -> Message[Command]:
        try:
            command = self._command(act)
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            fault = first_fault(error) if isinstance(error, ValidationError) else str(error)
            raise ValueError(f"{told.id}: {act.action} at {act.at}: {fault}") from None
        id_, subject = f"{told.source}/{told.id}/{index}", str(told.problem_id)
        return Message(id_, SOURCE, subject, self._utc(act.at), self.jurisdiction, subject, command)

    def _command(self, act: Act) -> Command:
        model = COMMANDS[f"duban.command.{act.action}"]
        said = dict(act.model_extra or {})
        if "evidence" in said:
            said["evidence"] = [sealed(statement) for statement in said["evidence"]]
        if "plan" in said:
            due_at = datetime.fromisoformat(str(said["plan"]["due_at"]))
            said["plan"] = {**said["plan"], "due_at": self._utc(_unzoned(due_at))}
        return model.model_validate({"actor": {"unit": act.by}, **said})

    def _utc(self, at: datetime) -> datetime:
        return at.replace(tzinfo=ZoneInfo(self.timezone)).astimezone(UTC)


def sealed(statement: str) -> dict[str, Any]:
    """The statement itself as sealed evidence: a data URI that holds it, and the SHA-256 of its bytes."""
    body = statement.encode()
    uri = f"data:text/plain;charset=utf-8,{quote(body)}"
    return {"uri": uri, "sha256": sha256(body).hexdigest(), "title": statement}


def load_story(text: str, file: str) -> Story:
    """The story in ``text``, checked to the last act.

    Raises:
        StoryError: naming ``file``, the place and what is wrong there.
    """
    try:
        story = Story.model_validate(yaml.safe_load(text))
        _ = story.entries
    except yaml.YAMLError as error:
        raise StoryError(f"{file}: is no YAML: {error}") from None
    except ValidationError as error:
        raise StoryError(f"{file}: {first_fault(error)}") from None
    except ValueError as error:
        raise StoryError(f"{file}: {error}") from None
    return story
