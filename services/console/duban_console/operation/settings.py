"""What the API is told so that operators have pages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from duban.io.settings import Settings


class OperationSettings(Settings):
    """What the API is told so that operators have pages."""

    operator_pages: Literal["off", "look", "replay"] = Field(
        "off",
        description="Whether operators have pages: `look`, of services, topics, dead letters, sources and anchors; "
        "`replay`, also to send dead letters back",
    )
    operator_kafka_user: str | None = Field(
        None, description="The principal by which those pages look at the brokers, `duban-pages`, where SASL is on"
    )
    operator_kafka_password: SecretStr | None = Field(None, description="The password of that principal")
    replay_kafka_user: str | None = Field(
        None,
        description="The principal by which they send dead letters back, `duban-replay`, where SASL is on; it may "
        "write what services write",
    )
    replay_kafka_password: SecretStr | None = Field(None, description="The password of that principal")
    operator_services: str = Field(
        "",
        description="Where the health ports are of the services that they show, as `http://router:8302`, parted by "
        "commas",
    )

    @field_validator("operator_services")
    @classmethod
    def _addresses(cls, services: str) -> str:
        for url in addresses(services):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url} is no address of a health port: write it as http://router:8302")
        return services

    def health_ports(self) -> list[str]:
        """Where the services are asked how they are."""
        return addresses(self.operator_services)

    def looking(self) -> Settings:
        """The settings by which the pages look at the brokers."""
        return self._as(self.operator_kafka_user, self.operator_kafka_password)

    def sending(self) -> Settings | None:
        """The settings by which they send dead letters back; None where they do not."""
        if self.operator_pages != "replay":
            return None
        return self._as(self.replay_kafka_user, self.replay_kafka_password)

    def _as(self, user: str | None, password: SecretStr | None) -> Settings:
        """These settings with another principal; without one, with that of the process."""
        if user is None:
            return self
        return self.model_copy(update={"kafka_user": user, "kafka_password": password})


def addresses(services: str) -> list[str]:
    """The addresses in a list that is parted by commas."""
    return [url.strip().rstrip("/") for url in services.split(",") if url.strip()]
