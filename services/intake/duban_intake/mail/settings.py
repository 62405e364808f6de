"""What the gateway of mail is told by its environment."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from duban.errors import SettingsError
from duban.io.evidence.settings import EvidenceSettings
from duban.io.settings import variable
from duban.io.tls import server_tls
from duban_intake.remote_server import with_port
from duban_intake.vault.settings import SealSettings

_PORTS: Final = {"imap": 143, "imaps": 993}


class MailSettings(SealSettings, EvidenceSettings):
    """What the gateway of mail is told by its environment."""

    mail_lmtp_port: int = Field(
        8360, ge=0, le=65535, description="Port at which a mail server hands mails over, by LMTP"
    )
    mail_tls_certificate: Path | None = Field(
        None,
        description="PEM file with the certificate of that port, and those of the authorities between: a mail "
        "server must begin with STARTTLS; empty: in plain",
    )
    mail_tls_key: Path | None = Field(
        None, description="PEM file with the key of that certificate, without a pass phrase; empty: in the same file"
    )
    mail_max_bytes: int = Field(25 * 1024 * 1024, ge=65_536, description="Largest mail that is read, in bytes")
    mail_imap: str = Field(
        "", description="Mailbox that is polled: `imaps://HOST:PORT`, or `imap://` without TLS; empty: none"
    )
    mail_user: str | None = Field(None, description="Under which name the mailbox is opened")
    mail_password: SecretStr | None = Field(None, description="The password of that name")
    mail_ca: Path | None = Field(
        None, description="PEM file of the authority that signs the server of the mailbox; empty: the system's"
    )
    mail_address: str | None = Field(
        None, description="The address of the mailbox, which a source of the kind `mail` names; empty: the name"
    )
    mail_folder: str = Field("INBOX", min_length=1, description="Folder of the mailbox that mails come to")
    mail_done_folder: str = Field(
        "",
        description="Folder to which a mail is moved once our broker has it; empty: it stays where it is, marked as "
        "seen, and only what is not seen is read",
    )
    mail_poll: float = Field(30.0, gt=0, description="Seconds from one look into the mailbox to the next")

    @field_validator("mail_imap")
    @classmethod
    def _usable(cls, url: str) -> str:
        form = "imaps://HOST:PORT, or imap://HOST:PORT without TLS"
        return with_port(url, _PORTS, form, "mail") if url else url

    @property
    def server(self) -> tuple[str, int, bool]:
        """Host and port of the mailbox, and whether over TLS."""
        parts = urlsplit(self.mail_imap)
        return parts.hostname or "", parts.port or 0, parts.scheme == "imaps"

    def tls(self) -> ssl.SSLContext | None:
        """How the port for LMTP shows who it is; None where it speaks in plain.

        Raises:
            SettingsError: a file cannot be used.
        """
        return server_tls(self.mail_tls_certificate, self.mail_tls_key, settings="DUBAN_MAIL_TLS")

    def mailbox(self) -> tuple[str, str]:
        """Name and address of the mailbox.

        Raises:
            SettingsError: one is missing.
        """
        if not self.mail_user or not self.mail_password:
            names = f"{variable('mail_user')} and {variable('mail_password')}"
            raise SettingsError(f"{variable('mail_imap')} names a mailbox; set {names} too")
        return self.mail_user, (self.mail_address or self.mail_user).lower()
