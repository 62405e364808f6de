"""What a story tells of one thing: a report or a duty, what was done about it, and what must become of it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, model_validator

from duban.calendar import Within
from duban.messages.commands import COMMANDS
from duban.messages.report import Identity, Location
from duban.messages.struct import flaw_of, from_data
from duban.policy.model.entry import Name, Written
from duban_intake.domain import own_problem


def unzoned(at: datetime) -> datetime:
    """``at`` itself, which must be a wall-clock time."""
    if at.tzinfo is not None:
        raise ValueError("is a wall-clock time of the story's timezone; leave the offset out")
    return at


def _point(value: object) -> Location:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a place is [latitude, longitude]")
    try:
        return from_data(dict(zip(("latitude", "longitude"), value, strict=True)), Location)
    except msgspec.ValidationError as error:
        raise ValueError(str(flaw_of(error))) from None


#: A wall-clock time of the city, such as ``2022-04-06 09:12``.
LocalTime = Annotated[datetime, AfterValidator(unzoned)]
#: ``[latitude, longitude]``.
Point = Annotated[Location, PlainValidator(_point)]


class Act(Written):
    """What a unit does. Fields beyond these are the command's own; its times are wall-clock times too.

    ``evidence`` is a list of statements: each is sealed as a data URI with its SHA-256. ``refused`` is the code with
    which the router must refuse the act. A ``reply`` answers the report it stands under, unless it names another by
    ``source`` and ``id``; an ``approve`` or ``withhold`` names the ``measure`` that waits for it.
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
        if self.action in ("approve", "withhold") and "measure" not in (self.model_extra or {}):
            raise ValueError(f"{self.action} names the `measure` that waits for it")
        return self

    @model_validator(mode="after")
    def _formed(self) -> Act:
        """What is rewritten for the command has to have its form; the command checks the rest."""
        fields = self.model_extra or {}
        evidence = fields.get("evidence", [])
        if not isinstance(evidence, list | tuple) or not all(isinstance(statement, str) for statement in evidence):
            raise ValueError("`evidence` is a list of statements")
        plan = fields.get("plan", {"due_at": ""})
        milestones = plan.get("milestones", []) if isinstance(plan, dict) else []
        parts = [plan, *milestones] if isinstance(milestones, list) else [milestones]
        if not all(isinstance(part, dict) and "due_at" in part for part in parts):
            raise ValueError("a `plan` and each of its `milestones` say until when: `due_at`")
        signature = fields.get("signature", {"at": ""})
        if not isinstance(signature, dict) or "at" not in signature:
            raise ValueError("a `signature` says who signed, `person`, and when, `at`")
        return self


class Expected(Written):
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


class ReportTold(Written):
    """A report as the story tells it, with the acts that follow and the end that is expected."""

    at: LocalTime
    source: str = Field(min_length=1)
    id: str = Field(min_length=1)
    channel: Name
    title: str
    text: str = ""
    category: Name | None = None
    matter: Name | None = None
    area: Name | None = None
    location: Point | None = None
    enterprise: Name | None = None
    reply_form: Name | None = None
    reporter: Identity = Identity.ANONYMOUS
    code: str | None = Field(default=None, description="the reporter's claim code; the report carries its handle")
    acts: tuple[Act, ...] = ()
    expect: Expected

    @model_validator(mode="after")
    def _in_order(self) -> ReportTold:
        _follow(self.at, self.acts, "the report itself")
        if self.acts and self.expect.outcome in ("attached", "refused"):
            raise ValueError(f"a report that is {self.expect.outcome} has no acts of its own")
        return self

    @property
    def problem_id(self) -> UUID:
        """The id of the problem that the report opens, if it opens one."""
        return own_problem(self.source, self.id)


class Ended(Written):
    """What must have become of a duty, an entry on a list or a reward when the story ends; ``lapsed``: it was late."""

    outcome: Literal["submitted", "open", "noticed", "contested", "listed", "delisted", "owed", "awarded", "settled"]
    lapsed: bool = False
    measures: tuple[str, ...] | None = None


class DutyTold(Written):
    """A duty that the calendar opens for a unit, what the unit did about it, and the end that is expected."""

    duty: Name
    unit: Name
    opens: LocalTime
    acts: tuple[Act, ...] = ()
    expect: Ended

    @model_validator(mode="after")
    def _in_order(self) -> DutyTold:
        _follow(self.opens, self.acts, "the opening of the duty")
        return self

    @property
    def id(self) -> str:
        """The number that the duty has in the ledger."""
        return f"{self.duty}/{self.unit}/{self.opens:%Y-%m-%d}"


class RecordTold(Written):
    """What a measure opened because of a report: a duty, an entry on a list, a reward, by its id in the pack.

    ``of`` says whose it is, where a measure opened several: the unit, the enterprise, the handle.
    """

    because: str
    record: Name
    of: str | None = None
    acts: tuple[Act, ...] = ()
    expect: Ended

    @model_validator(mode="after")
    def _in_order(self) -> RecordTold:
        if self.acts:
            _follow(self.acts[0].at, self.acts, "each other")
        return self

    @property
    def id(self) -> str:
        """How the story calls it."""
        return f"{self.record}{f'/{self.of}' if self.of else ''} because of {self.because}"


class Routine(Written):
    """What ``units``, or all who owe it, submit unless it is told apart: so long ``after`` each opening, or ``at``.

    ``evidence`` is a list of statements, as in an act.
    """

    duties: tuple[Name, ...] = Field(min_length=1)
    units: tuple[Name, ...] = ()
    after: Within | None = None
    at: LocalTime | None = None
    evidence: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_time(self) -> Routine:
        if (self.after is None) == (self.at is None):
            raise ValueError("says exactly one of `after` and `at`")
        return self

    def takes(self, duty: str, unit: str) -> bool:
        """Whether ``unit`` submits ``duty`` as a matter of routine."""
        return duty in self.duties and (not self.units or unit in self.units)


def _follow(begins: datetime, acts: tuple[Act, ...], what: str) -> None:
    times = [begins, *(act.at for act in acts)]
    if times != sorted(times):
        raise ValueError(f"its acts must stand in the order of time, after {what}")


def sealed(statement: str) -> dict[str, Any]:
    """The statement itself as sealed evidence: a data URI that holds it, and the SHA-256 of its bytes."""
    body = statement.encode()
    uri = f"data:text/plain;charset=utf-8,{quote(body)}"
    return {"uri": uri, "sha256": sha256(body).hexdigest(), "title": statement}


def said_by(act: Act, zone: ZoneInfo) -> dict[str, Any]:
    """The command's own fields in ``act``: statements sealed, wall-clock times of ``zone`` as instants."""
    fields = {name: value for name, value in (act.model_extra or {}).items() if name != "measure"}
    if "evidence" in fields:
        fields["evidence"] = [sealed(statement) for statement in fields["evidence"]]
    if "plan" in fields:
        plan = {**fields["plan"], "due_at": _instant(fields["plan"]["due_at"], zone)}
        if "milestones" in plan:
            plan["milestones"] = [
                {**milestone, "due_at": _instant(milestone["due_at"], zone)} for milestone in plan["milestones"]
            ]
        fields["plan"] = plan
    if "signature" in fields:
        fields["signature"] = {**fields["signature"], "at": _instant(fields["signature"]["at"], zone)}
    return fields


def _instant(local: object, zone: ZoneInfo) -> datetime:
    return utc(unzoned(datetime.fromisoformat(str(local))), zone)


def utc(at: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in ``zone`` show ``at``; ValueError where there is none."""
    try:
        return at.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{at} lies beyond the calendar") from None
