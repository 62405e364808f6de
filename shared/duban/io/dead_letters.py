"""What could not be handled: byte for byte as it came, with the reason in headers (KIP-1034 names and ours).

A record that is too large for a dead letter is kept as its head, its size and its SHA-256; where the whole of it lies,
topic, partition and offset say.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol, TypeAlias

import structlog

from duban.io.metrics import DEAD_LETTERS
from duban.messages.envelope import Publishable, sendable

_log = structlog.get_logger(__name__)

#: Enough of a stack trace to find the line, little enough for a record of the largest size to pass.
_STACKTRACE_BYTES: Final = 4096
#: What is kept of a value, of a key and of all headers, where the whole is too large.
_HEAD_BYTES, _KEY_BYTES, _HEADER_BYTES = 65_536, 1_024, 16_384

_CUT: Final = "duban.dlq.truncated"

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record for ``<topic>.<group>.dlq``; unlike a message of ours it may lack key and value."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter_topic(topic: str, group: str) -> str:
    """Where ``group`` lays what it could not handle of ``topic``; each group has its own."""
    return f"{topic}.{group}.dlq"


class RecordPlace(Protocol):
    """Where a record lies."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


class Unhandled(RecordPlace, Publishable, Protocol):
    """A record that could not be handled."""


def dead_letter(
    record: Unhandled, group: str, error: Exception, *, code: str, attempts: int, retryable: bool,
    most_bytes: int,
) -> DeadLetter:  # fmt: skip
    """The dead letter of ``record``, of at most about ``most_bytes``; ``retryable``: other code could handle it."""
    trace = "".join(traceback.format_exception(error)).encode(errors="replace")[-_STACKTRACE_BYTES:]
    reasons = {
        "__streams.errors.exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "__streams.errors.message": str(error)[:1000],
        "__streams.errors.stacktrace": trace.decode(errors="replace"),
        "__streams.errors.topic": record.topic,
        "__streams.errors.partition": str(record.partition),
        "__streams.errors.offset": str(record.offset),
        "duban.dlq.group": group,
        "duban.dlq.code": code,
        "duban.dlq.attempts": str(attempts),
        "duban.dlq.first-failed-at": datetime.now(UTC).isoformat(),
        "duban.dlq.retryable": str(retryable).lower(),
    }
    added = tuple((name, text.encode(errors="replace")) for name, text in reasons.items())
    came = tuple((sendable(name), value) for name, value in record.headers)
    whole = DeadLetter(dead_letter_topic(record.topic, group), record.key, record.value, (*came, *added))
    return whole if size(whole) <= most_bytes else _cut(whole, came, added)


def tell(place: RecordPlace, group: str, error: Exception, code: str) -> None:
    """Count and log that what lies at ``place`` is a dead letter of ``group``."""
    DEAD_LETTERS.labels(group, place.topic, code).inc()
    _log.error(
        "dead letter",
        group=group,
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
        code=code,
        error=f"{type(error).__name__}: {error}"[:500].encode(errors="backslashreplace").decode(),
    )


def without_value(letter: DeadLetter) -> DeadLetter:
    """``letter`` for a topic that takes not even the head of it: all that is known of it but its bytes."""
    known = any(name == _CUT for name, _ in letter.headers)
    headers = letter.headers if known else (*letter.headers, *_dimensions(letter.key, letter.value, 0))
    return replace(letter, key=None, value=None, headers=headers)


def codes(letters: Sequence[DeadLetter]) -> dict[tuple[str, int, int], str]:
    """Why each record was set aside, by where it lay: topic, partition, offset."""
    codes = {}
    for letter in letters:
        reasons = {name: (value or b"").decode(errors="replace") for name, value in letter.headers}
        topic, partition, offset = (reasons[f"__streams.errors.{part}"] for part in ("topic", "partition", "offset"))
        codes[topic, int(partition), int(offset)] = reasons["duban.dlq.code"]
    return codes


def size(record: DeadLetter) -> int:
    """The bytes of a record, as far as a topic counts them."""
    parts = [record.key or b"", record.value or b""]
    parts += [part for name, value in record.headers for part in (name.encode(), value or b"")]
    return sum(map(len, parts))


def _cut(whole: DeadLetter, came: Headers, added: Headers) -> DeadLetter:
    fitting = tuple(_fitting(came, _HEADER_BYTES))
    headers = (*fitting, *added, *_dimensions(whole.key, whole.value, len(came) - len(fitting)))
    return DeadLetter(
        whole.topic, whole.key and whole.key[:_KEY_BYTES], whole.value and whole.value[:_HEAD_BYTES], headers
    )


def _dimensions(key: bytes | None, value: bytes | None, headers_dropped: int) -> Headers:
    """The headers that say what a letter without all of its bytes was cut from."""
    dimensions = {
        _CUT: "true",
        "duban.dlq.value-bytes": str(len(value or b"")),
        "duban.dlq.value-sha256": sha256(value or b"").hexdigest(),
        "duban.dlq.key-bytes": str(len(key or b"")),
        "duban.dlq.key-sha256": sha256(key or b"").hexdigest(),
        "duban.dlq.headers-dropped": str(headers_dropped),
    }
    return tuple((name, text.encode()) for name, text in dimensions.items())


def _fitting(headers: Sequence[tuple[str, bytes | None]], most: int) -> Iterator[tuple[str, bytes | None]]:
    for name, value in headers:
        most -= len(name.encode()) + len(value or b"")
        if most >= 0:
            yield name, value
