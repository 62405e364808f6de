"""What is of which kind: the commands that make sense for a problem, a duty, an entry on a list or a reward. Pure."""

from __future__ import annotations

from duban.messages import commands as do
from duban.messages.problem import Problem
from duban.moves import Kind
from duban_router.domain.refusal import Refusal

#: The commands that make sense for one kind of record only; the ladder's own are for all.
OF_LISTINGS = frozenset({do.Appeal, do.DecideAppeal, do.TakeOffList})
OF_REWARDS = frozenset({do.Award, do.Decline, do.Collect})
_OF_OTHERS = OF_LISTINGS | OF_REWARDS
_OF_ALL = frozenset({do.Escalate, do.Recompute, do.Approve, do.Withhold})
#: What would put off a duty, or pass it on.
_NOT_OF_DUTIES = frozenset({do.HandBack, do.Plan, do.Pause, do.AskExtension})


def foreign(problem: Problem, command: do.Command) -> Refusal | None:
    """Why ``command`` makes no sense for this kind of record."""
    wanted = type(command)
    match problem.kind:
        case _ if wanted in _OF_ALL:
            return None
        case Kind.LISTING if wanted not in OF_LISTINGS:
            return Refusal(
                "is_a_listing", f"{problem.number} is an entry on a list: it is appealed against, or made good"
            )
        case Kind.REWARD if wanted not in OF_REWARDS:
            return Refusal("is_a_reward", f"{problem.number} is a reward: it is awarded or declined, and collected")
        case Kind.DUTY if wanted in _NOT_OF_DUTIES:
            why = "it is submitted, not handed back, planned or paused"
            return Refusal("is_a_duty", f"{problem.number} is a duty: {why}")
        case Kind.PROBLEM | Kind.DUTY if wanted in _OF_OTHERS:
            return Refusal("is_a_problem", f"{problem.number} is neither an entry on a list nor a reward")
    return None
