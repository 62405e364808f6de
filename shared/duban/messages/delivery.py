"""A decoded message with where it came from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from duban.messages.envelope import AnyPayload, Message

D = TypeVar("D", bound=AnyPayload, covariant=True)


class Delivery(Struct, Generic[D], frozen=True, gc=False):
    """A message as it lies in its topic; ``appended_at`` is the instant that the broker stamped on it."""

    message: Message[D]
    topic: str
    partition: int
    offset: int
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class SetAside:
    """A handler's answer for a delivery that it understood and must not carry out: it goes to the dead letters.

    ``code`` is a short stable word, ``reason`` says what, where and what to do.
    """

    delivery: Delivery[Any]
    code: str
    reason: str
