"""What the router answers: events with the state after them, and refusals with their reason."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Annotated, ClassVar, get_args
from uuid import UUID

from msgspec import Meta

from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.envelope import Payload, Unheeded
from duban.messages.records import AnyRecord, Duty, Event, Listing, Problem, Reading, Reward
from duban.messages.report import Filed, Sha256
from duban.messages.struct import AwareDatetime, Frozen, Unfit, canonical_json
from duban.moves import HAPPENS, MOVES, Kind, Status

#: The predecessor of the first event of every record.
GENESIS = "0" * 64

#: Most lines in one chain, as the database counts them.
MOST_LINES = 2**31 - 1


def canonical(event: Event) -> bytes:
    """The bytes that the hash of ``event`` covers: JSON in UTF-8, keys sorted, no white space, no field at its default.

    They are the bytes that are published.
    """
    return canonical_json(event)


def chained(previous: str, body: bytes) -> str:
    """The SHA-256 of ``body`` over its predecessor's hash, both as hexadecimal text."""
    return sha256(previous.encode() + body).hexdigest()


class LedgerEvent(Payload):
    """What happened to a record and how it stands after it, under the name of its kind: just one of them is there.

    ``hash`` is the SHA-256 over the hash of the event before it, as text, and the very bytes of ``event``; before the
    first stand 64 zeros. The router writes it; anyone may read it.
    """

    TOPIC: ClassVar[str] = "duban.problems.v1"

    event: Event
    hash: str
    problem: Problem | None = None
    duty: Duty | None = None
    listing: Listing | None = None
    reward: Reward | None = None
    reading: Reading | None = None

    def __post_init__(self) -> None:
        records = (self.problem, self.duty, self.listing, self.reward, self.reading)
        if sum(record is not None for record in records) != 1:
            raise Unfit("", "carries just one record: a problem, a duty, a listing, a reward or a reading")

    @property
    def record(self) -> AnyRecord:
        """The record as it stands after the event."""
        record = self.problem or self.duty or self.listing or self.reward or self.reading
        assert record is not None  # validated
        return record

    @property
    def ce_type(self) -> str:
        return event_type(self.record.kind, self.event.change.kind)


class Refused(Payload):
    """A command that the router did not carry out, with the reason. It changes nothing and has no version of its own.

    ``code`` is a short stable word, ``reason`` a sentence for people; ``filed`` is the report that came with the
    command, so that it finds another way into the ledger.
    """

    TOPIC: ClassVar[str] = "duban.problems.v1"
    TYPE: ClassVar[str] = "duban.problem.refused"

    command: str
    command_type: str
    actor: Actor
    at: AwareDatetime
    code: str
    reason: str
    status: Status | None = None
    version: int = 0
    filed: Filed | None = None


@cache
def event_type(kind: Kind, change: str) -> str:
    """The CloudEvents type of what happened to a record of this kind."""
    return f"duban.{kind}.{change}"


def event_id(record: UUID, version: int) -> str:
    """The id under which an event travels: its record, and which of its events it is."""
    return f"{record}/{version}"


def event_json(body: bytes, hash_: str, kind: Kind, state: bytes) -> bytes:
    """The JSON of a :class:`LedgerEvent`, put together from parts that are JSON already.

    The event stands in it with the very bytes that its hash covers.
    """
    return b'{"event":%b,"hash":"%b","%b":%b}' % (body, hash_.encode(), kind.encode(), state)


#: Every kind of change, the last word of a CloudEvents type.
KINDS: tuple[str, ...] = tuple(change.kind for change in get_args(Change))

#: Those that can happen to a problem: what a policy may speak of.
OF_PROBLEMS: tuple[str, ...] = tuple(kind for kind in KINDS if kind in HAPPENS)

#: What stands on ``duban.problems.v1``, by CloudEvents type.
PROBLEMS: dict[str, type[LedgerEvent] | type[Refused]] = {
    Refused.TYPE: Refused,
    **{event_type(kind, change): LedgerEvent for kind, moves in MOVES.items() for _, change in moves},
}


class EventPlace(Frozen, forbid_unknown_fields=False):
    """Which event of which record."""

    problem_id: UUID
    version: Annotated[int, Meta(ge=1, le=MOST_LINES)]


class Told(Payload, forbid_unknown_fields=False):
    """The place and the hash of an event on ``duban.problems.v1``, for who needs no more of it."""

    event: EventPlace
    hash: Sha256


#: The same topic as :data:`PROBLEMS`, for who needs only where each event stands in which chain.
TOLD: dict[str, type[Told] | type[Unheeded]] = {
    name: Unheeded if model is Refused else Told for name, model in PROBLEMS.items()
}
