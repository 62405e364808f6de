"""The laws of what is sealed: no rule reads what nobody may. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.messages.report import SealedField
from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence


def what_is_sealed_is_read_by_no_rule(pack: PolicyPack) -> Iterator[Breach]:
    if pack.privacy is None or SealedField.LOCATION not in pack.privacy.seal:
        return
    path = f"privacy.seal.{pack.privacy.seal.index(SealedField.LOCATION)}"
    for place, near in (
        ("near", pack.near),
        *((f"categories.{i}.near", category.near) for i, category in enumerate(pack.categories)),
        *((f"matters.{i}.near", matter.near) for i, matter in enumerate(pack.matters)),
    ):
        if near not in (None, "never"):
            law = Sentence(
                f"the location is read by `{place}`: write `near: never` there, or leave the location open",
                f"`{place}` 要用到位置：请在该处写 `near: never`，或不密封位置",
            )
            yield path, law
            return


LAWS: Final = (what_is_sealed_is_read_by_no_rule,)
