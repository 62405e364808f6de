"""Whatever bytes a batch holds, its reader gets every record that can be read, and goes on."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any
from weakref import ref

import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.io.dead_letters import dead_letter
from duban.io.lenient_records import LenientPartitionRecords, _KeptRecords

PLACE = TopicPartition("t", 0)


class Name(bytes):
    """A header name of any bytes, where the library asks for text."""

    def encode(self, *_: Any) -> bytes:
        return bytes(self)


def batch(base: int, *headers: Sequence[tuple[bytes, bytes | None]], compression: int = 0) -> bytes:
    """A batch of records with these headers, as a broker stores it."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2, compression_type=compression, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    for number, names in enumerate(headers):
        sent: Any = [(Name(name), value) for name, value in names]
        assert builder.append(number, 0, b"k%d" % number, b"value %d " % number * 20, headers=sent)
    raw = bytearray(builder.build())
    raw[0:8] = base.to_bytes(8, "big")
    return bytes(raw)


def damaged(raw: bytes, at: int, byte: int) -> bytes:
    """``raw`` with one byte of its body changed, and a checksum that is right again."""
    changed = bytearray(raw)
    changed[61 + at % (len(raw) - 61)] = byte
    changed[17:21] = calc_crc32c(bytes(changed[21:])).to_bytes(4, "big")
    return bytes(changed)


def read(raw: bytes, offset: int = 0, reader: type[PartitionRecords] = LenientPartitionRecords) -> list[Any]:
    return list(reader(PLACE, _KeptRecords(raw), [], offset, None, None, True, 0))


GOOD, ODD = [(b"ce_id", b"1")], [(b"\xff\xfe", b"v"), (b"ce_id", b"2")]


def test_the_library_alone_stands_at_such_a_record_for_ever() -> None:
    with pytest.raises((UnicodeDecodeError, CorruptRecordException)):
        read(batch(0, GOOD, ODD, GOOD), reader=PartitionRecords)


@pytest.mark.parametrize("compression", [0, 1, 3])
def test_a_header_name_that_is_no_text_costs_no_other_record(compression: int) -> None:
    raw = batch(0, GOOD, ODD, GOOD, compression=compression) + batch(3, GOOD)
    found = read(raw)
    assert [one.offset for one in found] == [0, 1, 2, 3]
    assert [one.key for one in found] == [b"k0", b"k1", b"k2", b"k0"]
    assert [one.offset for one in read(raw, offset=2)] == [2, 3]
    assert dict(found[1].headers)["ce_id"] == b"2"


@pytest.mark.parametrize("taken", [0, 1])
def test_what_a_reader_leaves_before_the_end_goes_with_it(taken: int) -> None:
    """Without a collection of garbage, which is hours away in a service whose objects hold no cycles."""
    gc.disable()
    try:
        reader: Any = LenientPartitionRecords
        records = reader(PLACE, _KeptRecords(batch(0, GOOD, ODD, GOOD)), [], 0, None, None, True, 0)
        for _ in range(taken):
            next(records)
        left = ref(records)
        del records
        assert left() is None
    finally:
        gc.enable()


def test_the_bytes_of_such_a_name_stand_in_the_dead_letter_in_words() -> None:
    (odd,) = read(batch(7, ODD))
    letter = dead_letter(odd, "g", ValueError(), code="invalid", attempts=1, retryable=False, most_bytes=10_000)
    assert letter.headers[0] == ("\\xff\\xfe", b"v")
    assert [name.encode() for name, _ in letter.headers]


def test_a_batch_that_cannot_be_unpacked_comes_as_one_record_of_its_bytes_and_the_next_ones_follow() -> None:
    broken = damaged(batch(0, GOOD, GOOD, compression=1), at=3, byte=0)
    broken = damaged(broken, at=0, byte=0)  # no gzip any more
    found = read(broken + batch(2, GOOD))
    assert [one.offset for one in found] == [1, 2]
    assert found[0].value == broken
    assert "duban.unreadable" in dict(found[0].headers)


def test_what_was_damaged_on_its_way_is_fetched_again() -> None:
    raw = bytearray(batch(0, GOOD))
    raw[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="CRC"):
        read(bytes(raw))


HEADERS = st.lists(st.tuples(st.binary(max_size=6), st.none() | st.binary(max_size=6)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.lists(HEADERS, min_size=1, max_size=4), st.integers(0, 4000), st.integers(0, 255), st.sampled_from([0, 1]))
def test_no_bytes_keep_a_reader_from_the_next_batch(
    headers: list[list[tuple[bytes, bytes | None]]], at: int, byte: int, compression: int
) -> None:
    """Damaged is only what is compressed: a broker looks into the rest, and refuses what is no record."""
    first = batch(0, *headers, compression=compression)
    found = read((damaged(first, at, byte) if compression else first) + batch(len(headers), GOOD))
    assert found[-1].offset == len(headers)
    offsets = [one.offset for one in found]
    assert offsets == sorted(set(offsets))
    for one in found:
        dead_letter(one, "g", ValueError(), code="invalid", attempts=1, retryable=False, most_bytes=10_000)
