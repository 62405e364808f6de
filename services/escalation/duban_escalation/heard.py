"""What escalation reads of ``duban.problems.v1``: whole events where they say something, else what falls due.

Most events take no measure and tell nobody anything: of those only what is due then is read, and of what becomes of
reports also which they are. Pure.
"""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from duban.messages.envelope import Payload
from duban.messages.events import PROBLEMS, LedgerEvent, Refused, event_type
from duban.messages.records import Deadline
from duban.messages.struct import AwareDatetime, Frozen, Unfit
from duban.moves import Kind, Status
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


class GoingOn(Frozen, forbid_unknown_fields=False):
    """Whether a report only goes on with an earlier one."""

    continues: str | None = None


class FiledReport(Frozen, forbid_unknown_fields=False):
    """A report by its source and its id there."""

    source: str
    id: str
    report: GoingOn = GoingOn()


class ReportChange(Frozen, forbid_unknown_fields=False):
    """What happened, as far as reporters are concerned: the report ``filed``, or the one that was told ``text``."""

    kind: str
    filed: FiledReport | None = None
    source: str | None = None
    id: str | None = None
    text: str = ""
    ground: str | None = None


class ReportInstant(Instant, forbid_unknown_fields=False):
    """An event with what happened in it."""

    change: ReportChange


class ReportedProblem(Due, forbid_unknown_fields=False):
    """A problem, as far as those who reported it are told."""

    number: str
    pack: str
    category: str
    lead_unit: str | None = None


class OfReports(DueAfter, forbid_unknown_fields=False):
    """A :class:`LedgerEvent` of which the sources of a problem's reports may want to hear."""

    event: ReportInstant
    problem: ReportedProblem


#: What becomes of a report, as its source hears of it: by the event, one of four words.
BECOMES: Final = {
    "registered": "registered",
    "attached": "registered",
    "dispatched": "dispatched",
    "replied": "answered",
    "struck_off": "closed",
    "rejected": "closed",
}

#: The events that tell somebody something, or open something.
HEEDED: Final = (*TAKING, *TOLD)
_HEEDED: Final = frozenset(change.kind for change in HEEDED)

#: What escalation reads each type of message as.
HEARD: Final[dict[str, type[LedgerEvent] | type[DueAfter] | type[OfReports] | type[Refused]]] = {
    name: DueAfter if model is LedgerEvent and name.rpartition(".")[2] not in _HEEDED else model
    for name, model in PROBLEMS.items()
} | {event_type(Kind.PROBLEM, change): OfReports for change in BECOMES}
