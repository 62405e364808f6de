"""What the API is told by its environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from duban.io.evidence.settings import EvidenceSettings
from duban.io.hosts import guarded_url
from duban.io.rate_limits import Counted, RateKind, RateLimits
from duban.io.report_keys import ReportKeySettings
from duban.io.settings import AnchorSettings, ServerSettings
from duban.pages.maps import MapSettings
from duban_console.accounts.factor_seal import FactorSeal
from duban_console.oidc.settings import CALLBACK, OidcSettings
from duban_console.operation.settings import OperationSettings


class ApiSettings(
    ServerSettings, OidcSettings, EvidenceSettings, ReportKeySettings, AnchorSettings, OperationSettings, MapSettings
):  # fmt: skip
    """What the API is told by its environment."""

    accounts: SecretStr = Field(
        min_length=1,
        description="PostgreSQL with the accounts, as a URL with the role `duban_console`: the API asks who comes, and "
        "holds them to the table of access",
    )
    accounts_key: Path | None = Field(
        None,
        description="File with the key that seals the second factors, 32 bytes in base64, readable by its owner alone; "
        "several lines while keys change: the first seals, all open; empty: no second factor can be begun",
    )
    sign_in_rate: int = Field(
        30, ge=0, description="Most sign-ins a minute, good or bad, from one address to one process; 0: no limit"
    )
    account_sign_in_rate: int = Field(10, ge=0, description="The same by one name, from wherever they come")
    desk_near_hours: int = Field(
        48,
        ge=1,
        le=24 * 366,
        description="So many hours before its limit a problem is yellow on the pages; what stands in the lamps of past "
        "weeks stays as it was counted",
    )
    vault: str | None = Field(
        None,
        description="URL of the vault, which custodians' pages ask by their own sessions: https, or http on loopback; "
        "empty: custodians have no pages",
    )
    fonts: Path | None = Field(
        None,
        description="Folder with the office's own fonts, which documents (PDF) are set in first: FangSong, SimHei, "
        "FZXiaoBiaoSong; looked at when the API starts; empty: those that come with it",
    )
    api_port: int = Field(8320, ge=0, le=65535, description="Port of the API for actions")

    COUNTED: ClassVar[tuple[Counted, ...]] = (
        Counted("POST", "/v1/sessions", RateKind.SIGN_IN),
        Counted("POST", "/sign-in", RateKind.SIGN_IN),
        Counted("POST", "/account/password", RateKind.SIGN_IN),
        Counted("POST", "/account/factor/", RateKind.SIGN_IN),
        Counted("GET", CALLBACK, RateKind.SIGN_IN),
        Counted("GET", "/calendar/", RateKind.LOOKUP),
        Counted("GET", "/screen/", RateKind.LOOKUP),
        Counted("POST", "/v1/rewards/lookup", RateKind.LOOKUP),
        Counted("POST", "/v1/reports/export", RateKind.LOOKUP),
    )

    @property
    def near(self) -> timedelta:
        """How long before its limit a problem is yellow."""
        return timedelta(hours=self.desk_near_hours)

    @field_validator("vault")
    @classmethod
    def _guarded_vault(cls, url: str | None) -> str | None:
        return guarded_url(url) if url else None

    def rates(self) -> dict[RateKind, int]:
        """How many of each are taken a minute from one address."""
        return {**super().rates(), RateKind.SIGN_IN: self.sign_in_rate}

    def account_limits(self) -> RateLimits:
        """How many of each are taken a minute by one account; nothing has been counted yet."""
        return RateLimits({RateKind.REQUEST: self.request_rate, RateKind.SIGN_IN: self.account_sign_in_rate})

    def seal(self) -> FactorSeal | None:
        """What seals the second factors; None where no key is given.

        Raises:
            SettingsError: it is no key, or others may read it.
        """
        return FactorSeal.load(self.accounts_key) if self.accounts_key else None
