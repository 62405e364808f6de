"""The reason for being late in sentences: who gives it until when, who accepts it, and what it holds until then."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.model.lifecycle import JustificationRule
from duban.policy.model.pack import PolicyPack
from duban_console.pack_text.words import Words


def justification(pack: PolicyPack, words: Words) -> Iterator[str]:
    """A bullet for who gives it, one for who decides, and what an accepted reason spares."""
    rule = pack.justification
    assert rule is not None  # a section that is empty is not told
    founded = words.founded(rule)
    of = words.names(rule.obligations, words.entries["obligations"])
    late = words.say(f" with {of}" if of else "", f"（限于{of}）" if of else "")
    sealed = words.say(", with sealed evidence", "，须附固化的证据") if rule.evidence else ""
    until = _until(rule, words)
    yield words.say(
        f"- Whoever is late{late} gives the reason {until}{sealed}." + (f" {founded}" if founded else ""),
        f"- 责任单位逾期的{late}，{until}说明理由{sealed}。{founded}",
    )
    by = words.listed((words.unit(unit) for unit in rule.accepted_by), ("or", "或"))
    yield words.say(
        f"- {by[0].upper()}{by[1:]} accepts it, or refuses it with a reason. Until then the ladder waits at a level "
        "that asks for it, at most until the next that does not ask is due; then both are taken.",
        f"- 由{by}认定，不成立的须说明理由。认定之前，升级阶梯停在有正当理由即免除的一级，"
        "最迟到下一个不问理由的级到期为止，届时两级一并执行。",
    )


def _until(rule: JustificationRule, words: Words) -> str:
    if rule.before_lapse:
        return words.say("before the limit lapses", "须在期限届满前")
    if rule.within is not None:
        within = words.duration(rule.within)
        if rule.within.at is not None:
            return words.say(f"by {within} after the lapse", f"须在届满后{within}前")
        return words.say(f"within {within} of the lapse", f"须在届满后{within}内")
    return words.say("until the level is taken", "须在该级执行之前")
