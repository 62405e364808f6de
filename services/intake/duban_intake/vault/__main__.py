"""The vault as a process, for custodians: ``python -m duban_intake.vault``."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from duban.io.doorkeeper import Doorkeeper, client_of
from duban.io.feeds import follow_clock
from duban.io.http import Http
from duban.io.retention import Retention
from duban.io.service import Shell, run_service
from duban_intake.store import SCHEMA
from duban_intake.vault.app import create_app
from duban_intake.vault.desk import Vault
from duban_intake.vault.settings import VaultSettings
from duban_intake.vault.store import PostgresVault
from duban_intake.vault.terms import TermWalk

HEALTH_PORT: Final = 8331


async def compose(shell: Shell[VaultSettings]) -> None:
    """Wire the routes to the sealed contacts and the log."""
    settings = shell.settings
    vault = Vault(PostgresVault(shell.pool), await follow_clock(shell), settings.rules())
    app = create_app(vault, Doorkeeper(client_of(settings.vault_accounts)), settings.max_body)
    http = Http(app, settings, settings.vault_port, "DUBAN_VAULT_PORT")
    shell.health.check("http", lambda: http.listening)
    shell.run(http)
    if shell.settings.clock == "system":  # a story told on another clock is over before any term is
        shell.run(Retention({"reports": (TermWalk(vault), timedelta(0))}))


if __name__ == "__main__":
    run_service(
        "vault",
        VaultSettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
    )
