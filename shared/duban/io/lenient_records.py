"""Records as a topic holds them, whatever bytes they are: no record keeps a reader from the next.

A broker takes header names that are no UTF-8, and batches whose bytes are damaged inside a good checksum; aiokafka
refuses the whole fetch that holds one, and so stands at that offset for ever. Here the batch is read a second time,
leniently: a name that is no UTF-8 keeps its bytes as surrogates, and what cannot be read at all comes as one record
whose value is the batch itself. Either way it reaches the reader, which sets it aside as it does with any bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import Any, Final
from weakref import proxy

import structlog
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import MemoryRecords

#: A batch begins with its base offset (8 bytes) and the length of the rest (4 bytes).
_OVERHEAD: Final = 12
_MAGIC: Final = 16
_log = structlog.get_logger(__name__)


class _KeptRecords(MemoryRecords):  # type: ignore[misc,valid-type] # an extension type without annotations
    """What was fetched of one partition, with its bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self.raw = raw


class _LenientBytes(bytearray):
    """Bytes whose text may be anything: what is no UTF-8 becomes surrogates."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _LenientBytes(part) if isinstance(place, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return bytes(self).decode(encoding, "surrogateescape")


class LenientPartitionRecords(PartitionRecords):
    """The records of one partition; a batch that cannot be read is read leniently, and then come the next ones.

    Its iterator knows it weakly: theirs and their iterator would hold each other, and with them a megabyte that was
    fetched, from whenever a reader leaves before the end until a full collection of garbage, hours later.
    """

    def _unpack_records(self) -> Iterator[Any]:
        return _unpacked(proxy(self))


def _unpacked(records: LenientPartitionRecords) -> Iterator[Any]:
    while True:
        try:
            yield from PartitionRecords._unpack_records(records)  # noqa: SLF001
        except Exception as error:
            pair = _batch_at(records._records.raw, records.next_fetch_offset)  # noqa: SLF001
            if pair is None or not pair[0].validate_crc():
                raise  # damaged on its way: it is fetched again
            batch, raw = pair
            place = records._tp  # noqa: SLF001
            _log.warning("batch read leniently", topic=place.topic, partition=place.partition,
                         offset=batch.base_offset, error=repr(error)[:500])  # fmt: skip
            for record in _leniently(batch, raw, error):
                if record.offset >= records.next_fetch_offset:
                    yield records._consumer_record(place, record)  # type: ignore[no-untyped-call]  # noqa: SLF001
                    records.next_fetch_offset = record.offset + 1
            records.next_fetch_offset = batch.next_offset
        else:
            return


def _batch_at(raw: bytes, offset: int) -> tuple[Any, bytes] | None:
    """The first batch in ``raw`` that ends beyond ``offset``, and its bytes; None if its format is an old one."""
    at = 0
    while at + _OVERHEAD < len(raw):
        end = at + _OVERHEAD + unpack_from(">i", raw, at + 8)[0]
        if end > len(raw) or raw[at + _MAGIC] != 2:
            return None
        batch = _DefaultRecordBatchPy(bytearray(raw[at:end]))
        if batch.next_offset > offset:
            return batch, bytes(raw[at:end])
        at = end
    return None


def _leniently(batch: Any, raw: bytes, why: Exception) -> Iterator[Any]:
    """The records of ``batch``; from the first that cannot be read on, one that is the bytes of the batch."""
    reached = batch.base_offset
    try:
        batch._maybe_uncompress()  # noqa: SLF001 reading it twice is no public way of aiokafka
        batch._buffer = _LenientBytes(batch._buffer)  # noqa: SLF001
        for record in batch:
            yield record
            reached = record.offset + 1
    except Exception as error:  # whatever a decompressor or a parser makes of damaged bytes
        reason = f"{type(error).__name__}: {error}; {type(why).__name__}: {why}"[:1000]
        headers: list[tuple[str, bytes | None]] = [("duban.unreadable", reason.encode(errors="backslashreplace"))]
        last = max(reached, batch.next_offset - 1)
        yield _DefaultRecordPy(last, batch.max_timestamp, batch.timestamp_type, None, raw, headers)


def read_leniently() -> None:
    """Have every consumer of this process read so; aiokafka takes its two classes from its module."""
    theirs = vars(fetcher)
    theirs["MemoryRecords"], theirs["PartitionRecords"] = _KeptRecords, LenientPartitionRecords
