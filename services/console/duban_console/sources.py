"""Sources as they are registered: read from their topic, told apart, changed and published."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from duban.errors import DubanError
from duban.io.decode import delivery
from duban.messages import struct
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.messages.sources import MOST_KEYS, SOURCES, RegisteredSource, SourceKey
from duban.messages.struct import to_json
from duban_console.kafka.topic_reader import records

if TYPE_CHECKING:
    from duban.io.settings import Settings

SOURCE: Final = "duban/console"
#: How a key begins, so that whoever finds one where it should not be knows what it is.
_BEGINNING: Final = "duban_"


class SourceConflict(DubanError):
    """What is to be registered contradicts what is registered already."""


def new_key() -> str:
    """A key that nobody can guess: 256 random bits, after a beginning by which it is recognised."""
    return _BEGINNING + secrets.token_urlsafe(32)


def new_secret() -> str:
    """A secret that signs what a source is told, as Standard Webhooks writes it: 256 random bits."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def key_as_registered(key: str, at: datetime) -> SourceKey:
    """``key`` as it may be known, holding since ``at``."""
    return SourceKey(sha256=sha256(key.encode()).hexdigest(), since=at)


async def registered(settings: Settings) -> dict[str, RegisteredSource]:
    """Every source by its name, as it is now."""
    sources: dict[str, RegisteredSource] = {}
    async for record in records(settings, [RegisteredSource.TOPIC]):
        if record.value is not None:
            source = delivery(record, SOURCES).message.data
            sources[source.name] = source
    return sources


def check(source: RegisteredSource, standing: Iterable[RegisteredSource]) -> None:
    """Refuse ``source`` where it contradicts itself, or another of ``standing``.

    Raises:
        SourceConflict: with the name, and whose it is.
    """
    if source.is_open and source.keys:
        raise SourceConflict(f"{source.name} has keys and is open: whoever has none would be let in; choose one")
    if not source.is_open and source.jurisdiction is None:
        raise SourceConflict(f"{source.name} names no jurisdiction; give it the one for which it reports")
    if (source.keeper is None) is not (source.quiet is None):
        say = f"{source.name}: who keeps it, and for how long it may be silent, go together; give both or neither"
        raise SourceConflict(say)
    hashes = {key.sha256 for key in source.keys}
    for other in standing:
        if other.name == source.name:
            continue
        if shared := sorted({source.name, *source.names} & {other.name, *other.names}):
            raise SourceConflict(f"{source.name} would speak under {shared[0]}, which is {other.name}'s; take another")
        if hashes & {key.sha256 for key in other.keys}:
            raise SourceConflict(f"{source.name} would have a key of {other.name}; make one for each")


def rotated(source: RegisteredSource, key: SourceKey) -> RegisteredSource:
    """``source`` with ``key`` beside the newest of those that it has."""
    newest = sorted(source.keys, key=lambda held: held.since)[-(MOST_KEYS - 1) :]
    return struct.replace(source, keys=(*newest, key))


def changes(
    planned: Sequence[RegisteredSource], standing: Mapping[str, RegisteredSource]
) -> list[tuple[RegisteredSource, bool]]:
    """Each of ``planned``, and whether it differs from what stands under its name; keys stay where it names none.

    Raises:
        SourceConflict: two of them, or one and another that stands, claim one name or one key.
    """
    after = dict(standing)
    for source in planned:
        held = standing.get(source.name)
        keys = source.keys or (held.keys if held is not None and not source.is_open else ())
        after[source.name] = struct.replace(source, keys=keys)
    named = [after[source.name] for source in planned]
    for source in named:
        check(source, after.values())
    return [(source, source != standing.get(source.name)) for source in named]


def record(source: RegisteredSource, at: datetime) -> Record:
    """``source`` on its way to the topic."""
    digest = sha256(to_json(source)).hexdigest()
    message = Message(
        id=str(derived_id("source", source.name, digest, at.isoformat())),
        source=SOURCE,
        subject=source.name,
        time=at,
        jurisdiction=source.jurisdiction or "",
        key=source.name,
        data=source,
    )
    return encode(message)
