"""How problems come to their end: what nobody may verify, sign or look back at, and marks that change nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from duban.moves import Occasion
from duban.policy.advice.form import Advice, Speech
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions
from duban.policy.signers import Way, unsigned, ways


def verified_by_nobody(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Lines by which the office, which alone verifies, is the handler that may not."""
    if not pack.closing.verify:
        return
    lines = {way.line for way in ways(pack) if way.lead == pack.office}
    for line in sorted(lines):
        words = speech.say(
            f"{pack.office} leads here, and who handles a problem does not verify it: nobody else verifies",
            f"此处由 {pack.office} 承办，而承办单位不得核查自己的问题：没有其他单位可以核查",
        )
        yield Advice("verified_by_nobody", f"responsibility_list.{line}.lead", words)


def checks_unsigned(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Checks that nobody may sign for some of the problems that they stand before."""
    for index, check in enumerate(pack.gate.checks if pack.gate is not None else ()):
        stuck, _ = unsigned(pack, check.by, check.categories, check.matters)
        if stuck:
            by = speech.some(check.by)
            words = speech.say(
                f"nobody may sign {check.id} for {_in_words(stuck, speech)}: each of {by} handles it",
                f"{_in_words(stuck, speech)}，没有单位可以为 {check.id} 签字：{by} 均为承办单位",
            )
            yield Advice("check_unsigned", f"gate.checks.{index}.by", words)


def look_back_unsigned(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Problems that nobody may look back at, because all who may have handled them."""
    if pack.look_back is None:
        return
    stuck, _ = unsigned(pack, pack.look_back.by)
    if stuck:
        by = speech.some(pack.look_back.by)
        words = speech.say(
            f"nobody may look back at {_in_words(stuck, speech)}: each of {by} handles it",
            f"{_in_words(stuck, speech)}，没有单位可以回头看：{by} 均为承办单位",
        )
        yield Advice("look_back_unsigned", "look_back.by", words)


def _in_words(stuck: Collection[Way], speech: Speech) -> str:
    lines = speech.some(dict.fromkeys(f"responsibility_list.{way.line}" for way in stuck), most=3)
    categories = speech.some(dict.fromkeys(way.category for way in stuck))
    return speech.say(f"{categories} by {lines}", f"{categories} 类问题按 {lines} 交办的")


def flags_unused(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Marks on which nothing depends: they are shown, and no more."""
    decisive = {flag for obligation in pack.obligations for flag in obligation.flags}
    decisive |= {flag for trigger in pack.triggers for flag in trigger.flags}
    decisive |= {block.flag for block in (pack.gate.blocks if pack.gate is not None else ()) if block.flag is not None}
    decisive |= {flag for check in (pack.gate.checks if pack.gate is not None else ()) for flag in check.flags}
    decisive |= {flag for ladder in pack.ladders for level in ladder.levels for flag in level.flags}
    decisive |= {*(pack.extension.flags if pack.extension is not None else ())}
    decisive |= {of for _, (event, of) in occasions(pack) if event == "flagged" and of is not None}
    if any(trigger.on == Occasion("flagged") and not trigger.flags for trigger in pack.triggers):
        return  # any mark sets it off
    for index, flag in enumerate(pack.flags):
        if flag.id not in decisive:
            words = speech.say(
                f"nothing depends on {flag.id}: it is shown, and changes neither limits, nor measures, nor the gate",
                f"没有任何规定用到标记 {flag.id}：只作显示，不影响时限、措施和销号条件",
            )
            yield Advice("flag_unused", f"flags.{index}", words, "note")
