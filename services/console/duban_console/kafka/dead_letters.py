"""Dead letters: why a record lies there, whoever laid it, and how it goes back. Pure.

Three families of headers are read: Kafka Streams (KIP-1034, which our services write), Kafka Connect, and Spring Kafka.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from duban.messages.envelope import Headers, sendable

SUFFIX: Final = ".dlq"
_STREAMS, _CONNECT, _SPRING, _OURS = "__streams.errors.", "__connect.errors.", "kafka_dlt-", "duban.dlq."
_FAMILIES: Final = (_STREAMS, _CONNECT, _SPRING, _OURS)
#: Our services append what they say of a letter, beginning with this one, to the headers that it came with.
_FIRST_OF_OURS: Final = _STREAMS + "exception"
#: A batch of a topic that could not be read at all: its bytes are no record.
_UNREADABLE: Final = "duban.unreadable"
#: What tells one reason from the next of its kind: ids, hashes, numbers.
_PARTICULAR: Final = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b[0-9a-fA-F]*\d[0-9a-fA-F]{7,}\b|\d+"
)
_GIST_CHARACTERS: Final = 160


class Unreturnable(ValueError):
    """A letter that cannot go back, with the reason."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The measures of a record that was too large for a dead letter, which holds its head alone."""

    value_bytes: int
    value_sha256: str
    key_bytes: int
    key_sha256: str

    def of(self, key: bytes | None, value: bytes | None) -> bool:
        """Whether these are the key and the value of that record."""
        here = (_sha256(value), _sha256(key), len(value or b""), len(key or b""))
        return here == (self.value_sha256, self.key_sha256, self.value_bytes, self.key_bytes)


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
    cut: Cut | None

    @property
    def gist(self) -> str:
        """The message without what is particular to one letter, so that letters of one kind are counted together."""
        return _PARTICULAR.sub("#", self.message or "")[:_GIST_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Which:
    """Which letters are meant: all, or those of a ``code``, ``because`` of a text in the reason, ``since`` an instant.

    Capitals make no difference to the text.
    """

    code: str | None = None
    because: str | None = None
    since: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Which()

    def takes(self, reason: Reason, laid_at: datetime) -> bool:
        """Whether a letter that was laid aside at that instant is one of them."""
        return (
            (self.code is None or self.code == reason.code)
            and (self.because is None or self.because.casefold() in (reason.message or "").casefold())
            and (self.since is None or self.since <= laid_at)
        )


@dataclass(slots=True)
class LetterCount:
    """How many letters of a topic lie there for one reason, since when, and how many of them were sent back."""

    topic: str
    code: str
    gist: str
    first_at: datetime
    last_at: datetime
    letters: int = 0
    sent_back: int = 0

    def add(self, laid_at: datetime, *, sent_back: bool) -> None:
        """Count one more."""
        self.letters += 1
        self.sent_back += sent_back
        self.first_at, self.last_at = min(self.first_at, laid_at), max(self.last_at, laid_at)


class LetterCounts:
    """Letters counted by topic, code and gist."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], LetterCount] = {}

    def add(self, topic: str, reason: Reason, laid_at: datetime, *, sent_back: bool) -> None:
        """Count a letter."""
        key = (topic, reason.code, reason.gist)
        self._counts.setdefault(key, LetterCount(*key, laid_at, laid_at)).add(laid_at, sent_back=sent_back)

    def in_order(self) -> list[LetterCount]:
        """Topic by topic, the most frequent first."""
        return sorted(self._counts.values(), key=lambda count: (count.topic, -count.letters, count.code, count.gist))


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
        cut=_cut(by_name),
    )


def home_of(letter_topic: str, headers: Headers) -> str:
    """The topic that a letter came from and goes back to.

    Raises:
        Unreturnable: nothing says which, or its bytes are no record of that topic.
    """
    if _UNREADABLE in dict(headers):
        raise Unreturnable("its bytes are a whole batch that could not be read, not a record; send it from its source")
    reason = reason_of(headers)
    topic = reason.topic or _topic_from(letter_topic, reason.group)
    if topic is None:
        raise Unreturnable(f"no header says which topic this letter of {letter_topic} came from")
    return topic


def returned(
    home: str, key: bytes | None, value: bytes | None, came: Headers, *, id_: str, by: str, why: str
) -> Returned:
    """The record that goes back to its topic, with the headers that it ``came`` with; who sends it and why follow."""
    replay = (("id", id_), ("by", by), ("reason", why))
    marks = ((f"duban.replay.{name}", text.encode()) for name, text in replay)
    return Returned(home, key, value, (*((sendable(name), held) for name, held in came), *marks))


def as_it_came(headers: Headers) -> Headers:
    """The headers that a record had before it was laid aside."""
    begun = max((place for place, (name, _) in enumerate(headers) if name == _FIRST_OF_OURS), default=None)
    if begun is not None and any(name == _OURS + "group" for name, _ in headers[begun:]):
        return headers[:begun]
    return [(name, held) for name, held in headers if not name.startswith(_FAMILIES)]


def _topic_from(letter_topic: str, group: str | None) -> str | None:
    """``<topic>.<group>.dlq`` without its ends."""
    ending = f".{group}{SUFFIX}"
    return letter_topic.removesuffix(ending) if group and letter_topic.endswith(ending) else None


def _cut(by_name: Mapping[str, bytes]) -> Cut | None:
    if by_name.get(_OURS + "truncated") != b"true":
        return None
    return Cut(
        _number(by_name, ">q", _OURS + "value-bytes") or 0,
        _text(by_name, _OURS + "value-sha256") or "",
        _number(by_name, ">q", _OURS + "key-bytes") or 0,
        _text(by_name, _OURS + "key-sha256") or "",
    )


def _sha256(part: bytes | None) -> str:
    return sha256(part or b"").hexdigest()


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
