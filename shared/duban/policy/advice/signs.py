"""Signs on which nothing depends."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice, Speech
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions


def signs_unused(pack: PolicyPack, speech: Speech) -> Iterator[Advice]:
    """Signs that are seen, and no more."""
    named = {occasion.of for _, occasion in occasions(pack) if occasion.event == "sign_seen"}
    if None in named:
        return  # any sign does
    for index, sign in enumerate(pack.signs):
        if sign.id not in named:
            words = speech.say(
                f"nothing depends on {sign.id}: that it was seen stands in the ledger, and sets nothing off",
                f"没有任何规定用到迹象 {sign.id}：发现之后只记入台账，不触发任何措施",
            )
            yield Advice("sign_unused", f"signs.{index}", words, "note")
