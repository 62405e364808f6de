"""Contacts as they are registered: read from their topic, changed, published, and tried out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from duban.io.decode import delivery
from duban.messages.contacts import CONTACTS, RegisteredContact, RegisteredRota, Relief
from duban.messages.envelope import Message, derived_id, encode
from duban.messages.struct import from_data, plain, replace, to_json
from duban_console.kafka.topic_reader import records

if TYPE_CHECKING:
    import asyncpg

    from duban.io.settings import Settings
    from duban.messages.envelope import Publishable

#: What stands on the topic of contacts.
Registered: TypeAlias = RegisteredContact | RegisteredRota
SOURCE: Final = "duban/console"
_OUTCOMES: Final = "select notice_id, outcome from escalation.published_deliveries where notice_id = any($1::uuid[])"


async def registered(settings: Settings) -> dict[str, RegisteredContact]:
    """Every contact by its key, as it is now."""
    standing = await _standing(settings)
    return {key: contact for key, contact in standing.items() if isinstance(contact, RegisteredContact)}


async def rotas(settings: Settings) -> dict[str, RegisteredRota]:
    """Every rota by the unit that it is of, as ``mianyang/ecology``."""
    standing = (await _standing(settings)).values()
    return {f"{rota.jurisdiction}/{rota.unit}": rota for rota in standing if isinstance(rota, RegisteredRota)}


async def _standing(settings: Settings) -> dict[str, Registered]:
    standing: dict[str, Registered] = {}
    async for record in records(settings, [RegisteredContact.TOPIC]):
        if record.value is not None:
            message = delivery(record, CONTACTS).message
            standing[message.data.key] = message.data
    return {key: registered for key, registered in standing.items() if stands(registered)}


def stands(registered: Registered) -> bool:
    """Whether it tells anybody anything: a contact with ways, a rota with persons."""
    return bool(registered.persons if isinstance(registered, RegisteredRota) else registered.ways)


def published(registered: Registered, at: datetime) -> list[Publishable]:
    """A contact or a rota on its way to the topic; where it is gone, behind it that its key is."""
    digest = sha256(to_json(registered)).hexdigest()
    message = Message(
        id=str(derived_id("contact", registered.key, digest, at.isoformat())),
        source=SOURCE,
        subject=registered.key,
        time=at,
        jurisdiction=registered.jurisdiction,
        key=registered.key,
        data=registered,
    )
    gone = [] if stands(registered) else [KeyGone(RegisteredContact.TOPIC, registered.key.encode())]
    return [encode(message), *gone]


def removed(contact: RegisteredContact) -> RegisteredContact:
    """``contact`` as it is told before its key is gone: nobody is reached by it, and nothing of them stands in it."""
    return RegisteredContact(jurisdiction=contact.jurisdiction, unit=contact.unit, person=contact.person)


def tried(contact: RegisteredContact, at: datetime) -> RegisteredContact:
    """``contact`` with the word that it is to be tried out now."""
    return replace(contact, tested_at=at)


def rota_of(given: Mapping[str, Any], standing: RegisteredRota | None) -> RegisteredRota:
    """The rota that is ``given``; who stands in for somebody stays, as it is ``standing``.

    Raises:
        msgspec.ValidationError: it is none.
    """
    reliefs = [plain(relief) for relief in standing.reliefs] if standing is not None else []
    return from_data({**given, "reliefs": reliefs}, RegisteredRota)


def ended(rota: RegisteredRota) -> RegisteredRota:
    """``rota`` as it is told before its key is gone: nobody is on call by it."""
    return replace(rota, persons=(), reliefs=())


def relieved(rota: RegisteredRota, relief: Relief, at: datetime) -> RegisteredRota:
    """``rota`` with ``relief``, which goes before earlier ones; those that are over ``at`` then are left out."""
    return replace(rota, reliefs=(relief, *(each for each in rota.reliefs if each.ends > at)))


def trial_ids(contact: RegisteredContact) -> dict[str, UUID]:
    """The notices by which ``contact`` is tried out, by the name of each way."""
    assert contact.tested_at is not None
    trial = str(contact.trial_id(contact.tested_at))
    return {f"{key.by}.{key.number}": key.notice_id(trial) for key in contact.way_keys}


async def outcomes(pool: asyncpg.Pool[asyncpg.Record], ids: list[UUID]) -> dict[UUID, str]:
    """What became of the notices ``ids`` that are done with."""
    rows = await pool.fetch(_OUTCOMES, ids)
    return {row["notice_id"]: row["outcome"] for row in rows if row["outcome"] is not None}


class KeyGone(NamedTuple):
    """A record without a value: nothing stands under its key any more, once its topic is compacted."""

    topic: str
    key: bytes
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
