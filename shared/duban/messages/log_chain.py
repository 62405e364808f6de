"""A log of acts as a chain: each line's hash covers its bytes and the hash before it. Pure.

Whoever may write the table and recompute every hash can tell another story; so note the head elsewhere and hand it to
the check. Lines that were cut off at the end show only so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import orjson

from duban.messages.events import GENESIS, chained


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as it stands in its log: its number, the very bytes that its hash covers, the hash before and after."""

    number: int
    body: bytes
    previous: str
    hash: str

    @property
    def fields(self) -> Any:
        """What the bytes say.

        Raises:
            ValueError: they are no JSON.
        """
        return orjson.loads(self.body)

    @classmethod
    def following(cls, last: LogLine | None, fields: Mapping[str, object]) -> Self:
        """The line that says ``fields`` and its own number, after ``last``."""
        number, previous = (last.number + 1, last.hash) if last else (1, GENESIS)
        body = orjson.dumps({"number": number, **fields}, option=orjson.OPT_SORT_KEYS)
        return cls(number, body, previous, chained(previous, body))


L = TypeVar("L", bound=LogLine)


@dataclass(frozen=True, slots=True)
class Audit:
    """Whether a log is whole: its length, its head, and else the first line that is wrong and why."""

    lines: int
    head: str
    broken: int | None = None
    reason: str | None = None


def audit(lines: Sequence[L], noted: Iterable[str], wrong: Callable[[L], str | None]) -> Audit:
    """Whether ``lines`` are the log that was written, and each head ``noted`` earlier is still in it.

    ``wrong`` says of each line in turn, whose bytes are those that were hashed, why it may not stand there.
    """
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        why = _broken(line, number, previous) or wrong(line)
        if why is not None:
            return Audit(len(lines), previous, number, why)
        previous = line.hash
    known = {GENESIS, *(line.hash for line in lines)}
    lost = next((head for head in noted if head.lower() not in known), None)
    if lost is not None:
        say = f"no line has the hash {lost} that was noted earlier; the log was cut off or written anew"
        return Audit(len(lines), previous, len(lines) + 1, say)
    return Audit(len(lines), previous)


def _broken(line: LogLine, number: int, previous: str) -> str | None:
    if line.number != number:
        return f"line {number} is missing"
    if line.previous != previous:
        return "it does not follow on the line before it"
    if chained(previous, line.body) != line.hash:
        return "its bytes are not those that were hashed"
    return None
