"""HJ 212: a stream gives the same frames however it is cut, whatever lies between them, and accounts for every byte."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hj212 import Frame, Garbage, Stream, decode, encode, key_from
from tests.unit.test_hj212_frame import DATA, FIELD, STANDARD, frames

CORPUS: list[dict[str, Any]] = yaml.safe_load((DATA / "corpus.yaml").read_text("utf-8"))
KEY = key_from("0000000000000000")


def arrivals(pieces: Iterable[bytes], stream: Stream | None = None) -> list[Frame | Garbage]:
    stream = stream or Stream()
    return [arrival for piece in pieces for arrival in stream.feed(piece)] + stream.rest()


def of_frames(found: Iterable[Frame | Garbage]) -> list[Frame]:
    return [arrival for arrival in found if isinstance(arrival, Frame)]


def garbage_of(found: Iterable[Frame | Garbage]) -> bytes:
    return b"".join(arrival.data for arrival in found if isinstance(arrival, Garbage))


def told(found: Iterable[Frame | Garbage]) -> list[object]:
    """The frames, and the garbage with the code of its error."""
    return [
        arrival if isinstance(arrival, Frame) else (arrival.data, arrival.error and arrival.error.code)
        for arrival in found
    ]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    bounds = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in pairwise(bounds)]


#: Half of it looks like the beginning of a frame, and none of it is one.
noise = st.lists(
    st.sampled_from([b"#", b"##", b"##0", b"##0101", b"##9999", b"&&", b"CP=&&", b"\r\n", b"QN=1;", STANDARD[:70]])
    | st.binary(max_size=20),
    max_size=6,
).map(b"".join)  # fmt: skip
sent_frames = st.sampled_from([*FIELD, STANDARD]) | frames.map(encode)


@given(st.lists(sent_frames, max_size=5), st.lists(st.integers(0, 10_000), max_size=40))
def test_any_cut_of_the_bytes_gives_the_same_frames(sent: list[bytes], places: list[int]) -> None:
    found = arrivals(cut(b"".join(sent), places))
    assert found == [decode(frame) for frame in sent]


@given(st.lists(st.tuples(noise, sent_frames), max_size=4), noise, st.lists(st.integers(0, 10_000), max_size=20))
def test_garbage_between_frames_loses_no_frame_and_no_byte(
    sent: list[tuple[bytes, bytes]], after: bytes, places: list[int]
) -> None:
    data = b"".join(part for pair in sent for part in pair) + after
    whole, pieces = arrivals([data]), arrivals(cut(data, places))
    assert of_frames(whole) == [decode(frame) for _, frame in sent]
    assert told(pieces) == told(whole)
    raws = b"".join(arrival.raw if isinstance(arrival, Frame) else arrival.data for arrival in whole)
    assert [byte for byte in raws if byte not in b"\r\n"] == [byte for byte in data if byte not in b"\r\n"]


@given(st.binary(max_size=3000))
def test_no_bytes_stop_the_stream(data: bytes) -> None:
    stream = Stream()
    stream.feed(data)
    stream.rest()
    assert stream.pending == 0
    assert of_frames(stream.feed(STANDARD)) == [decode(STANDARD)]


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["is"])
def test_the_corpus(case: dict[str, Any]) -> None:
    data = case["bytes"].encode("latin-1").replace(b"GOOD", STANDARD)
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        found = arrivals(pieces)
        assert of_frames(found) == [decode(STANDARD)] * case["frames"]
        errors = [arrival.error.code if arrival.error else "-" for arrival in found if isinstance(arrival, Garbage)]
        assert errors == case["errors"]


def test_a_false_beginning_gives_way_when_the_stream_falls_silent() -> None:
    stream = Stream()
    assert stream.feed(b"##9000" + STANDARD) == []
    assert stream.pending == len(STANDARD) + 6
    garbage, frame = stream.rest()
    assert isinstance(garbage, Garbage)
    assert (garbage.data, frame) == (b"##9000", decode(STANDARD))


def test_garbage_without_end_is_passed_on_in_pieces_and_not_kept() -> None:
    stream = Stream()
    found = stream.feed(b"x" * 100_000)
    assert {len(arrival.data) for arrival in found if isinstance(arrival, Garbage)} == {4096}
    assert stream.pending == 0


def test_what_is_encrypted_may_look_like_anything() -> None:
    """Ciphertext holds every byte, so only the length says where a frame ends."""
    sent = [Frame(cn="2011", mn="A1", flag=9, cp=f"DataTime=20260301080000;a{number}-Rtd=1") for number in range(3000)]
    data = b"".join(encode(frame, KEY) for frame in sent)
    ciphertexts = b"".join(encode(frame, KEY).partition(b"CP=&&")[2] for frame in sent)
    assert b"##" in ciphertexts
    assert b"\r\n" in ciphertexts[:-6].replace(b"&&", b"")
    assert arrivals([data], Stream({"A1": KEY}.get)) == sent


def test_what_is_encrypted_is_no_frame_without_the_key() -> None:
    sent = [Frame(cn="2011", mn="A1", flag=9, cp=f"DataTime=20260301080000;a{number}-Rtd=1") for number in range(20)]
    found = arrivals([b"".join(encode(frame, KEY) for frame in sent)])
    assert all(frame.cp != one.cp for frame, one in zip(of_frames(found), sent, strict=False))
    assert garbage_of(found)


def test_garbage_made_to_be_slow_is_not() -> None:
    """Each ## is a beginning, and each has a CP and a checksum to look at; quadratic work would take minutes."""
    data = b"##0400CP=&&ABCD&&" * 2_000
    began = time.process_time()
    assert not of_frames(arrivals([data]))
    assert time.process_time() - began < 20
