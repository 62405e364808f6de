"""A real server of mail on this machine, which keeps what comes and answers what it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd import smtp


class Inbox:
    """What a server of mail does with what comes."""

    def __init__(self, recipient: str = "250 OK", content: str = "250 OK", unknown: Collection[str] = ()) -> None:
        self.recipient, self.content, self.unknown = recipient, content, unknown
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[str] = []

    async def handle_RCPT(  # noqa: N802 as the server calls it
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, to: str, options: Any
    ) -> str:
        if to in self.unknown:
            return "550 no such user"
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.recipient

    async def handle_DATA(  # noqa: N802 as the server calls it
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.mails.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=default))
        self.recipients += envelope.rcpt_tos
        return self.content


@asynccontextmanager
async def mail_server(inbox: Inbox, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A server that hands over to ``inbox``, with ``tls`` from the first byte; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: smtp.SMTP(inbox, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
