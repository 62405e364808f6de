"""Connections to a broker, as every client of Kafka in this process makes them: what aiokafka's own do not do.

Its password is read anew for each, and told where it is refused: aiokafka takes one once and for all, and keeps what a
broker says of it to its own log, so that to whoever waits a broker that refuses us is one that is away.

One that breaks while something is sent is told as broken: uvloop answers a write to it with a RuntimeError, where
asyncio drops what is written. aiokafka heeds OSError alone (https://github.com/aio-libs/aiokafka/issues/1038), and so
the task ends that keeps what it knows of the brokers, without a word: the client then waits for ever for who leads now,
though all brokers are back.

One over TLS is ended at once: uvloop waits up to 30 s for the broker's goodbye, which does not come while a fetch is
under way at the broker, and whoever stops a client waits with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import structlog
from aiokafka import conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import (
    BrokerResponseError,
    IllegalSaslStateError,
    KafkaConnectionError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from duban.io.secret_variables import RenewedSecret

_REFUSALS: Final = (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError)
_log = structlog.get_logger(__name__)

#: What a broker said that refused us at the last try, by the name under which we came.
_refused: Final[dict[str, str]] = {}


class BrokerPassword:
    """What a client of Kafka is given for a password: ``secret`` as it is when a connection is made."""

    def __init__(self, user: str, secret: RenewedSecret) -> None:
        use_our_connections()
        self.user = user
        self.secret = secret


def use_our_connections() -> None:
    """Have every client of this process connect by :class:`BrokerConnection`."""
    vars(conn)["AIOKafkaConnection"] = BrokerConnection  # from where aiokafka takes the class of its connections


def refused(user: str) -> str | None:
    """What the broker said that refused ``user``; None where the last one to be asked did not."""
    return _refused.get(user)


class BrokerConnection(AIOKafkaConnection):
    """A connection that asks for the password when it is made, and breaks in the words that aiokafka knows."""

    _sasl_plain_password: Any

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """What aiokafka's does.

        Raises:
            KafkaConnectionError: the connection has just broken.
        """
        return self._heeding(super().send, *args, **kwargs)

    def _send_sasl_token(self, *args: Any, **kwargs: Any) -> Any:
        return self._heeding(super()._send_sasl_token, *args, **kwargs)

    def _heeding(self, send: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return send(*args, **kwargs)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """What aiokafka's does; over TLS without a goodbye: no answer is waited for any more."""
        transport = None
        if self._writer is not None and self._writer.get_extra_info("ssl_object") is not None:
            transport = self._writer.transport
        closed = super().close(*args, **kwargs)  # type: ignore[no-untyped-call]
        if transport is not None:
            transport.abort()
        return closed

    async def _do_sasl_handshake(self) -> None:
        password = self._sasl_plain_password
        if not isinstance(password, BrokerPassword):
            await super()._do_sasl_handshake()  # type: ignore[no-untyped-call]
            return
        self._sasl_plain_password = password.secret()
        try:
            await super()._do_sasl_handshake()  # type: ignore[no-untyped-call]
        except _REFUSALS as error:
            words = _words(error)
            if _refused.get(password.user) != words:
                _log.warning("the brokers refuse us", user=password.user, mechanism=self._sasl_mechanism, error=words)
            _refused[password.user] = words
            raise
        if _refused.pop(password.user, None) is not None:
            _log.info("the brokers let us in again", user=password.user)


def _words(error: BrokerResponseError) -> str:
    return next((str(arg) for arg in error.args if isinstance(arg, str) and arg), error.description)
