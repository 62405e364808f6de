"""What is there and never used, and what is missing on units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from duban.policy.advice.form import Advice, Speech
from duban.policy.model.organisation import TERRITORIAL
from duban.policy.model.pack import PolicyPack

#: Keys whose values are never the id of a unit, a measure or a ladder.
_OTHER_NAMES: Final = frozenset(
    {"id", "title", "text", "clause", "basis", "kind", "categories", "category", "areas", "area", "channels",
     "channel", "default_category", "matters", "matter", "default_matter",
     "running", "since", "met_by", "outcomes", "en", "zh", "document"}
)  # fmt: skip
#: The sections in which every field's meaning is known here; in others, any mention counts as a use.
_KNOWN: Final = frozenset(
    {"time", "office", "units", "channels", "areas", "categories", "responsibility_list", "always_responsible",
     "fallback", "hand_back", "closing", "measures", "ladders", "obligations"}
)  # fmt: skip


def leaves(pack: PolicyPack) -> Iterator[tuple[str, str, str]]:
    """Every text in the pack that may name something: its section, its key, and itself."""
    for section, value in pack.model_dump(mode="json", exclude_none=True).items():
        yield from ((section, key, leaf) for key, leaf in _texts(section, value))


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in _OTHER_NAMES:
                yield key, name
                yield from _texts(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(key, inner)


def never_used(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Units, measures and ladders that nothing refers to."""
    references = list(leaves(pack))
    units = {leaf for section, key, leaf in references if section != "areas" and (section, key) != ("units", "roles")}
    units |= {area.unit for area in pack.areas if area.unit}
    for index, unit in enumerate(pack.units):
        if unit.id not in units and units.isdisjoint(unit.roles):
            words = speech.say(
                f"nothing refers to {unit.id}: it can be given no problem and told of none",
                f"没有任何地方用到 {unit.id}：既不会交办问题，也不会告知",
            )
            yield Advice("unit_unused", f"units.{index}", words)
    for section, key in (("measures", "measure"), ("ladders", "ladder")):
        used = {leaf for chapter, field, leaf in references if key in field or chapter not in _KNOWN}
        for index, entry in enumerate(getattr(pack, section)):
            if entry.id not in used:
                name = {"measure": "措施", "ladder": "升级阶梯"}[key]
                words = speech.say(f"nothing uses the {key} {entry.id}", f"没有任何地方用到{name} {entry.id}")
                yield Advice(f"{key}_unused", f"{section}.{index}", words)


def platforms(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Platforms that nothing goes on to."""
    used = {measure.passed_on_to for measure in pack.measures}
    used |= {list_rule.passed_on.to for list_rule in pack.lists if list_rule.passed_on}
    for index, platform in enumerate(pack.platforms):
        if platform.id not in used:
            words = speech.say(
                f"nothing goes on to the platform {platform.id}", f"没有任何内容归集至平台 {platform.id}"
            )
            yield Advice("platform_unused", f"platforms.{index}", words)


def liaisons(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Units that can be given problems, and name nobody to speak to."""
    given = _can_lead(pack)
    silent = [i for i, unit in enumerate(pack.units) if unit.id in given and unit.liaison is None]
    if len(silent) == len(given):
        words = speech.say(
            "no unit names a liaison: notices can be addressed to units only",
            "没有一个单位写明联络员：通知只能发给单位",
        )
        yield Advice("no_liaison", "units", words, "note")
        return
    for index in silent:
        unit = pack.units[index].id
        words = speech.say(
            f"{unit} can be given problems, but names no liaison", f"{unit} 会接到问题，但没有写明联络员"
        )
        yield Advice("no_liaison", f"units.{index}", words)


def _can_lead(pack: PolicyPack) -> set[str]:
    """The units that a problem may be given to."""
    units = {unit for line in pack.responsibility_list for unit in (line.lead, *line.co)} | set(pack.always_responsible)
    territory = {area.unit for area in pack.areas if area.unit} if TERRITORIAL in units else set()
    return (units | territory | {pack.office, pack.fallback.unit}) & {unit.id for unit in pack.units}


def superiors(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Levels that are told to the unit above, where no owner has one."""
    if any(unit.parent for unit in pack.units):
        return
    for i, ladder in enumerate(pack.ladders):
        for j, level in enumerate(ladder.levels):
            if "@superior" in level.to:
                words = speech.say(
                    "tells @superior, but no unit has a parent: nobody stands above any owner",
                    "告知 @superior，但没有一个单位写明上级：责任单位都没有上级单位",
                )
                yield Advice("no_superior", f"ladders.{i}.levels.{j}.to", words)
