"""What falls due for a problem, and when: a function of its state, evaluated with every event. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from duban import duties
from duban.calendar import Counting, Within
from duban.messages.problem import Deadline, Mark, Problem
from duban.moves import Kind
from duban.policy.model.ladder import Obligation
from duban.policy.rules import Rules


def due(problem: Problem, rules: Rules) -> tuple[Deadline, ...]:
    """The next deadline of every obligation that runs against ``problem``, soonest first.

    Acting moves the state, and with it what is due; nothing is cancelled by hand. A deadline that the state carries
    already is kept while its clock has not been set going anew: counting working time is most of the cost. (An
    extension, a pause and a new holiday notice clear them first.)
    """
    carried = {deadline.obligation: deadline for deadline in problem.deadlines}
    return tuple(sorted(_running(problem, rules, carried), key=lambda deadline: (deadline.due_at, deadline.obligation)))


def _running(problem: Problem, rules: Rules, carried: Mapping[str, Deadline]) -> Iterator[Deadline]:
    for obligation, since, name, owner in owed(problem, rules):
        climbed = _climbed(problem, name, since)
        kept = carried.get(name)
        if kept and _still_holds(kept, problem, obligation, since, climbed):
            yield kept if kept.owner == owner else kept.model_copy(update={"owner": owner})
        else:
            same_clock = kept and kept.generation == since.version and obligation.until is None
            known = kept.lapse_at if kept and same_clock else None
            yield from _next_level(problem, obligation, since, climbed, rules, name, owner, known)


def owed(problem: Problem, rules: Rules) -> Iterator[tuple[Obligation, Mark, str, str]]:
    """Every obligation that runs now: since when, the name of its deadline, and the unit whose it is."""
    for obligation in rules.obligations_of(problem):
        if _concerns(problem, obligation):
            if obligation.owner == "@referred":
                yield from _receipts(problem, obligation)
                continue
            since = _latest(problem, obligation)
            if since is not None and not _met(problem, obligation, since):
                for name, owner in _owners(problem, obligation, rules):
                    yield obligation, since, name, owner


def _receipts(problem: Problem, obligation: Obligation) -> Iterator[tuple[Obligation, Mark, str, str]]:
    """What each body owes that the problem was referred to, until it has confirmed its own receipt."""
    for body, received in problem.referrals.items():
        if not received:
            yield obligation, problem.marks[f"referred:{body}"], f"{obligation.id}/{body}", body


def _concerns(problem: Problem, obligation: Obligation) -> bool:
    """Whether the problem bears a flag, and has a plan of a kind, that the obligation asks for."""
    if obligation.flags and set(obligation.flags).isdisjoint(problem.flags):
        return False
    return not obligation.rectification or (
        problem.plan is not None and problem.plan.rectification in obligation.rectification
    )


def _latest(problem: Problem, obligation: Obligation) -> Mark | None:
    """When the clock of ``obligation`` was last set going."""
    marks = [problem.marks[kind] for kind in obligation.since if kind in problem.marks]
    return max(marks, key=lambda mark: mark.version, default=None)


def _met(problem: Problem, obligation: Obligation, since: Mark) -> bool:
    """Whether something has happened since then that meets the obligation; replies do once no report is unanswered."""
    if "replied" in obligation.met_by and not problem.unanswered:
        return True
    done = (problem.marks[kind] for kind in obligation.met_by if kind in problem.marks and kind != "replied")
    return any(mark.version > since.version for mark in done)


def _owners(problem: Problem, obligation: Obligation, rules: Rules) -> Iterator[tuple[str, str]]:
    """Whose it is, with the name of the deadline: one, or one for each co-unit whose part is not finished."""
    if obligation.owner == "@co":
        for unit in problem.co_units:
            if unit not in problem.parts_finished:
                yield f"{obligation.id}/{unit}", unit
    else:
        yield obligation.id, rules.unit_of(problem, obligation.owner)


def _still_holds(kept: Deadline, problem: Problem, obligation: Obligation, since: Mark, climbed: int) -> bool:
    """Whether a deadline that the state carries need not be counted again."""
    if obligation.until is not None or kept.generation != since.version or kept.level <= climbed:
        return False
    return not (kept.due_at < kept.lapse_at <= _now_in(problem))


def _now_in(problem: Problem) -> datetime:
    """The instant of the latest event: the state knows no later one."""
    return max(problem.marks.values(), key=lambda mark: mark.version).at


def _climbed(problem: Problem, name: str, since: Mark) -> int:
    """The highest level taken in this generation; 0 at its beginning."""
    taken = problem.taken.get(name)
    return taken.level if taken and taken.generation == since.version else 0


def _next_level(
    problem: Problem, obligation: Obligation, since: Mark, climbed: int, rules: Rules, name: str, owner: str,
    known: datetime | None,
) -> Iterator[Deadline]:  # fmt: skip
    """The first level above ``climbed``, with the lapse where it is ``known``; none at the end of the ladder."""
    levels = rules.levels_of(obligation)
    if climbed >= len(levels):
        return
    lapse_at = known or _lapse_at(problem, obligation, since, rules)
    if lapse_at is None:
        return
    lowest = _raised(problem, levels_before_lapse=sum(level.before is not None for level in levels), levels=len(levels))
    for number, level in enumerate(levels[climbed:], start=climbed + 1):
        due_at = lapse_at
        if level.before is not None:
            if lapse_at <= _now_in(problem) or (due_at := rules.calendar.subtract(lapse_at, level.before)) <= since.at:
                continue  # a reminder before the clock even started, or after the lapse, would tell nobody anything
        elif number < lowest:
            continue
        elif level.after is not None and number > lowest:
            due_at = rules.calendar.add(lapse_at, level.after)
        yield Deadline(
            obligation=name,
            generation=since.version,
            level=number,
            measure=level.measure,
            owner=owner,
            due_at=due_at,
            lapse_at=lapse_at,
            provisional=any(
                rules.calendar.is_provisional(since.at, max(due_at, lapse_at), duration)
                for duration in (obligation.within, level.before, level.after)
                if duration is not None
            ),
        )
        return


def _raised(problem: Problem, levels_before_lapse: int, levels: int) -> int:
    """The level with which the lapse begins: the first after the reminders, higher after a rebound."""
    return min(levels_before_lapse + 1 + problem.raised, levels)


def _lapse_at(problem: Problem, obligation: Obligation, since: Mark, rules: Rules) -> datetime | None:
    """The end of the time limit, with the extensions granted and the pauses taken since it began to run."""
    if problem.kind is Kind.DUTY:
        return duties.lapse_at(rules.duties[problem.category], since.at, rules)
    if obligation.within is None:
        return planned_date(problem, obligation)
    lapse_at = rules.calendar.add(since.at, obligation.within)
    extension = rules.pack.extension
    if extension is not None and obligation.id in problem.extended:
        for _ in range(problem.extended[obligation.id]):
            lapse_at = rules.calendar.add(lapse_at, extension.by)
    for pause in problem.pauses:
        if pause.to_at > since.at:
            lapse_at = _moved(lapse_at, max(pause.from_at, since.at), pause.to_at, obligation.within, rules)
    return lapse_at


def planned_date(problem: Problem, obligation: Obligation) -> datetime | None:
    """The date that the plan itself names: its end, or its next milestone; None without one."""
    if problem.plan is None:
        return None
    if obligation.until == "plan_due":
        return problem.plan.due_at
    left = problem.plan.milestones[problem.milestones_reached :]
    return left[0].due_at if left else None


def _moved(lapse_at: datetime, from_at: datetime, to_at: datetime, within: Within, rules: Rules) -> datetime:
    """``lapse_at`` moved by the time that the clock stood: working time where working time counts, else wall time."""
    counts_work = within.working_days is not None or within.working_hours is not None
    if not counts_work and not (within.days is not None and rules.calendar.counting is Counting.WHOLE_DAYS):
        return lapse_at + (to_at - from_at)
    stood = rules.calendar.working_seconds(from_at, to_at)
    return rules.calendar.add(lapse_at, Within(working_hours=stood / 3600)) if stood > 0 else lapse_at
