"""What is nobody's after its offset was committed becomes the dead letter that its runner would have written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from duban.errors import RecordTooLarge, Unavailable
from duban.io.aside import Aside, Committed
from duban.io.dead_letters import DeadLetter, size
from duban.io.publisher import Publisher
from duban.io.settings import Settings

GROUP = "duban-deliverer"


class Shelf(Publisher):
    """Takes letters of ``most`` bytes at most, all or none of a call, as a topic does."""

    def __init__(self, most: int = 10_000) -> None:
        super().__init__(Settings(), "test")
        self.most = most
        self.away = False
        self.letters: list[DeadLetter] = []

    async def publish(self, records: Sequence[DeadLetter]) -> None:  # type: ignore[override] # as it is called here
        if self.away:
            raise Unavailable("away")
        for record in records:
            if size(record) > self.most:
                raise RecordTooLarge(record.topic, b"k", size(record), self.most)
        self.letters += records


def committed(offset: int, value: bytes = b"{}") -> Committed:
    headers = [("ce_id", b"1")]
    return Committed("duban.notices.v1", 3, offset, b"water", value, headers, ValueError("404"), "refused")


async def test_the_record_lies_aside_byte_for_byte_with_its_place_its_reason_and_its_code() -> None:
    shelf = Shelf()
    before = counted()
    await Aside(shelf, GROUP, 1_000_000)([committed(42)])
    (letter,) = shelf.letters
    assert (letter.topic, letter.key, letter.value) == (f"duban.notices.v1.{GROUP}.dlq", b"water", b"{}")
    headers = dict(letter.headers)
    assert headers["ce_id"] == b"1"
    assert (headers["__streams.errors.partition"], headers["__streams.errors.offset"]) == (b"3", b"42")
    assert (headers["__streams.errors.message"], headers["duban.dlq.code"]) == (b"404", b"refused")
    assert headers["duban.dlq.retryable"] == b"true"
    assert counted() == before + 1


async def test_what_its_topic_will_not_take_goes_without_its_bytes_and_the_others_whole() -> None:
    shelf = Shelf()
    await Aside(shelf, GROUP, 1_000_000)([committed(1), committed(2, b"x" * 20_000), committed(3)])
    assert [letter.value for letter in shelf.letters] == [b"{}", None, b"{}"]


async def test_while_the_broker_is_away_nothing_is_counted() -> None:
    shelf = Shelf()
    shelf.away = True
    before = counted()
    with pytest.raises(Unavailable):
        await Aside(shelf, GROUP, 1_000_000)([committed(1)])
    assert counted() == before


def counted() -> float:
    labels = {"group": GROUP, "topic": "duban.notices.v1", "code": "refused"}
    return REGISTRY.get_sample_value("duban_dead_letters_total", labels) or 0.0
