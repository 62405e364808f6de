"""The laws of what measures and draws open: entries on lists, rewards, and duties that no calendar opens. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.laws.names import Breach, not_among, unknown, unknown_in, unknown_scope
from duban.policy.model.duty import Every
from duban.policy.model.ladder import Measure
from duban.policy.model.listing import ListRule
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence

#: The events by which a report has proved true.
PROVED = ("verified", "struck_off")


def opened_names_are_told_apart(pack: PolicyPack) -> Iterator[Breach]:
    places = {duty.id: f"duties.{i}" for i, duty in enumerate(pack.duties)}
    for section in ("lists", "rewards"):
        for i, entry in enumerate(getattr(pack, section)):
            if entry.id in places:
                law = Sentence(
                    f"the id {entry.id} stands at {places[entry.id]} already: `opens` names both",
                    f"编号 {entry.id} 已用于 {places[entry.id]}：`opens` 会同时指向两者",
                )
                yield f"{section}.{i}.id", law
            places.setdefault(entry.id, f"{section}.{i}")


def lists_and_rewards_have_somebody(pack: PolicyPack) -> Iterator[Breach]:
    references: list[tuple[str, str]] = []
    climbed: list[tuple[str, str]] = []
    for i, list_rule in enumerate(pack.lists):
        references.append((f"lists.{i}.keeper", list_rule.keeper))
        if list_rule.appeal is not None:
            references.append((f"lists.{i}.appeal.to", list_rule.appeal.to))
            climbed.append((f"lists.{i}.appeal.ladder", list_rule.appeal.ladder))
            if list_rule.appeal.to == list_rule.keeper:
                law = Sentence(
                    "keeps the list itself; an appeal is decided by somebody else",
                    "是该名单的管理单位；申诉须由其他单位决定",
                )
                yield f"lists.{i}.appeal.to", law
    for i, reward_rule in enumerate(pack.rewards):
        references += [(f"rewards.{i}.by", reward_rule.by), (f"rewards.{i}.pays", reward_rule.pays)]
        climbed.append((f"rewards.{i}.ladder", reward_rule.ladder))
    yield from unknown(references, {unit.id for unit in pack.units}, "units")
    yield from unknown(climbed, {ladder.id for ladder in pack.ladders}, "ladders")


def records_go_on_to_platforms(pack: PolicyPack) -> Iterator[Breach]:
    platforms, units = {platform.id for platform in pack.platforms}, {unit.id for unit in pack.units}
    climbed: list[tuple[str, str]] = []
    references = [
        (f"measures.{i}.passed_on_to", measure.passed_on_to)
        for i, measure in enumerate(pack.measures)
        if measure.passed_on_to
    ]
    for i, list_rule in enumerate(pack.lists):
        if list_rule.passed_on is not None:
            references.append((f"lists.{i}.passed_on.to", list_rule.passed_on.to))
            climbed.append((f"lists.{i}.passed_on.ladder", list_rule.passed_on.ladder))
    for i, platform in enumerate(pack.platforms):
        if platform.id in units:
            law = Sentence(
                f"{platform.id} is a unit: a platform needs an id of its own",
                f"{platform.id} 是单位：平台须有自己的编号",
            )
            yield f"platforms.{i}.id", law
    yield from unknown(references, platforms, "platforms")
    yield from unknown(climbed, {ladder.id for ladder in pack.ladders}, "ladders")


def measures_open_something(pack: PolicyPack) -> Iterator[Breach]:
    lists = {list_rule.id: list_rule for list_rule in pack.lists}
    called = {duty.id for duty in pack.duties if duty.schedule.every is Every.NEVER}
    known = {*lists, *called, *(reward_rule.id for reward_rule in pack.rewards)}
    for i, measure in enumerate(pack.measures):
        if measure.opens is not None and measure.opens not in known:
            law = Sentence(
                f"{measure.opens} is no list, no reward, and no duty with `every: never`",
                f"{measure.opens} 既不是名单或奖励，也不是写有 `every: never` 的任务",
            )
            yield f"measures.{i}.opens", law
        else:
            yield from _ground(f"measures.{i}", measure, lists.get(measure.opens or ""))
        if measure.owed_by and measure.opens not in called:
            law = Sentence("goes with `opens` and a duty, and only with it", "只能与指向任务的 `opens` 同时使用")
            yield f"measures.{i}.owed_by", law
        yield from unknown(
            ((f"measures.{i}.owed_by.{j}", unit) for j, unit in enumerate(measure.owed_by)),
            {unit.id for unit in pack.units},
            "units",
        )


def _ground(path: str, measure: Measure, opened: ListRule | None) -> Iterator[Breach]:
    if opened is None:
        if measure.ground is not None:
            law = Sentence("goes with `opens` and a list, and only with it", "只能与指向名单的 `opens` 同时使用")
            yield f"{path}.ground", law
    elif measure.ground not in {ground.id for ground in opened.grounds}:
        grounds = Sentence(f"grounds of the list {opened.id}", f"名单 {opened.id} 的 grounds")
        yield f"{path}.ground", not_among(measure.ground or Sentence("none", "所写的事由（未写）"), grounds)


def what_is_opened_is_opened_rightly(pack: PolicyPack) -> Iterator[Breach]:
    opening = {measure.id: measure.opens for measure in pack.measures if measure.opens}
    opened = {*opening.values(), *(draw.opens for draw in pack.draws)}
    rewards = {reward_rule.id for reward_rule in pack.rewards}
    for i, duty in enumerate(pack.duties):
        if duty.schedule.every is Every.NEVER and duty.id not in opened:
            law = Sentence(
                "no measure and no draw opens it: it would never be owed", "没有措施或抽查会启动它：永远不会有人承担"
            )
            yield f"duties.{i}.schedule", law
    for i, trigger in enumerate(pack.triggers):
        if opening.get(trigger.measure) in rewards and trigger.on.event not in PROVED:
            law = Sentence(
                f"a reward is owed once the report has proved true: on {' or '.join(PROVED)}",
                f"线索查实之后才发放奖励：请写 {' 或 '.join(PROVED)}",
            )
            yield f"triggers.{i}.on", law
    for i, ladder in enumerate(pack.ladders):
        for j, level in enumerate(ladder.levels):
            if opening.get(level.measure) in rewards:
                yield (
                    f"ladders.{i}.levels.{j}.measure",
                    Sentence(
                        "a lapse earns nobody a reward: let a trigger take this measure",
                        "逾期不产生奖励：请由 triggers 采取该措施",
                    ),
                )


def draws_lead_to_a_check(pack: PolicyPack) -> Iterator[Breach]:
    units, channels = {unit.id for unit in pack.units}, {channel.id for channel in pack.channels}
    called = {duty.id for duty in pack.duties if duty.schedule.every is Every.NEVER}
    sparing = {list_rule.id for list_rule in pack.lists if list_rule.of == "enterprise"}
    for i, draw in enumerate(pack.draws):
        if draw.opens not in called:
            law = Sentence(
                f"{draw.opens} is no duty with `every: never`", f"{draw.opens} 不是写有 `every: never` 的任务"
            )
            yield f"draws.{i}.opens", law
        if draw.spares is not None and draw.spares not in sparing:
            yield (
                f"draws.{i}.spares",
                Sentence(f"{draw.spares} is no list of enterprises", f"{draw.spares} 不是企业名单"),
            )
        yield from unknown([(f"draws.{i}.by", draw.by)], units, "units")
        yield from unknown_scope(f"draws.{i}", draw, pack)
        yield from unknown_in(f"draws.{i}.never_spares", draw.never_spares, channels, "channels")


LAWS = (
    opened_names_are_told_apart,
    lists_and_rewards_have_somebody,
    records_go_on_to_platforms,
    measures_open_something,
    what_is_opened_is_opened_rightly,
    draws_lead_to_a_check,
)
