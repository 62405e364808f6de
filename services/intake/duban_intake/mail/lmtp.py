"""Mails that a mail server hands over by LMTP (RFC 2033): each recipient is answered once our broker has the mail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from duban.io.availability import is_unavailable
from duban.io.hosts import cannot_listen
from duban.io.http import Beside
from duban_intake.mail.door import MailDoor
from duban_intake.mail.settings import MailSettings

_log = structlog.get_logger(__name__)
_MOST_CONNECTIONS: Final = 50
_MOST_RECIPIENTS: Final = 20
_NO_RETURN_PATH: Final = "<>"
_AWAY: Final = "451 4.3.0 cannot be taken now; hand it over again"


class _Lmtp(LMTP):
    """Mail programs write lines longer than they may."""

    line_length_limit = 2**20


class _Handler:
    """The conversation, by the hooks of aiosmtpd."""

    def __init__(self, door: MailDoor) -> None:
        self._door = door
        self.in_hand = 0

    async def handle_MAIL(  # noqa: N802 as aiosmtpd calls it
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # aiosmtpd would ask for it before LHLO, without which nobody learns that it is there.
        if server.tls_context is not None and session.ssl is None:
            return "530 5.7.0 begin with STARTTLS"
        envelope.mail_from = address or _NO_RETURN_PATH
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        source = self._door.source(address)
        if source is None:
            return "550 5.1.1 no source names this address"
        if source.is_off:
            return "450 4.2.1 the source of this address is off"
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients at once"
        if self._door.wait(source) > 0:
            return "451 4.7.0 the source hands in more than its rate; hand it over again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One answer a recipient, in their order, as this protocol has it."""
        self.in_hand += 1
        try:
            return "\r\n".join([await self._taken(address, envelope) for address in envelope.rcpt_tos])
        finally:
            self.in_hand -= 1

    async def _taken(self, address: str, envelope: Envelope) -> str:
        source = self._door.source(address)
        if source is None or source.is_off or not isinstance(envelope.content, bytes):
            return _AWAY
        try:
            outcome = await self._door.take(source, envelope.content, envelope.mail_from)
        except Exception as error:
            if not is_unavailable(error):
                raise
            _log.warning("mail cannot be taken now", error=f"{type(error).__name__}: {error}")
            return _AWAY
        return "250 2.0.0 taken" if outcome == "report" else f"250 2.0.0 laid aside: {outcome}"


class MailServer:
    """Listens for a mail server of the office. A part of the service; what runs ``beside`` ends last."""

    def __init__(self, settings: MailSettings, door: MailDoor, beside: Beside) -> None:
        self._settings = settings
        self._handler = _Handler(door)
        self._beside = beside
        self._stopping = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tls = settings.tls()

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None and self._server.is_serving()

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self._settings.mail_lmtp_port

    def stop(self) -> None:
        """Accept nothing more; mails in hand are taken and answered."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until ``stop``.

        Raises:
            SettingsError: the port is taken, or the address is none of this machine's.
        """
        beside = asyncio.create_task(self._beside.run())
        try:
            loop = asyncio.get_running_loop()
            host, port = self._settings.bind, self._settings.mail_lmtp_port
            self._server = await loop.create_server(self._protocol(loop), host, port)
        except OSError as error:
            self._beside.stop()
            await beside
            raise cannot_listen(host, port, "DUBAN_MAIL_LMTP_PORT", error) from None
        await self._stopping.wait()
        self._server.close()
        until = loop.time() + max(1.0, self._settings.drain_timeout - 2)
        while self._handler.in_hand and loop.time() < until:  # noqa: ASYNC110 the protocol has no event for it
            await asyncio.sleep(0.05)
        self._beside.stop()
        await beside

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> Callable[[], LMTP]:
        return lambda: _Lmtp(
            self._handler,
            data_size_limit=self._settings.mail_max_bytes,
            enable_SMTPUTF8=True,
            hostname="duban",
            ident="Duban",
            timeout=self._settings.request_timeout * 4,
            command_call_limit={"RCPT": 5 * _MOST_RECIPIENTS, "*": 1_000},
            loop=loop,
            tls_context=self._tls,
        )
