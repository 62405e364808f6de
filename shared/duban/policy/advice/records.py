"""What measures open: rights of whoever stands on a list, rewards that nobody gets, or without a bound."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice, Severity
from duban.policy.model.listing import ListRule
from duban.policy.model.pack import PolicyPack


def opened_by_nothing(pack: PolicyPack) -> Iterator[Advice]:
    """Rewards that are never owed, and lists that nobody gets on unless the keeper writes it by hand."""
    opened = {measure.opens for measure in pack.measures if measure.opens}
    for index, paid in enumerate(pack.rewards):
        if paid.id not in opened:
            yield Advice("reward_unused", f"rewards.{index}", f"no measure opens {paid.id}: it would never be owed")
    for index, kept in enumerate(pack.lists):
        if kept.id not in opened:
            words = f"no measure opens {kept.id}: only {kept.keeper} puts anybody on it, by hand"
            yield Advice("list_by_hand", f"lists.{index}", words, "note")


def lists(pack: PolicyPack) -> Iterator[Advice]:
    """Lists on which one stands unheard, is named before one could answer, or stays for ever."""
    for index, kept in enumerate(pack.lists):
        path, severity = f"lists.{index}", _severity(pack, kept)
        if kept.appeal is None:
            words = f"nobody hears an appeal against {kept.id}: whoever stands on it has no protection of rights"
            yield Advice("list_without_appeal", path, words, severity)
        if kept.public and kept.notice is None:
            words = f"{kept.id} is public, and gives no `notice`: a name is out before its bearer could answer"
            yield Advice("list_without_notice", path, words, severity)
        if kept.term is None:
            words = f"{kept.id} has no `term`: one stands on it until {kept.keeper} takes one off"
            yield Advice("list_without_term", path, words, "note")


def _severity(pack: PolicyPack, kept: ListRule) -> Severity:
    """Rights weigh where an enterprise is burdened: a list of praise, or one of public bodies, may do without."""
    burdens = bool(kept.bars) or any(measure.opens == kept.id for measure in pack.measures)
    spares = any(draw.spares == kept.id for draw in pack.draws)
    return "warning" if burdens and not spares and kept.of == "enterprise" else "note"


def rewards(pack: PolicyPack) -> Iterator[Advice]:
    """Rewards without a bound, and such as nobody can be found for."""
    workers = any(area.cell is not None for area in pack.areas)
    for index, paid in enumerate(pack.rewards):
        if paid.budget is None:
            words = f"{paid.id} has no `budget`: nothing bounds what is awarded in a year"
            yield Advice("reward_without_budget", f"rewards.{index}", words, "note")
        if paid.to == "worker" and not workers:
            words = f"{paid.id} is for the worker of the cell, but no area names one: nobody would get it"
            yield Advice("reward_without_worker", f"rewards.{index}", words)
