"""Who of one unit is on call, before somebody: what of it they see, and what they may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from duban.errors import Fault
from duban.messages.contacts import OnCall, RegisteredRota
from duban.messages.struct import plain
from duban.refusal import Refusal
from duban_console.api.asker import Denied
from duban_console.contacts import ended, relieved, rota_of
from duban_console.pages.rota_view import (
    RotaDraft,
    draft_of,
    instant_of,
    is_own_turn,
    mark_of,
    relief_given,
    rota_given,
    stands_in,
)
from duban_console.pages.unit_contacts import DEED, UnitContacts

#: So many turns are shown, the one of now first.
_MOST_TURNS: Final = 10
#: What a field holds at most.
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class UnitRota:
    """The rota of the unit of ``contacts`` as it is ``at`` this instant, by the clock of ``zone``."""

    contacts: UnitContacts
    at: datetime
    zone: ZoneInfo

    @property
    def standing(self) -> RegisteredRota | None:
        """The rota; None where there is none."""
        return self.contacts.desk.rota(self.contacts.city, self.contacts.unit)

    @property
    def mark(self) -> str:
        """Of which state of the rota the forms are."""
        return mark_of(self.standing)

    @property
    def may_relieve(self) -> bool:
        """Whether they may have somebody stand in: whoever takes turns, and who keeps the contacts."""
        rota = self.standing
        return rota is not None and (self.contacts.keeps or self.contacts.me in rota.persons)

    @property
    def people(self) -> list[str]:
        """Who can take turns."""
        return self.contacts.people

    @property
    def unreached(self) -> list[str]:
        """Who has turns, or stands in, and is no contact any more."""
        rota = self.standing
        if rota is None:
            return []
        persons = [*rota.persons, *(each.person for each in rota.reliefs if each.ends > self.at)]
        return sorted(set(persons) - set(self.people))

    def turns(self) -> list[tuple[OnCall, bool]]:
        """The turns from now on, each with whether somebody stands in."""
        rota = self.standing
        turns = rota.turns(self.at, _MOST_TURNS) if rota is not None else []
        return [(turn, rota is not None and stands_in(rota, turn.begins)) for turn in turns]

    def draft(self) -> RotaDraft:
        """What stands in the form of the rota."""
        return draft_of(self.standing, self.at, self.zone)

    async def change(self, given: Mapping[str, str], persons: Sequence[str]) -> RotaDraft | None:
        """Have ``persons`` take turns as is ``given``; what came of the form, where a field was not taken.

        Raises:
            Fault: 403, the rota is another's to change.
        """
        self._must()
        standing = self.standing
        persons = tuple(person[:_MOST] for person in persons if person)
        values = {name: given.get(name, "")[:_MOST] for name in ("since", "days", "minutes")}
        of_unit = {"jurisdiction": self.contacts.city, "unit": self.contacts.unit, "zone": self.zone.key}
        whole = {**values, **of_unit, "since": instant_of(values["since"], self.zone, self.at)}
        rota = rota_given(whole, persons, self.people, standing)
        if isinstance(rota, str):
            return RotaDraft(values, persons, rota)
        if self._overtaken(given):
            return RotaDraft(values, persons, "seen")
        await self.contacts.desk.change(rota)
        await self.contacts.note(rota.key, "changed" if standing is not None else "made")
        return None

    async def end(self, given: Mapping[str, str]) -> RotaDraft | None:
        """Have nobody be on call; the form of the rota, where somebody changed it after who ends it saw it.

        Raises:
            Fault: 403, the rota is another's to end; 404, there is none.
        """
        self._must()
        rota = ended(self._standing())
        if self._overtaken(given):
            return replace(self.draft(), flaw="seen")
        await self.contacts.desk.change(rota)
        await self.contacts.note(rota.key, "ended")
        return None

    async def hand_over(self, given: Mapping[str, str]) -> RotaDraft | None:
        """Have somebody stand in; what came of the form, where a field was not taken.

        Raises:
            Fault: 403, they take no turns here, and keep no contacts; 404, there is no rota.
        """
        rota = self._standing()
        if not self.may_relieve:
            raise Denied(403, DEED, Refusal("other_turn", "turns are handed over by whoever takes them"))
        values = {name: given.get(name, "")[:_MOST] for name in ("person", "begins", "ends")}
        times = [instant_of(values[name], self.zone, self.at) for name in ("begins", "ends")]
        relief = relief_given(values["person"], times, self.people, self.at)
        if isinstance(relief, str):
            return RotaDraft(values, flaw=relief)
        if not self.contacts.keeps and not is_own_turn(rota, self.contacts.me, relief.begins, relief.ends):
            return RotaDraft(values, flaw="turn")
        changed = relieved(rota, relief, self.at)
        try:
            await self.contacts.desk.change(rota_of(plain(changed), changed))
        except msgspec.ValidationError:
            return RotaDraft(values, flaw="reliefs")
        await self.contacts.note(rota.key, f"{relief.person} stands in")
        return None

    def _overtaken(self, given: Mapping[str, str]) -> bool:
        """Whether the rota that was seen is another one by now."""
        return given.get("seen", self.mark) != self.mark

    def _standing(self) -> RegisteredRota:
        if (rota := self.standing) is None:
            raise Fault(404, "unknown_rota", "nobody is on call here")
        return rota

    def _must(self) -> None:
        if not self.contacts.keeps:
            raise Denied(403, DEED, Refusal("other_rota", "a rota is for the head of the unit and the office to make"))
