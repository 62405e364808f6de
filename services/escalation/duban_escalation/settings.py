"""What escalation is told by its environment, beside the settings that all services share."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationInfo, field_validator

from duban.io.settings import Settings
from duban_escalation.notices.channels_file import read_channels
from duban_escalation.notices.mail import MailRelay, MailSecurity
from duban_escalation.notices.signature import Signer


class PlatformAddress(BaseModel, frozen=True, extra="forbid"):
    """Where a platform takes records, and the ``whsec_…`` that signs what is posted there."""

    url: HttpUrl
    secret: SecretStr

    @field_validator("secret")
    @classmethod
    def _signs(cls, secret: SecretStr) -> SecretStr:
        Signer.of(secret.get_secret_value())
        return secret


class EscalationSettings(Settings):
    """The settings of the sweep and of the deliverer."""

    sweep_page: int = Field(1000, ge=1, le=10_000, description="Most deadlines that are fired in one publish")
    heads_days: int = Field(
        180,
        ge=1,
        description="Days after its last event for which the version of a record is kept that has nothing due any more",
    )
    deliveries_days: int = Field(
        120, ge=1, description="Days for which is kept which notices went out; more than `duban.notices.v1` is"
    )
    webhook_url: HttpUrl | None = Field(None, description="Where notices are posted; empty: they go to the log")
    webhook_secret: SecretStr | None = Field(
        None,
        validate_default=True,
        description="`whsec_…` that signs them; several, separated by spaces, while a secret is being changed",
    )
    webhook_allow_private: bool = Field(
        False, description="Whether the receiver may have a private or loopback address"
    )
    webhook_timeout: float = Field(15.0, gt=0, description="Seconds that the receiver has to answer")
    webhook_patience: float = Field(
        259_200.0,
        gt=0,
        description="Seconds after which a notice becomes a dead letter that the receiver still puts off",
    )
    webhook_concurrency: int = Field(16, ge=1, le=256, description="Most notices under way to the receiver at once")
    platforms: dict[str, PlatformAddress] = Field(
        {},
        description="Where the platforms are that records go on to, as JSON by city and platform: "
        '`{"linyi/credit-platform": {"url": "https://…", "secret": "whsec_…"}}`; without: by hand',
    )
    callback_secrets: Path | None = Field(
        None,
        description="YAML file with the secrets that sign what sources are told of their reports, `NAME: whsec_…` or "
        "`NAME: [NEW, OLD]`; read anew when it has changed",
    )
    channels: Path | None = Field(
        None,
        description="YAML file with the robots of chats, the gateway of short messages and the secrets that sign to "
        "webhooks of contacts (notices.md); read anew when it has changed; empty: people are reached by mail alone",
    )
    smtp_host: str | None = Field(None, description="Server that takes mails to contacts; empty: no mail goes out")
    smtp_port: int = Field(465, ge=1, le=65535, description="Its port: 465 with `tls`, 587 with `starttls`")
    smtp_security: MailSecurity = Field(
        "tls", description="How the line to it is secured: `tls` from the first byte, `starttls`, or `none`"
    )
    smtp_ca: Path | None = Field(
        None, description="PEM file of the authority that signs its certificate; empty: the system's"
    )
    smtp_user: str | None = Field(None, description="Under which name mails are handed over; empty: nobody signs in")
    smtp_password: SecretStr | None = Field(None, description="The password of that name")
    smtp_from: str | None = Field(
        None, validate_default=True, description="The address that mails come from, as `duban@example.org`"
    )
    notices_file: Path | None = Field(
        None, description="JSON-lines file that notices are appended to where there is no receiver"
    )

    @field_validator("webhook_secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None, fields: ValidationInfo) -> SecretStr | None:
        if secret is not None:
            Signer.of(secret.get_secret_value())
        elif fields.data.get("webhook_url") is not None:
            raise ValueError("DUBAN_WEBHOOK_URL needs it: notices are never posted unsigned")
        return secret

    @field_validator("smtp_from")
    @classmethod
    def _from(cls, sender: str | None, fields: ValidationInfo) -> str | None:
        if sender is None and fields.data.get("smtp_host") is not None:
            raise ValueError("DUBAN_SMTP_HOST needs it: a mail comes from somebody")
        return sender

    @field_validator("channels")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        if file is not None and file.exists():
            read_channels(file.read_text("utf-8"))
        return file

    @property
    def relay(self) -> MailRelay | None:
        """The server that takes mails; None where none is set."""
        if self.smtp_host is None or self.smtp_from is None:
            return None
        password = self.smtp_password.get_secret_value() if self.smtp_password else None
        authority = str(self.smtp_ca) if self.smtp_ca else None
        return MailRelay(
            self.smtp_host, self.smtp_port, self.smtp_security, self.smtp_from, self.smtp_user, password, authority
        )
