"""What escalation reads of ``duban.problems.v1``: whole events where they say something, else what falls due.

Most events take no measure and tell nobody anything: of those only what is due then is read. Pure.
"""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from duban.messages.envelope import Payload
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.messages.records import Deadline
from duban.messages.struct import AwareDatetime, Frozen, Unfit
from duban.moves import Status
from duban_escalation.measures import TAKING
from duban_escalation.records import TOLD


class Instant(Frozen, forbid_unknown_fields=False):
    """Which event of its record it is, and when it happened."""

    version: int
    at: AwareDatetime


class Due(Frozen, forbid_unknown_fields=False):
    """A record of whatever kind, as far as something falls due in it."""

    id: UUID
    jurisdiction: str
    status: Status
    version: int
    deadlines: tuple[Deadline, ...] = ()


class DueAfter(Payload, forbid_unknown_fields=False):
    """A :class:`LedgerEvent` that only moves what is due."""

    TOPIC: ClassVar[str] = LedgerEvent.TOPIC

    event: Instant
    problem: Due | None = None
    duty: Due | None = None
    listing: Due | None = None
    reward: Due | None = None
    reading: Due | None = None

    def __post_init__(self) -> None:
        if not (self.problem or self.duty or self.listing or self.reward or self.reading):
            raise Unfit("", "carries no record: neither a problem nor a duty, a listing, a reward or a reading")

    @property
    def record(self) -> Due:
        """The record as it stands after the event."""
        record = self.problem or self.duty or self.listing or self.reward or self.reading
        assert record is not None  # seen when it was read
        return record


#: The events that tell somebody something, or open something.
HEEDED: Final = (*TAKING, *TOLD)
_HEEDED: Final = frozenset(change.kind for change in HEEDED)

#: What escalation reads each type of message as.
HEARD: Final[dict[str, type[LedgerEvent] | type[DueAfter] | type[Refused]]] = {
    name: DueAfter if model is LedgerEvent and name.rpartition(".")[2] not in _HEEDED else model
    for name, model in PROBLEMS.items()
}
