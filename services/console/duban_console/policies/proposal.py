"""A draft of a pack that somebody has proposed, and who may say yes or no to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from duban.refusal import Refusal


class ProposalState(StrEnum):
    """How a proposal stands."""

    WAITING = "waiting"  #: for the yes or no of a second person
    PUBLISHED = "published"  #: it was said yes to
    REFUSED = "refused"  #: it was said no to, with a reason
    WITHDRAWN = "withdrawn"  #: by who had proposed it


@dataclass(frozen=True, slots=True)
class PolicyProposal:
    """The very ``text`` that is decided on, of the pack ``ref``; ``reason`` is why it is proposed, ``why`` why not."""

    id: UUID
    ref: str
    jurisdiction: str
    text: str
    reason: str
    proposed_by: str
    proposed_at: datetime
    state: ProposalState = ProposalState.WAITING
    decided_by: str | None = None
    decided_at: datetime | None = None
    why: str = ""

    def refusal(self, to: ProposalState, by: str) -> Refusal | None:
        """Why ``by`` may not bring it to the state ``to``, if they may not."""
        if self.state is not ProposalState.WAITING:
            return Refusal("decided", f"the proposal of {self.ref} is {self.state} already")
        if to is ProposalState.WITHDRAWN:
            if by == self.proposed_by:
                return None
            return Refusal(
                "not_own", f"{self.proposed_by} has proposed {self.ref}, and withdraws it: refuse it instead"
            )
        if by == self.proposed_by:
            return Refusal("own_proposal", f"{by} has proposed {self.ref}: a second person says yes or no to it")
        return None

    def decided(self, to: ProposalState, by: str, at: datetime, why: str = "") -> PolicyProposal:
        """It, brought to the state ``to`` by who may."""
        return replace(self, state=to, decided_by=by, decided_at=at, why=why)
