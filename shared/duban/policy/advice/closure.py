"""How problems come to their end: what nobody may verify, sign or look back at, and marks that change nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from duban.moves import Occasion
from duban.policy.advice.form import Advice, some
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions
from duban.policy.signers import Way, unsigned, ways


def verified_by_nobody(pack: PolicyPack) -> Iterator[Advice]:
    """Lines by which the office, which alone verifies, is the handler that may not."""
    if not pack.closing.verify:
        return
    lines = {way.line for way in ways(pack) if way.lead == pack.office}
    for line in sorted(lines):
        words = f"{pack.office} leads here, and who handles a problem does not verify it: nobody else verifies"
        yield Advice("verified_by_nobody", f"responsibility_list.{line}.lead", words)


def checks_unsigned(pack: PolicyPack) -> Iterator[Advice]:
    """Checks that nobody may sign for some of the problems that they stand before."""
    for index, check in enumerate(pack.gate.checks if pack.gate is not None else ()):
        stuck, _ = unsigned(pack, check.by, check.categories, check.matters)
        if stuck:
            words = f"nobody may sign {check.id} for {_in_words(stuck)}: each of {some(check.by)} handles it"
            yield Advice("check_unsigned", f"gate.checks.{index}.by", words)


def look_back_unsigned(pack: PolicyPack) -> Iterator[Advice]:
    """Problems that nobody may look back at, because all who may have handled them."""
    if pack.look_back is None:
        return
    stuck, _ = unsigned(pack, pack.look_back.by)
    if stuck:
        words = f"nobody may look back at {_in_words(stuck)}: each of {some(pack.look_back.by)} handles it"
        yield Advice("look_back_unsigned", "look_back.by", words)


def _in_words(stuck: Collection[Way]) -> str:
    lines = dict.fromkeys(f"responsibility_list.{way.line}" for way in stuck)
    return f"{some(dict.fromkeys(way.category for way in stuck))} by {some(lines, most=3)}"


def flags_unused(pack: PolicyPack) -> Iterator[Advice]:
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
            words = f"nothing depends on {flag.id}: it is shown, and changes neither limits, nor measures, nor the gate"
            yield Advice("flag_unused", f"flags.{index}", words, "note")
