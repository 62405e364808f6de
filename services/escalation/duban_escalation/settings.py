"""What escalation is told by its environment, beside the settings that all services share."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationInfo, field_validator

from duban.io.settings import Settings
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
