"""The languages in which packs are told, advised on, and refused."""

from __future__ import annotations

from enum import StrEnum

from duban.errors import PackError
from duban.sentence import in_chinese


class Language(StrEnum):
    """In which language a pack is told."""

    EN = "en"
    ZH = "zh"


def in_language(text: str, language: Language) -> str:
    """``text`` in ``language``, as far as it brings that along."""
    return in_chinese(text) if language is Language.ZH else str(text)


def refusal(error: PackError, language: Language) -> str:
    """``error`` in one line: the file, the place in it, and the law that is broken."""
    if language is Language.EN:
        return str(error)
    return f"{error.file}: {in_chinese(error.path) or '(整个文件)'}: {in_chinese(error.law)}"
