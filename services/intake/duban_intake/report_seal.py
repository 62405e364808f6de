"""What of a report is sealed as it goes on to the router, under a key that lies with intake alone. Pure."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from duban.errors import Unavailable
from duban.messages.report import Report, SealedField, SealedFields
from duban.messages.sealed import WrappedKey, parted
from duban.policy.rules import Rules
from duban_intake.domain import Receipt, category_of


class Why(StrEnum):
    """Why a key was destroyed."""

    REQUEST = "request"  #: somebody asked for it
    TERM = "term"  #: the pack keeps it no longer


@dataclass(frozen=True, slots=True)
class ReportKey:
    """The key of a report: of which ``fields``, in which problem. Without ``wrapped`` it was destroyed."""

    key: UUID
    source: str
    id: str
    problem_id: UUID
    fields: tuple[SealedField, ...]
    kept_at: datetime
    wrapped: WrappedKey | None
    erased_at: datetime | None = None
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class ReportTerms:
    """Until when is kept what is personal of the reports of a problem; None: without end, as while it is open."""

    contact: datetime | None = None
    content: datetime | None = None
    evidence: datetime | None = None


class Sealer(Protocol):
    """Makes the keys of reports and seals with them; the same part under the same key gives the same bytes."""

    def fresh(self, about: UUID) -> WrappedKey:
        """A new key for the report ``about``."""

    def seal(self, key: WrappedKey, about: UUID, part: bytes) -> bytes:
        """``part`` of the report ``about`` under its key."""

    def fresh_of_file(self, sha256: str) -> WrappedKey:
        """A new key for the file ``sha256``."""


class Discarding:
    """In place of a sealer where nobody will read what was sealed: in a rehearsal nothing of it is kept."""

    def fresh(self, about: UUID) -> WrappedKey:
        return WrappedKey("", about.bytes)

    def seal(self, key: WrappedKey, about: UUID, part: bytes) -> bytes:
        return b""

    def fresh_of_file(self, sha256: str) -> WrappedKey:
        return WrappedKey("", sha256.encode())


#: What sealing makes of a report, in base64, at most: so much of what a record takes may the report itself have.
SHARE: Final = (3, 4)


def seals(rules: Rules | None) -> tuple[SealedField, ...]:
    """The fields of reports that are sealed under ``rules``."""
    return rules.pack.privacy.seal if rules is not None and rules.pack.privacy is not None else ()


def key_of(receipt: Receipt, rules: Rules | None, sealer: Sealer | None) -> ReportKey | None:
    """The key for a report that goes to the router under ``receipt``; None where nothing of it is sealed.

    Raises:
        Unavailable: something is, and there is nothing to seal with.
    """
    fields = seals(rules)
    if not fields or receipt.problem_id is None:
        return None
    wrapped = _sealing(sealer).fresh(receipt.key)
    return ReportKey(receipt.key, receipt.source, receipt.id, receipt.problem_id, fields, receipt.received_at, wrapped)


def files_of(report: Report, key: ReportKey, sealer: Sealer | None) -> dict[str, WrappedKey]:
    """A key for each file of ``report`` in the store, by its SHA-256, where files are sealed; the first of each stands.

    Raises:
        Unavailable: there is nothing to seal with.
    """
    if SealedField.EVIDENCE not in key.fields:
        return {}
    return {piece.sha256: _sealing(sealer).fresh_of_file(piece.sha256) for piece in report.evidence if piece.is_ours}


def sealed(
    report: Report, key: ReportKey, rules: Rules | None, sealer: Sealer | None
) -> tuple[Report, SealedFields | None]:
    """``report`` as the ledger may have it for ever, and beside it what is sealed; that is empty under a destroyed key.

    Raises:
        Unavailable: there is nothing to seal with.
    """
    category = rules.categories.get(category_of(report, rules)) if rules is not None else None
    title = category.title.native if category is not None else report.category or report.channel
    rest, part = parted(report, key.fields, title)
    if part is None:
        return rest, None
    if key.wrapped is None:
        return rest, SealedFields(fields=key.fields)
    body = _sealing(sealer).seal(key.wrapped, key.key, part)
    return rest, SealedFields(fields=key.fields, body=b64encode(body).decode())


def terms(rules: Rules | None, closed_at: datetime | None) -> ReportTerms | None:
    """Until when ``rules`` keep what is personal of a problem closed at ``closed_at``; None where they do not say."""
    if rules is None or rules.pack.privacy is None:
        return None
    keep = rules.pack.privacy.keep
    if keep is None or closed_at is None:
        return ReportTerms()
    until = {
        name: None if term is None else rules.calendar.add(closed_at, term)
        for name, term in (("contact", keep.contact), ("content", keep.content), ("evidence", keep.evidence))
    }
    return ReportTerms(**until)


def _sealing(sealer: Sealer | None) -> Sealer:
    if sealer is None:
        # Waited for, not refused: a report that was set aside would lie in the dead letters as it came.
        raise Unavailable("a pack has reports sealed, and there is no key to seal with: set DUBAN_REPORT_KEY")
    return sealer
