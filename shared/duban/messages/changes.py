"""What can happen to a problem, each in the past tense: the part of an event that differs from kind to kind."""

from __future__ import annotations

import re
from datetime import date
from typing import ClassVar, TypeAlias
from uuid import UUID

from msgspec import field

from duban.messages.commands import Cause, RectificationPlan, Signature, Value
from duban.messages.report import Evidence, Filed
from duban.messages.struct import AwareDatetime, Frozen


def _kind(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class _Change(Frozen, tag_field="kind", tag=_kind):
    """What every change has: its ``kind``, which is the name of its class in small letters."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.kind = _kind(cls.__name__)


class Registered(_Change):
    """The problem stands in the ledger, with its number and the pack it will live under."""

    number: str
    pack: str
    category: str
    matter: str | None = None
    filed: Filed


class Attached(_Change):
    """A near-duplicate report was added."""

    filed: Filed


class Rejected(_Change):
    """The problem was closed without handling, on one of the pack's grounds where it lists any."""

    ground: str | None = None


class Dispatched(_Change):
    """The problem was given to a lead unit, by the clause cited."""

    lead_unit: str
    co_units: tuple[str, ...] = ()
    clause: str = ""


class Classified(_Change):
    """What the problem is was corrected: its category, its matter, or both; what is left out stays as it was."""

    category: str | None = None
    matter: str | None = None


class Acknowledged(_Change):
    """The lead unit has it."""


class HandedBack(_Change):
    """The lead unit returned it to the office; the overall limit runs on."""

    unit: str
    clause: str = ""
    evidence: tuple[Evidence, ...] = ()


class Withdrawn(_Change):
    """The problem was taken from its lead unit, and waits for the office to give it to another."""

    unit: str


class Planned(_Change):
    """A rectification plan was filed."""

    plan: RectificationPlan


class PlanProposed(_Change):
    """A change of the filed plan was asked for; the filed one holds until it is approved."""

    plan: RectificationPlan


class PlanRefused(_Change):
    """The change of the plan was refused; the filed one holds."""


class MilestoneReached(_Change):
    """The next milestone of the plan was reached."""

    title: str
    evidence: tuple[Evidence, ...] = ()


class Reviewed(_Change):
    """A long-term rectification was reviewed and goes on."""

    evidence: tuple[Evidence, ...] = ()


class PartFinished(_Change):
    """A co-unit has done its part."""

    unit: str
    evidence: tuple[Evidence, ...] = ()


class ExtensionAsked(_Change):
    """More time was asked for on one obligation: how much, where it is less than the pack grants, by which clause."""

    obligation: str
    length: int | None = None
    clause: str = ""


class Extended(_Change):
    """The extension was granted, of that length where it is less than the pack grants; the limit moves."""

    obligation: str
    length: int | None = None


class ExtensionDenied(_Change):
    """The extension was denied; the limit stands."""

    obligation: str


class JustificationFiled(_Change):
    """A reason for being late was given for one obligation, of one unit's part of it, by the clause cited.

    ``generation`` is that of the deadline; for a limit that begins anew another reason is filed.
    """

    obligation: str
    part: str | None = None
    generation: int
    clause: str = ""
    evidence: tuple[Evidence, ...] = ()


class JustificationAccepted(_Change):
    """The reason was accepted: what is taken only without one is not taken."""

    obligation: str
    part: str | None = None


class JustificationRefused(_Change):
    """The reason was refused: what it held is taken."""

    obligation: str
    part: str | None = None


class Deferred(_Change):
    """What is owed takes longer than its first limit: the second one, which the pack names, takes its place."""

    obligation: str


class Paused(_Change):
    """The clock stands still, on the ground named."""

    ground: str


class Resumed(_Change):
    """The clock runs on; limits move by the time it stood."""


class Flagged(_Change):
    """The problem was marked, and units were joined to it."""

    flag: str
    co_units: tuple[str, ...] = ()


class Unflagged(_Change):
    """A flag was taken off."""

    flag: str


class Sponsored(_Change):
    """A leader took the problem, and a unit was paired with its handler."""

    sponsor: str
    pair: str | None = None


class Referred(_Change):
    """The problem was referred to another body, which owes a receipt."""

    to: str
    ground: str = ""
    evidence: tuple[Evidence, ...] = ()


class Received(_Change):
    """The body that it was referred to has it."""

    unit: str


class Replied(_Change):
    """A reporter was told something: which reply of the pack, in which form, signed by whom.

    ``answers``: the report had waited for its answer, and does no more. ``told_since``: every report of the problem has
    been told this reply since the event of that version; 0 while some have not.
    """

    source: str
    id: str
    text: str
    reply: str | None = None
    form: str | None = None
    signature: Signature | None = None
    answers: bool = True
    told_since: int = 0


class Rated(_Change):
    """A reporter's satisfaction was recorded, or that there is none, on a ground of the pack where it lists any."""

    satisfied: bool
    ground: str | None = None


class Checked(_Change):
    """A check of the strike-off gate was signed."""

    check: str
    unit: str
    evidence: tuple[Evidence, ...] = ()


class StepTaken(_Change):
    """A step of the pack's own was taken, by this unit, with the fields that it asks for."""

    step: str
    unit: str
    fields: dict[str, Value] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()


class StepWaived(_Change):
    """A step of the pack's own is not needed, as this unit has said; what waited for it is met."""

    step: str
    unit: str


class SignSeen(_Change):
    """What was just done bears a sign of the pack: it looks as if ``unit`` works for the figures, not for the city.

    ``obligation`` is what was met at the last moment; ``beside`` is the other problem in which the same note stands.
    """

    sign: str
    unit: str
    obligation: str | None = None
    beside: UUID | None = None


class LookedBack(_Change):
    """The look-back was made, with its verdicts."""

    truthful: bool
    timely: bool
    effective: bool
    evidence: tuple[Evidence, ...] = ()


class Rebounded(_Change):
    """The problem has come back after strike-off; its ladders begin higher by ``raised`` levels."""

    raised: int


class Measured(_Change):
    """A measure was taken at once because of what happened, not because of a deadline; ``ground`` is the rule.

    Where ``approval`` names a unit, nobody else is told before that unit has approved. ``counted`` are the other
    problems with which it is the so many-th time, where the rule counts beyond the problem.
    """

    ground: str
    measure: str
    to: tuple[str, ...]
    owner: str = ""
    approval: str | None = None
    counted: tuple[UUID, ...] = ()


class Approved(_Change):
    """A measure that had waited for approval was released; ``version`` is the event that took it, on what ground."""

    version: int
    measure: str
    to: tuple[str, ...]
    ground: str = ""
    part: str | None = None
    level: int = 0
    owner: str = ""
    lapse_at: AwareDatetime | None = None
    provisional: bool = False


class Withheld(_Change):
    """A measure that had waited for approval was not released; ``version`` is the event that took it."""

    version: int
    measure: str


class PassedOn(_Change):
    """The record went on to another platform, and this is the receipt: what it answered, and the id that it gave.

    ``version`` is the event whose words it took; None where the unit passed the record on by hand.
    """

    platform: str
    version: int | None = None
    status: int | None = None
    receipt: str = ""
    evidence: tuple[Evidence, ...] = ()


class Opened(_Change):
    """A duty was opened for a unit: for the period that begins then, because of a problem, by a pledge or by a silence.

    A pledge is ``of`` an enterprise and due on a day of its own; its title is what was promised. A silence is ``of``
    the source of which nothing was heard.
    """

    jurisdiction: str
    number: str
    pack: str
    duty: str
    title: str
    unit: str
    opens_at: AwareDatetime
    cause: Cause | None = None
    of: str | None = None
    due_on: date | None = None
    evidence: tuple[Evidence, ...] = ()


class Noticed(_Change):
    """Somebody was told that it is to stand on a list: on which, kept by whom, on what ground, and what that bars."""

    jurisdiction: str
    number: str
    pack: str
    list: str
    title: str
    keeper: str
    of: str
    ground: str
    bars: tuple[str, ...] = ()
    public: bool = False
    cause: Cause | None = None
    evidence: tuple[Evidence, ...] = ()


class Listed(_Change):
    """It stands on the list from now on."""


class Appealed(_Change):
    """It has answered, and awaits a decision."""

    text: str
    evidence: tuple[Evidence, ...] = ()


class AppealUpheld(_Change):
    """The appeal was right: the entry is off the list."""


class AppealDismissed(_Change):
    """The appeal was not right: the entry stands."""


class Exited(_Change):
    """It has made good and is off the list before the end of the term."""

    evidence: tuple[Evidence, ...] = ()


class Expired(_Change):
    """The term of an entry is over, or nobody has collected a reward in time."""


class RewardOwed(_Change):
    """A report proved true, and a reward is owed for it: in which class, to whom, and which unit fixes it."""

    jurisdiction: str
    number: str
    pack: str
    reward: str
    title: str
    fixed_by: str
    cause: Cause
    handle: str | None = None
    worker: str | None = None


class Awarded(_Change):
    """The amount of the reward is fixed, in whole units of the pack's currency."""

    amount: int


class Declined(_Change):
    """The reward is not granted."""


class Collected(_Change):
    """The reward was paid out, by this unit."""

    unit: str


class ReadingTaken(_Change):
    """The indicator of a target came to ``value`` on a day, for a unit; ``correction``: the how many-th of it.

    It is measured in what the target is measured in; ``source`` says who or what read it.
    """

    jurisdiction: str
    number: str
    pack: str
    target: str
    title: str
    unit: str
    read_on: date
    value: float
    measured_in: str
    source: str = ""
    correction: int = 0
    evidence: tuple[Evidence, ...] = ()


class Progressed(_Change):
    """The unit said how far it is."""

    note: str
    evidence: tuple[Evidence, ...] = ()


class Completed(_Change):
    """The unit has put it right, citing these items of the catalogue of enforcement."""

    outcome: str
    evidence: tuple[Evidence, ...] = ()
    items: tuple[str, ...] = ()


class Verified(_Change):
    """A reviewer passed the work."""

    evidence: tuple[Evidence, ...] = ()


class SentBack(_Change):
    """A reviewer did not pass the work; it is underway again."""

    evidence: tuple[Evidence, ...] = ()


class StruckOff(_Change):
    """The problem was struck off the ledger."""


class Reopened(_Change):
    """A closed problem was taken up again."""


class Reminded(_Change):
    """A reminder went out before the deadline; nothing has lapsed. ``part``: the unit that owes it for itself.

    ``provisional``: no holiday notice covers all of the limit yet, and ``lapse_at`` may move when it comes.
    """

    obligation: str
    part: str | None = None
    generation: int
    level: int
    measure: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    to: tuple[str, ...]
    owner: str = ""
    provisional: bool = False


class Escalated(_Change):
    """A deadline has lapsed and a measure of the ladder was taken against its owner.

    ``part`` is the unit that owes it for itself, where several do: a co-unit, or a body that was referred to.
    Where ``approval`` names a unit, nobody else is told before that unit has approved. ``provisional``: no holiday
    notice covered all of the limit yet. ``measure`` is empty where the ladder takes none at the lapse itself.
    """

    obligation: str
    part: str | None = None
    generation: int
    level: int
    measure: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    to: tuple[str, ...]
    owner: str = ""
    approval: str | None = None
    provisional: bool = False


class Recomputed(_Change):
    """The deadlines were evaluated against a newer calendar."""


Change: TypeAlias = (
    Registered | Attached | Opened | Rejected | Dispatched | Classified | Acknowledged | HandedBack | Withdrawn
    | Planned | PlanProposed | PlanRefused | MilestoneReached | Reviewed | Progressed | PartFinished | ExtensionAsked
    | Extended | ExtensionDenied | Deferred | JustificationFiled | JustificationAccepted | JustificationRefused
    | Paused | Resumed | Flagged | Unflagged | Sponsored | Referred | Received | Completed | Verified | SentBack
    | Checked | StruckOff | Replied | Rated | StepTaken | StepWaived | SignSeen | LookedBack | Rebounded | Reopened
    | Reminded | Escalated | Measured | Approved | Withheld | PassedOn | Recomputed | Noticed | Listed | Appealed
    | AppealUpheld | AppealDismissed | Exited | Expired | RewardOwed | Awarded | Declined | Collected | ReadingTaken
)  # fmt: skip
