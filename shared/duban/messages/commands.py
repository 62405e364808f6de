"""Commands: what somebody wants done with a problem. Intake, people and escalation send them; the router decides."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta, field

from duban.messages.envelope import Payload, derived_id
from duban.messages.report import MOST_OF_TITLE, Evidence, Filed, Name, Prose, ReportName, in_range
from duban.messages.struct import NO_NUL, AwareDatetime, Frozen

#: The unit under which the services themselves act.
ENGINE = "duban"


class Actor(Frozen):
    """Who acts: a unit, and the person in it where one is named."""

    unit: Name
    person: Name | None = None


class Cause(Frozen):
    """The event of a problem that opens another record: a measure that was taken, under the pack of that problem."""

    problem_id: UUID
    number: str
    version: Annotated[int, Meta(ge=1)]
    pack: str

    @property
    def ref(self) -> str:
        """The event in one word: the number of the problem and the version."""
        return f"{self.number}/{self.version}"


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
    """Close what is registered or underway unhandled (不予受理), with the reason, on a ground if the pack lists any."""

    TYPE: ClassVar[str] = "duban.command.reject"

    ground: Name | None = None


class Dispatch(Command):
    """Give the problem to a lead unit, by the office, citing the clause it rests on."""

    TYPE: ClassVar[str] = "duban.command.dispatch"

    lead_unit: Name
    co_units: tuple[Name, ...] = ()
    clause: Prose = ""


class Classify(Command):
    """The office or the fallback desk corrects the category of the problem, its matter, or both, with the reason."""

    TYPE: ClassVar[str] = "duban.command.classify"

    category: Name | None = None
    matter: Name | None = None


class Acknowledge(Command):
    """The lead unit confirms that it has the problem (签收)."""

    TYPE: ClassVar[str] = "duban.command.acknowledge"


class HandBack(Command):
    """The lead unit returns a problem that is not its own (退单), with sealed evidence, a reason and the clause."""

    TYPE: ClassVar[str] = "duban.command.hand_back"

    clause: Prose = ""
    evidence: tuple[Evidence, ...] = ()


class Rectification(StrEnum):
    """The kinds of rectification (立行立改, 阶段整改, 长期坚持)."""

    IMMEDIATE = "immediate"  #: one date
    PHASED = "phased"  #: milestones, each with its own date
    LONGTERM = "longterm"  #: reviewed again and again until strike-off


class Milestone(Frozen):
    """A stage of a plan (阶段性目标), and until when it is reached."""

    title: Prose
    due_at: AwareDatetime


class RectificationPlan(Frozen):
    """How the unit will put it right: who, to what target, by which measures, until when, in which stages."""

    person: Name
    target: Prose
    measures: Annotated[tuple[Prose, ...], Meta(min_length=1)]
    due_at: AwareDatetime
    rectification: Rectification = Rectification.IMMEDIATE
    milestones: tuple[Milestone, ...] = ()


class Plan(Command):
    """The lead unit files its rectification plan (备案), or asks to change the one that is filed."""

    TYPE: ClassVar[str] = "duban.command.plan"

    plan: RectificationPlan


class DecidePlan(Command):
    """The office approves the change of a plan that the unit asked for, or refuses it."""

    TYPE: ClassVar[str] = "duban.command.decide_plan"

    approved: bool


class ReachMilestone(Command):
    """The lead unit has reached the next milestone of its plan."""

    TYPE: ClassVar[str] = "duban.command.reach_milestone"

    evidence: tuple[Evidence, ...] = ()


class Review(Command):
    """The office has reviewed a long-term rectification, which goes on."""

    TYPE: ClassVar[str] = "duban.command.review"

    evidence: tuple[Evidence, ...] = ()


class FinishPart(Command):
    """A co-unit has done its part."""

    TYPE: ClassVar[str] = "duban.command.finish_part"

    evidence: tuple[Evidence, ...] = ()


class AskExtension(Command):
    """The lead unit asks for more time on one obligation, citing the clause that it rests on.

    ``length`` is how much, in the unit in which the pack grants it (working days, say); without it, as much as it does.
    """

    TYPE: ClassVar[str] = "duban.command.ask_extension"

    obligation: Name
    length: Annotated[int, Meta(ge=1)] | None = None
    clause: Prose = ""


class DecideExtension(Command):
    """The office, or whom the pack names, grants the extension that was asked for, or denies it.

    ``length`` is how much is granted, where it is less than was asked.
    """

    TYPE: ClassVar[str] = "duban.command.decide_extension"

    granted: bool
    length: Annotated[int, Meta(ge=1)] | None = None


class Justify(Command):
    """Who owes something gives the reason for being late (说明理由), which holds what is taken only without one."""

    TYPE: ClassVar[str] = "duban.command.justify"

    obligation: Name
    clause: Prose = ""
    evidence: tuple[Evidence, ...] = ()


class DecideJustification(Command):
    """Whom the pack names accepts the reason that was filed for being late, or refuses it.

    ``part`` is the unit that owes the obligation for itself, where several do.
    """

    TYPE: ClassVar[str] = "duban.command.decide_justification"

    obligation: Name
    part: Name | None = None
    accepted: bool


class Defer(Command):
    """Whoever owes an obligation, or the office, says in time that it takes longer than its first limit, and why."""

    TYPE: ClassVar[str] = "duban.command.defer"

    obligation: Name


class Pause(Command):
    """The office stops the clock, on a ground that the pack lists."""

    TYPE: ClassVar[str] = "duban.command.pause"

    ground: Name


class Resume(Command):
    """The office lets the clock run on."""

    TYPE: ClassVar[str] = "duban.command.resume"


class Flag(Command):
    """The office flags the problem (hard, major, sudden, criminal …), and names units that join in handling it."""

    TYPE: ClassVar[str] = "duban.command.flag"

    flag: Name
    co_units: tuple[Name, ...] = ()


class Unflag(Command):
    """The office takes a flag off again, as when a problem is delisted."""

    TYPE: ClassVar[str] = "duban.command.unflag"

    flag: Name


class Sponsor(Command):
    """The office names the leader who takes the problem (领导包案), and the unit paired with the handler (结对)."""

    TYPE: ClassVar[str] = "duban.command.sponsor"

    sponsor: Name
    pair: Name | None = None


class Refer(Command):
    """The problem is referred (移送) to another body: police, procuratorate, court, discipline."""

    TYPE: ClassVar[str] = "duban.command.refer"

    to: Name
    ground: Prose = ""
    evidence: tuple[Evidence, ...] = ()


class Receive(Command):
    """The body that a problem was referred to confirms receipt."""

    TYPE: ClassVar[str] = "duban.command.receive"


class Signature(Frozen):
    """Who signed a reply, such as the head of the unit, and when."""

    person: Name
    at: AwareDatetime

    def __post_init__(self) -> None:
        in_range("at", self.at)


class Reply(Command):
    """A reporter is told something: which reply of the pack it is, in which form, signed by whom where that is asked.

    Without ``reply`` it is the one answer that every report is owed, under a pack that names no replies.
    """

    TYPE: ClassVar[str] = "duban.command.reply"

    source: ReportName
    id: ReportName
    text: Annotated[Prose, Meta(min_length=1)]
    reply: Name | None = None
    form: Name | None = None
    signature: Signature | None = None


class Rate(Command):
    """A reporter's satisfaction with the outcome is recorded; of "unsatisfied" the ground, where the pack lists any."""

    TYPE: ClassVar[str] = "duban.command.rate"

    satisfied: bool
    ground: Name | None = None


