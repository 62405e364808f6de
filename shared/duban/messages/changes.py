"""What can happen to a problem, each in the past tense: the part of an event that differs from kind to kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from duban.messages.commands import RectificationPlan
from duban.messages.report import Evidence, Filed, Part


class Registered(Part):
    """The problem stands in the ledger, with its number and the pack it will live under."""

    kind: Literal["registered"] = "registered"
    number: str
    pack: str
    category: str
    filed: Filed


class Attached(Part):
    """A near-duplicate report was added."""

    kind: Literal["attached"] = "attached"
    filed: Filed


class Rejected(Part):
    """The problem was closed without handling."""

    kind: Literal["rejected"] = "rejected"


class Dispatched(Part):
    """The problem was given to a lead unit, by the clause cited."""

    kind: Literal["dispatched"] = "dispatched"
    lead_unit: str
    co_units: tuple[str, ...] = ()
    clause: str = ""


class Acknowledged(Part):
    """The lead unit has it."""

    kind: Literal["acknowledged"] = "acknowledged"


class HandedBack(Part):
    """The lead unit returned it to the office; the overall limit runs on."""

    kind: Literal["handed_back"] = "handed_back"
    unit: str
    clause: str = ""
    evidence: tuple[Evidence, ...] = ()


class Planned(Part):
    """A rectification plan was filed."""

    kind: Literal["planned"] = "planned"
    plan: RectificationPlan


class Progressed(Part):
    """The unit said how far it is."""

    kind: Literal["progressed"] = "progressed"
    note: str
    evidence: tuple[Evidence, ...] = ()


class Completed(Part):
    """The unit has put it right."""

    kind: Literal["completed"] = "completed"
    outcome: str
    evidence: tuple[Evidence, ...] = ()


class Verified(Part):
    """A reviewer passed the work."""

    kind: Literal["verified"] = "verified"
    evidence: tuple[Evidence, ...] = ()


class SentBack(Part):
    """A reviewer did not pass the work; it is underway again."""

    kind: Literal["sent_back"] = "sent_back"
    evidence: tuple[Evidence, ...] = ()


class StruckOff(Part):
    """The problem was struck off the ledger."""

    kind: Literal["struck_off"] = "struck_off"


class Reopened(Part):
    """A closed problem was taken up again."""

    kind: Literal["reopened"] = "reopened"


class Reminded(Part):
    """A reminder went out before the deadline; nothing has lapsed."""

    kind: Literal["reminded"] = "reminded"
    obligation: str
    generation: int
    level: int
    measure: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    to: tuple[str, ...]


class Escalated(Part):
    """A deadline has lapsed and a measure of the ladder was taken against its owner."""

    kind: Literal["escalated"] = "escalated"
    obligation: str
    generation: int
    level: int
    measure: str
    due_at: AwareDatetime
    lapse_at: AwareDatetime
    to: tuple[str, ...]


class Recomputed(Part):
    """The deadlines were evaluated against a newer calendar."""

    kind: Literal["recomputed"] = "recomputed"


Change = Annotated[
    Registered | Attached | Rejected | Dispatched | Acknowledged | HandedBack | Planned | Progressed | Completed
    | Verified | SentBack | StruckOff | Reopened | Reminded | Escalated | Recomputed,
    Field(discriminator="kind"),
]  # fmt: skip
