"""What somebody's units owe, as a calendar that other programs keep up to date (RFC 5545, RFC 7986). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from icalendar import CLASS, TRANSP, Calendar, Event, vDuration

from duban.messages.envelope import derived_id
from duban_console.desk.reader import StakeEntry
from duban_console.pages.record_words import RecordWords

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_PROGRAM: Final = "-//Duban//limits//"
#: How often a program is asked to look anew; each goes by its own mind.
_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DueEntry:
    """What ``unit`` owes until ``due_at``, in which record."""

    unit: str
    entry: StakeEntry
    due_at: datetime


def calendar_of(
    name: str,
    title: str,
    limits: Iterable[DueEntry],
    words_of: Callable[[str], RecordWords],
    origin: str,
    now: datetime,
) -> bytes:
    """The calendar of the account ``name``: an event for each limit, at the instant when it ends.

    A limit keeps its UID however it is moved, and is gone once nothing is owed. Titles of problems stay out: they are
    the words of whoever reported, and calendars lie with others than the city. Records are called at ``origin``.
    """
    uid = str(derived_id("calendar", name))
    calendar = Calendar.new(name=title, prodid=_PROGRAM, method="PUBLISH", uid=uid, last_modified=now)
    calendar.add("REFRESH-INTERVAL", _EVERY, parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", vDuration(_EVERY))
    for limit in limits:
        calendar.add_component(_event(limit, words_of(limit.entry.pack), origin, now))
    content: bytes = calendar.to_ical()
    return content


def _event(limit: DueEntry, words: RecordWords, origin: str, now: datetime) -> Event:
    entry, url = limit.entry, f"{origin}/records/{limit.entry.id}"
    kind, rule = entry.kind.value, entry.rule
    subject = words.named("categories", rule) if kind == "problem" else ""
    owed = words.owed(kind, rule, entry.obligation or "")
    lines = [words.unit(limit.unit)]
    if entry.measure:
        follows = words.say("If not: {measure}").format(measure=words.named("measures", entry.measure))
        lines.append(follows if entry.next_at is None else f"{follows} ({words.instant(entry.next_at)})")
    return Event.new(
        uid=str(derived_id("calendar", entry.id, limit.unit, entry.obligation)),
        summary=" · ".join(filter(None, (owed, entry.number, subject))),
        description="\n".join([*lines, url]),
        start=limit.due_at,
        stamp=now,
        url=url,
        classification=CLASS.PRIVATE,
        transparency=TRANSP.TRANSPARENT,
    )