class Check(Command):
    """One check of the strike-off gate is signed, with its evidence."""

    TYPE: ClassVar[str] = "duban.command.check"

    check: Name
    evidence: tuple[Evidence, ...] = ()


class LookBack(Command):
    """What the look-back (回头看) found: truthful, timely, effective, and whether the problem has come back (反弹)."""

    TYPE: ClassVar[str] = "duban.command.look_back"

    truthful: bool
    timely: bool
    effective: bool
    rebound: bool = False
    evidence: tuple[Evidence, ...] = ()


#: What a field of a step says: days and instants are texts, ``2026-03-01`` and ``2026-03-01T08:00:00+08:00``.
Value = Prose | int | float | bool


class TakeStep(Command):
    """A step of the pack's own was taken (sample, hearing, expert …), with the fields that it asks for."""

    TYPE: ClassVar[str] = "duban.command.take_step"

    step: Name
    fields: Annotated[dict[Name, Value], Meta(max_length=60)] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()


class WaiveStep(Command):
    """A step of the pack's own is not needed for this problem, with the reason; that meets what waits for it."""

    TYPE: ClassVar[str] = "duban.command.waive_step"

    step: Name


class Approve(Command):
    """A measure that needs approval is released: the measure that the event ``version`` took."""

    TYPE: ClassVar[str] = "duban.command.approve"

    version: Annotated[int, Meta(ge=1)]


