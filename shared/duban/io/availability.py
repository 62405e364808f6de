"""Which errors mean "wait" instead of "wrong": a dependency is away, and the same call may succeed later.

An error of a client exists only where that client was imported; so whoever asks this brings neither.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from duban.errors import Unavailable

if TYPE_CHECKING:
    import asyncpg

#: Classes of SQLSTATE that are no message's fault: connection, credentials, a database that is not there (yet),
#: resources and disk, operator intervention, system error.
_PASSING_CLASSES = ("08", "28", "3D", "53", "57", "58")
#: Single states that pass: serialization failure, deadlock, read-only (a standby before its promotion), lock timeout.
_PASSING_STATES = ("40001", "40P01", "25006", "55P03")


def dependency(error: BaseException) -> str | None:
    """The dependency whose absence ``error`` means (``database``, ``broker``, ``other``), or None if it is a fault."""
    if _comes_from("asyncpg", error):
        return "database" if _passes_in_database(error) else None
    if _comes_from("aiokafka", error):
        return "broker" if _passes_in_broker(error) else None
    if isinstance(error, Unavailable):
        cause = error.__cause__
        return (dependency(cause) if cause is not None else None) or "other"
    if isinstance(error, (OSError, TimeoutError, asyncio.IncompleteReadError)):
        return "other"
    return None


def is_unavailable(error: BaseException) -> bool:
    """Whether the same call may succeed later, because a dependency is away and nothing is wrong with the message."""
    return dependency(error) is not None


def _comes_from(client: str, error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] == client for kind in type(error).__mro__)


def _passes_in_database(error: BaseException) -> bool:
    import asyncpg

    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _PASSING_STATES or state.startswith(_PASSING_CLASSES)
    return isinstance(error, asyncpg.InterfaceError) and _lost(error)


def _lost(error: asyncpg.InterfaceError) -> bool:
    """asyncpg reports a lost connection and a wrong argument with one class; only the words tell them apart."""
    words = str(error)
    return ("connection" in words and "closed" in words) or "released back to the pool" in words or "closing" in words


def _passes_in_broker(error: BaseException) -> bool:
    from aiokafka.errors import CommitFailedError, IllegalStateError, InvalidTopicError, KafkaError

    # The broker would answer these next time, too.
    never = (CommitFailedError, IllegalStateError, InvalidTopicError)
    return isinstance(error, KafkaError) and not isinstance(error, never)
