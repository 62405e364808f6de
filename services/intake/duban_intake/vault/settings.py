"""What the vault is told by its environment: the keys by every process that seals, the rest by its own server."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator

from duban.io.hosts import guarded_url
from duban.io.settings import ServerSettings
from duban_intake.vault.desk import DeskSettings
from duban_intake.vault.seal import Keyring


class SealSettings(ServerSettings):
    """The settings of a server that seals or opens contacts."""

    vault_key: SecretStr | None = Field(
        None,
        description="Master key of the vault, 32 bytes in base64; several, parted by commas, while keys change: the "
        "first seals, all open, the last makes claim codes; empty: contacts are refused, no claim codes",
    )

    @field_validator("vault_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or not key.get_secret_value().strip():
            return None
        Keyring.parse(key.get_secret_value())
        return key

    def keyring(self) -> Keyring | None:
        """The keys; None where none is set."""
        return Keyring.parse(self.vault_key.get_secret_value()) if self.vault_key else None


class VaultSettings(SealSettings):
    """The settings of the vault's own server, which custodians speak to."""

    vault_port: int = Field(8330, ge=0, le=65535, description="Port of the vault for custodians")
    vault_accounts: str = Field(
        description="URL of the API, which is asked who comes: https, or http on loopback",
    )
    vault_open_hours: float = Field(
        24.0, gt=0, le=24 * 366, description="Hours that the approval to open a contact holds"
    )

    @field_validator("vault_accounts")
    @classmethod
    def _guarded_accounts(cls, url: str) -> str:
        return guarded_url(url)

    def rules(self) -> DeskSettings:
        """What the vault goes by."""
        return DeskSettings(self.keyring(), timedelta(hours=self.vault_open_hours))
