"""The laws of detection: what a rule reports, the pack takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.laws.names import Breach, twice, unknown, unknown_in
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence


def detection_names_what_is_known(pack: PolicyPack) -> Iterator[Breach]:
    if pack.detection is None:
        return
    known = {
        "category": {category.id for category in pack.categories},
        "matter": {matter.id for matter in pack.matters},
        "channel": {channel.id for channel in pack.channels},
    }
    plural = {"category": "categories", "matter": "matters", "channel": "channels"}
    ids: set[str] = set()
    for section in ("rules", "surges"):
        for i, rule in enumerate(getattr(pack.detection, section)):
            path = f"detection.{section}.{i}"
            if rule.id in ids:
                yield f"{path}.id", twice(rule.id)
            ids.add(rule.id)
            for field, names in known.items():
                if (name := getattr(rule, field)) is not None:
                    yield from unknown([(f"{path}.{field}", name)], names, plural[field])
    for i, surge in enumerate(pack.detection.surges):
        path = f"detection.surges.{i}"
        yield from unknown_in(f"{path}.categories", surge.categories, known["category"], "categories")
        yield from unknown_in(f"{path}.channels", surge.channels, known["channel"], "channels")
        if surge.channel in surge.channels or not surge.channels:
            yield (
                f"{path}.channel",
                Sentence(
                    f"{surge.channel} is counted itself, so that a surge would feed itself: count other `channels`",
                    f"{surge.channel} 本身也被计数，激增会自我助长：请只计其他 `channels`",
                ),
            )


LAWS = (detection_names_what_is_known,)
