"""What is said in English, with the same in Chinese beside it, for whoever does not know yet who reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable


class Sentence(str):
    """The English of it, as programs, logs and the command line have it; it brings its ``chinese`` along.

    What is made of it by the methods of ``str`` is English alone, and so is ``str`` of it, as a message holds it.
    """

    __slots__ = ("chinese",)

    chinese: str

    def __new__(cls, english: str, chinese: str) -> Sentence:
        sentence = super().__new__(cls, english)
        sentence.chinese = chinese
        return sentence

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # a copy brings both along
        return str(self), self.chinese


def in_chinese(text: str) -> str:
    """The Chinese of ``text``; itself, where it brings none along."""
    return text.chinese if isinstance(text, Sentence) else text


def listed(names: Iterable[str]) -> Sentence:
    """``names`` one after the other."""
    known = list(names)
    return Sentence(", ".join(known), "、".join(known))


__all__ = ["Sentence", "in_chinese", "listed"]
