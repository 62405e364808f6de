"""Where a page of the desk ended, as a text that is given back for the next."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import TypeVar

import msgspec

from duban.clock import within_range
from duban.messages.events import MOST_LINES
from duban_console.ledger import BadCursor

K = TypeVar("K", bound=tuple[object, ...])


def encoded(question: str, key: tuple[object, ...]) -> str:
    """The cursor of a page of ``question`` whose last line has ``key``."""
    return urlsafe_b64encode(msgspec.json.encode((question, *key))).decode().rstrip("=")


def decoded(cursor: str | None, question: str, model: type[K]) -> K | None:
    """The key in ``cursor``, a tuple like ``model``; None without one.

    Raises:
        BadCursor: it is none of ours, or of another question.
    """
    if cursor is None:
        return None
    try:
        whose, *key = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        parts: K = msgspec.convert(tuple(key), model)
        for part in parts:
            _check(part)
        if whose != question:
            raise ValueError("of another question")
    except (ValueError, TypeError, msgspec.ValidationError, msgspec.DecodeError):
        raise BadCursor("the cursor is none that this page has given out; begin again without one") from None
    return parts


def _check(part: object) -> None:
    """Return if the database takes ``part``.

    Raises:
        ValueError: it does not: an instant without an offset, or a number that is none of an event.
    """
    if isinstance(part, datetime):
        if part.tzinfo is None:
            raise ValueError("a cursor carries aware instants")
        within_range(part)
    elif isinstance(part, int) and not 0 < part <= MOST_LINES:
        raise ValueError("a cursor carries versions of events")