class Withhold(Command):
    """A measure that needs approval is not released, with the reason: an honest mistake is borne with (容错纠错)."""

    TYPE: ClassVar[str] = "duban.command.withhold"

    version: Annotated[int, Meta(ge=1)]


class PassOn(Command):
    """The record has gone on to another platform, with the receipt for it.

    ``version`` is the event whose words it took, ``status`` the platform's answer over HTTP, ``receipt`` the id that
    the platform gave. The engine brings it, or the unit that passed the record on by hand.
    """

    TYPE: ClassVar[str] = "duban.command.pass_on"

    platform: Name
    version: Annotated[int, Meta(ge=1)] | None = None
    status: Annotated[int, Meta(ge=100, le=599)] | None = None
    receipt: Annotated[str, Meta(max_length=120, pattern=NO_NUL)] = ""
    evidence: tuple[Evidence, ...] = ()


class Open(Command):
    """A duty is opened, by the calendar, by a measure because of a problem, or by the silence of a source.

    ``of`` is the source that is silent.
    """

    TYPE: ClassVar[str] = "duban.command.open"

    duty: Name
    unit: Name
    opens_at: AwareDatetime
    cause: Cause | None = None
    of: Name | None = None


class Pledge(Command):
    """An enterprise promises something by a day; the unit that takes such pledges enters it, to see that it is kept."""

    TYPE: ClassVar[str] = "duban.command.pledge"

    duty: Name
    of: Name
    promise: Annotated[str, Meta(min_length=1, max_length=MOST_OF_TITLE, pattern=NO_NUL)]
    due_on: date
    evidence: tuple[Evidence, ...] = ()


class PutOnList(Command):
    """An enterprise or a unit is put on a list of the pack, on one of its grounds; told first where it may answer.

    A measure does so because of a problem, its ``cause``; the keeper of the list may do so with evidence.
    """

    TYPE: ClassVar[str] = "duban.command.put_on_list"

    list: Name
    of: Name
    ground: Name
    cause: Cause | None = None
    evidence: tuple[Evidence, ...] = ()


class Appeal(Command):
    """Whoever stands on a list answers (申诉); the keeper, or the unit that decides, enters it."""

    TYPE: ClassVar[str] = "duban.command.appeal"

    text: Annotated[Prose, Meta(min_length=1)]
    evidence: tuple[Evidence, ...] = ()


class DecideAppeal(Command):
    """The unit that hears appeals upholds one, which takes the entry off the list, or dismisses it."""

    TYPE: ClassVar[str] = "duban.command.decide_appeal"

    upheld: bool


class TakeOffList(Command):
    """The keeper takes an entry off the list before its term is over (退出), on proof that all is made good."""

    TYPE: ClassVar[str] = "duban.command.take_off_list"

    evidence: tuple[Evidence, ...] = ()


class Reward(Command):
    """A reward is owed as a report proved true: to the reporter, known by a handle, or to the worker of the cell."""

    TYPE: ClassVar[str] = "duban.command.reward"

    reward: Name
    cause: Cause
    handle: Annotated[str, Meta(max_length=120)] | None = None
    worker: Annotated[str, Meta(max_length=120)] | None = None


class Award(Command):
    """The amount of a reward is fixed, inside the range of its class and what is left of its budget."""

    TYPE: ClassVar[str] = "duban.command.award"

    amount: Annotated[int, Meta(ge=1)]


