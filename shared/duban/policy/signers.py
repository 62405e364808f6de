"""Who may sign what others have handled: the ways by which the responsibility list gives problems out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import NamedTuple

from duban.policy.model.organisation import TERRITORIAL, Responsibility
from duban.policy.model.pack import PolicyPack
from duban.policy.scope import is_for


class Way(NamedTuple):
    """That problems of ``category`` and ``matter`` are given out by the line ``line`` of the list, to these units."""

    category: str
    matter: str | None
    line: int
    lead: str
    handlers: frozenset[str]


def ways(pack: PolicyPack) -> Iterator[Way]:
    """Every way that some report may take; what a person gives out, as the fallback desk does, is none."""
    lineages = list(_lineages(pack))
    known = {unit.id for unit in pack.units}
    units = {area.id: area.unit for area in pack.areas}
    channels = {channel.id for channel in pack.channels}
    for category, matter in product((category.id for category in pack.categories), pack.wants):
        lines = [(index, line) for index, line in enumerate(pack.responsibility_list) if is_for(line, category, matter)]
        for lineage in lineages:
            territorial = next((unit for area in lineage if (unit := units[area])), None)
            for index, line in _taking(lines, lineage, territorial, channels):
                lead = territorial if line.lead == TERRITORIAL else line.lead
                if lead in known:
                    named = {territorial if unit == TERRITORIAL else unit for unit in _units(line, pack)}
                    yield Way(category, matter, index, lead, frozenset(filter(None, named)))


def _units(line: Responsibility, pack: PolicyPack) -> Iterable[str]:
    return (line.lead, *line.co, *pack.always_responsible)


def _lineages(pack: PolicyPack) -> Iterator[list[str]]:
    """No area, and each area with those around it, itself first."""
    parents = {area.id: area.parent for area in pack.areas}
    yield []
    for area in parents:
        lineage, at = [area], parents[area]
        while at is not None and at in parents and at not in lineage:
            lineage.append(at)
            at = parents[at]
        yield lineage


def _taking(
    lines: Iterable[tuple[int, Responsibility]], lineage: Collection[str], territorial: str | None, channels: set[str]
) -> Iterator[tuple[int, Responsibility]]:
    """The lines that take something there, by one channel or another; the first that fits takes it."""
    heard: set[str] = set()
    for index, line in lines:
        fits = not line.areas or not set(line.areas).isdisjoint(lineage)
        if not fits or (line.lead == TERRITORIAL and territorial is None):
            continue
        takes = set(line.channels) or channels
        if not takes <= heard:
            yield index, line
        heard |= takes


def signing(pack: PolicyPack, signers: Collection[str]) -> frozenset[str]:
    """The units that ``signers`` means: units, roles of units, the office; the sponsor, whoever it is, as itself."""
    units = {pack.office if signer == "@office" else signer for signer in signers}
    with_role = {unit.id for unit in pack.units if not units.isdisjoint(unit.roles)}
    return frozenset(units & {"@sponsor", *(unit.id for unit in pack.units)} | with_role)


def unsigned(
    pack: PolicyPack, signers: Collection[str], categories: Collection[str] = (), matters: Collection[str] = ()
) -> tuple[list[Way], bool]:
    """The ways of problems that each of ``signers`` handles, and so may not sign; and whether there is no other way."""
    may = signing(pack, signers)
    concerned = {
        way
        for way in ways(pack)
        if (not categories or way.category in categories) and (not matters or way.matter in matters)
    }
    stuck = [way for way in concerned if may and may <= way.handlers]
    stuck.sort(key=lambda way: (way.line, way.category, way.matter or ""))
    return stuck, bool(stuck) and len(stuck) == len(concerned)
