"""What is told about evidence by the environment."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from duban.io.settings import Settings

#: What phones and offices send as evidence.
_TYPES: Final = (
    "image/jpeg,image/png,image/webp,image/heic,video/mp4,video/quicktime,video/3gpp,audio/mpeg,audio/mp4,"
    "application/pdf"
)


class EvidenceSettings(Settings):
    """What a service is told besides that takes or shows evidence."""

    evidence: str = Field("", description="The evidence store: a folder; empty: no evidence is taken, and none shown")
    evidence_types: str = Field(
        _TYPES,
        description="Media types of files that are taken, by their bytes and not by their names, parted by commas",
    )
    evidence_max_bytes: int = Field(100 * 1024 * 1024, ge=1024, description="Largest file that is taken, in bytes")

    @property
    def types(self) -> frozenset[str]:
        """The media types that are taken."""
        return frozenset(name.strip().lower() for name in self.evidence_types.split(",")) - {""}
