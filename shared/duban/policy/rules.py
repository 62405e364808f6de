"""A pack compiled for use: look-ups by id, and the obligations that concern a problem. Built once a version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from duban.calendar import Calendar, CalendarNotice
from duban.moves import Kind, Status
from duban.policy.duty import Duty, Window
from duban.policy.handling import FlagRule
from duban.policy.ladder import Ladder, Measure, Obligation, Trigger
from duban.policy.organisation import Area, Category, Nearness, Unit
from duban.policy.pack import PolicyPack
from duban.problem import Problem


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
    def measures(self) -> dict[str, Measure]:
        return {measure.id: measure for measure in self.pack.measures}

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        return {ladder.id: ladder for ladder in self.pack.ladders}

    @cached_property
    def obligations(self) -> dict[str, Obligation]:
        return {obligation.id: obligation for obligation in self.pack.obligations}

    @cached_property
    def _obligations_by_kind(self) -> dict[tuple[str, str], tuple[Obligation, ...]]:
        return {}

    def obligations_of(self, problem: Problem) -> tuple[Obligation, ...]:
        """The obligations that concern problems of this category and channel, in the order of the pack."""
        if problem.kind is Kind.DUTY:
            return (self.duty_obligations[problem.category],)
        kind = (problem.category, problem.channel)
        found = self._obligations_by_kind.get(kind)
        if found is None:
            found = tuple(
                one
                for one in self.pack.obligations
                if (not one.categories or problem.category in one.categories)
                and (not one.channels or problem.channel in one.channels)
            )
            self._obligations_by_kind[kind] = found
        return found

    @cached_property
    def duty_obligations(self) -> dict[str, Obligation]:
        """What a duty comes to once it is open: its unit owes it from the opening on, with the duty's own ladder."""
        return {
            duty.id: Obligation.model_construct(
                id=duty.id, title=duty.title, owner="@lead", running=(Status.UNDERWAY,), since=("opened",), met_by=(),
                within=duty.within, until=None, categories=(), channels=(), flags=(), rectification=(),
                ladder=duty.ladder, clause=duty.clause, basis=duty.basis,
            )
            for duty in self.pack.duties
        }  # fmt: skip

    def obligation(self, name: str) -> Obligation:
        """The obligation behind the name of a deadline, which for a co-unit's part ends in ``/unit``."""
        id_ = name.partition("/")[0]
        return self.obligations.get(id_) or self.duty_obligations[id_]

    @cached_property
    def duties(self) -> dict[str, Duty]:
        return {duty.id: duty for duty in self.pack.duties}

    @cached_property
    def windows(self) -> dict[str, Window]:
        return {window.id: window for window in self.pack.windows}

    def owing(self, duty: Duty) -> tuple[str, ...]:
        """The units that owe ``duty``, each for itself: those named, and those with one of its roles."""
        with_role = (unit.id for unit in self.pack.units if not set(duty.roles).isdisjoint(unit.roles))
        return tuple(dict.fromkeys((*duty.units, *with_role)))

    @cached_property
    def flags(self) -> dict[str, FlagRule]:
        return {flag.id: flag for flag in self.pack.flags}

    def flags_at_registration(self, category: str, channel: str) -> tuple[str, ...]:
        """The marks that a new problem of this category and channel bears from the start."""
        return tuple(flag.id for flag in self.pack.flags if category in flag.categories or channel in flag.channels)

    def triggers_on(self, kind: str) -> tuple[Trigger, ...]:
        """The triggers that the event ``kind`` may set off."""
        return self._triggers.get(kind, ())

    @cached_property
    def _triggers(self) -> dict[str, tuple[Trigger, ...]]:
        kinds = {trigger.on for trigger in self.pack.triggers}
        return {kind: tuple(one for one in self.pack.triggers if one.on == kind) for kind in kinds}

    def lineage(self, area: str | None) -> Iterator[Area]:
        """``area`` and the areas around it, from the inside out."""
        while area is not None:
            yield (place := self.areas[area])
            area = place.parent

    def territorial_unit(self, area: str | None) -> str | None:
        """The unit that answers for ``area``: its own, or that of the nearest area around it."""
        return next((place.unit for place in self.lineage(area) if place.unit), None)

    def nearness(self, category: str) -> Nearness | None:
        """When two reports of ``category`` are one problem; None where each report stands for itself."""
        near = self.categories[category].near or self.pack.near
        return near if isinstance(near, Nearness) else None

    def number(self, year: int, serial: int) -> str:
        """The register number of the ``serial``-th problem of ``year``."""
        return self.pack.number.format(year=year, serial=serial)

    def unit_of(self, problem: Problem, role: str) -> str:
        """The unit that ``role`` (``@lead``, ``@office``) means; the office stands in for a lead that is absent."""
        return (problem.lead_unit or self.pack.office) if role == "@lead" else self.pack.office
