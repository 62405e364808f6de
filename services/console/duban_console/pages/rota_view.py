"""How the rota of a unit stands on a page and comes back from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Any, Final

import msgspec

from duban.messages.contacts import RegisteredRota, Relief
from duban.messages.struct import flaw_of, to_json
from duban.pages.words import msgid
from duban_console.contacts import rota_of

#: So many persons take turns at most.
MOST_PERSONS: Final = 50
#: What each field of the two forms takes, said as its hint and, where it was not taken, as why.
HINTS: Final[Mapping[str, str]] = {
    "persons": msgid("Whoever is to take turns, the first first; each is a contact of the unit."),
    "since": msgid("When the first takes over; the others do at that time of day. Before it nobody is on call."),
    "days": msgid("How many days a turn has, from 1 to 366."),
    "minutes": msgid("How many minutes lie between two calls, from 1 to 120."),
    "person": msgid("A contact of the unit."),
    "begins": msgid("From when, as a day and a time that are not years away."),
    "ends": msgid("Until when: after it begins, and not over yet."),
    "turn": msgid("Of one turn of your own: others' are for the head of the unit and the office to hand over."),
    "seen": msgid("Somebody changed the rota meanwhile; it stands above as it is now. Send yours again to have it so."),
    "reliefs": msgid("So many stand in already that no more fit."),
}
_SHORT: Final = "%Y-%m-%dT%H:%M"
#: How far from now somebody may begin or stand in.
_FARTHEST: Final = timedelta(days=2 * 366)


@dataclass(frozen=True, slots=True)
class RotaDraft:
    """What stands in the fields of a form; ``flaw`` is the field that was not taken."""

    values: Mapping[str, str]
    persons: tuple[str, ...] = ()
    flaw: str = ""

    def places(self, people: Sequence[str]) -> list[str]:
        """Who stands at each place of the order, with room for all ``people``, and for one more."""
        most = min(MOST_PERSONS, max(len(self.persons) + 1, len(people)))
        return [*self.persons, *[""] * most][:most]


def mark_of(rota: RegisteredRota | None) -> str:
    """By what a form tells which state of a rota it was made from; empty where there was none."""
    return sha256(to_json(rota)).hexdigest()[:16] if rota is not None else ""


def draft_of(rota: RegisteredRota | None, at: datetime, zone: tzinfo) -> RotaDraft:
    """What stands in the form of ``rota`` at ``at``, by the clock of ``zone``: written from the turn of now on."""
    if rota is None:
        tomorrow = at.astimezone(zone) + timedelta(days=1)
        return RotaDraft({"since": tomorrow.replace(hour=9, minute=0).strftime(_SHORT), "days": "7", "minutes": "5"})
    now = rota.from_turn(at)
    since = now.since.astimezone(zone).strftime(_SHORT)
    return RotaDraft({"since": since, "days": str(now.days), "minutes": str(now.minutes)}, now.persons)


def instant_of(text: str, zone: tzinfo, at: datetime) -> datetime | None:
    """The instant that ``text`` says by the clock of ``zone``; None where it says none, or one far from ``at``."""
    try:
        instant = datetime.fromisoformat(text).replace(tzinfo=zone)
        return instant.astimezone(UTC) if abs(instant - at) < _FARTHEST else None
    except (ValueError, OverflowError):
        return None


def rota_given(
    given: Mapping[str, Any], persons: Sequence[str], people: Collection[str], standing: RegisteredRota | None
) -> RegisteredRota | str:
    """The rota that is ``given``, in which ``persons`` take turns, of ``people``; else the field that is not taken.

    ``given`` has what it is of, and an instant as ``since``, which is None where there is none.
    """
    if not persons or not set(persons) <= set(people):
        return "persons"
    if given["since"] is None:
        return "since"
    numbers = {name: given[name] for name in ("days", "minutes")}
    for name, text in numbers.items():
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            return name
    counted = {name: int(text) for name, text in numbers.items()}
    try:
        return rota_of({**given, **counted, "persons": list(persons), "since": given["since"].isoformat()}, standing)
    except msgspec.ValidationError as error:
        field = next(iter(flaw_of(error).place), "")
        return field if field in HINTS else "persons"


def relief_given(person: str, times: Sequence[datetime | None], people: Collection[str], at: datetime) -> Relief | str:
    """Who stands in from the first of ``times`` until the second, as is asked ``at``; else the field not taken."""
    if person not in people:
        return "person"
    begins, ends = times
    if begins is None:
        return "begins"
    if ends is None or ends <= max(begins, at):
        return "ends"
    return Relief(person=person, begins=begins, ends=ends)


def is_own_turn(rota: RegisteredRota, person: str | None, begins: datetime, ends: datetime) -> bool:
    """Whether all the time from ``begins`` until ``ends`` is of one turn of ``person``, in which nobody stands in."""
    turn = rota.stint(begins)
    return turn is not None and turn.person == person and ends <= turn.ends


def stands_in(rota: RegisteredRota, begins: datetime) -> bool:
    """Whether who is on call at ``begins`` stands in for somebody."""
    return any(relief.begins <= begins < relief.ends for relief in rota.reliefs)
