"""What a due deadline says to the router, what each kind of measure does, and what a notice says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias, assert_never
from uuid import UUID

from duban.duties import openings
from duban.messages import commands as do
from duban.messages.changes import Approved, Escalated, Measured, Reminded
from duban.messages.envelope import Message, derived_id
from duban.messages.events import ProblemEvent, Refused
from duban.messages.notices import Notice
from duban.policy.entry import Text
from duban.policy.ladder import MeasureKind
from duban.policy.rules import Rules
from duban.problem import Problem

SOURCE: Final = "duban/escalation"
#: The recipient of a notice that everybody may read.
PUBLIC: Final = "public"

_INSTANT: Final = timedelta(microseconds=1)
_ENGINE: Final = do.Actor(unit=do.ENGINE, person="escalation")
_SOONEST_AGAIN: Final = timedelta(milliseconds=1)
_LATEST_AGAIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the order in which deadlines fire; no two share one."""

    fire_at: datetime
    problem_id: UUID
    obligation: str


#: Before every deadline.
START: Final = Position(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0), "")


@dataclass(frozen=True, slots=True)
class Armed:
    """A deadline that is waited for: the one that runs for this obligation of this problem.

    ``command`` is the id under which it is sent. ``fire_at`` is ``due_at``, unless the router found that too early by
    its own clock. ``partition`` is where the events of the problem lie, and so which member fires it.
    """

    problem_id: UUID
    obligation: str
    generation: int
    level: int
    due_at: datetime
    fire_at: datetime
    command: UUID
    partition: int
    jurisdiction: str

    @property
    def position(self) -> Position:
        """Its place in the order of firing."""
        return Position(self.fire_at, self.problem_id, self.obligation)


def armed(problem: Problem, partition: int) -> Iterator[Armed]:
    """What must be waited for while ``problem`` stands as it does."""
    for one in problem.deadlines:
        command = derived_id("escalate", problem.id, one.obligation, one.generation, one.level)
        yield Armed(
            problem.id, one.obligation, one.generation, one.level, one.due_at, one.due_at, command, partition,
            problem.jurisdiction,
        )  # fmt: skip


def escalate(deadline: Armed, now: datetime) -> Message[do.Escalate]:
    """The command that a deadline sends when it fires; fired again, it is the same command."""
    subject = str(deadline.problem_id)
    data = do.Escalate(
        actor=_ENGINE,
        obligation=deadline.obligation,
        generation=deadline.generation,
        level=deadline.level,
        due_at=deadline.due_at,
    )
    return Message(str(deadline.command), SOURCE, subject, now, deadline.jurisdiction, subject, data)


def opened_by(rules: Rules, since: datetime | None, now: datetime) -> Iterator[Message[do.Open]]:
    """The commands for the duties that have opened after ``since``.

    With ``since`` None the pack is looked at for the first time: then what opened since it took effect is opened too,
    as far as it has not lapsed already; a policy does not begin with a heap of lapsed duties.
    """
    begins = rules.pack.effective_from
    if since is None and begins is None:
        return
    after = since or datetime.combine(begins or date.max, time(), rules.zone).astimezone(UTC) - _INSTANT
    for opening in openings(rules, after, now):
        if since is not None or opening.lapse_at > now:
            subject = opening.problem_id(rules.pack.jurisdiction)
            data = do.Open(actor=_ENGINE, duty=opening.duty, unit=opening.unit, opens_at=opening.opens_at)
            id_ = str(derived_id("open", subject))
            yield Message(id_, SOURCE, subject, now, rules.pack.jurisdiction, subject, data)


def fired_anew(deadline: Armed, refused: Refused, version: int, now: datetime) -> Armed | None:
    """``deadline`` as it fires again after the router refused its command; None where the refusal is final.

    The router answers a command id once and for all, so what must be decided anew needs a new id. That is so when the
    broker's clock was behind ours (``not_due``), and when the problem came back to the very state that it had left as
    the command arrived (``moved_on``, with ``version``, the newest we know, later than the refusal).
    """
    if refused.code == "not_due":
        behind = min(max(deadline.due_at - refused.at, _SOONEST_AGAIN), _LATEST_AGAIN)
        return replace(deadline, command=derived_id("again", deadline.command), fire_at=now + behind)
    if refused.code == "moved_on" and version > refused.version:
        fire_at = max(deadline.due_at, now)
        return replace(deadline, command=derived_id("again", deadline.command), fire_at=fire_at)
    return None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the engine does with a measure beside telling its recipients.

    ``board`` is the public list on which it stands; ``standing``: it stays there until the problem is closed.
    """

    board: str | None = None
    standing: bool = False


def effect(kind: MeasureKind) -> Effect:
    """The effect of each kind of measure. Every kind is recorded as taken and told to its recipients."""
    match kind:
        case MeasureKind.REMINDER | MeasureKind.PAGE | MeasureKind.BULLETIN | MeasureKind.INTERVIEW:
            return Effect()
        case MeasureKind.RECTIFY_ORDER | MeasureKind.SUPERVISION | MeasureKind.SPECIAL_INSPECTION:
            return Effect()
        case MeasureKind.REFERRAL | MeasureKind.ASSISTANCE | MeasureKind.ACCOUNTABILITY:
            return Effect()
        case MeasureKind.CARD | MeasureKind.CREDIT:
            return Effect(board="credit")
        case MeasureKind.EXPOSURE:
            return Effect(board="exposure")
        case MeasureKind.LISTED_SUPERVISION:
            return Effect(board="supervision", standing=True)
        case _:
            assert_never(kind)


@dataclass(frozen=True, slots=True)
class MeasureTaken:
    """An act of the ladder as the record of measures holds it; ``version`` is that of the problem's event."""

    problem_id: UUID
    version: int
    kind: MeasureKind
    measure: str
    owner: str
    level: int
    obligation: str
    at: datetime
    public: bool
    number: str
    jurisdiction: str

    @property
    def effect(self) -> Effect:
        """What follows from its kind."""
        return effect(self.kind)


