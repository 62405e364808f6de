"""What the router answers: events with the state after them, and refusals with their reason."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar, get_args

import orjson
from pydantic import AwareDatetime

from duban.messages.changes import Change
from duban.messages.commands import Actor
from duban.messages.envelope import Payload
from duban.messages.problem import Event, Problem
from duban.messages.report import Filed
from duban.moves import HAPPENS, Status

#: The predecessor of the first event of every problem.
GENESIS = "0" * 64


def canonical(event: Event) -> bytes:
    """The bytes that the hash of ``event`` covers: JSON in UTF-8, keys sorted, no white space, no absent fields."""
    return orjson.dumps(
        event.__pydantic_serializer__.to_python(event, mode="json", exclude_none=True), option=orjson.OPT_SORT_KEYS
    )


def chained(previous: str, body: bytes) -> str:
    """The SHA-256 of ``body`` over its predecessor's hash, both as hexadecimal text."""
    return sha256(previous.encode() + body).hexdigest()


class ProblemEvent(Payload):
    """What happened to a problem and how it stands after it. The router writes it; anyone may read it."""

    TOPIC: ClassVar[str] = "duban.problems.v1"

    event: Event
    previous: str
    hash: str
    problem: Problem

    @property
    def ce_type(self) -> str:
        return f"duban.problem.{self.event.change.kind}"


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


def event_json(body: bytes, previous: str, hash_: str, problem: bytes) -> bytes:
    """The JSON of a :class:`ProblemEvent`, put together from parts that are JSON already.

    The event stands in it with the very bytes that its hash covers.
    """
    return b'{"event":%b,"previous":"%b","hash":"%b","problem":%b}' % (body, previous.encode(), hash_.encode(), problem)


#: Every kind of change, as in the CloudEvents type ``duban.problem.<kind>``.
KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(get_args(Change)[0]))

#: Those that can happen to a problem: what a policy may speak of.
OF_PROBLEMS: tuple[str, ...] = tuple(kind for kind in KINDS if kind in HAPPENS)

#: What stands on ``duban.problems.v1``, by CloudEvents type.
PROBLEMS: dict[str, type[ProblemEvent] | type[Refused]] = {
    Refused.TYPE: Refused,
    **{f"duban.problem.{kind}": ProblemEvent for kind in KINDS},
}
