"""The reports of a problem as they came: what is sealed of them is opened, where its key is there and not destroyed."""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from duban.messages.report import Report
from duban.messages.sealed import WrappedKey, joined, report_key
from duban.messages.struct import AwareDatetime, Frozen
from duban.seal import Unsealable
from duban_console.ledger import LedgerReport


class ReportOpener(Protocol):
    """Opens what is sealed of reports."""

    def open(self, key: WrappedKey, about: UUID, sealed: bytes) -> bytes:
        """What is sealed of the report ``about``; raises Unsealable."""


class Seal(StrEnum):
    """How what is personal of a report stands."""

    NONE = "none"  #: nothing of it is sealed
    OPENED = "opened"  #: it was sealed, and is shown
    SEALED = "sealed"  #: whoever shows it has not the key
    ERASED = "erased"  #: the key is destroyed; nobody reads it again
    LOST = "lost"  #: the key that is held does not open it: it is of a backup from before, or the master key is missing


class ShownReport(Frozen):
    """A report of a problem as it is shown; ``erased_at`` and ``why`` say since when nobody reads what was sealed."""

    source: str
    id: str
    received_at: AwareDatetime
    report: Report
    seal: Seal
    erased_at: AwareDatetime | None = None
    why: str | None = None


def shown(report: LedgerReport, opener: ReportOpener | None) -> ShownReport:
    """``report`` as whoever may see its problem sees it, by the keys of ``opener``."""
    filed, held = report.filed, report.held
    whole, seal = _whole(report, opener)
    return ShownReport(
        source=filed.source, id=filed.id, received_at=filed.received_at, report=whole, seal=seal,
        erased_at=held.erased_at if held else None, why=held.why if held else None,
    )  # fmt: skip


def _whole(report: LedgerReport, opener: ReportOpener | None) -> tuple[Report, Seal]:
    """What is shown of ``report``, and how it stands."""
    filed, held = report.filed, report.held
    if filed.sealed is None:
        return filed.report, Seal.NONE
    if held is None or held.key is None:
        return filed.report, Seal.ERASED
    if opener is None:
        return filed.report, Seal.SEALED
    try:
        part = opener.open(held.key, report_key(filed.source, filed.id), b64decode(filed.sealed.body))
        return joined(filed.report, part), Seal.OPENED
    except Unsealable:
        return filed.report, Seal.LOST
