"""Silence: of which sources nothing was heard for longer than they may be silent, and what that opens. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from duban.messages.commands import ENGINE, Actor, Open
from duban.messages.envelope import Message, derived_id
from duban.messages.sources import RegisteredSource
from duban.policy.model.duty import Every
from duban.policy.rules import Rules

_ENGINE: Final = Actor(unit=ENGINE)


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that is silent, and since when it is so for too long."""

    source: RegisteredSource
    since: datetime


def watched(sources: Iterable[RegisteredSource]) -> list[RegisteredSource]:
    """Those of ``sources`` that somebody keeps, and that may be silent only so long."""
    return [source for source in sources if source.is_watched]


def silences(sources: Iterable[RegisteredSource], spoke_at: Mapping[str, datetime], now: datetime) -> Iterator[Silence]:
    """Which of the sources are silent for too long at ``now``; ``spoke_at``: when each was heard last."""
    for source in sources:
        since = source.silent_from(spoke_at.get(source.name))
        if since is not None and since <= now:
            yield Silence(source, since)


def opened(silence: Silence, rules: Rules, by: str, now: datetime) -> Iterator[Message[Open]]:
    """The commands, sent ``by`` intake, that open what the keeper owes for ``silence``; the same ones however often.

    None, where the keeper is no unit of the policy.
    """
    source, jurisdiction = silence.source, rules.pack.jurisdiction
    if source.keeper is None or source.keeper not in rules.units:
        return
    for duty in rules.pack.duties:
        if duty.schedule.every is Every.SILENCE:
            subject = str(derived_id("silence", jurisdiction, duty.id, source.name, silence.since.isoformat()))
            data = Open(actor=_ENGINE, duty=duty.id, unit=source.keeper, opens_at=silence.since, of=source.name)
            yield Message(str(derived_id("open", subject)), by, subject, now, jurisdiction, subject, data)
