"""What pages say of proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from duban.pages.words import msgid
from duban_console.policies.proposal import ProposalState

#: How a proposal stands.
STATES: Final[Mapping[ProposalState, str]] = {
    ProposalState.WAITING: msgid("It waits for a second person."),
    ProposalState.PUBLISHED: msgid("It is published."),
    ProposalState.REFUSED: msgid("It was refused."),
    ProposalState.WITHDRAWN: msgid("It was withdrawn."),
}
#: Why something is not done with it, by the code; what is not here the desk says itself, in both languages.
FLAWS: Final[Mapping[str, str]] = {
    "no_reason": msgid("Say why."),
    "unchanged": msgid("It is published already, and says the same."),
    "waits_already": msgid("A draft of this pack waits already: decide on it first."),
    "decided": msgid("It is decided already."),
    "own_proposal": msgid("A second person decides on it: nobody says yes to their own."),
    "not_own": msgid("Only who has proposed it withdraws it: refuse it instead."),
}
