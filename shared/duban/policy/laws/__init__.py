"""The laws between the entries of a pack. A pack that breaks one is refused with its path and the law. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from duban.policy.laws import assessment, enforcement_items, problems, records, targets, texts
from duban.policy.laws.names import Breach
from duban.policy.model.pack import PolicyPack

#: Every law, in the order in which a pack is held against them.
LAWS: tuple[Callable[[PolicyPack], Iterator[Breach]], ...] = (
    *problems.LAWS,
    *assessment.LAWS,
    *targets.LAWS,
    *records.LAWS,
    *enforcement_items.LAWS,
    *texts.LAWS,
)


def breaches(pack: PolicyPack) -> Iterator[Breach]:
    """Every law that ``pack`` breaks, in the order of the file."""
    for law in LAWS:
        yield from law(pack)


__all__ = ["LAWS", "Breach", "breaches"]
