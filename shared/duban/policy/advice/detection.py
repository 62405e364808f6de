"""What a careful reader would ask about the rules of detection. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.policy.advice.form import Advice, Speech
from duban.policy.model.pack import PolicyPack

#: Conditions by which the equipment itself is watched.
_OF_EQUIPMENT: Final = frozenset({"flagged", "missing", "silent"})


def monitors_that_nobody_watches(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Rules over numbers, where none notices that the numbers stay away."""
    rules = pack.detection.rules if pack.detection else ()
    if rules and _OF_EQUIPMENT.isdisjoint(rule.when.kind for rule in rules):
        words = speech.say(
            "a monitor that fails raises nothing: add a rule `when` it is `silent`, or data are `flagged` or `missing`",
            "监测设备失灵时不会有任何提示：请增加一条规则，`when` 写 `silent`（无数据）、`flagged`（数据带标记）"
            "或 `missing`（数据缺失）",
        )
        yield Advice("monitors_unwatched", "detection.rules", words)
