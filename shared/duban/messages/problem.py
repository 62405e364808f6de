"""The models of the state: what stands in the ledger, and on the wire beside every event. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, Field

from duban.messages import changes as c
from duban.messages.commands import Actor, Cause, RectificationPlan
from duban.messages.report import Location, Part
from duban.moves import STAGE, Kind, Stage, Status


class Mark(Part):
    """When a kind of event last happened to the problem, as which version, and how often so far."""

    at: AwareDatetime
    version: int
    times: int = 1


class Span(Part):
    """A stretch of time in which the clock stood still."""

    from_at: AwareDatetime
    to_at: AwareDatetime


class ReportRef(Part):
    """A report by its source and id."""

    source: str
    id: str


class Waiting(Part):
    """A measure that was taken and waits for approval, with the ground on which it was: whose, and which."""

    measure: str
    to: tuple[str, ...]
    ground: str = ""
    level: int = 0
    owner: str = ""
    lapse_at: AwareDatetime | None = None


class Taken(Part):
    """How far the ladder of an obligation has been climbed in one of its generations."""

    generation: int
    level: int


class Deadline(Part):
    """The next thing that falls due for one obligation: at ``due_at`` the measure of ``level`` is taken.

    ``lapse_at`` is the end of the time limit itself; a reminder is due before it. ``generation`` is the version of
    the event that set the clock going. ``provisional``: no holiday notice covers all of it yet.
    """

    obligation: str
    generation: int
    level: int
    measure: str
    owner: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    provisional: bool = False


class Listing(Part):
    """What an entry on a list says: ``of`` whom, on what ground, what it bars from, and why it was made."""

    of: str
    ground: str
    bars: tuple[str, ...] = ()
    public: bool = False
    cause: Cause | None = None


class Reward(Part):
    """What is owed for which report, to a handle or a worker, and how much once that is fixed."""

    cause: Cause
    handle: str | None = None
    worker: str | None = None
    amount: int | None = None


class Problem(Part):
    """A registered problem (问题) as it stands after its latest event; other records have the same form."""

    id: UUID
    kind: Kind = Kind.PROBLEM
    jurisdiction: str
    pack: str
    number: str
    status: Status
    version: int
    title: str
    category: str
    channel: str
    area: str | None = None
    location: Location | None = None
    enterprise: str | None = None
    handle: str | None = None
    listing: Listing | None = None
    reward: Reward | None = None
    lead_unit: str | None = None
    co_units: tuple[str, ...] = ()
    clause: str = ""
    plan: RectificationPlan | None = None
    proposed_plan: RectificationPlan | None = None
    milestones_reached: int = 0
    outcome: str | None = None
    items: tuple[str, ...] = ()
    reports: int = 1
    unanswered: tuple[ReportRef, ...] = ()
    satisfied: int = 0
    dissatisfied: int = 0
    handbacks: int = 0
    flags: tuple[str, ...] = ()
    sponsor: str | None = None
    pair: str | None = None
    parts_finished: tuple[str, ...] = ()
    referrals: dict[str, bool] = Field(default_factory=dict)
    extension_asked: str | None = None
    extended: dict[str, int] = Field(default_factory=dict)
    pauses: tuple[Span, ...] = ()
    checks: dict[str, str] = Field(default_factory=dict)
    raised: int = 0
    awaiting_approval: dict[int, Waiting] = Field(default_factory=dict)
    marks: dict[str, Mark] = Field(default_factory=dict)
    taken: dict[str, Taken] = Field(default_factory=dict)
    lapses: dict[str, int] = Field(default_factory=dict)
    deadlines: tuple[Deadline, ...] = ()

    @property
    def begun_at(self) -> datetime:
        """When the record began."""
        return next(self.marks[kind] for kind in BEGINNINGS if kind in self.marks).at

    @property
    def subject(self) -> str | None:
        """Who an entry on a list is of, or whose a reward is: what people look it up by."""
        if self.listing is not None:
            return self.listing.of
        return (self.reward.handle or self.reward.worker) if self.reward is not None else None

    def ends_at(self, what: str) -> datetime | None:
        """When ``what`` of an entry on a list, or of a reward, ends (its notice, its term …); None if it runs not."""
        name = f"{self.category}:{what}"
        return next((deadline.lapse_at for deadline in self.deadlines if deadline.obligation == name), None)

    @property
    def stage(self) -> Stage:
        """The stage that the status belongs to."""
        return STAGE[self.status]


#: The events with which a record begins.
BEGINNINGS: Final = ("registered", "opened", "noticed", "reward_owed")


class Event(Part):
    """One entry of the ledger: what happened to which problem, when, by whom, why, and by which command."""

    problem_id: UUID
    version: int
    at: AwareDatetime
    actor: Actor
    reason: str = ""
    command: str
    change: c.Change
