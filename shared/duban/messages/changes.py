"""What can happen to a problem, each in the past tense: the part of an event that differs from kind to kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from duban.messages.commands import Cause, RectificationPlan
from duban.messages.report import Evidence, Filed, Frozen


class Registered(Frozen):
    """The problem stands in the ledger, with its number and the pack it will live under."""

    kind: Literal["registered"] = "registered"
    number: str
    pack: str
    category: str
    filed: Filed


class Attached(Frozen):
    """A near-duplicate report was added."""

    kind: Literal["attached"] = "attached"
    filed: Filed


class Rejected(Frozen):
    """The problem was closed without handling."""

    kind: Literal["rejected"] = "rejected"


class Dispatched(Frozen):
    """The problem was given to a lead unit, by the clause cited."""

    kind: Literal["dispatched"] = "dispatched"
    lead_unit: str
    co_units: tuple[str, ...] = ()
    clause: str = ""


class Acknowledged(Frozen):
    """The lead unit has it."""

    kind: Literal["acknowledged"] = "acknowledged"


class HandedBack(Frozen):
    """The lead unit returned it to the office; the overall limit runs on."""

    kind: Literal["handed_back"] = "handed_back"
    unit: str
    clause: str = ""
    evidence: tuple[Evidence, ...] = ()


class Planned(Frozen):
    """A rectification plan was filed."""

    kind: Literal["planned"] = "planned"
    plan: RectificationPlan


class PlanProposed(Frozen):
    """A change of the filed plan was asked for; the filed one holds until it is approved."""

    kind: Literal["plan_proposed"] = "plan_proposed"
    plan: RectificationPlan


class PlanRefused(Frozen):
    """The change of the plan was refused; the filed one holds."""

    kind: Literal["plan_refused"] = "plan_refused"


class MilestoneReached(Frozen):
    """The next milestone of the plan was reached."""

    kind: Literal["milestone_reached"] = "milestone_reached"
    title: str
    evidence: tuple[Evidence, ...] = ()


class Reviewed(Frozen):
    """A long-term rectification was reviewed and goes on."""

    kind: Literal["reviewed"] = "reviewed"
    evidence: tuple[Evidence, ...] = ()


class PartFinished(Frozen):
    """A co-unit has done its part."""

    kind: Literal["part_finished"] = "part_finished"
    unit: str
    evidence: tuple[Evidence, ...] = ()


class ExtensionAsked(Frozen):
    """More time was asked for on one obligation."""

    kind: Literal["extension_asked"] = "extension_asked"
    obligation: str


class Extended(Frozen):
    """The extension was granted; the limit moves, and the extension is counted."""

    kind: Literal["extended"] = "extended"
    obligation: str


class ExtensionDenied(Frozen):
    """The extension was denied; the limit stands."""

    kind: Literal["extension_denied"] = "extension_denied"
    obligation: str


class Paused(Frozen):
    """The clock stands still, on the ground named."""

    kind: Literal["paused"] = "paused"
    ground: str


class Resumed(Frozen):
    """The clock runs on; limits move by the time it stood."""

    kind: Literal["resumed"] = "resumed"


class Flagged(Frozen):
    """The problem was marked, and units were joined to it."""

    kind: Literal["flagged"] = "flagged"
    flag: str
    co_units: tuple[str, ...] = ()


class Unflagged(Frozen):
    """A flag was taken off."""

    kind: Literal["unflagged"] = "unflagged"
    flag: str


class Sponsored(Frozen):
    """A leader took the problem, and a unit was paired with its handler."""

    kind: Literal["sponsored"] = "sponsored"
    sponsor: str
    pair: str | None = None


class Referred(Frozen):
    """The problem was referred to another body, which owes a receipt."""

    kind: Literal["referred"] = "referred"
    to: str
    ground: str = ""
    evidence: tuple[Evidence, ...] = ()


class Received(Frozen):
    """The body that it was referred to has it."""

    kind: Literal["received"] = "received"
    unit: str


class Replied(Frozen):
    """A reporter was told what became of the report."""

    kind: Literal["replied"] = "replied"
    source: str
    id: str
    text: str


class Rated(Frozen):
    """A reporter's satisfaction was recorded."""

    kind: Literal["rated"] = "rated"
    satisfied: bool


class Checked(Frozen):
    """A check of the strike-off gate was signed."""

    kind: Literal["checked"] = "checked"
    check: str
    unit: str
    evidence: tuple[Evidence, ...] = ()


class LookedBack(Frozen):
    """The look-back was made, with its verdicts."""

    kind: Literal["looked_back"] = "looked_back"
    truthful: bool
    timely: bool
    effective: bool
    evidence: tuple[Evidence, ...] = ()


class Rebounded(Frozen):
    """The problem has come back after strike-off; its ladders begin higher by ``raised`` levels."""

    kind: Literal["rebounded"] = "rebounded"
    raised: int


class Measured(Frozen):
    """A measure was taken at once because of what happened, not because of a deadline; ``ground`` is the rule.

    Where ``approval`` names a unit, nobody else is told before that unit has approved.
    """

    kind: Literal["measured"] = "measured"
    ground: str
    measure: str
    to: tuple[str, ...]
    owner: str = ""
    approval: str | None = None


