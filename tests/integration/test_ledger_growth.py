"""What is anchored of the ledger: the newest hash of each record that the topic has told since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from duban.io.anchors import Growth
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.anchors import Anchor, Anchored
from duban.messages.envelope import Message, Record, encode
from duban.messages.envelope import record as told_as
from duban.messages.events import GENESIS, LedgerEvent, Refused
from duban_router.anchors import LedgerGrowth

pytestmark = pytest.mark.stack
AT = datetime(2026, 11, 29, tzinfo=UTC)
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def told(record: UUID, version: int) -> Record:
    """An event as far as an anchor looks into it."""
    value = b'{"event":{"problem_id":"%b","version":%d},"hash":"%064x","problem":{"of":"no concern here"}}'
    place, type_ = str(record), "duban.problem.registered"
    return told_as(
        LedgerEvent.TOPIC, type_, value % (place.encode(), version, version), id_=f"{place}{version}",
        source="test", subject=place, time=AT, jurisdiction="smallville", key=place, cause=None,
    )  # fmt: skip


def refused(record: UUID) -> Record:
    refusal = Refused(command="c", command_type="t", actor=do.Actor(unit="office"), at=AT, code="x", reason="y")
    return encode(Message("refusal", "test", str(record), AT, "smallville", str(record), refusal))


def places(growth: Growth) -> set[tuple[UUID, int, str]]:
    return {(head.record, head.version, head.hash.lstrip("0")) for head in growth.heads}


def after(growth: Growth) -> Anchor:
    return Anchor(chain=Anchored.LEDGER, number=1, previous=GENESIS, at=AT, heads=growth.heads, offsets=growth.offsets)


async def test_the_newest_event_of_each_record_is_anchored_once_and_only_what_came_since(
    stack: Any, topic: Callable[..., Awaitable[str]]
) -> None:
    await topic(LedgerEvent.TOPIC, 2, exact=True)
    settings = Settings(kafka=stack.kafka)
    publisher = Publisher(settings)
    grown = LedgerGrowth(settings)
    assert await grown(None) == Growth()
    odd = Record(LedgerEvent.TOPIC, str(ONE).encode(), b"not ours", ())
    await publisher.publish([told(ONE, 1), told(TWO, 1), told(ONE, 2), refused(ONE), odd, told(ONE, 1)])
    first = await grown(None)
    assert places(first) == {(ONE, 2, "2"), (TWO, 1, "1")}
    assert sum(first.offsets.values()) == 6, "what is no event is read once, too"
    assert await grown(after(first)) == Growth(offsets=first.offsets)
    await publisher.publish([told(THREE, 1), told(TWO, 2)])
    second = await grown(after(first))
    assert places(second) == {(THREE, 1, "1"), (TWO, 2, "2")}
    assert not second.more

    # In parts, when there is much; together they are the same.
    for parts in (LedgerGrowth(settings, most_heads=1), LedgerGrowth(settings, most_records=1)):
        latest, all_of_it = await parts(None), set[tuple[UUID, int, str]]()
        while latest.more:
            assert len(latest.heads) <= 1
            all_of_it |= places(latest)
            latest = await parts(after(latest))
        assert not latest.heads
        assert all_of_it >= places(second) | {(ONE, 2, "2")}
        assert latest.offsets == second.offsets

    # A topic that was made anew ends before that offset: then all of it is read.
    far = struct.replace(after(second), offsets={0: 1000, 1: 1000})
    assert places(await grown(far)) == {(ONE, 2, "2"), (TWO, 2, "2"), (THREE, 1, "1")}
    await publisher.stop()
