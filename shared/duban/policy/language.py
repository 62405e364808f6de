"""The languages in which packs are told and advised on."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """In which language a pack is told."""

    EN = "en"
    ZH = "zh"
