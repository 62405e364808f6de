"""Dead letters: why a record lies there, whoever laid it, and how it goes back. Pure.

Three families of headers are read: Kafka Streams (KIP-1034, which our services write), Kafka Connect, and Spring Kafka.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from duban.messages.envelope import Headers

SUFFIX: Final = ".dlq"
_STREAMS, _CONNECT, _SPRING, _OURS = "__streams.errors.", "__connect.errors.", "kafka_dlt-", "duban.dlq."
_FAMILIES: Final = (_STREAMS, _CONNECT, _SPRING, _OURS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record lies among the dead letters, and where it came from; what its headers do not say is None."""

    code: str
    message: str | None
    error: str | None
    stacktrace: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    group: str | None
    failed_at: str | None
    retryable: bool | None


@dataclass(frozen=True, slots=True)
class Returned:
    """A dead letter on its way back to its topic: key and value as they came."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def reason_of(headers: Headers) -> Reason:
    """The reason in ``headers``, by whichever of the families wrote it."""
    by_name = {name: value for name, value in headers if value is not None}
    error = _text(by_name, _STREAMS + "exception", _CONNECT + "exception.class.name", _SPRING + "exception-fqcn")
    retryable = _text(by_name, _OURS + "retryable")
    return Reason(
        code=_text(by_name, _OURS + "code") or (error or "unknown").rpartition(".")[2],
        message=_text(by_name, _STREAMS + "message", _CONNECT + "exception.message", _SPRING + "exception-message"),
        error=error,
        stacktrace=_text(
            by_name, _STREAMS + "stacktrace", _CONNECT + "exception.stacktrace", _SPRING + "exception-stacktrace"
        ),
        topic=_text(by_name, _STREAMS + "topic", _CONNECT + "topic", _SPRING + "original-topic"),
        partition=_number(
            by_name, ">i", _STREAMS + "partition", _CONNECT + "partition", _SPRING + "original-partition"
        ),
        offset=_number(by_name, ">q", _STREAMS + "offset", _CONNECT + "offset", _SPRING + "original-offset"),
        group=_text(by_name, _OURS + "group", _SPRING + "original-consumer-group"),
        failed_at=_text(by_name, _OURS + "first-failed-at"),
        retryable=None if retryable is None else retryable == "true",
    )


def returned(
    letter_topic: str, key: bytes | None, value: bytes | None, headers: Headers, *, id_: str, by: str, why: str
) -> Returned:
    """The letter as it goes back: error headers stripped, who sent it back and why appended.

    Raises:
        ValueError: nothing says which topic it came from.
    """
    reason = reason_of(headers)
    topic = reason.topic or _topic_from(letter_topic, reason.group)
    if topic is None:
        raise ValueError(f"no header says which topic this letter of {letter_topic} came from")
    own = [(name, held) for name, held in headers if not name.startswith(_FAMILIES)]
    replay = (("id", id_), ("by", by), ("reason", why))
    return Returned(topic, key, value, (*own, *((f"duban.replay.{name}", text.encode()) for name, text in replay)))


def _topic_from(letter_topic: str, group: str | None) -> str | None:
    """``<topic>.<group>.dlq`` without its ends."""
    ending = f".{group}{SUFFIX}"
    return letter_topic.removesuffix(ending) if group and letter_topic.endswith(ending) else None


def _text(by_name: Mapping[str, bytes], *names: str) -> str | None:
    return next((by_name[name].decode(errors="replace") for name in names if name in by_name), None)


def _number(by_name: Mapping[str, bytes], binary: str, *names: str) -> int | None:
    """A number as text, or as Spring writes it: big-endian, in the bytes of an int or a long."""
    for name in names:
        raw = by_name.get(name)
        if raw is None:
            continue
        if name.startswith(_SPRING) and len(raw) == struct.calcsize(binary):
            return int(struct.unpack(binary, raw)[0])
        if raw.isdigit():
            return int(raw)
    return None


def counted(reasons: Iterable[Reason]) -> dict[str, int]:
    """How many of each code, the most frequent first."""
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason.code] = counts.get(reason.code, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
