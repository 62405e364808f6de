"""Keys meet the partitions that Java clients choose, and a broker that hangs holds no end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from duban.errors import RecordTooLarge
from duban.io.publisher import Publisher, partition_of
from duban.io.settings import Settings
from duban.messages.envelope import Record

#: org.apache.kafka.common.utils.UtilsTest#testMurmur2
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA, ids=bytes.decode)
@pytest.mark.parametrize("partitions", [1, 6, 64])
def test_a_key_goes_where_java_sends_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (JAVA[key] & 0x7FFFFFFF) % partitions


def test_a_record_beyond_the_limit_is_named() -> None:
    publisher = Publisher(Settings(max_record_bytes=2000))
    publisher.check(Record("t", b"k", b"x" * 1900, ()))
    with pytest.raises(RecordTooLarge, match=r"2001 bytes for t, key b'k': the limit is 2000"):
        publisher.check(Record("t", b"k", b"x" * 2000, ()))


class Hanging:
    """A producer whose broker takes what is left, and never answers."""

    def __init__(self) -> None:
        self.client, self.closed = self, False
        self._sender = SimpleNamespace(sender_task=None)

    async def stop(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


async def test_the_end_does_not_wait_for_a_broker_that_hangs_as_long_as_a_publish_may() -> None:
    publisher = Publisher(Settings(publish_timeout=3600))
    publisher._producer = producer = Hanging()  # type: ignore[assignment]
    async with asyncio.timeout(30):
        await publisher.stop()
    assert producer.closed