Taking: TypeAlias = Reminded | Escalated | Measured | Approved

#: The events that take a measure, or release one that waited for approval.
TAKING: Final = (Reminded, Escalated, Measured, Approved)


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a measure is taken: the obligation that lapses, or the rule that was set off; whose it is, and since when."""

    name: str
    title: str
    level: int
    owner: str
    lapse_at: datetime


def ground_of(event: ProblemEvent, change: Taking, rules: Rules) -> Ground:
    """The ground of the measure in ``change``."""
    problem = event.problem
    if isinstance(change, Reminded | Escalated):
        obligation = rules.obligation(change.obligation)
        owner = change.obligation.partition("/")[2] or rules.unit_of(problem, obligation.owner)
        return Ground(change.obligation, _named(obligation.title), change.level, owner, change.lapse_at)
    name = change.ground if isinstance(change, Measured) else "approved"
    title = _named(rules.measures[change.measure].title)
    return Ground(name, title, 0, problem.lead_unit or rules.pack.office, event.event.at)


def measure_taken(event: ProblemEvent, rules: Rules) -> MeasureTaken | None:
    """The measure that ``event`` took or released; None where it did neither, or where the measure still waits."""
    change, problem = event.event.change, event.problem
    if not isinstance(change, TAKING) or _waits(change):
        return None
    measure, ground = rules.measures[change.measure], ground_of(event, change, rules)
    return MeasureTaken(
        problem_id=problem.id,
        version=event.event.version,
        kind=measure.kind,
        measure=measure.id,
        owner=ground.owner,
        level=ground.level,
        obligation=ground.name,
        at=event.event.at,
        public=measure.public,
        number=problem.number,
        jurisdiction=problem.jurisdiction,
    )


def notices_for(event: ProblemEvent, rules: Rules) -> list[Message[Notice]]:
    """What must be told because of ``event``: one per recipient, and one to the public where it is public.

    A measure that waits for approval is told to who approves it, and to the others when it is approved. The id of a
    notice follows from the event and the recipient, so the same event always gives the same notices.
    """
    change = event.event.change
    if not isinstance(change, TAKING):
        return []
    measure = rules.measures[change.measure]
    to = (str(measure.approval),) if _waits(change) else (*change.to, *((PUBLIC,) if measure.public else ()))
    ground = ground_of(event, change, rules)
    return [_notice(event, change, ground, recipient, rules) for recipient in dict.fromkeys(to)]


def _waits(change: Taking) -> bool:
    return isinstance(change, Escalated | Measured) and change.approval is not None


def _notice(event: ProblemEvent, change: Taking, ground: Ground, recipient: str, rules: Rules) -> Message[Notice]:
    problem, at, version = event.problem, event.event.at, event.event.version
    measure = rules.measures[change.measure]
    return Message(
        id=str(derived_id("notice", problem.id, version, recipient)),
        source=SOURCE,
        subject=str(problem.id),
        time=at,
        jurisdiction=problem.jurisdiction,
        key=recipient,
        cause=str(derived_id(problem.id, version)),
        data=Notice(
            recipient=recipient,
            measure=measure.id,
            measure_kind=measure.kind,
            level=ground.level,
            obligation=ground.name,
            problem_id=problem.id,
            number=problem.number,
            problem_title=problem.title,
            owner=ground.owner,
            lapse_at=ground.lapse_at,
            public=measure.public and not _waits(change),
            text=_text(problem, change, ground, rules),
            issued_at=at,
        ),
    )


def _text(problem: Problem, change: Taking, ground: Ground, rules: Rules) -> str:
    """The template of the measure, filled in; instants in the local time of the pack."""
    measure = rules.measures[change.measure]
    lapse = ground.lapse_at.astimezone(rules.zone)
    category = rules.categories.get(problem.category)
    return measure.text.format(
        number=problem.number,
        title=problem.title,
        unit=_named(rules.units[ground.owner].title),
        obligation=ground.title,
        lapse=f"{lapse:%Y-%m-%d %H:%M}",
        lapse_date=f"{lapse:%Y-%m-%d}",
        measure=_named(measure.title),
        category=_named(category.title) if category else problem.title,
    )


def _named(title: Text) -> str:
    return title.zh or title.en
