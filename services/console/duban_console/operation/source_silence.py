"""Sources beside when each was heard last: which is silent for longer than it may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

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
    each = [_state(source, heard.get(source.name), now) for source in sources]
    return sorted(each, key=lambda state: (not state.is_silent, state.source.name))


def _state(source: RegisteredSource, activity: SourceActivity | None, now: datetime) -> SourceState:
    since = source.silent_from(activity.spoke_at if activity else None)
    return SourceState(source, activity, since is not None and since <= now)
