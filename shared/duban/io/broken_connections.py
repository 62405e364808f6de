"""Connections to a broker that break while something is sent: aiokafka is told in the words that it knows.

uvloop answers a write to a connection that has just broken with a RuntimeError, where asyncio drops what is written.
aiokafka heeds OSError alone (https://github.com/aio-libs/aiokafka/issues/1038), and so the task ends that keeps what it
knows of the brokers, without a word: the client then waits for ever for who leads now, though all brokers are back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


def heed_broken_connections() -> None:
    """Let every client of this process take a connection that breaks for one that has broken."""
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _heeding(send))


def _heeding(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def heeding(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return send(connection, *args, **kwargs)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error

    return heeding
