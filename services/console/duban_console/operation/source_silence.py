"""Sources beside when each was heard last: which is silent for longer than it may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from duban.messages.sources import RegisteredSource
from duban_console.source_journal import SourceActivity


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source, what was heard of it, and whether it is silent for longer than it may be."""

    source: RegisteredSource
    activity: SourceActivity | None
    is_silent: bool


def states(
    sources: Iterable[RegisteredSource], heard: Mapping[str, SourceActivity], now: datetime
) -> list[SourceState]:
    """Each source as it is ``now``, those first that are silent, then by name."""
    each = [SourceState(source, heard.get(source.name), _is_silent(source, heard, now)) for source in sources]
    return sorted(each, key=lambda state: (not state.is_silent, state.source.name))


def _is_silent(source: RegisteredSource, heard: Mapping[str, SourceActivity], now: datetime) -> bool:
    """As intake sees it, which opens what the keeper owes: who was never heard is silent since the newest of its keys.

    One that nobody keeps, or that is off, never is.
    """
    if not (source.quiet and source.keeper and source.jurisdiction) or source.is_off:
        return False
    since = max((key.since for key in source.keys), default=None)
    last = heard[source.name].spoke_at if source.name in heard else since
    return last is not None and last + timedelta(seconds=source.quiet) <= now