class Decline(Command):
    """A reward is not granted, with the reason."""

    TYPE: ClassVar[str] = "duban.command.decline"


class Collect(Command):
    """A reward is paid out: to whoever shows the ``code`` of the report, without asking for a name."""

    TYPE: ClassVar[str] = "duban.command.collect"

    code: Annotated[str, Meta(max_length=60)] | None = None


class TakeReading(Command):
    """What the indicator of a target came to on a day is entered, for a unit that answers for the target.

    ``value`` is in what the target is measured in; ``source`` says who or what read it. A reading is never changed: its
    first ``correction`` is a reading of its own, and so is each one after.
    """

    TYPE: ClassVar[str] = "duban.command.take_reading"

    target: Name
    unit: Name
    read_on: date
    value: float
    source: Annotated[str, Meta(max_length=300, pattern=NO_NUL)] = ""
    correction: Annotated[int, Meta(ge=0, le=9999)] = 0
    evidence: tuple[Evidence, ...] = ()

    def record_id(self, jurisdiction: str) -> UUID:
        """The id of the reading, which follows from what it is of: nobody enters the same twice."""
        return derived_id("reading", jurisdiction, self.target, self.unit, self.read_on.isoformat(), self.correction)


class Progress(Command):
    """The lead unit says how far it is; an answer to a progress call."""

    TYPE: ClassVar[str] = "duban.command.progress"

    note: Annotated[Prose, Meta(min_length=1)]
    evidence: tuple[Evidence, ...] = ()


class Complete(Command):
    """The lead unit has put it right, with the outcome, and the items of the catalogue that it cites by their codes."""

    TYPE: ClassVar[str] = "duban.command.complete"

    outcome: Name
    evidence: tuple[Evidence, ...] = ()
    items: tuple[Name, ...] = ()


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
    """A deadline lapsed, or its reminder is due: names the obligation, its generation and the level of its ladder.

    ``part`` is the unit that owes it for itself, where several do.
    """

    TYPE: ClassVar[str] = "duban.command.escalate"

    obligation: Name
    part: Name | None = None
    generation: int
    level: int
    due_at: AwareDatetime


class Recompute(Command):
    """Evaluate the deadlines again, because the calendar was published anew, in this version."""

    TYPE: ClassVar[str] = "duban.command.recompute"

    calendar: Name
    version: Annotated[int, Meta(ge=1)]


#: The commands with which a record begins.
Beginning = Register | Open | Pledge | PutOnList | Reward | TakeReading

#: The commands on a record that stands in the ledger.
Action = (
    Attach | Reject | Dispatch | Classify | Acknowledge | HandBack | Plan | DecidePlan | ReachMilestone | Review
    | Progress | FinishPart | AskExtension | DecideExtension | Defer | Justify | DecideJustification | Pause | Resume
    | Flag | Unflag | Sponsor | Refer | Receive | Complete | Verify | Check | StrikeOff | Reply | Rate | LookBack
    | Reopen | TakeStep | WaiveStep | Approve | Withhold | PassOn | Appeal | DecideAppeal | TakeOffList | Award
    | Decline | Collect | Escalate | Recompute
)  # fmt: skip

#: Every command by its CloudEvents type: those of :data:`Beginning` and of :data:`Action`, and no other.
COMMANDS: dict[str, type[Command]] = {
    model.TYPE: model
    for model in (
        Register, Attach, Open, Reject, Dispatch, Classify, Acknowledge, HandBack, Plan, DecidePlan, ReachMilestone,
        Review, Progress, FinishPart, AskExtension, DecideExtension, Defer, Justify, DecideJustification, Pause,
        Resume, Flag, Unflag, Sponsor, Refer, Receive, Complete, Verify, Check, StrikeOff, Reply, Rate, LookBack,
        Reopen, TakeStep, WaiveStep, Approve, Withhold, PassOn, Pledge, PutOnList, Appeal, DecideAppeal, TakeOffList,
        Reward, Award, Decline, Collect, TakeReading, Escalate, Recompute,
    )
}  # fmt: skip
