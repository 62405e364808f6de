"""What the detector is told by its environment, beside the settings that all services share."""

from __future__ import annotations

from pydantic import Field

from duban.io.settings import Settings


class DetectorSettings(Settings):
    """What the detector is told by its environment."""

    detector_listen: float = Field(
        30.0,
        gt=0,
        le=3_600,
        description="Seconds between two looks at which stations have fallen silent; the first comes so long after "
        "partitions were assigned",
    )
