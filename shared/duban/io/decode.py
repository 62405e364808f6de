"""From the record that the broker gave to the message in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from duban.errors import Undecodable
from duban.messages.delivery import Delivery
from duban.messages.envelope import AnyPayload, decode

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

D = TypeVar("D", bound=AnyPayload, covariant=True)


def delivery(record: ConsumerRecord[bytes, bytes], types: Mapping[str, type[D]]) -> Delivery[D]:
    """The message in ``record``.

    Raises:
        Undecodable: and nothing else, whatever the bytes are.
    """
    try:
        message = decode(record.key, record.value, record.headers, types)
        appended_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except Undecodable:
        raise
    except Exception as error:  # bytes from outside may break what we decode with, too
        raise Undecodable("invalid", f"{type(error).__name__}: {error}") from error
    return Delivery(message, record.topic, record.partition, record.offset, appended_at)
