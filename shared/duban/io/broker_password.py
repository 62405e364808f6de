"""The password by which we come to the brokers (SASL): read anew for each connection, and told where it is refused.

aiokafka takes a password once and for all, and keeps what a broker says of it to its own log: to whoever waits, a
broker that refuses us is one that is away. So each of its connections asks here, whichever client it belongs to.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from aiokafka import conn
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    BrokerResponseError,
    IllegalSaslStateError,
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
        # aiokafka takes the class of its connections from its module.
        vars(conn)["AIOKafkaConnection"] = _Connection
        self.user = user
        self.secret = secret


def refused(user: str) -> str | None:
    """What the broker said that refused ``user``; None where the last one to be asked did not."""
    return _refused.get(user)


class _Connection(AIOKafkaConnection):
    """A connection that asks for the password when it is made, and notes what comes of it."""

    _sasl_plain_password: Any

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
