"""What the gateway is told by its environment."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from duban.io.evidence.settings import EvidenceSettings
from duban.io.rate_limits import Counted, RateKind
from duban.pages.maps import MapSettings
from duban_intake.vault.settings import SealSettings


class GatewaySettings(SealSettings, EvidenceSettings, MapSettings):
    """What the gateway is told by its environment."""

    gateway_port: int = Field(8310, ge=0, le=65535, description="Port of the gateway for reports")
    source_secrets: Path | None = Field(
        None,
        description="YAML file with the secrets by which sources sign, `NAME: SECRET` or `NAME: [NEW, OLD]`; read anew "
        "when it has changed",
    )
    gateway_patience: float = Field(5.0, gt=0, description="Seconds that a report may wait for the broker before 503")

    #: What a source hands in is counted by its own rate, wherever it comes from.
    COUNTED: ClassVar[tuple[Counted, ...]] = (
        Counted("GET", "/open311/", RateKind.LOOKUP),
        Counted("POST", "/v1/erasures", RateKind.LOOKUP),
        Counted("POST", "/city/", RateKind.LOOKUP),
        *(Counted(method, "/", None) for method in ("POST", "PATCH")),
    )
