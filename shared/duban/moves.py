"""What a problem can be, and which moves are legal: one table. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias


class Kind(StrEnum):
    """What a record of the ledger is: a problem, or what the calendar or a measure has opened beside it."""

    PROBLEM = "problem"
    DUTY = "duty"  #: something that a unit owes, for a period or because of a problem
    LISTING = "listing"  #: an entry on a list: a blacklist (黑名单), cards (红黄牌), credit records
    REWARD = "reward"  #: what is owed to whoever reported (举报奖励)
    READING = "reading"  #: what the indicator of a target came to on a day, as somebody read it


class Stage(StrEnum):
    """Where the policy sees a problem."""

    DISCOVERY = "discovery"
    TRANSFER = "transfer"
    DISPOSAL = "disposal"
    CLOSED = "closed"
    REJECTED = "rejected"


class Status(StrEnum):
    """What a problem waits for; each belongs to one stage."""

    REGISTERED = (
        "registered"  #: in the ledger, without a unit: new, handed back, withdrawn; leaves by dispatch or reject
    )
    DISPATCHED = "dispatched"  #: given to a lead unit, which has not acknowledged yet
    UNDERWAY = "underway"  #: acknowledged, sent back or reopened: the lead unit is at work
    PAUSED = "paused"  #: the clock stands still, on a listed ground
    VERIFYING = "verifying"  #: completed by the unit, waits for a reviewer
    VERIFIED = "verified"  #: passed by a reviewer, waits for strike-off
    STRUCK_OFF = "struck_off"  #: off the ledger; only a reopening leads back
    REJECTED = "rejected"  #: closed without handling; only a reopening leads back

    NOTICED = "noticed"  #: a listing that its subject has been told of, and may still answer before it counts
    CONTESTED = "contested"  #: answered in that time: it does not count before the appeal is decided
    LISTED = "listed"  #: on the list
    DELISTED = "delisted"  #: off the list: its term is over, it has made good, or its appeal was upheld

    OWED = "owed"  #: a reward whose amount is not fixed yet
    AWARDED = "awarded"  #: its amount is fixed, it waits to be collected
    SETTLED = "settled"  #: collected, declined, or forfeited

    TAKEN = "taken"  #: a reading, as it was taken: it stays so, and a correction is a reading of its own


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

#: Where a record of any kind has come to its end.
CLOSED: Final = frozenset({Status.STRUCK_OFF, Status.REJECTED, Status.DELISTED, Status.SETTLED, Status.TAKEN})

OPEN: Final = frozenset(Status) - CLOSED

#: What only entries on lists, rewards and readings can be.
OF_OTHERS: Final = frozenset(Status) - frozenset(STAGE)


class Occasion(NamedTuple):
    """An event that sets a clock going, or meets what is owed; ``of`` names the flag, the body or the step of it."""

    event: str
    of: str | None = None

    def __str__(self) -> str:
        return self.event if self.of is None else f"{self.event}:{self.of}"


#: What a rating is of, where the pack lists no grounds: ``rated:satisfied``, ``rated:unsatisfied``.
SATISFIED: Final = "satisfied"
UNSATISFIED: Final = "unsatisfied"


#: The ladder, its measures and what comes of them, which leave every record where it is.
LADDER: Final = (
    "reminded", "escalated", "measured", "approved", "withheld", "justification_filed", "justification_accepted",
    "justification_refused", "recomputed", "passed_on",
)  # fmt: skip


#: What happens to the steps of a pack's own, which may say that they are taken in any status of a problem.
STEPS: Final = ("step_taken", "step_waived")


#: What leaves an open problem in its status.
IN_ANY_OPEN: Final = (
    *LADDER, "attached", "classified", "deferred", "flagged", "unflagged", "sponsored", "referred", "received",
    "replied", "rated", *STEPS, "sign_seen",
)  # fmt: skip


#: What leaves a closed problem closed.
AFTER_STRIKE_OFF: Final = (*LADDER, "received", "replied", "rated", *STEPS, "sign_seen", "looked_back")


#: What leaves a rejected problem rejected.
AFTER_REJECTION: Final = (*LADDER, "replied", "rated", *STEPS, "sign_seen")


#: What leaves a problem underway.
_AT_WORK: Final = (
    "plan_proposed", "plan_refused", "milestone_reached", "reviewed", "progressed", "part_finished", "extension_asked",
    "extended", "extension_denied",
)  # fmt: skip


#: While a problem is with a unit that it can be taken from.
_WITH_A_UNIT: Final = (Status.DISPATCHED, Status.UNDERWAY, Status.VERIFYING, Status.VERIFIED)


Moves: TypeAlias = dict[tuple[Status | None, str], Status]

#: The life of a problem: (status, what happened) → next status; no status yet is None.
_PROBLEM: Final[Moves] = {
    (None, "registered"): Status.REGISTERED,
    (Status.REGISTERED, "dispatched"): Status.DISPATCHED,
    (Status.REGISTERED, "rejected"): Status.REJECTED,
    (Status.DISPATCHED, "dispatched"): Status.DISPATCHED,
    (Status.DISPATCHED, "acknowledged"): Status.UNDERWAY,
    (Status.DISPATCHED, "handed_back"): Status.REGISTERED,
    (Status.DISPATCHED, "completed"): Status.VERIFYING,
    (Status.UNDERWAY, "handed_back"): Status.REGISTERED,
    **{(status, "withdrawn"): Status.REGISTERED for status in _WITH_A_UNIT},
    (Status.UNDERWAY, "planned"): Status.UNDERWAY,
    **{(Status.UNDERWAY, kind): Status.UNDERWAY for kind in _AT_WORK},
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
    **{(status, kind): status for status in OPEN & STAGE.keys() for kind in IN_ANY_OPEN},
    **{(Status.STRUCK_OFF, kind): Status.STRUCK_OFF for kind in AFTER_STRIKE_OFF},
    **{(Status.REJECTED, kind): Status.REJECTED for kind in AFTER_REJECTION},
}


#: The life of a duty: it is submitted, and with that off the ledger; the office may release a unit from it.
_DUTY: Final[Moves] = {
    (None, "opened"): Status.UNDERWAY,
    (Status.UNDERWAY, "progressed"): Status.UNDERWAY,
    (Status.UNDERWAY, "rejected"): Status.REJECTED,
    (Status.UNDERWAY, "completed"): Status.VERIFYING,
    (Status.VERIFYING, "struck_off"): Status.STRUCK_OFF,
    (Status.STRUCK_OFF, "reopened"): Status.UNDERWAY,
    (Status.REJECTED, "reopened"): Status.UNDERWAY,
}


#: The life of an entry on a list.
_LISTING: Final[Moves] = {
    (None, "noticed"): Status.NOTICED,
    (Status.NOTICED, "listed"): Status.LISTED,
    (Status.NOTICED, "appealed"): Status.CONTESTED,
    (Status.CONTESTED, "appeal_upheld"): Status.DELISTED,
    (Status.CONTESTED, "appeal_dismissed"): Status.NOTICED,
    (Status.LISTED, "appealed"): Status.LISTED,
    (Status.LISTED, "appeal_upheld"): Status.DELISTED,
    (Status.LISTED, "appeal_dismissed"): Status.LISTED,
    (Status.LISTED, "exited"): Status.DELISTED,
    (Status.LISTED, "expired"): Status.DELISTED,
    (Status.DELISTED, "passed_on"): Status.DELISTED,
}


#: The life of a reward.
_REWARD: Final[Moves] = {
    (None, "reward_owed"): Status.OWED,
    (Status.OWED, "awarded"): Status.AWARDED,
    (Status.OWED, "declined"): Status.SETTLED,
    (Status.AWARDED, "collected"): Status.SETTLED,
    (Status.AWARDED, "expired"): Status.SETTLED,
    (Status.SETTLED, "passed_on"): Status.SETTLED,
}


#: The life of a reading.
_READING: Final[Moves] = {(None, "reading_taken"): Status.TAKEN}


def _with_ladder(moves: Moves, statuses: frozenset[Status]) -> Moves:
    """``moves``, and the ladder with its measures in those of ``statuses`` that they lead to."""
    return {**moves, **{(status, kind): status for status in statuses.intersection(moves.values()) for kind in LADDER}}


#: Every legal move of every kind of record: one table a kind. A pair that is absent is illegal.
MOVES: Final[dict[Kind, Moves]] = {
    Kind.PROBLEM: _PROBLEM,
    Kind.DUTY: _with_ladder(_DUTY, OPEN | CLOSED),
    Kind.LISTING: _with_ladder(_LISTING, OPEN),
    Kind.REWARD: _with_ladder(_REWARD, OPEN),
    Kind.READING: _READING,
}

#: The kind of record that begins with an event.
BEGINS: Final = {event: kind for kind, moves in MOVES.items() for status, event in moves if status is None}

#: What can happen to a problem.
HAPPENS: Final = frozenset(kind for _, kind in _PROBLEM)

#: What closes a problem, and what opens it again.
TURNS: Final = frozenset(kind for (at, kind), to in _PROBLEM.items() if at is not None and (at in OPEN) != (to in OPEN))
