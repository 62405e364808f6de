"""The laws of the catalogue of enforcement: items that completed problems cite. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence


def items_can_be_cited(pack: PolicyPack) -> Iterator[Breach]:
    closing = pack.closing
    seen: dict[str, int] = {}
    for i, item in enumerate(closing.items):
        if item.code in seen:
            place = f"closing.items.{seen[item.code]}"
            law = Sentence(f"the code {item.code} stands at {place} already", f"代码 {item.code} 已用于 {place}")
            yield f"closing.items.{i}", law
        seen.setdefault(item.code, i)
    if closing.item_for and not closing.items:
        law = Sentence(
            "no `items` stand there to be cited: nothing could be completed so",
            "没有可引用的 `items`：这样的问题无法办结",
        )
        yield "closing.item_for", law
    for i, outcome in enumerate(closing.item_for):
        if outcome not in closing.outcomes:
            yield (
                f"closing.item_for.{i}",
                Sentence(f"{outcome} is no outcome of the closing", f"closing 中没有办理结果 {outcome}"),
            )


LAWS = (items_can_be_cited,)
