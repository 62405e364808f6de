"""Commands: what somebody wants done with a problem. Intake, people and escalation send them; the router decides."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field

from duban.messages.envelope import Payload
from duban.messages.report import Evidence, Filed, Name, Part, Prose

#: The unit under which the services themselves act.
ENGINE = "duban"


class Actor(Part):
    """Who acts: a unit, and the person in it where one is named."""

    unit: Name
    person: Name | None = None


class Command(Payload):
    """What every command carries: who wants it, and why."""

    TOPIC: ClassVar[str] = "duban.commands.v1"

    actor: Actor
    reason: Prose = ""


class Register(Command):
    """Open a problem for a report; the router gives the number and dispatches it by the responsibility list."""

    TYPE: ClassVar[str] = "duban.command.register"

    filed: Filed


class Attach(Command):
    """Add a near-duplicate report to a problem that is open already."""

    TYPE: ClassVar[str] = "duban.command.attach"

    filed: Filed


class Reject(Command):
    """Close a registered problem without handling (不予受理), with the reason."""

    TYPE: ClassVar[str] = "duban.command.reject"


class Dispatch(Command):
    """Give the problem to a lead unit, by the office, citing the clause it rests on."""

    TYPE: ClassVar[str] = "duban.command.dispatch"

    lead_unit: Name
    co_units: tuple[Name, ...] = ()
    clause: Prose = ""


class Acknowledge(Command):
    """The lead unit confirms that it has the problem (签收)."""

    TYPE: ClassVar[str] = "duban.command.acknowledge"


class HandBack(Command):
    """The lead unit returns a problem that is not its own (退单), with sealed evidence, a reason and the clause."""

    TYPE: ClassVar[str] = "duban.command.hand_back"

    clause: Prose = ""
    evidence: tuple[Evidence, ...] = ()


class RectificationPlan(Part):
    """How the unit will put it right: who, to what target, by which measures, until when."""

    person: Name
    target: Prose
    measures: tuple[Prose, ...] = Field(min_length=1)
    due_at: AwareDatetime


class Plan(Command):
    """The lead unit files its rectification plan."""

    TYPE: ClassVar[str] = "duban.command.plan"

    plan: RectificationPlan


class Progress(Command):
    """The lead unit says how far it is; an answer to a progress call."""

    TYPE: ClassVar[str] = "duban.command.progress"

    note: Annotated[Prose, Field(min_length=1)]
    evidence: tuple[Evidence, ...] = ()


class Complete(Command):
    """The lead unit has put it right, with the outcome."""

    TYPE: ClassVar[str] = "duban.command.complete"

    outcome: Name
    evidence: tuple[Evidence, ...] = ()


class Verify(Command):
    """A reviewer, never the handler, passes the completed work or sends it back."""

    TYPE: ClassVar[str] = "duban.command.verify"

    passed: bool
    evidence: tuple[Evidence, ...] = ()


class StrikeOff(Command):
    """The office strikes the verified problem off the ledger (销号)."""

    TYPE: ClassVar[str] = "duban.command.strike_off"


class Reopen(Command):
    """The office takes a closed problem up again."""

    TYPE: ClassVar[str] = "duban.command.reopen"


class Escalate(Command):
    """A deadline lapsed, or its reminder is due: names the obligation, its generation and the level of its ladder."""

    TYPE: ClassVar[str] = "duban.command.escalate"

    obligation: Name
    generation: int
    level: int
    due_at: AwareDatetime


class Recompute(Command):
    """Evaluate the deadlines again, because the calendar was published anew, in this version."""

    TYPE: ClassVar[str] = "duban.command.recompute"

    calendar: Name
    version: int = Field(ge=1)


#: Every command by its CloudEvents type.
COMMANDS: dict[str, type[Command]] = {
    model.TYPE: model
    for model in (
        Register, Attach, Reject, Dispatch, Acknowledge, HandBack, Plan, Progress,
        Complete, Verify, StrikeOff, Reopen, Escalate, Recompute,
    )
}  # fmt: skip
