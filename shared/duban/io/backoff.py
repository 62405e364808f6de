"""Which errors mean "wait" instead of "wrong", and how long to wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import asyncpg
import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, InvalidTopicError, KafkaError

from duban.errors import Unavailable
from duban.io.metrics import RETRIES

T = TypeVar("T")
_log = structlog.get_logger(__name__)

#: Classes of SQLSTATE that are no message's fault: connection, credentials, a database that is not there (yet),
#: resources and disk, operator intervention, system error.
_PASSING_CLASSES = ("08", "28", "3D", "53", "57", "58")
#: Single states that pass: serialization failure, deadlock, read-only (a standby before its promotion), lock timeout.
_PASSING_STATES = ("40001", "40P01", "25006", "55P03")

#: What the broker would answer next time, too.
_NOT_PASSING = (CommitFailedError, IllegalStateError, InvalidTopicError)


def dependency(error: BaseException) -> str | None:
    """The dependency whose absence ``error`` means (``database``, ``broker``, ``other``), or None if it is a fault."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return "database" if state in _PASSING_STATES or state.startswith(_PASSING_CLASSES) else None
    if isinstance(error, asyncpg.InterfaceError):
        return "database" if _lost(error) else None
    if isinstance(error, KafkaError):
        return None if isinstance(error, _NOT_PASSING) else "broker"
    if isinstance(error, Unavailable):
        cause = error.__cause__
        return (dependency(cause) if cause is not None else None) or "other"
    if isinstance(error, (OSError, TimeoutError, asyncio.IncompleteReadError)):
        return "other"
    return None


def is_unavailable(error: BaseException) -> bool:
    """Whether the same call may succeed later, because a dependency is away and nothing is wrong with the message."""
    return dependency(error) is not None


def _lost(error: asyncpg.InterfaceError) -> bool:
    """asyncpg reports a lost connection and a wrong argument with one class; only the words tell them apart."""
    words = str(error)
    return ("connection" in words and "closed" in words) or "released back to the pool" in words or "closing" in words


def backoff(first: float = 0.1, most: float = 5.0) -> Iterator[float]:
    """Seconds to wait: doubling from ``first`` to ``most``, with jitter, so that members do not come back at once."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311
        delay = min(most, delay * 2)


async def until_available(what: str, action: Callable[[], Awaitable[T]]) -> T:
    """What ``action`` returns, once its dependency is there; every other error passes through."""
    for delay in backoff():
        try:
            return await action()
        except Exception as error:
            if not is_unavailable(error):
                raise
            RETRIES.labels(what).inc()
            _log.warning("dependency unavailable", dependency=what, error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(delay)
    raise AssertionError("back-off never ends")
