"""The models of the state: what stands in the ledger, and on the wire beside every event. Pure.

A record is a problem, a duty, an entry on a list, a reward or a reading. All of them carry :class:`LedgerRecord`; the
rest of each stands under its own names.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import field

from duban.messages import changes as c
from duban.messages.commands import Actor, Cause, RectificationPlan
from duban.messages.report import Location
from duban.messages.struct import AwareDatetime, Frozen
from duban.moves import STAGE, Kind, Occasion, Stage, Status


class Mark(Frozen):
    """When a kind of event last happened to the record, as which version, and how often so far."""

    at: AwareDatetime
    version: int
    times: int = 1


class ReplyMark(Mark):
    """When a reply of the pack was last given, and since when every report of the problem has been told it.

    ``since`` is a version, 0 while some report has not been told it at all.
    """

    since: int = 0


class Grant(Frozen):
    """An extension that was granted: when, by which version, and how much where it is less than the pack grants."""

    at: AwareDatetime
    version: int
    length: int | None = None


class Referral(Frozen):
    """When the problem was referred to a body, and when that body confirmed the receipt, if it has."""

    referred: Mark
    received: Mark | None = None


class Span(Frozen):
    """A stretch of time in which the clock stood still."""

    from_at: AwareDatetime
    to_at: AwareDatetime


class Waiting(Frozen):
    """A measure that was taken and waits for approval, with the ground on which it was: whose, and which."""

    measure: str
    to: tuple[str, ...]
    ground: str = ""
    part: str | None = None
    level: int = 0
    owner: str = ""
    lapse_at: AwareDatetime | None = None
    provisional: bool = False


class Handover(Frozen):
    """How the record last went on to a platform: when, by which version, with which words, and the receipt for it."""

    at: AwareDatetime
    version: int
    of: int | None = None
    status: int | None = None
    receipt: str = ""


class Climb(Frozen):
    """How far the ladder of an obligation has been climbed in its latest generation, and how often it lapsed in all."""

    obligation: str
    part: str | None = None
    generation: int
    level: int
    lapses: int = 0


class Justification(Frozen):
    """The reason that ``unit`` gave for being late, in which generation; ``accepted`` is None until it is decided."""

    obligation: str
    part: str | None = None
    generation: int
    unit: str
    accepted: bool | None = None


class Turn(Frozen):
    """One obligation in the hands of one unit, from the first receipt to the last departure.

    ``limit_at`` is the end of the limit as first set, on the clock of this unit: with the time that others had it
    since. Without that it is ``counted_at``. ``deferred``: by the rule itself, to the second limit. ``overrun_at`` is
    that end, once it has passed in the unit's hands. More was ``granted``; what the ledger knows to have lapsed did so
    at ``lapsed_at``.
    """

    obligation: str
    unit: str
    generation: int
    began_at: AwareDatetime
    counted_at: AwareDatetime | None
    limit_at: AwareDatetime | None
    deferred: bool = False
    left_at: AwareDatetime | None = None
    met: bool = False
    overrun_at: AwareDatetime | None = None
    granted: bool = False
    lapsed_at: AwareDatetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is out of the unit's hands: met, or gone."""
        return self.left_at is not None


class Deadline(Frozen):
    """The next thing that falls due for one obligation: at ``due_at`` the measure of ``level`` is taken.

    ``part`` is the unit that owes it for itself, where several do: a co-unit, or a body that was referred to.
    ``lapse_at`` is the end of the time limit itself; a reminder is due before it. ``generation`` is the version of
    the event that set the clock going, extended its limit, or deferred it to the second one. Without an ``owner``
    nobody owes it: the record moves on by itself, to what ``measure`` says; that is empty where the ladder takes
    nothing at the lapse itself. ``steps``: the steps of the pack's own by any of which it is met.
    ``provisional``: no holiday notice covers all of it yet.
    """

    obligation: str
    part: str | None = None
    generation: int
    level: int
    measure: str
    owner: str | None = None
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    steps: tuple[str, ...] = ()
    provisional: bool = False


def in_words(obligation: str, part: str | None) -> str:
    """An obligation as people read it, with the unit that owes it for itself: ``receipt/police``."""
    return f"{obligation}/{part}" if part else obligation


