"""What measures open: rights of whoever stands on a list, rewards that nobody gets, or without a bound."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice, Severity, Speech
from duban.policy.model.listing import ListRule
from duban.policy.model.pack import PolicyPack


def opened_by_nothing(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Rewards that are never owed, and lists that nobody gets on unless the keeper writes it by hand."""
    opened = {measure.opens for measure in pack.measures if measure.opens}
    for index, reward_rule in enumerate(pack.rewards):
        if reward_rule.id not in opened:
            words = speech.say(
                f"no measure opens {reward_rule.id}: it would never be owed",
                f"没有措施开启 {reward_rule.id}：这一奖励永远不会产生",
            )
            yield Advice("reward_unused", f"rewards.{index}", words)
    for index, list_rule in enumerate(pack.lists):
        if list_rule.id not in opened:
            words = speech.say(
                f"no measure opens {list_rule.id}: only {list_rule.keeper} puts anybody on it, by hand",
                f"没有措施开启 {list_rule.id}：只有 {list_rule.keeper} 人工列入",
            )
            yield Advice("list_by_hand", f"lists.{index}", words, "note")


def lists(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Lists on which one stands unheard, is named before one could answer, or stays for ever."""
    for index, list_rule in enumerate(pack.lists):
        path, severity = f"lists.{index}", _severity(pack, list_rule)
        if list_rule.appeal is None:
            words = speech.say(
                f"nobody hears an appeal against {list_rule.id}: whoever stands on it has no protection of rights",
                f"对列入 {list_rule.id} 不受理申诉：被列入者的权利没有保障",
            )
            yield Advice("list_without_appeal", path, words, severity)
        if list_rule.public and list_rule.notice is None:
            words = speech.say(
                f"{list_rule.id} is public, and gives no `notice`: a name is out before its bearer could answer",
                f"{list_rule.id} 是公开的，却没有写 `notice`（告知期）：被列入者来不及申辩，名称已经公开",
            )
            yield Advice("list_without_notice", path, words, severity)
        if list_rule.term is None:
            words = speech.say(
                f"{list_rule.id} has no `term`: one stands on it until {list_rule.keeper} takes one off",
                f"{list_rule.id} 没有写 `term`（列入期限）：一直列入，直到 {list_rule.keeper} 移出",
            )
            yield Advice("list_without_term", path, words, "note")


def _severity(pack: PolicyPack, list_rule: ListRule) -> Severity:
    """Rights weigh where an enterprise is burdened: a list of praise, or one of public bodies, may do without."""
    burdens = bool(list_rule.bars) or any(measure.opens == list_rule.id for measure in pack.measures)
    spares = any(draw.spares == list_rule.id for draw in pack.draws)
    return "warning" if burdens and not spares and list_rule.of == "enterprise" else "note"


def rewards(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Rewards without a bound, and such as nobody can be found for."""
    workers = any(area.cell is not None for area in pack.areas)
    for index, reward_rule in enumerate(pack.rewards):
        if reward_rule.budget is None:
            words = speech.say(
                f"{reward_rule.id} has no `budget`: nothing bounds what is awarded in a year",
                f"{reward_rule.id} 没有写 `budget`（年度预算）：一年的奖励金额没有上限",
            )
            yield Advice("reward_without_budget", f"rewards.{index}", words, "note")
        if reward_rule.to == "worker" and not workers:
            words = speech.say(
                f"{reward_rule.id} is for the worker of the cell, but no area names one: nobody would get it",
                f"{reward_rule.id} 奖励网格责任人，但没有任何区域写明责任人：没有人能得到奖励",
            )
            yield Advice("reward_without_worker", f"rewards.{index}", words)
