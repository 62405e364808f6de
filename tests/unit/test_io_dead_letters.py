"""A dead letter is the record as it came, with the reason beside it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from aiokafka import ConsumerRecord

from duban.io.dead_letters import dead_letter, size, without_value

MOST = 1_000_000


def record(key: bytes | None, value: bytes | None) -> ConsumerRecord[bytes, bytes]:
    headers: Any = (("ce_id", b"1"), ("odd", None))
    return ConsumerRecord("duban.commands.v1", 3, 42, 0, 1, key, value, None, -1, -1, headers)


def test_bytes_and_headers_are_kept_and_the_reason_is_added() -> None:
    came = record(b"\xff\x00k", b"\xfe{")
    letter = dead_letter(
        came, "duban-router", ValueError("bad\ud800"), code="fault", attempts=3, retryable=True, most_bytes=1_000_000
    )
    assert (letter.topic, letter.key, letter.value) == ("duban.commands.v1.duban-router.dlq", came.key, came.value)
    assert letter.headers[:2] == came.headers
    reasons = dict(letter.headers[2:])
    assert reasons["__streams.errors.exception"] == b"builtins.ValueError"
    assert reasons["__streams.errors.topic"] == b"duban.commands.v1"
    assert (reasons["__streams.errors.partition"], reasons["__streams.errors.offset"]) == (b"3", b"42")
    assert (reasons["duban.dlq.code"], reasons["duban.dlq.attempts"]) == (b"fault", b"3")
    assert reasons["duban.dlq.retryable"] == b"true"


def test_a_record_without_key_and_value_stays_without() -> None:
    letter = dead_letter(
        record(None, None), "g", ValueError(), code="empty", attempts=1, retryable=False, most_bytes=1_000_000
    )
    assert (letter.key, letter.value) == (None, None)


def test_a_long_stack_trace_keeps_its_end() -> None:
    def deeper(left: int) -> None:
        if not left:
            raise ValueError("the end" + "." * 5000)
        deeper(left - 1)

    try:
        deeper(50)
    except ValueError as error:
        letter = dead_letter(
            record(b"k", b"v"), "g", error, code="fault", attempts=1, retryable=True, most_bytes=1_000_000
        )
    trace = dict(letter.headers)["__streams.errors.stacktrace"]
    assert trace is not None
    assert len(trace) <= 4096
    assert trace.rstrip().endswith(b"...")


def test_what_is_too_large_is_kept_as_its_head_its_size_and_its_hash() -> None:
    value, headers = b"x" * 3_000_000, tuple((f"h{n}\udcff", b"y" * 1000) for n in range(500))
    came = ConsumerRecord("t", 3, 42, 0, 1, b"k" * 5000, value, None, -1, -1, headers)
    letter = dead_letter(came, "g", ValueError("odd"), code="invalid", attempts=1, retryable=False, most_bytes=500_000)
    assert size(letter) < 200_000
    assert (letter.value, letter.key) == (value[:65_536], b"k" * 1024)
    told = dict(letter.headers)
    assert told["duban.dlq.value-bytes"] == b"3000000"
    assert told["duban.dlq.value-sha256"] == sha256(value).hexdigest().encode()
    assert int(told["duban.dlq.headers-dropped"] or 0) > 400
    assert (told["__streams.errors.partition"], told["__streams.errors.offset"]) == (b"3", b"42")
    assert size(without_value(letter)) < 40_000


def test_a_letter_that_goes_without_its_bytes_says_what_they_were() -> None:
    whole = dead_letter(
        record(b"k", b"value"), "g", ValueError("odd"), code="invalid", attempts=1, retryable=False, most_bytes=MOST
    )
    bare = without_value(whole)
    told = dict(bare.headers)
    assert (bare.key, bare.value) == (None, None)
    assert (told["duban.dlq.truncated"], told["duban.dlq.value-bytes"]) == (b"true", b"5")
    assert told["duban.dlq.value-sha256"] == sha256(b"value").hexdigest().encode()
    assert without_value(bare).headers == bare.headers