class LedgerRecord(Frozen, tag_field="kind", tag=str.lower):
    """What every record of the ledger carries, of whatever kind."""

    kind: ClassVar[Kind]

    id: UUID
    jurisdiction: str
    pack: str
    number: str
    title: str
    status: Status
    version: int
    awaiting_approval: dict[int, Waiting] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    climbs: tuple[Climb, ...] = ()
    passed_on: dict[str, Handover] = field(default_factory=dict)
    justifications: tuple[Justification, ...] = ()
    deadlines: tuple[Deadline, ...] = ()

    @property
    def rule(self) -> str:
        """The id of what the pack says about such a record: its category, duty, list or reward."""
        raise NotImplementedError

    @property
    def holder(self) -> str | None:
        """The unit that has it in hand: the lead unit, who owes it, who keeps it, who fixes it."""
        raise NotImplementedError

    @property
    def subject(self) -> str | None:
        """Who an entry on a list is of, or whose a reward is: what people look it up by."""
        return None

    @property
    def begun_at(self) -> datetime:
        """When the record began."""
        return next(self.marks[kind] for kind in BEGINNINGS if kind in self.marks).at

    @property
    def lapses(self) -> int:
        """How often anything in it has lapsed."""
        return sum(climb.lapses for climb in self.climbs)

    def mark(self, occasion: Occasion) -> Mark | None:
        """When ``occasion`` last happened to it; None if it never did."""
        return self.marks.get(occasion.event) if occasion.of is None else None

    def climb(self, obligation: str, part: str | None) -> Climb | None:
        """How far the ladder of ``obligation`` has been climbed; None while nothing was taken."""
        for climb in self.climbs:
            if climb.obligation == obligation and climb.part == part:
                return climb
        return None

    def justification(self, obligation: str, part: str | None) -> Justification | None:
        """The reason that was last given for being late with ``obligation``; None while none was."""
        for justification in self.justifications:
            if justification.obligation == obligation and justification.part == part:
                return justification
        return None

    def deadline(self, obligation: str, part: str | None = None) -> Deadline | None:
        """What is due next for ``obligation``; None while it does not run."""
        for deadline in self.deadlines:
            if deadline.obligation == obligation and deadline.part == part:
                return deadline
        return None


#: Where a problem keeps the marks of what an event was of.
KEPT_IN: Final = {
    "flagged": "flagged", "replied": "replied", "rated": "rated", "referred": "referrals", "received": "referrals",
    "step_taken": "steps_taken", "step_waived": "steps_waived", "sign_seen": "signs",
}  # fmt: skip
#: Of these, those that a body is told of, and confirms.
OF_REFERRALS: Final = ("referred", "received")