class Approved(Frozen):
    """A measure that had waited for approval was released; ``version`` is the event that took it, on what ground."""

    kind: Literal["approved"] = "approved"
    version: int
    measure: str
    to: tuple[str, ...]
    ground: str = ""
    part: str | None = None
    level: int = 0
    owner: str = ""
    lapse_at: AwareDatetime | None = None


class Withheld(Frozen):
    """A measure that had waited for approval was not released; ``version`` is the event that took it."""

    kind: Literal["withheld"] = "withheld"
    version: int
    measure: str


class Opened(Frozen):
    """A duty was opened for a unit: for the period that begins then, or because of a problem."""

    kind: Literal["opened"] = "opened"
    jurisdiction: str
    number: str
    pack: str
    duty: str
    title: str
    unit: str
    opens_at: AwareDatetime
    cause: Cause | None = None


class Noticed(Frozen):
    """Somebody was told that it is to stand on a list: on which, kept by whom, on what ground, and what that bars."""

    kind: Literal["noticed"] = "noticed"
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


class Listed(Frozen):
    """It stands on the list from now on."""

    kind: Literal["listed"] = "listed"


class Appealed(Frozen):
    """It has answered, and awaits a decision."""

    kind: Literal["appealed"] = "appealed"
    text: str
    evidence: tuple[Evidence, ...] = ()


class AppealUpheld(Frozen):
    """The appeal was right: the entry is off the list."""

    kind: Literal["appeal_upheld"] = "appeal_upheld"


class AppealDismissed(Frozen):
    """The appeal was not right: the entry stands."""

    kind: Literal["appeal_dismissed"] = "appeal_dismissed"


class Exited(Frozen):
    """It has made good and is off the list before the end of the term."""

    kind: Literal["exited"] = "exited"
    evidence: tuple[Evidence, ...] = ()


class Expired(Frozen):
    """The term of an entry is over, or nobody has collected a reward in time."""

    kind: Literal["expired"] = "expired"


class RewardOwed(Frozen):
    """A report proved true, and a reward is owed for it: in which class, to whom, and which unit fixes it."""

    kind: Literal["reward_owed"] = "reward_owed"
    jurisdiction: str
    number: str
    pack: str
    reward: str
    title: str
    fixed_by: str
    cause: Cause
    handle: str | None = None
    worker: str | None = None


class Awarded(Frozen):
    """The amount of the reward is fixed, in whole units of the pack's currency."""

    kind: Literal["awarded"] = "awarded"
    amount: int


class Declined(Frozen):
    """The reward is not granted."""

    kind: Literal["declined"] = "declined"


class Collected(Frozen):
    """The reward was paid out, by this unit."""

    kind: Literal["collected"] = "collected"
    unit: str


class Progressed(Frozen):
    """The unit said how far it is."""

    kind: Literal["progressed"] = "progressed"
    note: str
    evidence: tuple[Evidence, ...] = ()


class Completed(Frozen):
    """The unit has put it right, citing these items of the catalogue of enforcement."""

    kind: Literal["completed"] = "completed"
    outcome: str
    evidence: tuple[Evidence, ...] = ()
    items: tuple[str, ...] = ()


class Verified(Frozen):
    """A reviewer passed the work."""

    kind: Literal["verified"] = "verified"
    evidence: tuple[Evidence, ...] = ()


class SentBack(Frozen):
    """A reviewer did not pass the work; it is underway again."""

    kind: Literal["sent_back"] = "sent_back"
    evidence: tuple[Evidence, ...] = ()


class StruckOff(Frozen):
    """The problem was struck off the ledger."""

    kind: Literal["struck_off"] = "struck_off"


class Reopened(Frozen):
    """A closed problem was taken up again."""

    kind: Literal["reopened"] = "reopened"


class Reminded(Frozen):
    """A reminder went out before the deadline; nothing has lapsed. ``part``: the unit that owes it for itself."""

    kind: Literal["reminded"] = "reminded"
    obligation: str
    part: str | None = None
    generation: int
    level: int
    measure: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    to: tuple[str, ...]
    owner: str = ""


class Escalated(Frozen):
    """A deadline has lapsed and a measure of the ladder was taken against its owner.

    ``part`` is the unit that owes it for itself, where several do: a co-unit, or a body that was referred to.
    Where ``approval`` names a unit, nobody else is told before that unit has approved.
    """

    kind: Literal["escalated"] = "escalated"
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


class Recomputed(Frozen):
    """The deadlines were evaluated against a newer calendar."""

    kind: Literal["recomputed"] = "recomputed"


Change = Annotated[
    Registered | Attached | Opened | Rejected | Dispatched | Acknowledged | HandedBack | Planned | PlanProposed
    | PlanRefused | MilestoneReached | Reviewed | Progressed | PartFinished | ExtensionAsked | Extended
    | ExtensionDenied | Paused | Resumed | Flagged | Unflagged | Sponsored | Referred | Received | Completed
    | Verified | SentBack | Checked | StruckOff | Replied | Rated | LookedBack | Rebounded | Reopened | Reminded
    | Escalated | Measured | Approved | Withheld | Recomputed | Noticed | Listed | Appealed | AppealUpheld
    | AppealDismissed | Exited | Expired | RewardOwed | Awarded | Declined | Collected,
    Field(discriminator="kind"),
]  # fmt: skip
