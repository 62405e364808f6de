"""What the API is told by its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from duban.io.evidence.settings import EvidenceSettings
from duban.io.settings import ServerSettings


class ApiSettings(ServerSettings, EvidenceSettings):
    """What the API is told by its environment."""

    accounts: SecretStr = Field(
        min_length=1,
        description="PostgreSQL with the accounts, as a URL with the role `duban_console`: the API asks who comes, and "
        "holds them to the table of access",
    )
    api_port: int = Field(8320, ge=0, le=65535, description="Port of the API for actions, on 127.0.0.1")
