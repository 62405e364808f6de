"""A story on virtual time: the pure core alone, without broker, database and services. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from duban.duties import openings
from duban.messages import struct
from duban.messages.commands import Command, Open
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.policy import Rules
from duban.refusal import Refusal
from duban_cli.demo.observation import Seen
from duban_cli.demo.story import Acted, Entry
from duban_escalation.domain import opened_by
from duban_intake.domain import Arrival
from duban_simulation.engine import Engine


class Rehearsal(Seen):
    """A witness of the engine that keeps of it what the feed keeps of the topics."""

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        """An event."""
        self.take(event, record)

    def repeats(self, arrival: Arrival) -> None:
        """A report that came before: nothing of it is told."""

    def turned_away(self, arrival: Arrival, why: Refusal) -> None:
        """A report that was refused."""
        self.refused_reports[arrival.source, arrival.id] = why.code

    def refused(self, message: Message[Command], why: Refusal) -> None:
        """An act that was refused."""
        self.refusals[message.id] = why.code


def rehearse(
    rules: Rules, entries: Sequence[Entry], begins_at: datetime, ends_at: datetime, looked_at: datetime | None = None
) -> Rehearsal:
    """What becomes of ``entries`` under ``rules``; ``looked_at`` is when the calendar was last asked before they begin.

    The clock stops where the player stops it: at each thing that people do, and then where the calendar opens duties.
    """
    seen = Rehearsal()
    engine = Engine(rules, [seen])
    waiting = list(reversed(stops(rules, begins_at, ends_at)))
    for entry in entries:
        while waiting and waiting[-1] < entry.at:
            looked_at = _open(engine, looked_at, waiting.pop())
        engine.run(entry.at)
        if isinstance(entry, Acted):
            engine.send(entry.now(seen))
        else:
            engine.submit(entry.message)
    while waiting:
        looked_at = _open(engine, looked_at, waiting.pop())
    engine.finish(ends_at)
    return seen


def stops(rules: Rules, begins_at: datetime, ends_at: datetime) -> list[datetime]:
    """When the clock stops for the calendar: where the story begins, and wherever a duty opens in it."""
    return sorted({begins_at, *(opening.opens_at for opening in openings(rules, begins_at, ends_at))})


def opened_in(rules: Rules, begins_at: datetime, ends_at: datetime) -> Iterator[tuple[str, Open]]:
    """The duties that are open where a story begins or open in it, each with the id of its record."""
    for since, until in ((None, begins_at), (begins_at, ends_at)):
        for message in opened_by(rules, since, until):
            yield message.subject, message.data


def _open(engine: Engine, looked_at: datetime | None, at: datetime) -> datetime:
    for message in opened_by(engine.rules, looked_at, at):
        engine.send(struct.replace(message, time=at))
    return at
