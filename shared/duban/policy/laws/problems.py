"""The laws of a problem's way: who answers, what is owed until when, and what follows if not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from duban.calendar import AMOUNTS, Within
from duban.moves import SATISFIED, STEPS, UNSATISFIED
from duban.policy.laws.names import (
    Breach,
    nobody,
    not_among,
    repeated,
    unknown,
    unknown_in,
    unknown_scope,
    unknown_signers,
)
from duban.policy.model.ladder import OWNERS, RELATIVE, Level
from duban.policy.model.organisation import DESK, TERRITORIAL, Responsibility
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions
from duban.sentence import Sentence

#: What names of roles are among.
ROLES_OF_UNITS: Final = Sentence("roles of the units", "units 的 roles")
#: Who may sign a check, look back, or decide an extension, beside units and roles of units.
SIGNERS: Final = ("@office", "@sponsor")
_SECTIONS = (
    "units", "channels", "areas", "categories", "matters", "measures", "ladders", "obligations", "flags", "triggers",
    "windows", "duties", "platforms", "lists", "rewards", "draws", "steps", "rejections", "replies",
    "ratings", "signs",
)  # fmt: skip


def ids_are_unique(pack: PolicyPack) -> Iterator[Breach]:
    for section in _SECTIONS:
        yield from repeated(section, (entry.id for entry in getattr(pack, section)))


def units_are_known(pack: PolicyPack) -> Iterator[Breach]:
    units = {unit.id for unit in pack.units}
    references = [("office", pack.office), ("fallback.unit", pack.fallback.unit)]
    references += [(f"units.{i}.parent", unit.parent) for i, unit in enumerate(pack.units) if unit.parent]
    references += [(f"areas.{i}.unit", area.unit) for i, area in enumerate(pack.areas) if area.unit]
    for i, line in enumerate(pack.responsibility_list):
        references += [(f"responsibility_list.{i}.lead", line.lead)] if line.lead != DESK else []
        references += [(f"responsibility_list.{i}.co.{j}", unit) for j, unit in enumerate(line.co)]
    references += [(f"always_responsible.{i}", unit) for i, unit in enumerate(pack.always_responsible)]
    for path, unit in references:
        if unit not in units and unit != TERRITORIAL:
            yield path, not_among(unit, "units")


def areas_and_categories_are_known(pack: PolicyPack) -> Iterator[Breach]:
    areas = {area.id for area in pack.areas}
    if pack.default_category not in {category.id for category in pack.categories}:
        yield "default_category", not_among(pack.default_category, "categories")
    if pack.default_matter is not None and pack.default_matter not in {matter.id for matter in pack.matters}:
        yield "default_matter", not_among(pack.default_matter, "matters")
    for i, area in enumerate(pack.areas):
        if area.parent and area.parent not in areas:
            yield f"areas.{i}.parent", not_among(area.parent, "areas")
    for i, line in enumerate(pack.responsibility_list):
        yield from unknown_scope(f"responsibility_list.{i}", line, pack)
        yield from unknown_in(f"responsibility_list.{i}.areas", line.areas, areas, "areas")
    for i, obligation in enumerate(pack.obligations):
        yield from unknown_scope(f"obligations.{i}", obligation, pack)


def parents_form_trees(pack: PolicyPack) -> Iterator[Breach]:
    for section in ("units", "areas"):
        parents = {entry.id: entry.parent for entry in getattr(pack, section)}
        for index, start in enumerate(parents):
            if start in _above(start, parents):
                yield f"{section}.{index}.parent", Sentence(f"{start} lies inside itself", f"{start} 包含了自己")


def _above(start: str, parents: Mapping[str, str | None]) -> set[str]:
    """What ``start`` lies in, step by step; itself among it where the way leads back."""
    seen: set[str] = set()
    at = parents.get(start)
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
    return seen


def territory_has_a_unit(pack: PolicyPack) -> Iterator[Breach]:
    if (
        any(TERRITORIAL in (line.lead, *line.co) for line in pack.responsibility_list)
        or TERRITORIAL in pack.always_responsible
    ):
        for index, area in enumerate(pack.areas):
            if area.parent is None and area.unit is None:
                law = Sentence(
                    f"{TERRITORIAL} is used, but no unit answers for {area.id}",
                    f"用到了 {TERRITORIAL}，但没有单位负责 {area.id}",
                )
                yield f"areas.{index}.unit", law
        if not pack.areas:
            yield (
                "areas",
                Sentence(f"{TERRITORIAL} is used, but there are no areas", f"用到了 {TERRITORIAL}，但没有片区"),
            )


def each_line_can_match(pack: PolicyPack) -> Iterator[Breach]:
    parents = {area.id: area.parent for area in pack.areas}
    around = {area: _above(area, parents) for area in parents}
    for later, line in enumerate(pack.responsibility_list):
        for earlier, wide in enumerate(pack.responsibility_list[:later]):
            if _takes_all_of(wide, line, around):
                law = Sentence(
                    f"never matches: responsibility_list.{earlier} takes all of it first",
                    f"永远用不到：responsibility_list.{earlier} 已先行涵盖其全部情形",
                )
                yield f"responsibility_list.{later}", law
                break


def _takes_all_of(wide: Responsibility, line: Responsibility, around: Mapping[str, set[str]]) -> bool:
    if wide.lead == TERRITORIAL and not wide.areas:
        return False  # it passes on what has no area
    inside = all(not set(wide.areas).isdisjoint({area, *around.get(area, ())}) for area in line.areas)
    return (
        _within(line.categories, wide.categories)
        and _within(line.matters, wide.matters)
        and _within(line.channels, wide.channels)
        and (not wide.areas or (bool(line.areas) and inside))
    )


def _within(some: Collection[str], others: Collection[str]) -> bool:
    """Whether all that ``some`` names is among the ``others``; nothing named is everything."""
    return not others or (bool(some) and set(some) <= set(others))


def ladders_climb(pack: PolicyPack) -> Iterator[Breach]:
    measures = {measure.id: measure for measure in pack.measures}
    known = units_and_roles(pack)
    for i, ladder in enumerate(pack.ladders):
        lapsed = False
        for j, level in enumerate(ladder.levels):
            path = f"ladders.{i}.levels.{j}"
            if level.measure not in measures:
                yield f"{path}.measure", not_among(level.measure, "measures")
            if lapsed and level.is_reminder:
                field = "before" if level.share is None else "share"
                law = Sentence(
                    "a level before the lapse stands after one that follows it",
                    "逾期之前的一级排在了逾期之后的一级后面",
                )
                yield f"{path}.{field}", law
            elif lapsed and level.after is None and not (level.conditional and ladder.levels[j - 1].after is None):
                law = Sentence(
                    "a later level needs `after`, or it would be taken together with the one before it",
                    "后面的一级须写明 `after`，否则将与前一级同时采取",
                )
                yield path, law
            if j and not _follows(level, ladder.levels[j - 1]):
                yield path, Sentence("is not later than the level before it", "不晚于前一级")
            lapsed = lapsed or not level.is_reminder
            yield from _unreachable(f"{path}.to", level.to, known)
        if not lapsed:
            law = Sentence(
                "has no level from the lapse on: what lapses would never escalate",
                "没有逾期及以后的级别：逾期事项将永远不会升级",
            )
            yield f"ladders.{i}", law


def _unreachable(path: str, recipients: Iterable[str], known: set[str]) -> Iterator[Breach]:
    for index, recipient in enumerate(recipients):
        if recipient not in known and recipient not in RELATIVE:
            yield f"{path}.{index}", nobody(recipient, RELATIVE)


def units_and_roles(pack: PolicyPack) -> set[str]:
    """What ``by`` and the like may name: each unit, and each role that one has."""
    return {unit.id for unit in pack.units} | {role for unit in pack.units for role in unit.roles}


def _follows(level: Level, last: Level) -> bool:
    """Whether a level comes later than the one before it, as far as their durations can be compared.

    Two come at once where one of them is not always taken.
    """
    at_once = level.conditional or last.conditional
    if level.before and last.before:
        return _compare(last.before, level.before, or_equal=at_once)
    if level.share and last.share:
        return level.share > last.share or (at_once and level.share == last.share)
    return not (level.after and last.after) or _compare(level.after, last.after, or_equal=at_once)


def _compare(longer: Within, shorter: Within, *, or_equal: bool = False) -> bool:
    """Whether ``longer`` is longer; durations of different kinds cannot be told apart without a calendar."""
    pairs = ((getattr(longer, kind), getattr(shorter, kind)) for kind in AMOUNTS)
    known = [(more, less) for more, less in pairs if more is not None and less is not None]
    return all(more > less or (or_equal and more == less) for more, less in known)


def obligations_have_ladders(pack: PolicyPack) -> Iterator[Breach]:
    ladders = {ladder.id for ladder in pack.ladders}
    for index, obligation in enumerate(pack.obligations):
        if obligation.ladder not in ladders:
            yield f"obligations.{index}.ladder", not_among(obligation.ladder, "ladders")


def obligations_belong_to_somebody(pack: PolicyPack) -> Iterator[Breach]:
    known = units_and_roles(pack)
    for index, obligation in enumerate(pack.obligations):
        if obligation.owner not in known and obligation.owner not in OWNERS:
            yield f"obligations.{index}.owner", nobody(obligation.owner, OWNERS)


def flags_are_known(pack: PolicyPack) -> Iterator[Breach]:
    flags = {flag.id for flag in pack.flags}
    references: list[tuple[str, tuple[str, ...]]] = []
    references += [(f"measures.{i}.flag", (measure.flag,)) for i, measure in enumerate(pack.measures) if measure.flag]
    references += [(f"obligations.{i}.flags", obligation.flags) for i, obligation in enumerate(pack.obligations)]
    for i, ladder in enumerate(pack.ladders):
        references += [(f"ladders.{i}.levels.{j}.flags", level.flags) for j, level in enumerate(ladder.levels)]
    checks = pack.gate.checks if pack.gate else ()
    references += [(f"gate.checks.{i}.flags", check.flags) for i, check in enumerate(checks)]
    references += [(f"triggers.{i}.flags", trigger.flags) for i, trigger in enumerate(pack.triggers)]
    references += [(path, (of,)) for path, (event, of) in occasions(pack) if event == "flagged" and of is not None]
    references += [
        (f"gate.blocks.{i}.flag", (block.flag,))
        for i, block in enumerate(pack.gate.blocks if pack.gate else ())
        if block.flag is not None
    ]
    for path, names in references:
        for name in names:
            if name not in flags:
                yield path, not_among(name, "flags")
    for i, flag in enumerate(pack.flags):
        yield from unknown_scope(f"flags.{i}", flag, pack)


def occasions_are_of_something(pack: PolicyPack) -> Iterator[Breach]:
    units = ({unit.id for unit in pack.units}, "units")
    known = {
        "referred": units,
        "received": units,
        "replied": ({reply.id for reply in pack.replies}, "replies"),
        "rated": ({SATISFIED} | ({rating.id for rating in pack.ratings} or {UNSATISFIED}), "ratings"),
        **dict.fromkeys(STEPS, ({step.id for step in pack.steps}, "steps")),
        "sign_seen": ({sign.id for sign in pack.signs}, "signs"),
    }
    for path, (event, of) in occasions(pack):
        if of is not None and event in known:
            yield from unknown([(path, of)], *known[event])


def rejections_concern_reports(pack: PolicyPack) -> Iterator[Breach]:
    for i, ground in enumerate(pack.rejections):
        yield from unknown_scope(f"rejections.{i}", ground, pack)


def what_a_person_assigns_has_no_co_units_yet(pack: PolicyPack) -> Iterator[Breach]:
    for i, line in enumerate(pack.responsibility_list):
        if line.lead == DESK and line.co:
            law = Sentence(
                f"whoever assigns what {DESK} takes names its co-units too",
                f"{DESK} 受理的问题由交办人一并指定协办单位，此处不写",
            )
            yield f"responsibility_list.{i}.co", law


def approvers_and_issuers_are_units(pack: PolicyPack) -> Iterator[Breach]:
    units = {unit.id for unit in pack.units}
    for i, measure in enumerate(pack.measures):
        if measure.approval is not None and measure.approval not in units:
            yield f"measures.{i}.approval", not_among(measure.approval, "units")
        yield from unknown_in(f"measures.{i}.issuers", measure.issuers, units, "units")


def a_reminder_of_what_a_clerk_looks_at_is_not_public(pack: PolicyPack) -> Iterator[Breach]:
    public = {measure.id for measure in pack.measures if measure.public} if pack.public_texts == "by_clerk" else set()
    for i, ladder in enumerate(pack.ladders):
        for j, level in enumerate(ladder.levels):
            if level.is_reminder and level.measure in public:
                law = Sentence(
                    f"a reminder waits for nobody, and {level.measure} is public: with `public_texts: by_clerk` take a "
                    "measure that is not public before the lapse",
                    f"提醒不等待任何人，而 {level.measure} 是公开的：写了 `public_texts: by_clerk`，"
                    "逾期之前请采用不公开的措施",
                )
                yield f"ladders.{i}.levels.{j}.measure", law


def gate_can_be_opened(pack: PolicyPack) -> Iterator[Breach]:
    if pack.gate is None:
        return
    yield from repeated("gate.checks", (check.id for check in pack.gate.checks))
    for i, check in enumerate(pack.gate.checks):
        yield from unknown_signers(f"gate.checks.{i}.by", check.by, units_and_roles(pack), SIGNERS)
        yield from unknown_scope(f"gate.checks.{i}", check, pack)
    for i, block in enumerate(pack.gate.blocks):
        yield from unknown_in(f"gate.blocks.{i}.by", block.by, {unit.id for unit in pack.units}, "units")
        yield from unknown_in(f"gate.blocks.{i}.outcomes", block.outcomes, set(pack.closing.outcomes), "outcomes")


def look_back_has_somebody(pack: PolicyPack) -> Iterator[Breach]:
    if pack.look_back is not None:
        yield from unknown_signers("look_back.by", pack.look_back.by, units_and_roles(pack), SIGNERS)


def triggers_can_fire(pack: PolicyPack) -> Iterator[Breach]:
    measures, known = {measure.id for measure in pack.measures}, units_and_roles(pack)
    for i, trigger in enumerate(pack.triggers):
        if trigger.on.event in ("measured", "escalated", "reminded"):
            law = Sentence(f"{trigger.on} is no event that sets off a measure", f"{trigger.on} 不能触发措施")
            yield f"triggers.{i}.on", law
        if trigger.measure not in measures:
            yield f"triggers.{i}.measure", not_among(trigger.measure, "measures")
        yield from _unreachable(f"triggers.{i}.to", trigger.to, known)
        yield from unknown_scope(f"triggers.{i}", trigger, pack)
        yield from unknown_in(f"triggers.{i}.outcomes", trigger.outcomes, set(pack.closing.outcomes), "outcomes")


def extensions_concern_obligations(pack: PolicyPack) -> Iterator[Breach]:
    rule = pack.extension
    if rule is None:
        return
    limits = {obligation.id: obligation.within for obligation in pack.obligations if obligation.within is not None}
    yield from unknown_in(
        "extension.obligations",
        rule.obligations,
        set(limits),
        Sentence("obligations with a limit", "有时限的 obligations"),
    )
    yield from unknown_in("extension.flags", rule.flags, {flag.id for flag in pack.flags}, "flags")
    yield from unknown_signers("extension.decided_by", rule.decided_by, units_and_roles(pack), SIGNERS)
    for obligation in rule.obligations:
        limit = limits.get(obligation)
        if rule.ahead is not None and limit is not None and not _compare(limit, rule.ahead):
            law = Sentence(
                f"is not shorter than the limit of {obligation}: nobody could ever ask in time",
                f"不短于 {obligation} 的时限：谁也无法及时申请",
            )
            yield "extension.ahead", law


def duties_are_owed(pack: PolicyPack) -> Iterator[Breach]:
    units, ladders = {unit.id for unit in pack.units}, {ladder.id for ladder in pack.ladders}
    roles, windows = {role for unit in pack.units for role in unit.roles}, {window.id for window in pack.windows}
    obligations = {obligation.id for obligation in pack.obligations}
    for i, duty in enumerate(pack.duties):
        yield from unknown_in(f"duties.{i}.units", duty.units, units, "units")
        yield from unknown_in(f"duties.{i}.roles", duty.roles, roles, ROLES_OF_UNITS)
        if duty.id in obligations:
            law = Sentence(f"{duty.id} is the id of an obligation already", f"{duty.id} 已是一项 obligations 的编号")
            yield f"duties.{i}.id", law
        if duty.ladder not in ladders:
            yield f"duties.{i}.ladder", not_among(duty.ladder, "ladders")
        if duty.schedule.during is not None and duty.schedule.during not in windows:
            yield f"duties.{i}.schedule.during", not_among(duty.schedule.during, "windows")
        if duty.due_on and duty.schedule.date and duty.due_on < duty.schedule.date:
            law = Sentence("lies before the day on which the duty opens", "早于任务开始之日")
            yield f"duties.{i}.due_on", law


LAWS: Final = (
    ids_are_unique,
    units_are_known,
    areas_and_categories_are_known,
    parents_form_trees,
    territory_has_a_unit,
    each_line_can_match,
    ladders_climb,
    obligations_have_ladders,
    obligations_belong_to_somebody,
    flags_are_known,
    occasions_are_of_something,
    rejections_concern_reports,
    what_a_person_assigns_has_no_co_units_yet,
    approvers_and_issuers_are_units,
    a_reminder_of_what_a_clerk_looks_at_is_not_public,
    gate_can_be_opened,
    look_back_has_somebody,
    triggers_can_fire,
    extensions_concern_obligations,
    duties_are_owed,
)
