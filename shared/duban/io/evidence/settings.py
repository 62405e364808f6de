"""What is told about evidence by the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from duban.io.settings import Settings

#: What phones and offices send as evidence.
_TYPES: Final = (
    "image/jpeg,image/png,image/webp,image/heic,video/mp4,video/quicktime,video/3gpp,audio/mpeg,audio/mp4,"
    "application/pdf"
)


class EvidenceSettings(Settings):
    """What a service is told besides that takes or shows evidence."""

    evidence: str = Field(
        "",
        description="The evidence store: a folder, or `s3://bucket/prefix`; empty: evidence is neither taken nor shown",
    )
    evidence_endpoint: str | None = Field(
        None, description="URL of the server that has the bucket; empty: that of AWS in the region"
    )
    evidence_region: str = Field("us-east-1", description="Region of the bucket")
    evidence_key: str | None = Field(
        None, description="Access key id for the bucket; empty: what the environment of AWS says, or the machine's role"
    )
    evidence_secret: SecretStr | None = Field(None, description="The secret of that key")
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
        description="Folder on this machine for uploads that are not finished; empty: `uploads` in the store's own",
    )
    evidence_uploads_hours: float = Field(
        24.0, gt=0, description="Hours after which an upload that nobody goes on with is removed"
    )

    @property
    def types(self) -> frozenset[str]:
        """The media types that are taken."""
        return frozenset(name.strip().lower() for name in self.evidence_types.split(",")) - {""}
