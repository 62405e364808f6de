"""Where a pack speaks of events: what sets clocks going, meets what is owed, is waited for, sets off measures. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.moves import Occasion
from duban.policy.model.pack import PolicyPack


def occasions(pack: PolicyPack) -> Iterator[tuple[str, Occasion]]:
    """Every occasion that the pack names, with the path where it stands."""
    for i, obligation in enumerate(pack.obligations):
        for field, named in (("since", obligation.since), ("met_by", obligation.met_by)):
            yield from ((f"obligations.{i}.{field}.{j}", occasion) for j, occasion in enumerate(named))
    for i, rating in enumerate(pack.ratings):
        yield from ((f"ratings.{i}.holds_until.{j}", occasion) for j, occasion in enumerate(rating.holds_until))
    yield from ((f"triggers.{i}.on", trigger.on) for i, trigger in enumerate(pack.triggers))
    yield from (
        (f"gate.blocks.{i}.needs", block.needs) for i, block in enumerate(pack.gate.blocks if pack.gate else ())
    )
