"""What the gateway is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from duban.io.evidence.settings import EvidenceSettings
from duban_intake.vault.settings import SealSettings


class GatewaySettings(SealSettings, EvidenceSettings):
    """What the gateway is told by its environment."""

    gateway_port: int = Field(8310, ge=0, le=65535, description="Port of the gateway for reports, on 127.0.0.1")
    source_secrets: Path | None = Field(
        None,
        description="YAML file with the secrets by which sources sign, `NAME: SECRET` or `NAME: [NEW, OLD]`; read anew "
        "when it has changed",
    )
    gateway_patience: float = Field(5.0, gt=0, description="Seconds that a report may wait for the broker before 503")
