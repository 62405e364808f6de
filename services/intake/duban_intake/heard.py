"""What intake reads of ``duban.problems.v1``: refusals, and of a turn of a problem where it lies. Pure."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from duban.messages.envelope import Payload
from duban.messages.events import LedgerEvent
from duban.messages.records import Mark
from duban.messages.report import Location
from duban.messages.struct import Frozen
from duban.moves import Status


class TurnedProblem(Frozen, forbid_unknown_fields=False):
    """A problem, as far as reports near it are concerned."""

    id: UUID
    jurisdiction: str
    status: Status
    version: int
    pack: str
    category: str
    matter: str | None = None
    location: Location | None = None
    marks: dict[str, Mark]


class Turned(Payload, forbid_unknown_fields=False):
    """A :class:`LedgerEvent` that closed a problem, opened it again, or corrected what it is."""

    TOPIC: ClassVar[str] = LedgerEvent.TOPIC

    problem: TurnedProblem
