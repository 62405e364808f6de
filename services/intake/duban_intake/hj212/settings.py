"""What the gateway of HJ 212 is told by its environment."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import Field

from duban.io.settings import Settings
from duban.io.tls import server_tls


class Hj212Settings(Settings):
    """What the gateway of HJ 212 is told by its environment."""

    hj212_port: int = Field(8340, ge=0, le=65535, description="Port of the gateway of HJ 212")
    hj212_tls_certificate: Path | None = Field(
        None,
        description="PEM file with the certificate of the gateway of HJ 212, and those of the authorities between; "
        "empty: plain TCP, as monitors speak it",
    )
    hj212_tls_key: Path | None = Field(
        None, description="PEM file with the key of that certificate, without a pass phrase; empty: in the same file"
    )
    hj212_devices: Path | None = Field(
        None,
        description="YAML file of the devices that may speak to the gateway of HJ 212, as `duban hj212 check` reads "
        "it; read again when it changes",
    )
    hj212_max_connections: int = Field(
        10_000, ge=1, le=100_000, description="Most connections to the gateway of HJ 212; one more is hung up on"
    )
    hj212_idle: float = Field(
        3_600.0, gt=0, description="Seconds of silence after which the gateway of HJ 212 hangs up on a device"
    )

    def tls(self) -> ssl.SSLContext | None:
        """How the gateway shows who it is; None where it speaks in plain.

        Raises:
            SettingsError: a file cannot be used.
        """
        return server_tls(self.hj212_tls_certificate, self.hj212_tls_key, settings="DUBAN_HJ212_TLS")
