"""What is of which kind: the commands that make sense for a problem, a duty, an entry on a list or a reward. Pure."""

from __future__ import annotations

from typing import Final, get_args

from duban.messages import commands as do
from duban.messages.records import AnyRecord
from duban.moves import Kind
from duban.refusal import Refusal

#: The commands with which a record begins, as types: to ask a union costs 60 ns for each of its members.
BEGINNING: Final = frozenset(get_args(do.Beginning))

#: The ladder's own commands, which every record takes.
OfAll = do.Escalate | do.Recompute | do.Approve | do.Withhold | do.PassOn | do.Justify | do.DecideJustification

OfProblems = (
    do.Attach | do.Reject | do.Dispatch | do.Classify | do.Acknowledge | do.HandBack | do.Plan | do.DecidePlan
    | do.ReachMilestone | do.Review | do.Progress | do.FinishPart | do.AskExtension | do.DecideExtension | do.Defer
    | do.Pause | do.Resume | do.Flag | do.Unflag | do.Sponsor | do.Refer | do.Receive | do.Complete | do.Verify
    | do.Check | do.StrikeOff | do.Reply | do.Rate | do.LookBack | do.Reopen | do.TakeStep | do.WaiveStep
)  # fmt: skip
OfDuties = do.Progress | do.Complete | do.Reject | do.Reopen
OfListings = do.Appeal | do.DecideAppeal | do.TakeOffList
OfRewards = do.Award | do.Decline | do.Collect

#: Those of :data:`OfAll`, as types.
OF_ALL: Final = frozenset(get_args(OfAll))

#: The commands that make sense for a record of each kind.
FITTING: Final[dict[Kind, frozenset[type[do.Command]]]] = {
    Kind.PROBLEM: frozenset(get_args(OfProblems | OfAll)),
    Kind.DUTY: frozenset(get_args(OfDuties | OfAll)),
    Kind.LISTING: frozenset(get_args(OfListings | OfAll)),
    Kind.REWARD: frozenset(get_args(OfRewards | OfAll)),
    Kind.READING: frozenset(),
}

_WHAT_IT_IS: Final = {
    Kind.PROBLEM: "is neither an entry on a list nor a reward",
    Kind.DUTY: "is a duty: it is submitted, not handed back, planned or paused",
    Kind.LISTING: "is an entry on a list: it is appealed against, or made good",
    Kind.REWARD: "is a reward: it is awarded or declined, and collected",
    Kind.READING: "is a reading: it stays as it is; put a correction beside it",
}


def foreign(record: AnyRecord, command: do.Command) -> Refusal | None:
    """Why ``command`` makes no sense for this kind of record."""
    if type(command) in FITTING[record.kind]:
        return None
    return Refusal(f"is_a_{record.kind}", f"{record.number} {_WHAT_IT_IS[record.kind]}")
