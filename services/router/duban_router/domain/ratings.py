"""What follows when a reporter is not satisfied: redone, another unit, or nothing; and what is held up. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Problem
from duban.moves import CLOSED, SATISFIED, Occasion, Status
from duban.policy.model.lifecycle import RatingRule
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.refusal import Changes, missing_reason


def rate(problem: Problem, command: do.Rate, rules: Rules) -> Changes:
    """The rating, with what the pack has follow from its ground."""
    rated = c.Rated(satisfied=command.satisfied, ground=command.ground)
    if command.ground is None and (command.satisfied or not rules.ratings):
        return [rated]
    rule = rules.ratings.get(command.ground or "")
    if command.satisfied or rule is None:
        return _groundless(command, rules)
    if not command.reason:
        return missing_reason("a rating of unsatisfied")
    before = problem.rated.get(rule.id)
    if rule.at_most is not None and before is not None and before.times >= rule.at_most:
        return [rated]
    return [rated, *_following(problem, rule)]


def _groundless(command: do.Rate, rules: Rules) -> Refusal:
    """Why the ground of the rating, or its lack, is refused."""
    if command.satisfied:
        return Refusal("no_ground", f"who is satisfied needs no ground: leave `ground` out, not {command.ground}")
    if not rules.ratings:
        return Refusal("no_ground", f"{rules.pack.ref} lists no grounds of ratings: leave `ground` out")
    what = "a rating of unsatisfied names its ground" if command.ground is None else f"{command.ground} is no ground"
    return Refusal("no_ground", f"{what}; the grounds are {', '.join(rules.ratings)}")


def _following(problem: Problem, rule: RatingRule) -> Iterator[c.Change]:
    """What a rating on this ground leads to, from where the problem stands; what stays closed bears no new flag."""
    if rule.then != "nothing":
        yield from _taken_up(problem, rule)
    stays_closed = rule.then == "nothing" and problem.status in CLOSED
    if rule.flag is not None and rule.flag not in problem.flags and not stays_closed:
        yield c.Flagged(flag=rule.flag)


def _taken_up(problem: Problem, rule: RatingRule) -> Iterator[c.Change]:
    """The problem comes back to its unit, or goes from its unit to the office; what is at work already stays so."""
    if problem.status in CLOSED:
        yield c.Reopened()
    elif rule.then == "redone" and problem.status in (Status.VERIFYING, Status.VERIFIED):
        yield c.SentBack()
    if rule.then == "another_unit" and problem.status not in (Status.REGISTERED, Status.REJECTED):
        if problem.status is Status.PAUSED:
            yield c.Resumed()
        assert problem.lead_unit is not None  # in every other status a unit has it
        yield c.Withdrawn(unit=problem.lead_unit)


def held(problem: Problem, rules: Rules) -> Refusal | None:
    """Why the work is neither verified nor struck off: somebody is not satisfied, and waits for something."""
    for rule in rules.holding:
        rated = problem.rated.get(rule.id)
        if rated is not None and not _lifted(problem, rule, rated.version):
            until = " or ".join(map(str, rule.holds_until))
            return Refusal(
                "not_satisfied", f"a reporter is not satisfied ({rule.title.native}): this waits for {until}"
            )
    return None


#: What begins the work again: what was, or was not, satisfying of it before is past.
ANEW: Final = tuple(map(Occasion, ("sent_back", "reopened", "rebounded", "withdrawn")))


def _lifted(problem: Problem, rule: RatingRule, version: int) -> bool:
    lifting = (Occasion("rated", SATISFIED), *ANEW, *rule.holds_until)
    return any(latest(problem, occasion) > version for occasion in lifting)


def latest(problem: Problem, occasion: Occasion) -> int:
    """The version of the latest such event; of a reply that since which everybody was told it."""
    if occasion.event == "replied" and occasion.of is not None:
        reply = problem.replied.get(occasion.of)
        return reply.since if reply is not None else 0
    mark = problem.mark(occasion)
    return mark.version if mark is not None else 0


def lifted_by(change: c.Change, rules: Rules) -> bool:
    """Whether ``change`` may be what something that is held up has waited for."""
    return any(
        isinstance(change, c.Rated) or any(occasion.event == change.kind for occasion in rule.holds_until)
        for rule in rules.holding
    )
