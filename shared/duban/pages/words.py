"""The languages of pages, and what marks a text that catalogues translate. Pure."""

from __future__ import annotations

from typing import Final, Literal

#: The languages of pages, the first one first.
PageLanguage = Literal["zh", "en"]
LANGUAGES: Final[tuple[PageLanguage, ...]] = ("zh", "en")


def msgid(text: str) -> str:
    """``text``, which a catalogue translates: what is marked so is found by whoever extracts it."""
    return text
