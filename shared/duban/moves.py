"""What a problem can be, and which moves are legal: one table. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What the record is: a problem, or a duty that the calendar opened."""

    PROBLEM = "problem"
    DUTY = "duty"


class Stage(StrEnum):
    """Where the policy sees a problem."""

    DISCOVERY = "discovery"
    TRANSFER = "transfer"
    DISPOSAL = "disposal"
    CLOSED = "closed"
    REJECTED = "rejected"


class Status(StrEnum):
    """What a problem waits for; each belongs to one stage."""

    REGISTERED = "registered"  #: in the ledger, without a unit: enters new or handed back, leaves by dispatch or reject
    DISPATCHED = "dispatched"  #: given to a lead unit, which has not acknowledged yet
    UNDERWAY = "underway"  #: acknowledged, sent back or reopened: the lead unit is at work
    PAUSED = "paused"  #: the clock stands still, on a listed ground
    VERIFYING = "verifying"  #: completed by the unit, waits for a reviewer
    VERIFIED = "verified"  #: passed by a reviewer, waits for strike-off
    STRUCK_OFF = "struck_off"  #: off the ledger; only a reopening leads back
    REJECTED = "rejected"  #: closed without handling; only a reopening leads back


STAGE: Final = {
    Status.REGISTERED: Stage.DISCOVERY,
    Status.DISPATCHED: Stage.TRANSFER,
    Status.UNDERWAY: Stage.DISPOSAL,
    Status.PAUSED: Stage.DISPOSAL,
    Status.VERIFYING: Stage.DISPOSAL,
    Status.VERIFIED: Stage.DISPOSAL,
    Status.STRUCK_OFF: Stage.CLOSED,
    Status.REJECTED: Stage.REJECTED,
}


OPEN: Final = frozenset(status for status, stage in STAGE.items() if stage not in (Stage.CLOSED, Stage.REJECTED))


#: What leaves an open problem in its status.
IN_ANY_OPEN: Final = (
    "attached", "reminded", "escalated", "measured", "approved", "recomputed", "flagged", "unflagged", "sponsored",
    "referred", "received", "replied", "rated",
)  # fmt: skip


#: What leaves a closed problem closed.
AFTER_STRIKE_OFF: Final = (
    "reminded", "escalated", "measured", "approved", "recomputed", "received", "replied", "rated", "looked_back",
)  # fmt: skip


#: What leaves a rejected problem rejected.
AFTER_REJECTION: Final = ("measured", "approved", "replied", "rated")


#: (status, what happened) → next status. A pair that is absent is illegal; no status yet is None.
NEXT: Final[dict[tuple[Status | None, str], Status]] = {
    (None, "registered"): Status.REGISTERED,
    (None, "opened"): Status.UNDERWAY,
    (Status.REGISTERED, "dispatched"): Status.DISPATCHED,
    (Status.REGISTERED, "rejected"): Status.REJECTED,
    (Status.DISPATCHED, "dispatched"): Status.DISPATCHED,
    (Status.DISPATCHED, "acknowledged"): Status.UNDERWAY,
    (Status.DISPATCHED, "handed_back"): Status.REGISTERED,
    (Status.DISPATCHED, "completed"): Status.VERIFYING,
    (Status.UNDERWAY, "handed_back"): Status.REGISTERED,
    (Status.UNDERWAY, "planned"): Status.UNDERWAY,
    **{
        (Status.UNDERWAY, kind): Status.UNDERWAY
        for kind in (
            "plan_proposed",
            "plan_refused",
            "milestone_reached",
            "reviewed",
            "progressed",
            "part_finished",
            "extension_asked",
            "extended",
            "extension_denied",
        )
    },
    (Status.DISPATCHED, "part_finished"): Status.DISPATCHED,
    (Status.UNDERWAY, "paused"): Status.PAUSED,
    (Status.PAUSED, "resumed"): Status.UNDERWAY,
    (Status.UNDERWAY, "rejected"): Status.REJECTED,
    (Status.UNDERWAY, "completed"): Status.VERIFYING,
    (Status.VERIFYING, "verified"): Status.VERIFIED,
    (Status.VERIFYING, "sent_back"): Status.UNDERWAY,
    (Status.VERIFYING, "struck_off"): Status.STRUCK_OFF,
    (Status.VERIFYING, "checked"): Status.VERIFYING,
    (Status.VERIFIED, "checked"): Status.VERIFIED,
    (Status.VERIFIED, "sent_back"): Status.UNDERWAY,
    (Status.VERIFIED, "struck_off"): Status.STRUCK_OFF,
    (Status.STRUCK_OFF, "rebounded"): Status.UNDERWAY,
    (Status.STRUCK_OFF, "reopened"): Status.UNDERWAY,
    (Status.REJECTED, "reopened"): Status.REGISTERED,
    **{(status, kind): status for status in OPEN for kind in IN_ANY_OPEN},
    **{(Status.STRUCK_OFF, kind): Status.STRUCK_OFF for kind in AFTER_STRIKE_OFF},
    **{(Status.REJECTED, kind): Status.REJECTED for kind in AFTER_REJECTION},
}
