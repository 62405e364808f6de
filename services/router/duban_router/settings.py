"""What the router is told by its environment, beside the settings that all services share."""

from __future__ import annotations

from pydantic import Field

from duban.io.settings import AnchorSettings


class RouterSettings(AnchorSettings):
    """Besides how the ledger is anchored, how much of it is remembered."""

    remembered_mb: int = Field(
        256,
        ge=1,
        description="Megabytes of memory in which the router remembers states; others are read from its database",
    )
