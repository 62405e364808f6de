"""The gateway as a process: ``python -m duban_intake.gateway``."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from duban.io.following import follow_clock
from duban.io.http import Http
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.messages.report import Report
from duban_intake.gateway.app import create_app
from duban_intake.gateway.batching import Batching
from duban_intake.store import SCHEMA, PostgresStore

HEALTH_PORT: Final = 8311


class GatewaySettings(Settings):
    """What the gateway is told by its environment."""

    gateway_port: int = Field(8310, ge=0, le=65535, description="Port of the gateway for reports, on 127.0.0.1")
    gateway_patience: float = Field(5.0, gt=0, description="Seconds that a report may wait for the broker before 503")
    max_body: int = Field(
        1024 * 1024, ge=1024, description="Largest body of a request that the gateway reads, in bytes"
    )


async def compose(shell: Shell[GatewaySettings]) -> None:
    """Wire the routes to the broker, the receipts and the clock."""
    settings = shell.settings
    batching = Batching(shell.publisher.publish, settings.gateway_patience)
    app = create_app(
        batching.put, shell.publisher.check, PostgresStore(shell.pool), await follow_clock(shell), settings.max_body
    )
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
