"""The life of a problem: its state, the legal moves, and the fold of its events. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, assert_never
from uuid import UUID

from pydantic import AwareDatetime, Field

from duban.messages import changes as c
from duban.messages.commands import Actor, RectificationPlan
from duban.messages.report import Location, Part


class Stage(StrEnum):
    """Where the policy sees a problem."""

    DISCOVERY = "discovery"
    TRANSFER = "transfer"
    DISPOSAL = "disposal"
    CLOSED = "closed"
    REJECTED = "rejected"


class Status(StrEnum):
    """What a problem waits for; each belongs to one stage."""

    REGISTERED = "registered"  #: in the ledger, without a unit: enters new or handed back, leaves by dispatch or reject
    DISPATCHED = "dispatched"  #: given to a lead unit, which has not acknowledged yet
    UNDERWAY = "underway"  #: acknowledged, sent back or reopened: the lead unit is at work
    VERIFYING = "verifying"  #: completed by the unit, waits for a reviewer
    VERIFIED = "verified"  #: passed by a reviewer, waits for strike-off
    STRUCK_OFF = "struck_off"  #: off the ledger; only a reopening leads back
    REJECTED = "rejected"  #: closed without handling; only a reopening leads back


STAGE: Final = {
    Status.REGISTERED: Stage.DISCOVERY,
    Status.DISPATCHED: Stage.TRANSFER,
    Status.UNDERWAY: Stage.DISPOSAL,
    Status.VERIFYING: Stage.DISPOSAL,
    Status.VERIFIED: Stage.DISPOSAL,
    Status.STRUCK_OFF: Stage.CLOSED,
    Status.REJECTED: Stage.REJECTED,
}

OPEN: Final = frozenset(status for status, stage in STAGE.items() if stage not in (Stage.CLOSED, Stage.REJECTED))

#: (status, what happened) → next status. A pair that is absent is illegal; no status yet is None.
NEXT: Final[dict[tuple[Status | None, str], Status]] = {
    (None, "registered"): Status.REGISTERED,
    (Status.REGISTERED, "dispatched"): Status.DISPATCHED,
    (Status.REGISTERED, "rejected"): Status.REJECTED,
    (Status.DISPATCHED, "dispatched"): Status.DISPATCHED,
    (Status.DISPATCHED, "acknowledged"): Status.UNDERWAY,
    (Status.DISPATCHED, "handed_back"): Status.REGISTERED,
    (Status.DISPATCHED, "completed"): Status.VERIFYING,
    (Status.UNDERWAY, "handed_back"): Status.REGISTERED,
    (Status.UNDERWAY, "planned"): Status.UNDERWAY,
    (Status.UNDERWAY, "progressed"): Status.UNDERWAY,
    (Status.UNDERWAY, "completed"): Status.VERIFYING,
    (Status.VERIFYING, "verified"): Status.VERIFIED,
    (Status.VERIFYING, "sent_back"): Status.UNDERWAY,
    (Status.VERIFYING, "struck_off"): Status.STRUCK_OFF,
    (Status.VERIFIED, "struck_off"): Status.STRUCK_OFF,
    (Status.STRUCK_OFF, "reopened"): Status.UNDERWAY,
    (Status.REJECTED, "reopened"): Status.REGISTERED,
    **{(status, kind): status for status in OPEN for kind in ("attached", "reminded", "escalated", "recomputed")},
}


class Mark(Part):
    """When a kind of event last happened to the problem, and as which version."""

    at: AwareDatetime
    version: int


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


class Problem(Part):
    """A registered problem (问题) as it stands after its latest event."""

    id: UUID
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
    lead_unit: str | None = None
    co_units: tuple[str, ...] = ()
    clause: str = ""
    plan: RectificationPlan | None = None
    outcome: str | None = None
    reports: int = 1
    handbacks: int = 0
    marks: dict[str, Mark] = Field(default_factory=dict)
    taken: dict[str, Taken] = Field(default_factory=dict)
    lapses: dict[str, int] = Field(default_factory=dict)
    deadlines: tuple[Deadline, ...] = ()

    @property
    def stage(self) -> Stage:
        """The stage that the status belongs to."""
        return STAGE[self.status]


class Event(Part):
    """One entry of the ledger: what happened to which problem, when, by whom, why, and by which command."""

    problem_id: UUID
    version: int
    at: AwareDatetime
    actor: Actor
    reason: str = ""
    command: str
    change: c.Change


def evolve(problem: Problem | None, event: Event) -> Problem:
    """The state after ``event``. Its deadlines are those of ``problem``: :func:`duban.deadlines.due` evaluates them.

    Raises:
        KeyError: the event is illegal in this state; a decided event never is.
    """
    change = event.change
    status = NEXT[problem.status if problem else None, change.kind]
    mark = Mark(at=event.at, version=event.version)
    if isinstance(change, c.Registered):
        return _registered(event, change, status, mark)
    assert problem is not None
    update: dict[str, Any] = {"status": status, "version": event.version, "marks": {**problem.marks, change.kind: mark}}
    return problem.model_copy(update={**update, **_effect(problem, change)})


def _registered(event: Event, change: c.Registered, status: Status, mark: Mark) -> Problem:
    report = change.filed.report
    return Problem(
        id=event.problem_id,
        jurisdiction=report.jurisdiction,
        pack=change.pack,
        number=change.number,
        status=status,
        version=event.version,
        title=report.title,
        category=change.category,
        channel=report.channel,
        area=report.area,
        location=report.location,
        enterprise=report.enterprise,
        marks={"registered": mark, "reported": Mark(at=change.filed.received_at, version=event.version)},
    )


def _effect(problem: Problem, change: c.Change) -> dict[str, Any]:
    """The fields that ``change`` sets beyond status, version and mark."""
    match change:
        case c.Dispatched():
            return {"lead_unit": change.lead_unit, "co_units": change.co_units, "clause": change.clause}
        case c.HandedBack():
            return {"lead_unit": None, "co_units": (), "handbacks": problem.handbacks + 1}
        case c.Attached():
            return {"reports": problem.reports + 1}
        case c.Planned():
            return {"plan": change.plan}
        case c.Completed():
            return {"outcome": change.outcome}
        case c.SentBack() | c.Reopened():
            return {"outcome": None}
        case c.Recomputed():
            return {"deadlines": ()}
        case c.Reminded():
            return {"taken": _climbed(problem, change)}
        case c.Escalated():
            lapses = {**problem.lapses, change.obligation: problem.lapses.get(change.obligation, 0) + 1}
            return {"taken": _climbed(problem, change), "lapses": lapses}
        case c.Registered() | c.Rejected() | c.Acknowledged() | c.Progressed() | c.Verified() | c.StruckOff():
            return {}
        case _:
            assert_never(change)


def _climbed(problem: Problem, change: c.Reminded | c.Escalated) -> dict[str, Taken]:
    return {**problem.taken, change.obligation: Taken(generation=change.generation, level=change.level)}
