"""Who answers for what: gaps in the responsibility list, lines in the shadow of others, areas without a unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from duban.policy.advice.form import Advice, Speech
from duban.policy.advice.unused import leaves
from duban.policy.model.organisation import TERRITORIAL, Responsibility
from duban.policy.model.pack import PolicyPack


def gaps(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Categories of which some reports, or all, are taken by no line and go to the fallback desk."""
    areas: list[str | None] = [None, *(area.id for area in pack.areas)]
    around = _lineages(pack)
    for index, category in enumerate(pack.categories):
        if category.id == pack.default_category:
            continue  # what nobody could classify belongs to the desk
        lines = [line for line in pack.responsibility_list if not line.categories or category.id in line.categories]
        matters: dict[tuple[tuple[str | None, ...], tuple[str, ...]], list[str | None]] = {}
        for matter in pack.wants:
            mine = [line for line in lines if not line.matters or matter in line.matters]
            by_areas: dict[tuple[str | None, ...], list[str]] = {}
            for channel in pack.channels:
                heard = [line for line in mine if not line.channels or channel.id in line.channels]
                open_ = tuple(area for area in areas if not any(_takes(line, area, around) for line in heard))
                by_areas.setdefault(open_, []).append(channel.id)
            for open_, channels in by_areas.items():
                matters.setdefault((open_, tuple(channels)), []).append(matter)
        for (open_, unheard), of in matters.items():
            if open_:
                where = "" if len(open_) == len(areas) else _where(open_, speech)
                ways = "" if len(unheard) == len(pack.channels) else speech.some(unheard)
                what = f"{category.id}{speech.of_matters(of, pack.wants)}"
                words = speech.say(
                    f"no line takes {what}{f' {where}' if where else ''}{f' by {ways}' if ways else ''}: "
                    f"it goes to the fallback desk, {pack.fallback.unit}",
                    f"{f'来自 {ways}、' if ways else ''}{f'{where}的 ' if where else ''}{what} 类问题，"
                    f"责任清单没有一行接收：归兜底单位 {pack.fallback.unit}",
                )
                yield Advice("gap", f"categories.{index}", words, "note" if open_ == (None,) else "warning")


def _where(areas: tuple[str | None, ...], speech: Speech) -> str:
    inside = [area for area in areas if area is not None]
    parts = [speech.say(f"in {speech.some(inside)}", f"位于 {speech.some(inside)}")] if inside else []
    nowhere = [speech.say("without an area", "没有写明区域")] if None in areas else []
    return speech.say(" or ", "或").join([*parts, *nowhere])


def _takes(line: Responsibility, area: str | None, around: dict[str, list[str]]) -> bool:
    """Whether the line takes what lies in ``area``; a territorial lead passes on what has no area."""
    if area is None:
        return not line.areas and line.lead != TERRITORIAL
    return not line.areas or not set(line.areas).isdisjoint(around[area])


def _lineages(pack: PolicyPack) -> dict[str, list[str]]:
    """Each area with those it lies in, itself first."""
    parents = {area.id: area.parent for area in pack.areas}
    lineages: dict[str, list[str]] = {}
    for area in parents:
        lineage, at = [area], parents[area]
        while at is not None and at not in lineage:
            lineage.append(at)
            at = parents.get(at)
        lineages[area] = lineage
    return lineages


def overlaps(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Lines that an earlier line takes something from; an exception before its rule is meant so."""
    around = _lineages(pack)
    everything = (
        {category.id for category in pack.categories},
        set(around),
        {channel.id for channel in pack.channels},
        {speech.matter(matter) for matter in pack.wants},
    )
    extents = [_extent(line, everything, around) for line in pack.responsibility_list]
    for later, mine in enumerate(extents):
        earlier_lines, meant = [], True
        for earlier, theirs in enumerate(extents[:later]):
            shared = [ours & other for ours, other in zip(mine, theirs, strict=True)]
            if shared[0] and shared[2] and shared[3] and (shared[1] or not around):
                scope = _scope(shared, everything, speech)
                earlier_lines.append(f"responsibility_list.{earlier} ({scope})")
                meant = meant and all(other <= ours for ours, other in zip(mine, theirs, strict=True))
        if earlier_lines:
            first = speech.some(earlier_lines, most=3)
            words = speech.say(f"earlier lines take part of it first: {first}", f"其中一部分先归前面的各行：{first}")
            yield Advice("overlap", f"responsibility_list.{later}", words, "note" if meant else "warning")


def _extent(line: Responsibility, everything: Sequence[set[str]], around: dict[str, list[str]]) -> list[set[str]]:
    inside = {area for area, lineage in around.items() if not line.areas or not set(line.areas).isdisjoint(lineage)}
    named = (line.categories, (), line.channels, line.matters)
    extent = [set(names) or whole for names, whole in zip(named, everything, strict=True)]
    extent[1] = inside
    return extent


def _scope(shared: list[set[str]], everything: Sequence[set[str]], speech: Speech) -> str:
    parts = [speech.some(sorted(part)) for part, whole in zip(shared, everything, strict=True) if part != whole]
    return " × ".join(parts) or speech.say("everything", "全部")


def areas_without_a_unit(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    units = {area.id: area.unit for area in pack.areas}
    if not any(units.values()):
        return
    for index, (area, lineage) in enumerate(_lineages(pack).items()):
        if not any(units.get(area) for area in lineage):
            words = speech.say(f"no unit answers for {area} or around it", f"{area} 及其上级区域都没有负责单位")
            yield Advice("area_without_unit", f"areas.{index}", words)
    if not any(value == TERRITORIAL for _, _, value in leaves(pack)):
        words = speech.say(
            f"areas have units, but {TERRITORIAL} is used nowhere: no unit is given anything for its area",
            f"各区域写有负责单位，但没有任何地方用到 {TERRITORIAL}：没有单位会因属地接到问题",
        )
        yield Advice("territory_unused", "areas", words)
