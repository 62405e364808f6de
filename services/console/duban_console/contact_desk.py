"""Contacts and rotas as pages show them, change them and try them out; the same records as by ``duban contact``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol, TypeVar
from uuid import UUID

from duban.clock import Clock
from duban.messages.contacts import RegisteredContact, RegisteredRota
from duban.messages.envelope import Publishable
from duban_console.contacts import Registered, published, stands, trial_ids, tried

R = TypeVar("R", bound=Registered)
#: How long a trial is waited for, and between two looks, in seconds.
_PATIENCE: Final = 5.0
_BETWEEN_LOOKS: Final = 0.25
#: What became of a trial is shown so long: later nobody keeps it.
_SHOWN: Final = timedelta(hours=1)
#: Between two trials of a contact: each costs a message to an address that anybody may have typed.
_BETWEEN_TRIALS: Final = timedelta(minutes=1)


class ContactPublisher(Protocol):
    """Where contacts are published."""

    async def publish(self, records: Sequence[Publishable]) -> None:
        """Publish ``records``, and return when they are taken."""


class ContactDesk:
    """Every contact and rota there is, fed from ``duban.contacts.v1``; what is changed here is published there.

    ``outcomes`` says of notices by their ids what became of those that are done with.
    """

    def __init__(
        self,
        publisher: ContactPublisher,
        clock: Clock,
        outcomes: Callable[[list[UUID]], Awaitable[dict[UUID, str]]],
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._outcomes = outcomes
        self._contacts: dict[str, RegisteredContact] = {}
        self._rotas: dict[str, RegisteredRota] = {}

    async def put(self, registered: Registered) -> None:
        """Take a contact or a rota as it is now; one that tells nobody anything is gone."""
        if isinstance(registered, RegisteredRota):
            _put(self._rotas, registered)
        else:
            _put(self._contacts, registered)

    def contact(self, key: str) -> RegisteredContact | None:
        """The contact of that key."""
        return self._contacts.get(key)

    def of_unit(self, city: str, unit: str) -> list[RegisteredContact]:
        """The contacts of a unit: its own first, then those of persons there."""
        mine = [each for each in self._contacts.values() if (each.jurisdiction, each.unit) == (city, unit)]
        return sorted(mine, key=lambda each: each.person or "")

    def rota(self, city: str, unit: str) -> RegisteredRota | None:
        """The rota of a unit."""
        return self._rotas.get(f"rota:{city}/{unit}")

    async def change(self, registered: Registered) -> None:
        """Publish ``registered`` as it is from now on."""
        await self._publisher.publish(published(registered, self._clock.now()))
        await self.put(registered)

    async def test(self, contact: RegisteredContact) -> bool:
        """Have escalation send a trial by each way of ``contact``, and wait a little; False: it was just tried."""
        now = self._clock.now()
        if contact.tested_at is not None and now - contact.tested_at < _BETWEEN_TRIALS:
            return False
        trial = tried(contact, now)
        await self.change(trial)
        for _ in range(int(_PATIENCE / _BETWEEN_LOOKS)):
            if None not in (await self.trial_outcomes(trial)).values():
                break
            await asyncio.sleep(_BETWEEN_LOOKS)
        return True

    async def trial_outcomes(self, contact: RegisteredContact) -> dict[str, str | None]:
        """What became of the last trial of ``contact``, by the name of each way; None: it waits."""
        if contact.tested_at is None or self._clock.now() - contact.tested_at > _SHOWN:
            return {}
        ids = trial_ids(contact)
        settled = await self._outcomes(list(ids.values()))
        return {way: settled.get(id_) for way, id_ in ids.items()}


def _put(book: dict[str, R], registered: R) -> None:
    if stands(registered):
        book[registered.key] = registered
    else:
        book.pop(registered.key, None)
