"""The contacts of one unit before somebody: what of them they see, and what they may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from duban.errors import Fault
from duban.messages.contacts import RegisteredContact, contact_key
from duban.refusal import Refusal
from duban_console.accounts.access import OF_CONTACTS, may_for
from duban_console.accounts.admission import Admission
from duban_console.accounts.log import AccountActKind
from duban_console.accounts.session import Principal
from duban_console.api.asker import Denied
from duban_console.contact_desk import ContactDesk
from duban_console.contacts import removed, stands
from duban_console.pages.cities import units_in
from duban_console.pages.contact_view import (
    OF_PERSON,
    OF_UNIT,
    ContactCard,
    contact_of,
    is_person,
    values_of,
)

(DEED,) = OF_CONTACTS
#: Fields of a form with a contact in it, and what each holds at most.
_MOST: Final = 2_000


@dataclass(frozen=True, slots=True)
class UnitContacts:
    """What ``principal``, who asks from ``address``, sees and changes of the contacts of ``unit`` in ``city``."""

    desk: ContactDesk
    admission: Admission
    principal: Principal
    city: str
    unit: str
    address: str

    @property
    def is_ours(self) -> bool:
        """Whether who asks acts for the unit."""
        return self.unit in units_in(self.principal.account.appointments, self.city)

    @property
    def keeps(self) -> bool:
        """Whether every contact here is theirs to change."""
        return may_for(self.principal, DEED, self.city, self.unit) is None

    @property
    def me(self) -> str | None:
        """By which id who asks is a contact here: the name of their account; None where they are of another unit."""
        return self.principal.account.name if self.is_ours else None

    @property
    def people(self) -> list[str]:
        """The persons here who have a contact."""
        return [each.person for each in self.desk.of_unit(self.city, self.unit) if each.person is not None]

    async def cards(self, flawed: ContactCard | None = None) -> list[ContactCard]:
        """Their own contact, that of the unit, and where they keep them those of others, and an empty one.

        ``flawed`` is shown as it was sent.
        """
        cards = [await self._with_trial(self._card(person)) for person in self._shown()]
        if self.keeps:
            cards.append(self._blank())
        return [flawed if flawed is not None and flawed.id == card.id else card for card in cards]

    async def change(self, given: Mapping[str, str], *, gone: bool = False) -> ContactCard | None:
        """Have a contact be as it is ``given``, or ``gone``; what came of the form, where a field was not taken.

        Raises:
            Fault: 403, it is another's to change.
        """
        return await self._take(self._mine(given.get("person", "")), given, gone=gone)

    async def add(self, given: Mapping[str, str]) -> ContactCard | None:
        """Have somebody be reached who is no contact yet; what came of the form, where a field was not taken.

        Raises:
            Fault: 403, the contacts are another's to keep.
        """
        if not self.keeps:
            why = Refusal("other_contact", "contacts are for the head of the unit and the office to add")
            raise Denied(403, DEED, why)
        person = given.get("person", "").strip()
        if not is_person(person) or person in self.people:
            return _flawed(self._blank(), given, "person")
        if not any(given.get(by.value, "").strip() for by in OF_UNIT):
            return _flawed(self._blank(), given, "none")
        return await self._take(replace(self._blank(), person=person), given)

    async def _take(self, card: ContactCard, given: Mapping[str, str], *, gone: bool = False) -> ContactCard | None:
        blank = RegisteredContact(jurisdiction=self.city, unit=self.unit, person=card.person or None)
        standing = self.desk.contact(blank.key)
        contact: RegisteredContact | str = removed(blank)
        if not gone:
            contact = contact_of(given, blank, standing, card.channels)
        if isinstance(contact, str):
            return _flawed(card, given, contact)
        if standing is not None or stands(contact):
            await self.desk.change(contact)
            await self.note(contact.key, "changed" if stands(contact) else "removed")
        return None

    async def test(self, person: str) -> bool:
        """Try out a contact; False where it was tried a moment ago.

        Raises:
            Fault: 403, it is another's; 404, there is none.
        """
        contact = self.desk.contact(contact_key(self.city, self.unit, self._mine(person).person))
        if contact is None:
            raise Fault(404, "unknown_contact", "nobody is reached by this yet: fill it in first")
        return await self.desk.test(contact)

    async def note(self, key: str, what: str) -> None:
        """Write down that ``what`` became of the contact or the rota ``key``."""
        kind, name = AccountActKind.CONTACT_CHANGED, self.principal.account.name
        await self.admission.journal.note(kind, name, key, self.address, what)

    def _shown(self) -> Iterator[str]:
        """The persons whose contacts are shown; empty for the unit itself."""
        if self.me is not None:
            yield self.me
        yield ""
        if self.keeps:
            yield from (person for person in self.people if person != self.me)

    def _mine(self, person: str) -> ContactCard:
        """The card of ``person``, which is theirs to change."""
        card = self._card(person)
        if not card.channels:
            why = Refusal(
                "other_contact", "this contact is for its owner, the head of the unit and the office to change"
            )
            raise Denied(403, DEED, why)
        if card.person not in self._shown():
            raise Fault(404, "unknown_contact", "there is no such contact")
        return card

    def _card(self, person: str) -> ContactCard:
        contact = self.desk.contact(contact_key(self.city, self.unit, person))
        is_mine = bool(person) and person == self.me
        channels = OF_UNIT if self.keeps else OF_PERSON if is_mine else ()
        fixed = tuple(way for way in contact.ways if way.by not in channels) if contact is not None else ()
        return ContactCard(
            self.city, self.unit, person, is_mine, channels, values_of(contact), fixed,
            is_registered=contact is not None, zone=contact.zone if contact is not None else None,
        )  # fmt: skip

    def _blank(self) -> ContactCard:
        return ContactCard(self.city, self.unit, "", is_mine=False, channels=OF_UNIT, values={}, is_new=True)

    async def _with_trial(self, card: ContactCard) -> ContactCard:
        contact = self.desk.contact(contact_key(card.city, card.unit, card.person))
        return card if contact is None else replace(card, trial=await self.desk.trial_outcomes(contact))


def _flawed(card: ContactCard, given: Mapping[str, str], flaw: str) -> ContactCard:
    """``card`` as it was sent, with the field that was not taken."""
    return replace(card, values={name: text[:_MOST] for name, text in given.items()}, flaw=flaw)
