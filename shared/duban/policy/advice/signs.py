"""Signs on which nothing depends."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.advice.form import Advice
from duban.policy.model.pack import PolicyPack
from duban.policy.occasions import occasions


def signs_unused(pack: PolicyPack) -> Iterator[Advice]:
    """Signs that are seen, and no more."""
    named = {occasion.of for _, occasion in occasions(pack) if occasion.event == "sign_seen"}
    if None in named:
        return  # any sign does
    for index, sign in enumerate(pack.signs):
        if sign.id not in named:
            words = f"nothing depends on {sign.id}: that it was seen stands in the ledger, and sets nothing off"
            yield Advice("sign_unused", f"signs.{index}", words, "note")
