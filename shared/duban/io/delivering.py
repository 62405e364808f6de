"""A decoded message with where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from aiokafka import ConsumerRecord

from duban.errors import Undecodable
from duban.messages.envelope import Message, Payload, decode

D = TypeVar("D", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Delivery(Generic[D]):
    """A message as it lies in its topic; ``appended_at`` is the instant that the broker stamped on it."""

    message: Message[D]
    topic: str
    partition: int
    offset: int
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A handler's answer for a delivery that it understood and must not carry out: it goes to the dead letters.

    ``code`` is a short stable word, ``reason`` says what, where and what to do.
    """

    delivery: Delivery[Any]
    code: str
    reason: str


def delivery(record: ConsumerRecord[bytes, bytes], types: Mapping[str, type[D]]) -> Delivery[D]:
    """The message in ``record``.

    Raises:
        Undecodable: and nothing else, whatever the bytes are.
    """
    try:
        message = decode(record.key, record.value, record.headers, types)
    except Undecodable:
        raise
    except Exception as error:  # bytes from outside may break what we decode with, too
        raise Undecodable("invalid", f"{type(error).__name__}: {error}") from error
    appended_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return Delivery(message, record.topic, record.partition, record.offset, appended_at)
