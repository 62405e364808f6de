"""What the router answers: events with the state after them, and refusals with their reason."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar, Self, get_args
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.envelope import Payload, Unheeded
from duban.messages.records import AnyRecord, Duty, Event, Listing, Problem, Reward
from duban.messages.report import Filed
from duban.moves import HAPPENS, MOVES, Kind, Status

#: The predecessor of the first event of every record.
GENESIS = "0" * 64

#: How a hash is written.
HASH = r"^[0-9a-f]{64}$"
#: Most lines in one chain, as the database counts them.
MOST_LINES = 2**31 - 1


def canonical(event: Event) -> bytes:
    """The bytes that the hash of ``event`` covers: JSON in UTF-8, keys sorted, no white space, no absent fields."""
    return orjson.dumps(
        event.__pydantic_serializer__.to_python(event, mode="json", exclude_none=True), option=orjson.OPT_SORT_KEYS
    )


def chained(previous: str, body: bytes) -> str:
    """The SHA-256 of ``body`` over its predecessor's hash, both as hexadecimal text."""
    return sha256(previous.encode() + body).hexdigest()


class LedgerEvent(Payload):
    """What happened to a record and how it stands after it, under the name of its kind: just one of them is there.

    The router writes it; anyone may read it.
    """

    TOPIC: ClassVar[str] = "duban.problems.v1"

    event: Event
    previous: str
    hash: str
    problem: Problem | None = None
    duty: Duty | None = None
    listing: Listing | None = None
    reward: Reward | None = None

    @model_validator(mode="after")
    def _one_record(self) -> Self:
        if sum(record is not None for record in (self.problem, self.duty, self.listing, self.reward)) != 1:
            raise ValueError("carries just one record: a problem, a duty, a listing or a reward")
        return self

    @property
    def record(self) -> AnyRecord:
        """The record as it stands after the event."""
        record = self.problem or self.duty or self.listing or self.reward
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


def event_type(kind: Kind, change: str) -> str:
    """The CloudEvents type of what happened to a record of this kind."""
    return f"duban.{kind}.{change}"


def event_json(body: bytes, previous: str, hash_: str, kind: Kind, state: bytes) -> bytes:
    """The JSON of a :class:`LedgerEvent`, put together from parts that are JSON already.

    The event stands in it with the very bytes that its hash covers.
    """
    return b'{"event":%b,"previous":"%b","hash":"%b","%b":%b}' % (
        body, previous.encode(), hash_.encode(), kind.encode(), state,
    )  # fmt: skip


#: Every kind of change, the last word of a CloudEvents type.
KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(get_args(Change)[0]))

#: Those that can happen to a problem: what a policy may speak of.
OF_PROBLEMS: tuple[str, ...] = tuple(kind for kind in KINDS if kind in HAPPENS)

#: What stands on ``duban.problems.v1``, by CloudEvents type.
PROBLEMS: dict[str, type[LedgerEvent] | type[Refused]] = {
    Refused.TYPE: Refused,
    **{event_type(kind, change): LedgerEvent for kind, moves in MOVES.items() for _, change in moves},
}


class EventPlace(BaseModel):
    """Which event of which record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    problem_id: UUID
    version: int = Field(ge=1, le=MOST_LINES)


class Told(Payload):
    """The place and the hash of an event on ``duban.problems.v1``, for who needs no more of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: EventPlace
    hash: str = Field(pattern=HASH)


#: The same topic as :data:`PROBLEMS`, for who needs only where each event stands in which chain.
TOLD: dict[str, type[Told] | type[Unheeded]] = {
    name: Unheeded if model is Refused else Told for name, model in PROBLEMS.items()
}
