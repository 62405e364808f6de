"""What the API is told by its environment."""

from __future__ import annotations

from pydantic import Field

from duban.io.settings import Settings


class ApiSettings(Settings):
    """What the API is told by its environment."""

    api_port: int = Field(8320, ge=0, le=65535, description="Port of the API for actions, on 127.0.0.1")
    max_body: int = Field(1024 * 1024, ge=1024, description="Largest body of a request that is read, in bytes")
