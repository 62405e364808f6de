"""What a notice says to people: a subject of one line, and a text. Pure."""

from __future__ import annotations

from typing import Final

from duban.messages.notices import Notice
from duban.texts import printable

_LONGEST_SUBJECT: Final = 100
_CUT: Final = "…"


def subject_of(notice: Notice) -> str:
    """The number of the record and the first line of the text, which says what it is: ``MY-2022-7 督办通知``."""
    first = next((line.strip() for line in notice.text.splitlines() if line.strip()), notice.title)
    return _cut(printable(" ".join(f"{notice.number} {first}".split())), _LONGEST_SUBJECT)


def text_of(notice: Notice) -> str:
    """The text of the notice, with the number of the record where it does not name it."""
    text = "\n".join(printable(line) for line in notice.text.splitlines())
    return text if notice.number in text else f"{notice.number}\n{text}"


def within_bytes(text: str, most: int) -> str:
    """``text``, cut where it is longer than ``most`` bytes of UTF-8."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: most - len(_CUT.encode())].decode(errors="ignore") + _CUT


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + _CUT
