"""A pack compiled for use: look-ups by id, and the obligations that concern a problem. Built once a version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from duban.calendar import Calendar, CalendarNotice, Within
from duban.calendar.within import minute_of_day
from duban.messages.records import LedgerRecord, Problem
from duban.moves import STEPS, Kind, Occasion, Status
from duban.policy.model.duty import DutyRule, Window
from duban.policy.model.ladder import Ladder, Level, Measure, Obligation, Otherwise, Trigger
from duban.policy.model.lifecycle import FlagRule, GateCheck, RatingRule, Rejection, ReplyRule
from duban.policy.model.listing import ListRule, Platform, RewardRule
from duban.policy.model.organisation import Area, Category, Matter, Nearness, Responsibility, Unit
from duban.policy.model.pack import PolicyPack
from duban.policy.model.sign import SignKind, SignRule
from duban.policy.model.step import StepRule
from duban.policy.model.target import Target
from duban.policy.scope import is_for


class Passing(Obligation):
    """What nobody owes: when its time is over, the record moves on by itself, to what ``then`` says."""

    then: Literal["listed", "expired"]


@dataclass(frozen=True, slots=True, eq=False)
class RunningObligation:
    """An obligation as it runs: with its ladder, of whose levels the first ``reminders`` come before the lapse.

    ``by_notice`` says of each level whether a notice of holidays may move it; ``steps`` are those that meet it.
    ``conditional``: not all of its levels are always taken.
    """

    obligation: Obligation
    levels: tuple[Level, ...]
    reminders: int
    by_notice: tuple[bool, ...]
    steps: tuple[str, ...]
    conditional: bool


class Bearing(NamedTuple):
    """What an event has to do with deadlines: of which obligations they are ``untouched``, and what begins ``anew``."""

    untouched: frozenset[str]
    anew: tuple[RunningObligation, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sort:
    """Records that may have the same obligations: what runs in each status, in the order of the pack.

    ``bearings`` are those that :mod:`duban.deadlines` has compiled so far, by what happens in which status.
    """

    running: dict[Status, tuple[RunningObligation, ...]]
    bearings: dict[tuple[str | None, ...], Bearing]


@dataclass(frozen=True)
class Rules:
    """A pack with its calendar: what the core asks when it decides."""

    pack: PolicyPack
    calendar: Calendar

    @classmethod
    def compile(cls, pack: PolicyPack, notice: CalendarNotice) -> Rules:
        """The rules of ``pack`` on the calendar ``notice``."""
        return cls(pack, Calendar.compile(notice, pack.time.hours, pack.time.counting))

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.calendar.notice.timezone)

    @cached_property
    def units(self) -> dict[str, Unit]:
        return {unit.id: unit for unit in self.pack.units}

    @cached_property
    def channels(self) -> frozenset[str]:
        return frozenset(channel.id for channel in self.pack.channels)

    @cached_property
    def areas(self) -> dict[str, Area]:
        return {area.id: area for area in self.pack.areas}

    @cached_property
    def categories(self) -> dict[str, Category]:
        return {category.id: category for category in self.pack.categories}

    @cached_property
    def matters(self) -> dict[str, Matter]:
        return {matter.id: matter for matter in self.pack.matters}

    @cached_property
    def measures(self) -> dict[str, Measure]:
        return {measure.id: measure for measure in self.pack.measures}

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        return {ladder.id: ladder for ladder in self.pack.ladders}

    @cached_property
    def obligations(self) -> dict[str, Obligation]:
        return {obligation.id: obligation for obligation in self.pack.obligations}

    @cached_property
    def _sorts(self) -> dict[tuple[str | None, ...], Sort]:
        return {}

    @cached_property
    def _sorts_by_obligations(self) -> dict[tuple[str, ...], Sort]:
        return {}

    def approver(self, measure: Measure, record: LedgerRecord) -> str | None:
        """The unit whose word ``measure`` waits for; None where it waits for nobody.

        Where a clerk looks at public texts first, that is the office, if what is told was written by a reporter.
        """
        if measure.approval is None and measure.public and self.pack.public_texts == "by_clerk":
            return self.pack.office if isinstance(record, Problem) else None
        return measure.approval

    def sort_of(self, record: LedgerRecord) -> Sort:
        """Which sort of record it is: what seldom changes of it decides which obligations may run for it."""
        key: tuple[str | None, ...]
        if isinstance(record, Problem):
            key = (record.category, record.channel, record.matter)
        else:
            key = (record.kind, record.rule)
        sort = self._sorts.get(key)
        if sort is None:
            sort = self._sorts[key] = self._sort(record)
        return sort

    def _sort(self, record: LedgerRecord) -> Sort:
        """Categories, matters and channels with the same obligations are one sort."""
        obligations = [known for known in self._known_to(record).values() if _is_for(known, record)]
        key = (
            record.kind,
            "" if record.kind is Kind.PROBLEM else record.rule,
            *(obligation.id for obligation in obligations),
        )
        sort = self._sorts_by_obligations.get(key)
        if sort is None:
            compiled = [self._compiled(obligation) for obligation in obligations]
            running = {status: tuple(of for of in compiled if status in of.obligation.running) for status in Status}
            sort = self._sorts_by_obligations[key] = Sort(running, {})
        return sort

    def _compiled(self, obligation: Obligation) -> RunningObligation:
        levels = self.levels_of(obligation)
        instead = obligation.otherwise
        limits = (obligation.within, instead.within if instead is not None else None)
        durations = ((*limits, level.before, level.after) for level in levels)
        by_notice = (
            any(map(self.calendar.asks_notice, filter(None, some))) or (instead is not None and instead.days_off)
            for some in durations
        )
        steps = tuple(of for event, of in obligation.met_by if event == "step_taken" and of is not None)
        if steps:  # what is not needed is owed no more
            waived = (Occasion("step_waived", step) for step in steps)
            obligation = obligation.model_copy(update={"met_by": (*obligation.met_by, *waived)})
        conditional = any(level.conditional for level in levels)
        return RunningObligation(obligation, levels, _reminders(levels), tuple(by_notice), steps, conditional)

    def is_settled(self, occasion: Occasion) -> bool:
        """Whether ``occasion`` is of a step that is taken once: what has come of it holds, whatever comes later."""
        return occasion.of in self.steps and occasion.event in STEPS and not self.steps[occasion.of].again

    def _known_to(self, record: LedgerRecord) -> dict[str, Obligation]:
        """What may run for a record of its kind and rule, by id."""
        return self.obligations if record.kind is Kind.PROBLEM else self._of_others[record.kind, record.rule]

    def obligation(self, record: LedgerRecord, id_: str) -> Obligation:
        """What a deadline of ``record`` is of."""
        return self._known_to(record)[id_]

    def begins_late(self, otherwise: Otherwise, at: datetime) -> bool:
        """Whether a clock that is set going ``at`` begins too late in the day, or on a day off, for the first limit."""
        local = at.astimezone(self.zone)
        minute = 60 * local.hour + local.minute
        return (otherwise.from_time is not None and minute >= minute_of_day(otherwise.from_time)) or (
            otherwise.days_off and not self.calendar.is_working_day(local.date())
        )

    def levels_of(self, obligation: Obligation) -> tuple[Level, ...]:
        """The ladder of ``obligation``; what passes by itself has the one level to what it then is.

        Where nothing is taken at the lapse itself, a level without a measure stands for it.
        """
        if type(obligation) is Passing:
            return (_level(obligation.then),)
        return self._levels[obligation.ladder]

    @cached_property
    def _levels(self) -> dict[str, tuple[Level, ...]]:
        return {ladder.id: _with_lapse(ladder.levels) for ladder in self.pack.ladders}

    @cached_property
    def _of_others(self) -> dict[tuple[Kind, str], dict[str, Obligation]]:
        """What is owed, or passes, in duties, entries on lists and rewards, by what the pack calls them."""
        return {
            **{(Kind.DUTY, duty.id): _by_id([_of_duty(duty)]) for duty in self.pack.duties},
            **{(Kind.LISTING, list_rule.id): _by_id(_of_list(list_rule)) for list_rule in self.pack.lists},
            **{(Kind.REWARD, reward_rule.id): _by_id(_of_reward(reward_rule)) for reward_rule in self.pack.rewards},
            **{(Kind.READING, target.id): {} for target in self.pack.targets},
        }

    @cached_property
    def lists(self) -> dict[str, ListRule]:
        return {list_rule.id: list_rule for list_rule in self.pack.lists}

    @cached_property
    def platforms(self) -> dict[str, Platform]:
        return {platform.id: platform for platform in self.pack.platforms}

    @cached_property
    def rewards(self) -> dict[str, RewardRule]:
        return {reward_rule.id: reward_rule for reward_rule in self.pack.rewards}

    @cached_property
    def duties(self) -> dict[str, DutyRule]:
        return {duty.id: duty for duty in self.pack.duties}

    @cached_property
    def targets(self) -> dict[str, Target]:
        return {target.id: target for target in self.pack.targets}

    @cached_property
    def windows(self) -> dict[str, Window]:
        return {window.id: window for window in self.pack.windows}

    def owing(self, duty: DutyRule) -> tuple[str, ...]:
        """The units that owe ``duty``, each for itself: those named, and those with one of its roles."""
        return self.named(duty.units, duty.roles)

    def named(self, units: tuple[str, ...], roles: tuple[str, ...]) -> tuple[str, ...]:
        """The units that ``units`` names, and those with one of ``roles``, each once."""
        with_role = (unit.id for unit in self.pack.units if not set(roles).isdisjoint(unit.roles))
        return tuple(dict.fromkeys((*units, *with_role)))

    @cached_property
    def flags(self) -> dict[str, FlagRule]:
        return {flag.id: flag for flag in self.pack.flags}

    def flags_at_registration(self, category: str, matter: str | None, channel: str) -> tuple[str, ...]:
        """The flags that a new problem of this category, matter and channel bears from the start."""
        return tuple(flag.id for flag in self.pack.flags if _is_one_of(flag, category, matter, channel))

    @cached_property
    def replies(self) -> dict[str, ReplyRule]:
        return {reply.id: reply for reply in self.pack.replies}

    @cached_property
    def ratings(self) -> dict[str, RatingRule]:
        return {rating.id: rating for rating in self.pack.ratings}

    @cached_property
    def holding(self) -> tuple[RatingRule, ...]:
        """The ratings that hold up verification and strike-off."""
        return tuple(rating for rating in self.pack.ratings if rating.holds_until)

    @cached_property
    def steps(self) -> dict[str, StepRule]:
        return {step.id: step for step in self.pack.steps}

    @cached_property
    def rejections(self) -> dict[str, Rejection]:
        return {ground.id: ground for ground in self.pack.rejections}

    def rejected_at_registration(self, category: str, matter: str | None, channel: str) -> str | None:
        """The first ground on which a new problem is not taken up, by what it is and how it came; None for none."""
        grounds = (ground.id for ground in self.pack.rejections if _is_one_of(ground, category, matter, channel))
        return next(grounds, None)

    @cached_property
    def signs(self) -> dict[SignKind, tuple[SignRule, ...]]:
        """The signs that the pack has seen, by what they are signs of."""
        kinds = {sign.kind for sign in self.pack.signs}
        return {kind: tuple(sign for sign in self.pack.signs if sign.kind is kind) for kind in kinds}

    @cached_property
    def watched(self) -> frozenset[str]:
        """The obligations of which it is a sign that they are met at the last moment."""
        return frozenset(obligation for sign in self.pack.signs for obligation in sign.obligations)

    def triggers_on(self, kind: str) -> tuple[Trigger, ...]:
        """The triggers that the event ``kind`` may set off."""
        return self._triggers.get(kind, ())

    @cached_property
    def _triggers(self) -> dict[str, tuple[Trigger, ...]]:
        kinds = {trigger.on.event for trigger in self.pack.triggers}
        return {kind: tuple(trigger for trigger in self.pack.triggers if trigger.on.event == kind) for kind in kinds}

    def lineage(self, area: str | None) -> Iterator[Area]:
        """``area`` and the areas around it, from the inside out."""
        while area is not None:
            yield (place := self.areas[area])
            area = place.parent

    @cached_property
    def _responsible(self) -> dict[tuple[str, str | None, str | None, str], tuple[Responsibility, ...]]:
        return {}

    def responsible(
        self, category: str, matter: str | None, area: str | None, channel: str
    ) -> tuple[Responsibility, ...]:
        """The lines of the responsibility list that take such a report, in their order."""
        key = (category, matter, area, channel)
        lines = self._responsible.get(key)
        if lines is None:
            around = {place.id for place in self.lineage(area)}
            lines = self._responsible[key] = tuple(
                line
                for line in self.pack.responsibility_list
                if is_for(line, category, matter)
                and (not line.areas or not around.isdisjoint(line.areas))
                and (not line.channels or channel in line.channels)
            )
        return lines

    def territorial_unit(self, area: str | None) -> str | None:
        """The unit that answers for ``area``: its own, or that of the nearest area around it."""
        return next((place.unit for place in self.lineage(area) if place.unit), None)

    def rewarded(self, problem: Problem, reward: str) -> tuple[str | None, str | None]:
        """Who is rewarded: whoever reported it first, by a handle, or the person of the cell; often nobody."""
        if self.rewards[reward].to == "reporter":
            return problem.handle, None
        return None, next((area.cell.person for area in self.lineage(problem.area) if area.cell), None)

    def nearness(self, category: str, matter: str | None = None) -> Nearness | None:
        """When two reports of ``category`` and ``matter`` are one problem; None where each report stands for itself."""
        entry = self.matters.get(matter) if matter is not None else None
        near = (entry and entry.near) or self.categories[category].near or self.pack.near
        return near if isinstance(near, Nearness) else None

    def number(self, year: int, serial: int) -> str:
        """The register number of the ``serial``-th problem of ``year``."""
        return self.pack.number.format(year=year, serial=serial)

    @cached_property
    def with_role(self) -> dict[str, tuple[str, ...]]:
        """The units with each role; a role that has the name of a unit means that unit alone."""
        roles = {role for unit in self.pack.units for role in unit.roles} - self.units.keys()
        return {role: self.named((), (role,)) for role in roles}

    def unit_of(self, record: LedgerRecord, role: str) -> str:
        """The unit that ``role`` means: the lead, the office, the sponsor, that of the area, or itself.

        The office stands in for one that is absent.
        """
        match role:
            case "@lead":
                return record.holder or self.pack.office
            case "@office":
                return self.pack.office
            case "@sponsor":
                return (record.sponsor if isinstance(record, Problem) else None) or self.pack.office
            case "@territorial":
                area = record.area if isinstance(record, Problem) else None
                return self.territorial_unit(area) or self.pack.office
            case _:
                return role

    def decided_by(self, record: LedgerRecord, names: tuple[str, ...]) -> tuple[str, ...]:
        """The units that ``names`` means, any of which may do it: units, those with a role, the office, the sponsor."""
        sponsor = record.sponsor if isinstance(record, Problem) else None
        relative = {"@office": self.pack.office, "@sponsor": sponsor}
        units = (relative.get(name, name if name in self.units else None) for name in names)
        return self.named(tuple(unit for unit in units if unit is not None), names)

    def checks_of(self, problem: Problem) -> list[GateCheck]:
        """The checks of the gate that hold for ``problem``: for its category and matter, and a mark that it bears."""
        return [
            check
            for check in (self.pack.gate.checks if self.pack.gate is not None else ())
            if is_for(check, problem.category, problem.matter)
            and (not check.flags or not set(check.flags).isdisjoint(problem.flags))
        ]

    def title_of(self, unit: str) -> str:
        """A unit in the words of the city; a sponsor who is none of the pack's units by the name given."""
        return self.units[unit].title.native if unit in self.units else unit


