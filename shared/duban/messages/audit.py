"""What operators do by hand to what runs: who, what, when and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from duban.messages.envelope import Payload
from duban.messages.struct import AwareDatetime, Frozen


class ReplayStep(StrEnum):
    """How far the replay of a letter has come."""

    BEGUN = "begun"  #: it is about to go; where no other step follows, nobody knows whether it went
    SENT = "sent"  #: the broker has it in the topic that it came from
    FAILED = "failed"  #: the broker did not take it, and why


class LetterPlace(Frozen):
    """Where a record lies, or lay."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic} {self.partition}/{self.offset}"


class LetterReplayed(Payload):
    """A dead letter goes back to its topic, by whom and why. ``duban dlq replay`` writes it before and after.

    ``letter`` is where it lies among the dead, ``origin`` where it lay before, where that is known; ``to`` is the topic
    that it goes to. ``size`` and ``sha256`` are of the value that goes; of what it says, nothing is told.
    """

    TOPIC: ClassVar[str] = "duban.audit.v1"
    TYPE: ClassVar[str] = "duban.letter.replayed"

    replay: UUID
    step: ReplayStep
    letter: LetterPlace
    origin: LetterPlace | None = None
    to: str
    code: str
    size: int
    sha256: str
    by: Annotated[str, Meta(min_length=1, max_length=120)]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    at: AwareDatetime
    again: bool = False
    error: str | None = None


AUDIT: dict[str, type[LetterReplayed]] = {LetterReplayed.TYPE: LetterReplayed}
