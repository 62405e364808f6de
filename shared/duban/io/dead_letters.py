"""What could not be handled: byte for byte as it came, with the reason in headers (KIP-1034 names and ours)."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

#: Enough of a stack trace to find the line, little enough for a record of the largest size to pass.
_STACKTRACE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record for ``<topic>.<group>.dlq``; unlike a message of ours it may lack key and value."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def dead_letter_topic(topic: str, group: str) -> str:
    """Where ``group`` lays what it could not handle of ``topic``; each group has its own."""
    return f"{topic}.{group}.dlq"


def dead_letter(
    record: ConsumerRecord[bytes, bytes], group: str, error: Exception, *, code: str, attempts: int, retryable: bool
) -> DeadLetter:
    """The dead letter of ``record``; ``retryable`` says that other code could handle the same bytes."""
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
    headers = (*record.headers, *((name, text.encode(errors="replace")) for name, text in reasons.items()))
    return DeadLetter(dead_letter_topic(record.topic, group), record.key, record.value, headers)
