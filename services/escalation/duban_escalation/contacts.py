"""Who is told of a notice, beside the receiver of all: each way of each contact of its recipient. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from duban.clock import Clock
from duban.messages.contacts import ContactWay, RegisteredContact, RegisteredRota, WayKey
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban.messages.struct import replace
from duban.moves import Kind
from duban_escalation.measures import SOURCE
from duban_escalation.quiet_hours import held_until

#: What happened where nothing did, and a contact is only tried out.
TRIED: Final = "tried"
_TRIAL: Final = "督办系统试发通知：收到即表示该联系方式有效。 Trial notice of Duban: this way works."


class ContactBook:
    """Every contact there is; fed from ``duban.contacts.v1``."""

    def __init__(self) -> None:
        self._contacts: dict[str, RegisteredContact] = {}
        self._of_units: dict[tuple[str, str], dict[str, RegisteredContact]] = {}

    def put(self, contact: RegisteredContact) -> None:
        """Take ``contact`` as it is now; one without ways is gone."""
        of_unit = self._of_units.setdefault((contact.jurisdiction, contact.unit), {})
        if contact.ways:
            self._contacts[contact.key] = of_unit[contact.key] = contact
        else:
            self._contacts.pop(contact.key, None)
            of_unit.pop(contact.key, None)

    def of(self, jurisdiction: str, unit: str) -> list[RegisteredContact]:
        """The contacts of ``unit``, itself first."""
        return [contact for _, contact in sorted(self._of_units.get((jurisdiction, unit), {}).items())]

    def way(self, key: WayKey) -> ContactWay | None:
        """The way that ``key`` names, as it is now; None where the contact, or that way of it, is gone."""
        contact = self._contacts.get(key.contact)
        return dict(zip(contact.way_keys, contact.ways, strict=True)).get(key) if contact else None

    def addressed(
        self, notice: Message[Notice], on_call: str | None = None
    ) -> Iterator[tuple[RegisteredContact, Message[Notice]]]:
        """``notice`` once for each way of each contact of its recipient, under an id and a key of its own.

        What is told everybody, a source, a platform, or goes one way already is addressed to nobody else. Where one
        person is called, it is that one's; what is urgent is the unit's and that of who is ``on_call``, if anybody is.
        """
        if notice.key != notice.data.recipient:
            return
        for contact in self.of(notice.jurisdiction, notice.data.recipient):
            if _concerns(contact, notice.data, on_call):
                yield from ((contact, message) for message in each_way(contact, notice))


def _concerns(contact: RegisteredContact, notice: Notice, on_call: str | None) -> bool:
    if notice.person is not None:
        return contact.person == notice.person
    return not notice.urgent or on_call is None or contact.person in (None, on_call)


class RotaBook:
    """Every rota there is; fed from ``duban.contacts.v1``."""

    def __init__(self) -> None:
        self._rotas: dict[tuple[str, str], RegisteredRota] = {}

    @property
    def any(self) -> bool:
        """Whether any unit has one."""
        return bool(self._rotas)

    def put(self, rota: RegisteredRota) -> None:
        """Take ``rota`` as it is now; one without persons is gone."""
        self._rotas.pop((rota.jurisdiction, rota.unit), None)
        if rota.persons:
            self._rotas[rota.jurisdiction, rota.unit] = rota

    def of(self, jurisdiction: str, unit: str) -> RegisteredRota | None:
        """The rota of ``unit``."""
        return self._rotas.get((jurisdiction, unit))

    def on_call(self, jurisdiction: str, unit: str, at: datetime) -> str | None:
        """Who of ``unit`` is on call at ``at``; None where it has no rota, or nobody is."""
        rota = self.of(jurisdiction, unit)
        now = rota.on_call(at) if rota else None
        return now.person if now else None

    def __iter__(self) -> Iterator[RegisteredRota]:
        return iter(list(self._rotas.values()))


class People:
    """Whom a notice reaches by which way, and until when it waits there: contacts, rotas and quiet hours together.

    ``zone_of`` gives the clock of a city.
    """

    def __init__(self, contacts: ContactBook, rotas: RotaBook, clock: Clock, zone_of: Callable[[str], tzinfo]) -> None:
        self._contacts = contacts
        self._rotas = rotas
        self._clock = clock
        self._zone_of = zone_of

    def __call__(self, notice: Message[Notice]) -> Iterator[tuple[Message[Notice], datetime | None]]:
        """``notice`` once for each way that it goes, with the instant until which it is held there, or None."""
        now, city = self._clock.now(), notice.jurisdiction
        on_call = self._rotas.on_call(city, notice.data.recipient, now) if notice.data.urgent else None
        for contact, message in self._contacts.addressed(notice, on_call):
            zone = ZoneInfo(contact.zone) if contact.zone else self._zone_of(city)
            yield message, held_until(contact, now, zone, urgent=notice.data.urgent)


def each_way(contact: RegisteredContact, notice: Message[Notice]) -> Iterator[Message[Notice]]:
    """``notice`` once for each way of ``contact``."""
    for key in contact.way_keys:
        yield replace(notice, id=str(key.notice_id(notice.id)), key=str(key), cause=notice.cause or notice.id)


def trial(contact: RegisteredContact, tested_at: datetime) -> Message[Notice]:
    """The notice by which ``contact`` is tried out, as ``duban contact test`` asked at ``tested_at``."""
    id_ = contact.trial_id(tested_at)
    data = Notice(
        recipient=contact.unit, kind=Kind.PROBLEM, event=TRIED, problem_id=id_, number="TEST", title=contact.key,
        owner=contact.unit, lapse_at=tested_at, text=_TRIAL, issued_at=tested_at,
    )  # fmt: skip
    return Message(str(id_), SOURCE, str(id_), tested_at, contact.jurisdiction, contact.unit, data)
