"""Which part of a report is sealed, and how it is put together again. Pure; the keys are elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from duban.messages.envelope import derived_id
from duban.messages.report import Evidence, Location, Report, SealedField
from duban.messages.struct import Frozen, canonical_json, from_json, replace


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The key of one report, which only the holder of the master key ``key_id`` uses."""

    key_id: str
    wrapped: bytes


class SealedPart(Frozen):
    """What of a report is sealed, as it is under the seal."""

    title: str | None = None
    text: str = ""
    attributes: dict[str, str] | None = None
    location: Location | None = None
    evidence: tuple[Evidence, ...] | None = None


_NOTHING: Final = SealedPart()


def report_key(source: str, report_id: str) -> UUID:
    """The identity of a report: that of the problem that it opens, of its receipt, and of its key."""
    return derived_id("problem", source, report_id)


def parted(report: Report, fields: Collection[SealedField], title: str) -> tuple[Report, bytes | None]:
    """``report`` without ``fields``, ``title`` in place of its own, and those as bytes; None where it has none of them.

    The hashes of files in the store stay: by them the files are found, and shown to be unchanged.
    """
    rest: dict[str, Any] = {}
    part: dict[str, Any] = {}
    for field in fields:
        value = getattr(report, field)
        match field:
            case SealedField.TITLE:
                rest["title"] = title
            case SealedField.TEXT:
                rest["text"] = ""
            case SealedField.ATTRIBUTES:
                rest["attributes"] = {}
            case SealedField.LOCATION:
                rest["location"] = None
            case SealedField.EVIDENCE:
                rest["evidence"] = tuple(replace(piece, title="") for piece in value if piece.is_ours)
        if value:
            part[field] = value
    sealed = SealedPart(**part)
    return replace(report, **rest), None if sealed == _NOTHING else canonical_json(sealed)


def joined(report: Report, part: bytes) -> Report:
    """The report as it came, from what :func:`parted` made of it.

    Raises:
        msgspec.DecodeError: ``part`` is none.
    """
    sealed = from_json(part, SealedPart)
    held = {name: value for name in sealed.__struct_fields__ if (value := getattr(sealed, name))}
    return replace(report, **held)
