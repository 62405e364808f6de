"""All histories, counted by unit within a stretch; beside the units stands the whole, under ``None``. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from duban.messages import changes as c
from duban.messages.records import Duty, Problem
from duban.moves import Stage, Status
from duban.policy import Rules
from duban.policy.model.ladder import MeasureKind
from duban.texts import folded
from duban_console.assessment.claims import Timeliness, Verdict
from duban_console.assessment.histories import Deed, History
from duban_console.assessment.periods import Stretch

_HOUR = 3600
_DONE = frozenset({Status.VERIFYING, Status.VERIFIED, Status.STRUCK_OFF})


#: A problem, an obligation that runs in it, and the unit that owes it.
Claim = tuple[UUID, str, str]


@dataclass(slots=True)
class Times:
    """Durations in hours: of what has ended in the stretch, and of what still waits at its end."""

    ended: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What counts of one unit; ``judged`` holds one verdict for each obligation of each problem, the worst.

    ``duties`` are those of the verdicts that are about duties of the calendar. ``targets`` says of each target that was
    read whether it is reached.
    """

    received: set[UUID] = field(default_factory=set)
    open: set[UUID] = field(default_factory=set)
    completed: set[UUID] = field(default_factory=set)
    struck_off: set[UUID] = field(default_factory=set)
    rebounded: set[UUID] = field(default_factory=set)
    no_deadline: set[UUID] = field(default_factory=set)
    judged: dict[Claim, Verdict] = field(default_factory=dict)
    duties: set[Claim] = field(default_factory=set)
    overdue: dict[Claim, tuple[History, Verdict]] = field(default_factory=dict)
    deeds: Counter[str] = field(default_factory=Counter)
    measures: Counter[str] = field(default_factory=Counter)
    held_hours: float = 0
    find: Times = field(default_factory=Times)
    respond: Times = field(default_factory=Times)
    resolve: Times = field(default_factory=Times)
    ratings: list[bool] = field(default_factory=list)
    closed: set[UUID] = field(default_factory=set)
    answered: set[UUID] = field(default_factory=set)
    in_territory: set[UUID] = field(default_factory=set)
    found_by_others: set[UUID] = field(default_factory=set)
    areas_heard: set[str] = field(default_factory=set)
    notes: list[tuple[UUID, str]] = field(default_factory=list)
    targets: dict[str, bool] = field(default_factory=dict)

    @property
    def timeliness(self) -> Counter[Timeliness]:
        """How many obligations ended how."""
        return Counter(verdict.timeliness for verdict in self.judged.values())


Tallies = dict[str | None, Tally]


def tallied(histories: Iterable[History], stretch: Stretch, rules: Rules, own_channels: frozenset[str]) -> Tallies:
    """What each unit did and left undone within ``stretch``; only units that occur are there, and the whole."""
    tallies: Tallies = defaultdict(Tally)
    tallies[None] = Tally()
    for history in histories:
        _obligations(tallies, history, stretch)
        if isinstance(history.record, Problem):
            _problems(tallies, history, stretch)
            _holdings(tallies, history, stretch)
            _responses(tallies, history, stretch)
            _territory(tallies, history, stretch, rules, own_channels)
        for deed in history.deeds:
            if deed.event.at in stretch:
                _deed(tallies, history, deed)
        for release in releases(history):
            if release.at in stretch:
                for tally in _books(tallies, release.unit):
                    tally.measures[release.measure] += 1
        for _, unit in (exposure for exposure in exposures(history) if exposure[0] in stretch):
            for tally in _books(tallies, unit):
                tally.deeds["exposed"] += 1
    return dict(tallies)


def _books(tallies: Tallies, unit: str | None) -> Iterator[Tally]:
    if unit is not None:
        yield tallies[unit]
    yield tallies[None]


def _obligations(tallies: Tallies, history: History, stretch: Stretch) -> None:
    severity = list(Timeliness)
    for verdict in history.verdicts:
        key = (history.record.id, verdict.obligation, verdict.unit)
        for tally in _books(tallies, verdict.unit):
            if verdict.judged_at in stretch:
                known = tally.judged.get(key)
                if known is None or severity.index(verdict.timeliness) >= severity.index(known.timeliness):
                    tally.judged[key] = verdict
                if isinstance(history.record, Duty):
                    tally.duties.add(key)
            if verdict.owing and verdict.timeliness is Timeliness.LATE:
                tally.overdue[key] = (history, verdict)


def _problems(tallies: Tallies, history: History, stretch: Stretch) -> None:
    """Which problems were given, completed, closed and reopened."""
    problem = history.problem
    for deed in history.deeds:
        if deed.event.at not in stretch:
            continue
        for tally in _books(tallies, deed.unit):
            match deed.event.change:
                case c.Dispatched():
                    tally.received.add(problem.id)
                case c.Completed() if problem.status in _DONE:
                    tally.completed.add(problem.id)
                    if deed.unit not in history.limited:
                        tally.no_deadline.add(problem.id)
                case c.StruckOff():
                    tally.struck_off.add(problem.id)
                case c.Reopened() | c.Rebounded():
                    tally.rebounded.add(problem.id)
    closed = [deed for deed in history.deeds if isinstance(deed.event.change, c.StruckOff | c.Rejected)]
    if problem.stage in (Stage.CLOSED, Stage.REJECTED) and closed[-1].event.at in stretch:
        for tally in _books(tallies, closed[-1].unit):
            tally.closed.add(problem.id)
            if not problem.unanswered:
                tally.answered.add(problem.id)