def _level(measure: str) -> Level:
    return Level.model_construct(measure=measure, before=None, after=None, flags=(), unless_justified=False, to=())


def _reminders(levels: tuple[Level, ...]) -> int:
    return sum(level.is_reminder for level in levels)


def _with_lapse(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """``levels``, and a level without a measure at the lapse itself where the first of them comes only after it."""
    first = _reminders(levels)
    return (*levels[:first], _level(""), *levels[first:]) if levels[first].after is not None else levels


def _is_for(obligation: Obligation, record: LedgerRecord) -> bool:
    """Whether the category, the matter and the channel of a problem are among those of ``obligation``."""
    return not isinstance(record, Problem) or (
        is_for(obligation, record.category, record.matter)
        and (not obligation.channels or record.channel in obligation.channels)
    )


def _is_one_of(rule: FlagRule | Rejection, category: str, matter: str | None, channel: str) -> bool:
    """Whether ``rule`` names the category, the matter or the channel."""
    return category in rule.categories or matter in rule.matters or channel in rule.channels


def _by_id(obligations: Iterable[Obligation]) -> dict[str, Obligation]:
    return {obligation.id: obligation for obligation in obligations}


def _of_duty(duty: DutyRule) -> Obligation:
    """A duty once it is open: its unit owes it from the opening on, with the duty's own ladder."""
    return _made(duty, duty.id, (Status.UNDERWAY,), "opened", within=duty.within, ladder=duty.ladder)


def _of_list(list_rule: ListRule) -> Iterator[Obligation]:
    """An entry counts when its notice is over, goes on to a platform, passes with its term; an appeal is decided."""
    if list_rule.notice is not None:
        yield _passing(list_rule, "notice", Status.NOTICED, "noticed", list_rule.notice, "listed")
    if list_rule.term is not None:
        yield _passing(list_rule, "term", Status.LISTED, "listed", list_rule.term, "expired")
    if list_rule.appeal is not None:
        yield _made(
            list_rule, "appeal", (Status.CONTESTED, Status.LISTED), "appealed", owner=list_rule.appeal.to,
            met_by=(Occasion("appeal_dismissed"),), within=list_rule.appeal.within, ladder=list_rule.appeal.ladder,
        )  # fmt: skip
    if list_rule.passed_on is not None:
        within, ladder = list_rule.passed_on.within, list_rule.passed_on.ladder
        met_by = (Occasion("passed_on"),)
        yield _made(list_rule, "pass_on", (Status.LISTED,), "listed", met_by=met_by, within=within, ladder=ladder)


def _of_reward(reward_rule: RewardRule) -> Iterator[Obligation]:
    """The amount is fixed in time, and what nobody collects in time is forfeited."""
    within, ladder = reward_rule.fixed_within, reward_rule.ladder
    yield _made(reward_rule, "amount", (Status.OWED,), "reward_owed", within=within, ladder=ladder)
    yield _passing(reward_rule, "collect", Status.AWARDED, "awarded", reward_rule.collect_within, "expired")


_NOTHING_MORE: dict[str, Any] = {
    "owner": "@lead", "met_by": (), "within": None, "otherwise": None, "until": None, "categories": (), "matters": (),
    "channels": (), "flags": (), "rectification": (), "ladder": "",
}  # fmt: skip


def _made(
    entry: DutyRule | ListRule | RewardRule, id_: str, running: tuple[Status, ...], since: str, **more: Any
) -> Obligation:
    return Obligation.model_construct(**{**_NOTHING_MORE, **_resting(entry, id_, running, since), **more})


def _passing(
    entry: ListRule | RewardRule, id_: str, running: Status, since: str, within: Within,
    then: Literal["listed", "expired"],
) -> Passing:  # fmt: skip
    fields = _resting(entry, id_, (running,), since)
    return Passing.model_construct(**{**_NOTHING_MORE, **fields, "within": within, "then": then})


def _resting(
    entry: DutyRule | ListRule | RewardRule, id_: str, running: tuple[Status, ...], since: str
) -> dict[str, Any]:
    return {
        "id": id_, "title": entry.title, "clause": entry.clause, "basis": entry.basis,
        "running": running, "since": (Occasion(since),),
    }  # fmt: skip
