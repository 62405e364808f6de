"""The gateway as a process: ``python -m duban_intake.gateway``."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import Field, SecretStr, field_validator

from duban.io.feeds import follow_clock
from duban.io.http import Http
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.messages.report import Report
from duban_intake.gateway.app import create_app
from duban_intake.gateway.batcher import Batching
from duban_intake.store import SCHEMA, PostgresStore
from duban_intake.vault.desk import Rules, Vault, custodians
from duban_intake.vault.seal import Keyring
from duban_intake.vault.store import PostgresVault

HEALTH_PORT: Final = 8311


class GatewaySettings(Settings):
    """What the gateway is told by its environment."""

    gateway_port: int = Field(8310, ge=0, le=65535, description="Port of the gateway for reports, on 127.0.0.1")
    gateway_patience: float = Field(5.0, gt=0, description="Seconds that a report may wait for the broker before 503")
    max_body: int = Field(
        1024 * 1024, ge=1024, description="Largest body of a request that the gateway reads, in bytes"
    )
    vault_key: SecretStr | None = Field(
        None,
        description="Master key of the vault, 32 bytes in base64; several, parted by commas, while keys change: the "
        "first seals, all open, the last makes claim codes; empty: contacts are refused, no claim codes",
    )
    vault_custodians: str = Field(
        "", description="Names of those who may ask and approve at the vault, at least two, parted by commas"
    )
    vault_open_hours: float = Field(
        24.0, gt=0, le=24 * 366, description="Hours that the approval to open a contact holds"
    )

    @field_validator("vault_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or not key.get_secret_value().strip():
            return None
        Keyring.parse(key.get_secret_value())
        return key

    @field_validator("vault_custodians")
    @classmethod
    def _usable_custodians(cls, names: str) -> str:
        custodians(names)
        return names

    def vault_rules(self) -> Rules:
        """What the vault goes by."""
        keyring = Keyring.parse(self.vault_key.get_secret_value()) if self.vault_key else None
        return Rules(keyring, custodians(self.vault_custodians), timedelta(hours=self.vault_open_hours))


async def compose(shell: Shell[GatewaySettings]) -> None:
    """Wire the routes to the broker, the receipts and the clock."""
    settings = shell.settings
    batching = Batching(shell.publisher.publish, settings.gateway_patience)
    clock = await follow_clock(shell)
    vault = Vault(PostgresVault(shell.pool), clock, settings.vault_rules())
    app = create_app(batching.put, shell.publisher.check, PostgresStore(shell.pool), clock, settings.max_body, vault)
    http = Http(app, settings.gateway_port, "DUBAN_GATEWAY_PORT", settings.drain_timeout, beside=batching)
    shell.health.check("http", lambda: http.listening)
    shell.run(http)


if __name__ == "__main__":
    run_service(
        "gateway",
        GatewaySettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
        topics=[Report.TOPIC],
    )