def _holdings(tallies: Tallies, history: History, stretch: Stretch) -> None:
    """How long the problem lay with whom: within the stretch, and in all until it was completed."""
    whole: dict[str, float] = defaultdict(float)
    for holding in history.holdings:
        to_at = holding.to_at or stretch.as_of
        whole[holding.unit] += _hours(history, holding.from_at, to_at)
        for tally in _books(tallies, holding.unit):
            tally.held_hours += _hours(history, max(holding.from_at, stretch.start_at), to_at)
            if holding.to_at is None:
                tally.open.add(history.problem.id)
    problem = history.problem
    completed = [deed for deed in history.deeds if isinstance(deed.event.change, c.Completed)]
    begun_at = history.deeds[0].event.at
    if problem.status in _DONE and completed and completed[-1].unit is not None:
        if completed[-1].event.at in stretch:
            tallies[completed[-1].unit].resolve.ended.append(whole[completed[-1].unit])
            tallies[None].resolve.ended.append(_hours(history, begun_at, completed[-1].event.at))
    elif problem.lead_unit is not None and problem.stage not in (Stage.CLOSED, Stage.REJECTED):
        tallies[problem.lead_unit].resolve.waiting.append(whole[problem.lead_unit])
        tallies[None].resolve.waiting.append(_hours(history, begun_at, stretch.as_of))


def _responses(tallies: Tallies, history: History, stretch: Stretch) -> None:
    """From each receipt to the acknowledgement; a hand-back is no answer."""
    given: tuple[str, datetime] | None = None
    for deed in history.deeds:
        event = deed.event
        match event.change:
            case c.Dispatched():
                unit = event.change.lead_unit
                given = given if given is not None and given[0] == unit else (unit, event.at)
            case c.Acknowledged() | c.Completed():
                if given is not None and event.at in stretch:
                    tallies[given[0]].respond.ended.append(_hours(history, given[1], event.at))
                    tallies[None].respond.ended.append(_hours(history, history.deeds[0].event.at, event.at))
                given = None
            case c.HandedBack() | c.Withdrawn():
                given = None
    if given is not None and history.problem.status is Status.DISPATCHED:
        tallies[given[0]].respond.waiting.append(_hours(history, given[1], stretch.as_of))
        tallies[None].respond.waiting.append(_hours(history, history.deeds[0].event.at, stretch.as_of))


def _territory(tallies: Tallies, history: History, stretch: Stretch, rules: Rules, own: frozenset[str]) -> None:
    """Who found what is in whose territory."""
    for deed in history.deeds:
        if not isinstance(deed.event.change, c.Registered | c.Attached) or deed.event.at not in stretch:
            continue
        filed = deed.event.change.filed
        report = filed.report
        unit = rules.territorial_unit(report.area) if report.area in rules.areas else None
        for tally in _books(tallies, unit):
            if report.channel in own and report.area is not None and unit is not None:
                tally.areas_heard.add(report.area)
            if isinstance(deed.event.change, c.Registered):
                tally.in_territory.add(history.problem.id)
                if report.channel not in own:
                    tally.found_by_others.add(history.problem.id)
                if report.observed_at is not None:
                    tally.find.ended.append(max(0.0, (filed.received_at - report.observed_at).total_seconds() / _HOUR))


def _deed(tallies: Tallies, history: History, deed: Deed) -> None:
    change = deed.event.change
    unit = deed.unit
    if isinstance(change, c.Escalated):
        if not change.measure:
            return  # it lapsed, and the ladder took nothing yet
        unit = owner_of(change, history) or unit
    elif isinstance(change, c.Completed) and isinstance(history.record, Duty):
        return  # what is only handed in nobody sends back: among the completions it would dilute the rate
    for tally in _books(tallies, unit):
        tally.deeds[change.kind] += 1
        if isinstance(change, c.Rated):
            tally.ratings.append(change.satisfied)
    if isinstance(change, c.Progressed):
        for tally in _books(tallies, deed.event.actor.unit):
            tally.notes.append((history.record.id, folded(change.note)))


def owner_of(change: c.Escalated, history: History) -> str | None:
    """The unit that owed what lapsed: a ledger of before did not name it, only a co-unit for its part."""
    of_office = history.rules.obligation(history.record, change.obligation).owner == "@office"
    return change.owner or (history.rules.pack.office if of_office else change.part)


class Release(NamedTuple):
    """A measure from the lapse on, or of a trigger: when it was released, against whom, who had the problem then."""

    at: datetime
    measure: str
    unit: str | None
    holder: str | None


def releases(history: History) -> Iterator[Release]:
    """Each measure that was released, in order; what waits for approval, or was withheld, is none."""
    waiting: dict[int, Release] = {}
    for deed in history.deeds:
        change, at = deed.event.change, deed.event.at
        if isinstance(change, c.Escalated | c.Measured) and change.measure:
            owner = owner_of(change, history) if isinstance(change, c.Escalated) else change.owner
            release = Release(at, change.measure, owner or deed.unit, deed.unit)
            if change.approval is None:
                yield release
            else:
                waiting[deed.event.version] = release
        elif isinstance(change, c.Approved) and change.version in waiting:
            yield waiting[change.version]._replace(at=at)


def exposures(history: History) -> Iterator[tuple[datetime, str | None]]:
    """When the problem was exposed, and which unit with it."""
    for release in releases(history):
        measure = history.rules.measures.get(release.measure)
        if measure is not None and measure.kind is MeasureKind.EXPOSURE:
            yield release.at, release.holder


def _hours(history: History, from_at: datetime, to_at: datetime) -> float:
    if to_at <= from_at:
        return 0.0
    return history.rules.calendar.working_seconds(from_at, to_at) / _HOUR
