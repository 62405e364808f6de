"""What the API is told by its environment."""

from __future__ import annotations

from pydantic import Field

from duban.io.evidence.settings import EvidenceSettings
from duban.io.settings import ServerSettings


class ApiSettings(ServerSettings, EvidenceSettings):
    """What the API is told by its environment."""

    api_port: int = Field(8320, ge=0, le=65535, description="Port of the API for actions, on 127.0.0.1")
