"""What a process has that takes evidence, as its settings say: the store, the desk in front of it, and the uploads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duban.errors import Fault, SettingsError
from duban.io.evidence.bucket import BucketStore
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.scanner import scanner_of
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import EvidenceStore
from duban.io.evidence.uploads import Uploads

_UPLOADS = "uploads"
_S3 = "s3://"


@dataclass(frozen=True, slots=True)
class Reception:
    """Where evidence comes in."""

    desk: EvidenceDesk
    uploads: Uploads


def taking(reception: Reception | None) -> Reception:
    """Where evidence comes in.

    Raises:
        Fault: 501, none is taken.
    """
    if reception is None:
        raise Fault(501, "no_evidence_store", "no evidence is taken here: DUBAN_EVIDENCE names no store")
    return reception


def opened(settings: EvidenceSettings) -> EvidenceStore | None:
    """The store of ``settings``; None where they name none.

    Raises:
        SettingsError: it cannot be used.
    """
    if not settings.evidence:
        return None
    if not settings.evidence.startswith(_S3):
        return FolderStore(Path(settings.evidence))
    bucket, _, prefix = settings.evidence.removeprefix(_S3).partition("/")
    if not bucket:
        raise SettingsError(f"DUBAN_EVIDENCE: {settings.evidence} names no bucket; write s3://bucket/prefix")
    secret = settings.evidence_secret.get_secret_value() if settings.evidence_secret else None
    return BucketStore(
        bucket, prefix.strip("/"), settings.evidence_endpoint, settings.evidence_region, settings.evidence_key, secret
    )


def desk_of(settings: EvidenceSettings) -> EvidenceDesk | None:
    """The desk of the store of ``settings``; None where they name none.

    Raises:
        SettingsError: as with :func:`opened`, or there is no such scanner.
    """
    store = opened(settings)
    if store is None:
        return None
    scanner = scanner_of(settings.evidence_scanner, settings.evidence_scan_timeout)
    return EvidenceDesk(store, settings.types, settings.evidence_max_bytes, scanner)


def reception_of(settings: EvidenceSettings) -> Reception | None:
    """The desk of ``settings`` with its uploads; None where they name no store.

    Raises:
        SettingsError: as with :func:`desk_of`, or the folder of the uploads cannot be used.
    """
    desk = desk_of(settings)
    if desk is None:
        return None
    if settings.evidence_uploads is None and settings.evidence.startswith(_S3):
        raise SettingsError("DUBAN_EVIDENCE_UPLOADS is missing: name a folder here, where uploads to a bucket gather")
    folder = settings.evidence_uploads or Path(settings.evidence) / _UPLOADS
    try:
        return Reception(desk, Uploads(folder, settings.evidence_uploads_hours))
    except OSError as error:
        raise SettingsError(f"DUBAN_EVIDENCE_UPLOADS: {folder} is no folder to write to: {error.strerror}") from None
