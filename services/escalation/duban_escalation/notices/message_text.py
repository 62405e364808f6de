"""What a notice says to people: a subject of one line, and a text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from duban.messages.notices import Notice
from duban.texts import printable

#: What happened where several notices are told as one.
DIGEST: Final = "digest"
_LONGEST_SUBJECT: Final = 100
#: In a digest of lines.
_LONGEST_LINE: Final = 60
_LONGEST_TITLE: Final = 30
_CUT: Final = "…"


def subject_of(notice: Notice) -> str:
    """The number of the record and the first line of the text, which says what it is: ``MY-2022-7 督办通知``."""
    first = next((line.strip() for line in notice.text.splitlines() if line.strip()), notice.title)
    if notice.event == DIGEST:
        return cut(printable(first), _LONGEST_SUBJECT)
    return cut(printable(" ".join(f"{notice.number} {first}".split())), _LONGEST_SUBJECT)


def text_of(notice: Notice) -> str:
    """The text of the notice, with the number of the record where it does not name it."""
    text = "\n".join(printable(line) for line in notice.text.splitlines())
    return text if notice.event == DIGEST or notice.number in text else f"{notice.number}\n{text}"


def digest_text(notices: Sequence[Notice], *, whole: bool) -> str:
    """What ``notices`` say together: how many they are, and of each its subject and title, or its ``whole`` text."""
    head = f"{len(notices)} 条通知 / {len(notices)} notices"
    if whole:
        return "\n\n".join([head, *(f"{at}. {text_of(notice)}" for at, notice in enumerate(notices, start=1))])
    return "\n".join([head, *(f"{at}. {_line_of(notice)}" for at, notice in enumerate(notices, start=1))])


def _line_of(notice: Notice) -> str:
    subject, title = subject_of(notice), cut(printable(" ".join(notice.title.split())), _LONGEST_TITLE)
    return cut(subject, _LONGEST_LINE) if title in subject else f"{cut(subject, _LONGEST_LINE)} {title}"


def within_bytes(text: str, most: int) -> str:
    """``text``, cut where it is longer than ``most`` bytes of UTF-8."""
    if len(text.encode()) <= most:
        return text
    return text.encode()[: most - len(_CUT.encode())].decode(errors="ignore") + _CUT


def cut(text: str, most: int) -> str:
    """``text``, cut where it is longer than ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + _CUT
