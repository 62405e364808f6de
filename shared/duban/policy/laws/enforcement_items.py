"""The laws of the catalogue of enforcement: items that completed problems cite. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.model.pack import PolicyPack


def items_can_be_cited(pack: PolicyPack) -> Iterator[tuple[str, str]]:
    closing = pack.closing
    seen: dict[str, int] = {}
    for i, item in enumerate(closing.items):
        if item.code in seen:
            yield f"closing.items.{i}", f"the code {item.code} stands at closing.items.{seen[item.code]} already"
        seen.setdefault(item.code, i)
    if closing.item_for and not closing.items:
        yield "closing.item_for", "no `items` stand there to be cited: nothing could be completed so"
    for i, outcome in enumerate(closing.item_for):
        if outcome not in closing.outcomes:
            yield f"closing.item_for.{i}", f"{outcome} is no outcome of the closing"


LAWS = (items_can_be_cited,)
