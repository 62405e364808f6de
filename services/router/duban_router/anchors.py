"""By what the ledger has grown since an anchor: read from the topic that tells it, beside the way of commands.

What the topic has told is anchored, not what the database holds: who may write there has no hand in the anchors.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Final
from uuid import UUID

from duban.errors import Undecodable
from duban.io.anchors import Growth
from duban.io.decode import delivery
from duban.io.settings import Settings
from duban.io.tail import present_records
from duban.messages.anchors import Anchor, Head
from duban.messages.events import TOLD, LedgerEvent, Told

#: Most heads in one anchor (about 125 bytes each), and most records read for one.
_MOST_HEADS: Final = 5_000
_MOST_RECORDS: Final = 100_000


class LedgerGrowth:
    """The newest event of each record that ``duban.problems.v1`` has told since an anchor, and how far it was read."""

    def __init__(self, settings: Settings, most_heads: int = _MOST_HEADS, most_records: int = _MOST_RECORDS) -> None:
        self._settings = settings
        self._most_heads = most_heads
        self._most_records = most_records

    async def __call__(self, latest: Anchor | None) -> Growth:
        """What has grown since ``latest``, or since the beginning."""
        offsets = dict(latest.offsets) if latest else {}
        heads: dict[UUID, Head] = {}
        read = 0
        async with aclosing(present_records(self._settings, LedgerEvent.TOPIC, offsets)) as records:
            async for record in records:
                read += 1
                offsets[record.partition] = record.offset + 1
                try:
                    data = delivery(record, TOLD).message.data
                except Undecodable:
                    continue  # nothing that the router tells: `duban ledger verify` looks at what it does tell
                if isinstance(data, Told):
                    place = data.event
                    known = heads.get(place.problem_id)
                    if known is None or place.version > known.version:
                        heads[place.problem_id] = Head(record=place.problem_id, version=place.version, hash=data.hash)
                if len(heads) == self._most_heads or read >= self._most_records:
                    return Growth(tuple(heads.values()), offsets, more=True)
        return Growth(tuple(heads.values()), offsets)
