"""What came of a city's reports, counted as it happens: stages, lapses, measures, and who was on time. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from duban.messages import changes as c
from duban.messages.commands import Attach, Command, Register
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Deadline, Event, Problem, in_words
from duban.moves import Kind
from duban.policy import Rules
from duban.refusal import Refusal
from duban_intake.domain import Arrival

Measure = c.Reminded | c.Escalated | c.Measured | c.Approved
#: As tuples, which are quicker to ask than unions made anew each time.
_MEASURES: Final = (c.Reminded, c.Escalated, c.Measured, c.Approved)
_CLIMBING: Final = (c.Reminded, c.Escalated)
_WITHOUT_APPROVAL: Final = (c.Reminded, c.Approved)
_REPORTED: Final = (c.Registered, c.Attached)


@dataclass(slots=True)
class Punctuality:
    """How often a unit met what it owed: every obligation of every problem, each time its clock was set going.

    ``in_time`` and ``lapsed`` make up what was met or fell due; what still runs is in neither. ``handed_back`` stands
    beside them: who hands a problem back in time has answered in time.
    """

    in_time: int = 0
    lapsed: int = 0
    handed_back: int = 0

    @property
    def rate(self) -> float | None:
        """The share that was met in time; None where nothing was owed."""
        owed = self.in_time + self.lapsed
        return self.in_time / owed if owed else None

    def json(self) -> dict[str, Any]:
        """By name; the rate to four places."""
        rate = None if self.rate is None else round(self.rate, 4)
        return {"in_time": self.in_time, "lapsed": self.lapsed, "on_time_rate": rate, "handed_back": self.handed_back}


@dataclass(frozen=True, slots=True)
class Lapse:
    """An obligation that was not met by ``at``, the end of its limit, and who owed it.

    ``provisional``: a notice of holidays that is not out yet may move that end.
    """

    obligation: str
    part: str | None
    at: datetime
    owner: str
    provisional: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """The obligation as people read it."""
        return in_words(self.obligation, self.part)


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """Something that people did and the pack does not let them do."""

    at: datetime
    problem_id: UUID
    action: str
    unit: str
    code: str
    reason: str

    def json(self, names: Mapping[UUID, str]) -> dict[str, Any]:
        """Its fields, and the id of the report where ``names`` has it."""
        return {"report": names.get(self.problem_id), **asdict(self)}


class Figures:
    """A witness that counts. ``rules`` tells which measures are public; without them no notices are counted."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules
        self.records: dict[UUID, AnyRecord] = {}
        self.lapses: dict[UUID, list[Lapse]] = {}
        self.refused_acts: list[RefusedAct] = []
        self.reports = self.repeated = self.attached = self.events = 0
        self.refused_reports: Counter[str] = Counter()
        self.levels: Counter[tuple[str, int, str]] = Counter()
        self.notices: Counter[str] = Counter()
        self.units: defaultdict[str, Punctuality] = defaultdict(Punctuality)
        #: The problems that each unit has had in hand, if only for a while.
        self.in_hand: defaultdict[str, set[UUID]] = defaultdict(set)
        self.obligations: defaultdict[str, Punctuality] = defaultdict(Punctuality)
        #: Of each record, the generation in which a limit was counted as lapsed, by obligation and part.
        self._late: defaultdict[UUID, dict[tuple[str, str | None], int]] = defaultdict(dict)
        #: What waits for the word on an extension, or on the reason for being late: it runs on, though nothing is due.
        self._held: dict[UUID, tuple[Deadline, ...]] = {}

    # As a witness

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """Count an event, and what it met or missed."""
        change = event.change
        self.events += 1
        self.records[record.id] = record
        if record.kind is Kind.PROBLEM and record.holder is not None:
            self.in_hand[record.holder].add(record.id)
        if isinstance(change, _REPORTED):
            self.reports += 1
            self.attached += isinstance(change, c.Attached)
        elif isinstance(change, c.HandedBack):
            self.units[change.unit].handed_back += 1
        elif isinstance(change, _MEASURES) and change.measure:
            self._told(change)
        held = self._held.pop(record.id, ())
        if before is not None and held:
            held = self._settle_held(held, before, event, record)
        if before is not None and before.deadlines:
            self._settle(before.deadlines, event, record)
        if held:
            self._held[record.id] = (*self._held.get(record.id, ()), *held)
        if isinstance(change, c.Extended):
            self._carry_lapse(event, change)

    def repeats(self, arrival: Arrival) -> None:
        """Count a report that had come before."""
        self.repeated += 1

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """Count a report that intake refused."""
        self.reports += 1
        self.refused_reports[why.code] += 1

    def refused(self, message: Message[Command], why: Refusal) -> None:
        """Count a report that the router refused, or note the act."""
        if isinstance(message.data, Register):
            self.reports += 1
            self.refused_reports[why.code] += 1
        elif not isinstance(message.data, Attach):
            self.refuse(message, why.code, why.reason)

    def refuse(self, message: Message[Command], code: str, reason: str) -> None:
        """Note an act that came to nothing."""
        action, unit = message.data.TYPE.rpartition(".")[2], message.data.actor.unit
        self.refused_acts.append(RefusedAct(message.time, UUID(message.subject), action, unit, code, reason))

    def _told(self, change: Measure) -> None:
        if isinstance(change, _CLIMBING):
            self.levels[change.obligation, change.level, change.measure] += 1
        if self._rules is not None:
            waits = not isinstance(change, _WITHOUT_APPROVAL) and change.approval is not None
            notices = 1 if waits else len(set(change.to)) + self._rules.measures[change.measure].public
            self.notices[change.measure] += notices

    def _settle_held(
        self, held: tuple[Deadline, ...], before: AnyRecord, event: Event, record: AnyRecord
    ) -> tuple[Deadline, ...]:
        """Count what waited and was met or left; what still waits is returned."""
        change = event.change
        if isinstance(change, c.Extended | c.ExtensionDenied):
            return ()
        if isinstance(change, c.JustificationAccepted | c.JustificationRefused):
            of = (change.obligation, change.part)
            return tuple(deadline for deadline in held if (deadline.obligation, deadline.part) != of)
        if before.status is record.status:
            return held
        self._settle(held, event, record)
        return ()

    def _carry_lapse(self, event: Event, change: c.Extended) -> None:
        """What had lapsed stays lapsed under the limit that begins with the extension."""
        late = self._late.get(event.problem_id, {})
        late.update({of: event.version for of in late if of[0] == change.obligation})

    def _settle(self, running: tuple[Deadline, ...], event: Event, record: AnyRecord) -> None:
        """Count those of the deadlines ``running`` that the event missed or met."""
        change = event.change
        for deadline in running:
            if deadline.owner is None or deadline in record.deadlines:
                continue
            of = (deadline.obligation, deadline.part)
            if isinstance(change, _CLIMBING) and (change.obligation, change.part) == of:
                if isinstance(change, c.Escalated) and self._is_open(deadline, record.id):
                    self._count(deadline, record.id, in_time=False)
            elif _asks(change, deadline):
                self._held[record.id] = (*self._held.get(record.id, ()), deadline)
            elif isinstance(change, c.Extended) and change.obligation == deadline.obligation:
                if event.at > deadline.lapse_at and self._is_open(deadline, record.id):
                    self._count(deadline, record.id, in_time=False)
            elif not isinstance(change, c.Paused):
                next_ = record.deadline(deadline.obligation, deadline.part)
                ended = next_ is None or (next_.generation != deadline.generation and next_.owner == deadline.owner)
                in_time = event.at <= deadline.lapse_at
                waived = in_time and isinstance(change, c.StepWaived)  # nobody did it, and nobody had to
                if ended and not waived and self._is_open(deadline, record.id):
                    self._count(deadline, record.id, in_time=in_time)

    def _is_open(self, deadline: Deadline, id_: UUID) -> bool:
        """Whether this run of the clock has not been counted as lapsed yet."""
        late = self._late.get(id_, {})
        return late.get((deadline.obligation, deadline.part)) != deadline.generation

    def _count(self, deadline: Deadline, id_: UUID, *, in_time: bool) -> None:
        assert deadline.owner is not None
        for counted in (self.units[deadline.owner], self.obligations[deadline.obligation]):
            counted.in_time += in_time
            counted.lapsed += not in_time
        if not in_time:
            self._late[id_][deadline.obligation, deadline.part] = deadline.generation
            self.lapses.setdefault(id_, []).append(
                Lapse(deadline.obligation, deadline.part, deadline.lapse_at, deadline.owner, deadline.provisional)
            )

    # As a result

    def json(self, names: Mapping[UUID, str] = MappingProxyType({})) -> dict[str, Any]:
        """Every figure by name, in an order that is always the same; ``names``: the report of each problem."""
        stages = Counter(record.stage.value for record in self.records.values() if isinstance(record, Problem))
        beside = Counter(record.kind.value for record in self.records.values() if record.kind is not Kind.PROBLEM)
        return {
            "reports": self.reports,
            "repeated": self.repeated,
            "refused": {"total": self.refused_reports.total(), "by_code": _sorted(self.refused_reports)},
            "attached": self.attached,
            "problems": {"total": stages.total(), "by_stage": _sorted(stages)},
            "beside": {"total": beside.total(), "by_kind": _sorted(beside)},
            "events": self.events,
            "lapsed_problems": self.lapsed,
            "provisional": {"lapses": self.provisional_lapses, "deadlines": self.provisional_deadlines},
            "obligations": {name: punctuality.json() for name, punctuality in sorted(self.obligations.items())},
            "measures": [dict(row) for row in self._measures()],
            "notices": _sorted(self.notices),
            "units": {name: punctuality.json() for name, punctuality in sorted(self.units.items())},
            "acts_refused": [act.json(names) for act in self.refused_acts],
        }

    def of_kind(self, kind: Kind) -> list[AnyRecord]:
        """The records of one kind, as they stand."""
        return [record for record in self.records.values() if record.kind is kind]

    @property
    def lapsed(self) -> int:
        """How many problems have missed a limit."""
        return sum(self.records[id_].kind is Kind.PROBLEM for id_ in self.lapses)

    @property
    def provisional_lapses(self) -> int:
        """How many of the limits that were missed a notice of holidays may still move."""
        return sum(lapse.provisional for lapses in self.lapses.values() for lapse in lapses)

    @property
    def provisional_deadlines(self) -> int:
        """How many of the deadlines that run at the end a notice of holidays may still move."""
        return sum(deadline.provisional for record in self.records.values() for deadline in record.deadlines)

    def _measures(self) -> Iterator[dict[str, Any]]:
        for (obligation, level, measure), count in sorted(self.levels.items()):
            yield {"obligation": obligation, "level": level, "measure": measure, "taken": count}


def _asks(change: c.Change, deadline: Deadline) -> bool:
    """Whether ``change`` asks for a word for which the ladder of ``deadline`` waits."""
    if isinstance(change, c.JustificationFiled):
        return (change.obligation, change.part) == (deadline.obligation, deadline.part)
    return isinstance(change, c.ExtensionAsked) and change.obligation == deadline.obligation


def _sorted(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items()))
