"""Which errors mean "wait" instead of "wrong": a dependency is away, and the same call may succeed later.

An error of a client exists only where that client was imported; so whoever asks this brings neither.
"""

from __future__ import annotations

import asyncio

from duban.errors import DubanError, Unavailable

#: Classes of SQLSTATE that are the message's fault: data that no column takes, and what breaks a constraint.
_OF_THE_MESSAGE = ("22", "23")


def dependency(error: BaseException) -> str | None:
    """The dependency that ``error`` comes from (``database``, ``broker``, ``other``), or None if it is a fault.

    What a client raises is never the message's fault, but for the few errors that say so: a connection that ends at
    the wrong moment has many names, and a good message must not be lost to any of them.
    """
    if isinstance(error, Unavailable):
        cause = error.__cause__
        return (dependency(cause) if cause is not None else None) or "other"
    if isinstance(error, DubanError):
        return None
    if _comes_from("asyncpg", error):
        return None if _refuses_data(error) else "database"
    if _comes_from("aiokafka", error):
        return "broker" if _passes_in_broker(error) else None
    if isinstance(error, (OSError, TimeoutError, asyncio.IncompleteReadError)):
        return "other"
    return next((name for client, name in _CLIENTS.items() if _was_raised_in(client, error)), None)


def is_unavailable(error: BaseException) -> bool:
    """Whether the same call may succeed later, because nothing is wrong with the message."""
    return dependency(error) is not None


def words_of(error: BaseException, role: str | None = None) -> str:
    """``error`` in one line; of a right that is missing in the database also whose, ``role``, and how it is granted."""
    words = f"{type(error).__name__}: {error}"
    if not _comes_from("asyncpg", error):
        return words
    import asyncpg

    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        who = f"role {role}" if role else "the role in DUBAN_DATABASE"
        words += f": {who} lacks a grant; `duban migrate`, as the owner of the schemas, grants what this release needs"
    return words


_CLIENTS = {"asyncpg": "database", "aiokafka": "broker"}


def _was_raised_in(client: str, error: BaseException) -> bool:
    """Whether ``error``, of whatever class, was raised by the code of ``client`` itself."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and str(last.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == client


def _comes_from(client: str, error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] == client for kind in type(error).__mro__)


def _refuses_data(error: BaseException) -> bool:
    import asyncpg

    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_OF_THE_MESSAGE)


def _passes_in_broker(error: BaseException) -> bool:
    from aiokafka.errors import CommitFailedError, IllegalStateError, InvalidTopicError, KafkaError

    # The broker would answer these next time, too.
    never = (CommitFailedError, IllegalStateError, InvalidTopicError)
    return isinstance(error, KafkaError) and not isinstance(error, never)
