"""What the gateway of MQTT is told by its environment."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from duban.io.settings import Settings
from duban.io.tls import client_tls
from duban_intake.remote_server import with_port

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class MqttSettings(Settings):
    """What the gateway of MQTT is told by its environment."""

    mqtt_broker: str = Field(
        "mqtt://127.0.0.1:1883",
        description="Broker of MQTT (version 5) that the gateway listens to: `mqtt://HOST:PORT`, `mqtts://` for TLS",
    )
    mqtt_user: str | None = Field(None, description="Under which name the gateway of MQTT speaks to that broker")
    mqtt_password: SecretStr | None = Field(None, description="The password of that name")
    mqtt_ca: Path | None = Field(
        None, description="PEM file of the authority that signs the broker of MQTT; empty: the system's"
    )
    mqtt_certificate: Path | None = Field(
        None, description="PEM file with the certificate, and the key, by which the gateway of MQTT shows who it is"
    )
    mqtt_client: str = Field(
        "",
        max_length=60,
        description="By what name the broker of MQTT keeps what is not acknowledged: the same after every start, and "
        "another for each process of the gateway; empty: `duban-` and the name of the machine",
    )
    mqtt_group: str = Field(
        "duban",
        pattern=r"^[^/+#\s]{1,60}$",
        description="The group of the shared subscription: each message goes to one of its gateways of MQTT",
    )
    mqtt_session: int = Field(
        7 * 86_400,
        ge=60,
        le=2**32 - 2,
        description="Seconds for which the broker of MQTT is asked to keep messages while the gateway is away",
    )
    mqtt_in_flight: int = Field(
        500, ge=1, le=10_000, description="Most messages that the gateway of MQTT has in hand, not yet acknowledged"
    )

    @field_validator("mqtt_broker")
    @classmethod
    def _usable(cls, url: str) -> str:
        return with_port(url, _PORTS, "mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS", "mqtt")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the broker of MQTT."""
        parts = urlsplit(self.mqtt_broker)
        return parts.hostname or "", parts.port or 0

    @property
    def client(self) -> str:
        """By what name the broker knows this process."""
        return self.mqtt_client or f"duban-{socket.gethostname()}"

    def tls(self) -> ssl.SSLContext | None:
        """How to know the broker, and how to show who we are; None where it is spoken to in plain.

        Raises:
            SettingsError: a file cannot be used.
        """
        if not self.mqtt_broker.startswith("mqtts:"):
            return None
        return client_tls(self.mqtt_ca, self.mqtt_certificate, settings="DUBAN_MQTT")
