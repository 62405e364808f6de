"""Which store a setting names, and the desk in front of it."""

from __future__ import annotations

from pathlib import Path

from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import EvidenceStore


def opened(settings: EvidenceSettings) -> EvidenceStore | None:
    """The store of ``settings``; None where they name none.

    Raises:
        SettingsError: it cannot be used.
    """
    return FolderStore(Path(settings.evidence)) if settings.evidence else None


def desk_of(settings: EvidenceSettings) -> EvidenceDesk | None:
    """The desk of the store of ``settings``; None where they name none.

    Raises:
        SettingsError: as with :func:`opened`.
    """
    store = opened(settings)
    return EvidenceDesk(store, settings.types, settings.evidence_max_bytes) if store is not None else None
