"""Mail: a notice as plain text, by the server of the operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from typing import Final, Literal, TypeAlias

import aiosmtplib

from duban.clock import Clock
from duban.errors import Unavailable
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.message_text import subject_of, text_of
from duban_escalation.notices.webhook import NoticeRefused, PutOff

MailSecurity: TypeAlias = Literal["tls", "starttls", "none"]
#: From here on an answer of SMTP is for good.
_FOR_GOOD: Final = 500


@dataclass(frozen=True, slots=True)
class MailRelay:
    """The server that takes mails, who we are there, and how the line is secured."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    authority: str | None = None


class MailChannel:
    """Sends each notice as a mail of its own, whose ``Message-ID`` is the notice's, so that a repetition is seen."""

    def __init__(self, relay: MailRelay, clock: Clock, timeout: float = 15.0) -> None:
        self._relay = relay
        self._clock = clock
        self._timeout = timeout

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Hand ``notice`` for ``to`` over to the server.

        Raises:
            Unavailable: the server is away, puts it off (4xx), or will not have us: the settings may be mended.
            NoticeRefused: it refuses this recipient or this mail for good (5xx).
        """
        relay, mail = self._relay, self._mail(notice, to)
        try:
            await aiosmtplib.send(
                mail, hostname=relay.host, port=relay.port, username=relay.user, password=relay.password,
                use_tls=relay.security == "tls", start_tls=relay.security == "starttls", timeout=self._timeout,
                cert_bundle=relay.authority, sender=relay.sender, recipients=[to],
            )  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            self._judge(notice, error.recipients[0].code)
        except aiosmtplib.SMTPDataError as error:
            self._judge(notice, error.code)
        except aiosmtplib.SMTPResponseException as error:  # of the greeting, the sign-in or the sender: ours to mend
            raise Unavailable(f"{relay.host} answered {error.code} before it heard of a recipient") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Unavailable(f"{relay.host} cannot be reached for mail: {type(error).__name__}") from error

    def _judge(self, notice: Message[Notice], code: int) -> None:
        if code >= _FOR_GOOD:
            raise NoticeRefused(notice.id, code) from None
        raise PutOff(code, None) from None

    def _mail(self, notice: Message[Notice], to: str) -> EmailMessage:
        mail = EmailMessage(policy=WIRE)
        mail["From"] = self._relay.sender
        mail["To"] = to
        mail["Subject"] = subject_of(notice.data)
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = f"<{notice.id}@{self._relay.sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text_of(notice.data) + "\n", cte="base64")
        return mail