class Problem(LedgerRecord):
    """A registered problem (问题) as it stands after its latest event."""

    kind: ClassVar[Kind] = Kind.PROBLEM

    category: str
    channel: str
    matter: str | None = None
    area: str | None = None
    location: Location | None = None
    enterprise: str | None = None
    handle: str | None = None
    lead_unit: str | None = None
    co_units: tuple[str, ...] = ()
    clause: str = ""
    plan: RectificationPlan | None = None
    proposed_plan: RectificationPlan | None = None
    milestones_reached: int = 0
    outcome: str | None = None
    items: tuple[str, ...] = ()
    reports: int = 1
    answered: int = 0
    replied: dict[str, ReplyMark] = field(default_factory=dict)
    satisfied: int = 0
    dissatisfied: int = 0
    rated: dict[str, Mark] = field(default_factory=dict)
    withdrawn_from: str | None = None
    handbacks: int = 0
    flags: tuple[str, ...] = ()
    flagged: dict[str, Mark] = field(default_factory=dict)
    sponsor: str | None = None
    pair: str | None = None
    parts_finished: tuple[str, ...] = ()
    referrals: dict[str, Referral] = field(default_factory=dict)
    extension_asked: str | None = None
    length_asked: int | None = None
    extended: dict[str, int] = field(default_factory=dict)
    grants: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    deferrals: dict[str, Mark] = field(default_factory=dict)
    pauses: tuple[Span, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    steps_taken: dict[str, Mark] = field(default_factory=dict)
    steps_waived: dict[str, Mark] = field(default_factory=dict)
    signs: dict[str, Mark] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    raised: int = 0

    @property
    def rule(self) -> str:
        return self.category

    @property
    def holder(self) -> str | None:
        return self.lead_unit

    @property
    def stage(self) -> Stage:
        """The stage that the status belongs to."""
        return STAGE[self.status]

    @property
    def unanswered(self) -> int:
        """How many of its reports wait for a reply; which, the ledger says beside the state."""
        return self.reports - self.answered

    def mark(self, occasion: Occasion) -> Mark | None:
        event, of = occasion
        if of is None:
            return self.marks.get(event)
        if event not in OF_REFERRALS:
            marks: dict[str, Mark] = getattr(self, KEPT_IN[event])
            return marks.get(of)
        referral = self.referrals.get(of)
        return None if referral is None else referral.referred if event == "referred" else referral.received


class Duty(LedgerRecord):
    """What a unit owes for a period, because of a problem or a silence, or what was pledged, after its latest event.

    Of a pledge, which has a day ``due_on``, ``of`` is the enterprise and ``unit`` sees that it is kept; its title is
    what was promised. Of a silence, ``of`` is the source of which nothing was heard.
    """

    kind: ClassVar[Kind] = Kind.DUTY

    duty: str
    unit: str
    cause: Cause | None = None
    of: str | None = None
    due_on: date | None = None
    outcome: str | None = None

    @property
    def rule(self) -> str:
        return self.duty

    @property
    def holder(self) -> str:
        return self.unit

    @property
    def subject(self) -> str | None:
        return self.of

    @property
    def is_pledge(self) -> bool:
        """Whether an enterprise has pledged it, and the unit sees that it is kept."""
        return self.due_on is not None


class Listing(LedgerRecord):
    """An entry on a list as it stands after its latest event: ``of`` whom, on what ground, and what it bars from."""

    kind: ClassVar[Kind] = Kind.LISTING

    list: str
    keeper: str
    of: str
    ground: str
    bars: tuple[str, ...] = ()
    public: bool = False
    cause: Cause | None = None

    @property
    def rule(self) -> str:
        return self.list

    @property
    def holder(self) -> str:
        return self.keeper

    @property
    def subject(self) -> str:
        return self.of


class Reward(LedgerRecord):
    """What is owed for a report as it stands after its latest event; ``amount`` is None until it is fixed."""

    kind: ClassVar[Kind] = Kind.REWARD

    reward: str
    fixed_by: str
    cause: Cause
    handle: str | None = None
    worker: str | None = None
    amount: int | None = None

    @property
    def rule(self) -> str:
        return self.reward

    @property
    def holder(self) -> str:
        return self.fixed_by

    @property
    def subject(self) -> str | None:
        return self.handle or self.worker


class Reading(LedgerRecord):
    """What the indicator of a target came to on a day, for a unit; ``correction``: the how many-th of this reading."""

    kind: ClassVar[Kind] = Kind.READING

    target: str
    unit: str
    read_on: date
    value: float
    measured_in: str
    source: str = ""
    correction: int = 0

    @property
    def rule(self) -> str:
        return self.target

    @property
    def holder(self) -> str:
        return self.unit


#: Any record, told apart by its kind.
AnyRecord: TypeAlias = Problem | Duty | Listing | Reward | Reading
_RECORD: Final[msgspec.json.Decoder[AnyRecord]] = msgspec.json.Decoder(AnyRecord)


def record_from_json(state: str | bytes) -> AnyRecord:
    """The record that ``state`` holds.

    Raises:
        msgspec.DecodeError: it holds none.
    """
    return _RECORD.decode(state)


#: The events with which a record begins.
BEGINNINGS: Final = ("registered", "opened", "noticed", "reward_owed", "reading_taken")


class Event(Frozen):
    """One entry of the ledger: what happened, when, by whom, why, and by which command.

    ``problem_id`` is the id of the record, of whatever kind.
    """

    problem_id: UUID
    version: int
    at: AwareDatetime
    actor: Actor
    reason: str = ""
    command: str
    change: c.Change
