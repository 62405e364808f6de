"""Whether a problem's history is still the one that was written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duban.messages.events import GENESIS, chained
from duban.messages.records import Event
from duban.messages.struct import from_json


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history: its version, its very bytes, and the hash over them and the one before."""

    version: int
    body: bytes
    hash: str

    @property
    def event(self) -> Event:
        """What the bytes say."""
        return from_json(self.body, Event)


def first_broken(lines: Sequence[Line], head: str) -> int | None:
    """The version of the first line that does not follow from the one before it; None when the history is whole.

    ``head`` is the hash of the latest event as the problem itself holds it: a history cut off at its end is found too.
    """
    previous = GENESIS
    for version, line in enumerate(lines, start=1):
        if line.version != version or chained(previous, line.body) != line.hash:
            return version
        previous = line.hash
    return None if previous == head else len(lines) + 1
