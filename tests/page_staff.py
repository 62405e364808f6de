"""People of a unit and of the office before the pages with contacts and turns, in a city in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from duban.messages.contacts import ChannelKind, ContactWay, RegisteredContact, RegisteredRota
from duban_console.accounts.account import Appointment, Role
from tests.page_town import Town, browser

CITY: Final = "smallville"
#: Wednesday, ten o'clock in the morning in China.
AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CLERK: Final = Appointment(role=Role.CLERK, jurisdiction=CITY, unit="water")
HEAD: Final = Appointment(role=Role.HEAD, jurisdiction=CITY, unit="water")
OFFICE: Final = Appointment(role=Role.OFFICE, jurisdiction=CITY, unit="office")


@dataclass
class Staff:
    """People of a unit and of the office before the page with their contacts."""

    town: Town

    def __post_init__(self) -> None:
        self._app = self.town.app()
        self._tokens: dict[str, str] = {}

    async def of(self, name: str, appointment: Appointment) -> None:
        self._tokens[name] = await self.town.room.person(name, appointment)

    async def page(self, name: str, path: str = "/preferences") -> str:
        async with browser(self._app, self._tokens[name], accept_language="en") as reader:
            answer = await reader.get(path)
        assert answer.status_code == 200
        return answer.text

    async def send(self, name: str, path: str, unit: str = "water", **fields: str | list[str]) -> httpx2.Response:
        async with browser(self._app, self._tokens[name], accept_language="en") as sender:
            return await sender.post(path, data={"city": CITY, "unit": unit, **fields})

    async def standing(self, *registered: RegisteredContact | RegisteredRota) -> None:
        for each in registered:
            await self.town.contact_desk.put(each)

    @property
    def published(self) -> list[RegisteredContact | RegisteredRota]:
        return self.town.board.published


async def staff_of(town: Town) -> Staff:
    """A clerk and the head of the water bureau, and the office."""
    staff = Staff(town)
    for name, appointment in (("li", CLERK), ("zhao", HEAD), ("chen", OFFICE)):
        await staff.of(name, appointment)
    return staff


def contact(person: str | None, *ways: tuple[str, str], **more: Any) -> RegisteredContact:
    listed = tuple(ContactWay(by=ChannelKind(by), to=to) for by, to in ways)
    return RegisteredContact(jurisdiction=CITY, unit="water", person=person, ways=listed, **more)
