"""What is told about evidence by the environment."""

from __future__ import annotations

from pathlib import Path
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
        description="Media types that are taken, by the bytes of a file and not by its name, parted by commas",
    )
    evidence_max_bytes: int = Field(100 * 1024 * 1024, ge=1024, description="Largest file that is taken, in bytes")
    evidence_scanner: str = Field(
        "",
        description="What looks for viruses: `clamd:/path/of.socket`, `clamd:host:port`, or a command that gets the "
        "file and ends with 0, or with 1 where it found something; empty: nothing does",
    )
    evidence_scan_timeout: float = Field(60.0, gt=0, description="Seconds that the scanner may take over a file")
    evidence_uploads: Path | None = Field(
        None,
        description="Folder for unfinished uploads, on a disk of this machine; empty: `uploads` in the store",
    )
    evidence_uploads_hours: float = Field(
        24.0, gt=0, description="Hours after which an upload that nobody goes on with is removed"
    )

    @property
    def types(self) -> frozenset[str]:
        """The media types that are taken."""
        return frozenset(name.strip().lower() for name in self.evidence_types.split(",")) - {""}
