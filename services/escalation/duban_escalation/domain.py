"""What a due deadline says to the router, what each kind of measure does, and what a notice says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from duban.messages import commands as do
from duban.messages.changes import Escalated, Reminded
from duban.messages.envelope import Message, derived_id
from duban.messages.events import ProblemEvent, Refused
from duban.messages.notices import Notice
from duban.policy.pack import MeasureKind, Text
from duban.policy.rules import Rules
from duban.problem import Problem

SOURCE: Final = "duban/escalation"
#: The recipient of a notice that everybody may read.
PUBLIC: Final = "public"

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
        case MeasureKind.REMINDER | MeasureKind.BULLETIN | MeasureKind.INTERVIEW:
            return Effect()
        case MeasureKind.SPECIAL_INSPECTION | MeasureKind.ACCOUNTABILITY:
            return Effect()
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


def measure_taken(event: ProblemEvent, rules: Rules) -> MeasureTaken | None:
    """The measure that ``event`` took, if it is a reminder or an escalation."""
    change, problem = event.event.change, event.problem
    if not isinstance(change, Reminded | Escalated):
        return None
    measure = rules.measures[change.measure]
    return MeasureTaken(
        problem_id=problem.id,
        version=event.event.version,
        kind=measure.kind,
        measure=measure.id,
        owner=rules.unit_of(problem, rules.obligations[change.obligation].owner),
        level=change.level,
        obligation=change.obligation,
        at=event.event.at,
        public=measure.public,
        number=problem.number,
        jurisdiction=problem.jurisdiction,
    )


def notices_for(event: ProblemEvent, rules: Rules) -> list[Message[Notice]]:
    """What must be told because of ``event``: one per recipient, and one to the public where it is public.

    The id of a notice follows from the event and the recipient, so the same event always gives the same notices.
    """
    change, taken = event.event.change, measure_taken(event, rules)
    if taken is None:
        return []
    assert isinstance(change, Reminded | Escalated)
    text = _text(event, change, taken.owner, rules)
    problem, at = event.problem, event.event.at
    cause = derived_id(problem.id, taken.version)
    return [
        Message(
            id=str(derived_id("notice", problem.id, taken.version, recipient)),
            source=SOURCE,
            subject=str(problem.id),
            time=at,
            jurisdiction=problem.jurisdiction,
            key=recipient,
            cause=str(cause),
            data=Notice(
                recipient=recipient,
                measure=taken.measure,
                measure_kind=taken.kind,
                level=taken.level,
                obligation=taken.obligation,
                problem_id=problem.id,
                number=problem.number,
                problem_title=problem.title,
                owner=taken.owner,
                lapse_at=change.lapse_at,
                public=taken.public,
                text=text,
                issued_at=at,
            ),
        )
        for recipient in dict.fromkeys((*change.to, *((PUBLIC,) if taken.public else ())))
    ]


def _text(event: ProblemEvent, change: Reminded | Escalated, owner: str, rules: Rules) -> str:
    """The template of the measure, filled in; instants in the local time of the pack."""
    measure, problem = rules.measures[change.measure], event.problem
    lapse = change.lapse_at.astimezone(rules.zone)
    return measure.text.format(
        number=problem.number,
        title=problem.title,
        unit=_named(rules.units[owner].title),
        obligation=_named(rules.obligations[change.obligation].title),
        lapse=f"{lapse:%Y-%m-%d %H:%M}",
        lapse_date=f"{lapse:%Y-%m-%d}",
        measure=_named(measure.title),
        category=_named(rules.categories[problem.category].title),
    )


def _named(title: Text) -> str:
    return title.zh or title.en
