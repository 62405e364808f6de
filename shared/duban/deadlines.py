"""What falls due for a problem, and when: a function of its state, evaluated with every event. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from duban.policy.pack import Obligation
from duban.policy.rules import Rules
from duban.problem import Deadline, Mark, Problem


def due(problem: Problem, rules: Rules) -> tuple[Deadline, ...]:
    """The next deadline of every obligation that runs against ``problem``, soonest first.

    Acting moves the state, and with it what is due; nothing is cancelled by hand. A deadline that the state carries
    already is kept while its clock has not been set going anew: counting working time is most of the cost. (After a
    new holiday notice, ``Recompute`` clears them first.)
    """
    carried = {deadline.obligation: deadline for deadline in problem.deadlines}
    return tuple(sorted(_running(problem, rules, carried), key=lambda deadline: (deadline.due_at, deadline.obligation)))


def _running(problem: Problem, rules: Rules, carried: Mapping[str, Deadline]) -> Iterator[Deadline]:
    for obligation in rules.obligations_of(problem):
        if problem.status in obligation.running:
            since = _latest(problem, obligation)
            if since is not None and not _met(problem, obligation, since):
                climbed = _climbed(problem, obligation, since)
                kept = carried.get(obligation.id)
                if kept and _still_holds(kept, problem, obligation, since, climbed):
                    owner = rules.unit_of(problem, obligation.owner)
                    yield kept if kept.owner == owner else kept.model_copy(update={"owner": owner})
                else:
                    yield from _next_rung(problem, obligation, since, climbed, rules)


def _latest(problem: Problem, obligation: Obligation) -> Mark | None:
    """When the clock of ``obligation`` was last set going."""
    marks = [problem.marks[kind] for kind in obligation.since if kind in problem.marks]
    return max(marks, key=lambda mark: mark.version, default=None)


def _met(problem: Problem, obligation: Obligation, since: Mark) -> bool:
    """Whether something has happened since then that meets the obligation."""
    return any(kind in problem.marks and problem.marks[kind].version > since.version for kind in obligation.met_by)


def _still_holds(kept: Deadline, problem: Problem, obligation: Obligation, since: Mark, climbed: int) -> bool:
    """Whether a deadline that the state carries need not be counted again."""
    if obligation.within is None or kept.generation != since.version or kept.level <= climbed:
        return False
    return not (kept.due_at < kept.lapse_at <= _now_in(problem))


def _now_in(problem: Problem) -> datetime:
    """The instant of the latest event: the state knows no later one."""
    return max(problem.marks.values(), key=lambda mark: mark.version).at


def _climbed(problem: Problem, obligation: Obligation, since: Mark) -> int:
    """The highest level taken in this generation; 0 at its beginning."""
    taken = problem.taken.get(obligation.id)
    return taken.level if taken and taken.generation == since.version else 0


def _next_rung(problem: Problem, obligation: Obligation, since: Mark, climbed: int, rules: Rules) -> Iterator[Deadline]:
    """The first rung above ``climbed``; none when the ladder has been climbed to its end."""
    lapse_at = _lapse_at(problem, obligation, since, rules)
    if lapse_at is None:
        return
    for level, rung in enumerate(rules.ladders[obligation.ladder].rungs[climbed:], start=climbed + 1):
        due_at = lapse_at
        if rung.before is not None:
            due_at = rules.calendar.subtract(lapse_at, rung.before)
            if due_at <= since.at or lapse_at <= _now_in(problem):
                continue  # a reminder before the clock even started, or after the lapse, would tell nobody anything
        elif rung.after is not None:
            due_at = rules.calendar.add(lapse_at, rung.after)
        yield Deadline(
            obligation=obligation.id,
            generation=since.version,
            level=level,
            measure=rung.measure,
            owner=rules.unit_of(problem, obligation.owner),
            due_at=due_at,
            lapse_at=lapse_at,
            provisional=any(
                rules.calendar.is_provisional(since.at, max(due_at, lapse_at), duration)
                for duration in (obligation.within, rung.before, rung.after)
                if duration is not None
            ),
        )
        return


def _lapse_at(problem: Problem, obligation: Obligation, since: Mark, rules: Rules) -> datetime | None:
    if obligation.within is not None:
        return rules.calendar.add(since.at, obligation.within)
    return problem.plan.due_at if problem.plan else None
