"""The laws of signs: what they are of is there. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.policy.laws.names import Breach, unknown_in
from duban.policy.model.pack import PolicyPack


def signs_are_of_obligations(pack: PolicyPack) -> Iterator[Breach]:
    known = {obligation.id for obligation in pack.obligations}
    for i, sign in enumerate(pack.signs):
        yield from unknown_in(f"signs.{i}.obligations", sign.obligations, known, "obligations")


LAWS: Final = (signs_are_of_obligations,)
