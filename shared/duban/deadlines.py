"""What falls due for a record, and when: a function of its state, evaluated with every event. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from duban import duties
from duban.calendar import Counting, Within
from duban.messages.records import Deadline, Duty, LedgerRecord, Mark, Problem
from duban.messages.struct import replace
from duban.policy.model.ladder import Obligation
from duban.policy.rules import Passing, Rules


class Owed(NamedTuple):
    """An obligation that runs now: since when, of which part, and the unit that owes it; None where nobody does."""

    obligation: Obligation
    since: Mark
    part: str | None
    owner: str | None


def due(record: LedgerRecord, rules: Rules) -> tuple[Deadline, ...]:
    """The next deadline of every obligation that runs against ``record``, soonest first.

    Acting moves the state, and with it what is due; nothing is cancelled by hand. A deadline that the state carries
    already is kept while its clock has not been set going anew: counting working time is most of the cost. (An
    extension, a pause and a new holiday notice clear them first.)
    """
    carried = {(deadline.obligation, deadline.part): deadline for deadline in record.deadlines}
    return tuple(sorted(_running(record, rules, carried), key=_order))


def _order(deadline: Deadline) -> tuple[datetime, str, str]:
    return (deadline.due_at, deadline.obligation, deadline.part or "")


def _running(
    record: LedgerRecord, rules: Rules, carried: Mapping[tuple[str, str | None], Deadline]
) -> Iterator[Deadline]:
    for owing in owed(record, rules):
        obligation, since, part, owner = owing
        climbed = _climbed(record, owing)
        previous = carried.get((obligation.id, part))
        if previous and _still_holds(previous, record, obligation, since, climbed):
            yield previous if previous.owner == owner else replace(previous, owner=owner)
        else:
            same_clock = previous and previous.generation == since.version and obligation.until is None
            known = previous.lapse_at if previous and same_clock else None
            yield from _next_level(record, owing, climbed, rules, known)


def owed(record: LedgerRecord, rules: Rules) -> Iterator[Owed]:
    """Every obligation that runs now."""
    for obligation in rules.obligations_of(record):
        if isinstance(record, Problem):
            if not _concerns(record, obligation):
                continue
            if obligation.owner == "@referred":
                yield from _receipts(record, obligation)
                continue
        since = _latest(record, obligation)
        if since is not None and not _met(record, obligation, since):
            for part, owner in _owners(record, obligation, rules):
                yield Owed(obligation, since, part, owner)


def _receipts(problem: Problem, obligation: Obligation) -> Iterator[Owed]:
    """What each body owes that the problem was referred to, until it has confirmed its own receipt."""
    for body, referral in problem.referrals.items():
        if referral.received is None:
            yield Owed(obligation, referral.referred, body, body)


def _concerns(problem: Problem, obligation: Obligation) -> bool:
    """Whether the problem bears a flag, and has a plan of a kind, that the obligation asks for."""
    if obligation.flags and set(obligation.flags).isdisjoint(problem.flags):
        return False
    return not obligation.rectification or (
        problem.plan is not None and problem.plan.rectification in obligation.rectification
    )


def _latest(record: LedgerRecord, obligation: Obligation) -> Mark | None:
    """When the clock of ``obligation`` was last set going."""
    latest: Mark | None = None
    for occasion in obligation.since:
        mark = record.mark(occasion)
        if mark is not None and (latest is None or mark.version > latest.version):
            latest = mark
    return latest


def _met(record: LedgerRecord, obligation: Obligation, since: Mark) -> bool:
    """Whether something has happened since then that meets the obligation; replies do once no report is unanswered."""
    for occasion in obligation.met_by:
        if occasion.event == "replied":
            if isinstance(record, Problem) and not record.unanswered:
                return True
            continue
        mark = record.mark(occasion)
        if mark is not None and mark.version > since.version:
            return True
    return False


def _owners(record: LedgerRecord, obligation: Obligation, rules: Rules) -> Iterator[tuple[str | None, str | None]]:
    """Whose it is: one unit's, nobody's, or a part of each co-unit that has not finished its own."""
    if isinstance(obligation, Passing):
        yield None, None
    elif isinstance(record, Problem) and obligation.owner == "@co":
        for unit in record.co_units:
            if unit not in record.parts_finished:
                yield unit, unit
    else:
        yield None, rules.unit_of(record, obligation.owner)


def _still_holds(deadline: Deadline, record: LedgerRecord, obligation: Obligation, since: Mark, climbed: int) -> bool:
    """Whether a deadline that the state carries need not be counted again."""
    if obligation.until is not None or deadline.generation != since.version or deadline.level <= climbed:
        return False
    return not (deadline.due_at < deadline.lapse_at <= _now_in(record))


def _now_in(record: LedgerRecord) -> datetime:
    """The instant of the latest event: the state knows no later one."""
    return max(record.marks.values(), key=lambda mark: mark.version).at


def _climbed(record: LedgerRecord, owing: Owed) -> int:
    """The highest level taken in this generation; 0 at its beginning."""
    climb = record.climb(owing.obligation.id, owing.part)
    return climb.level if climb and climb.generation == owing.since.version else 0


def _next_level(
    record: LedgerRecord, owing: Owed, climbed: int, rules: Rules, known: datetime | None
) -> Iterator[Deadline]:
    """The first level above ``climbed``, with the lapse where it is ``known``; none at the end of the ladder."""
    obligation, since, part, owner = owing
    levels = rules.levels_of(obligation)
    if climbed >= len(levels):
        return
    lapse_at = known or _lapse_at(record, obligation, since, rules)
    if lapse_at is None:
        return
    lowest = _raised(record, levels_before_lapse=sum(level.before is not None for level in levels), levels=len(levels))
    for number, level in enumerate(levels[climbed:], start=climbed + 1):
        due_at = lapse_at
        if level.before is not None:
            if lapse_at <= _now_in(record) or (due_at := rules.calendar.subtract(lapse_at, level.before)) <= since.at:
                continue  # a reminder before the clock even started, or after the lapse, would tell nobody anything
        elif number < lowest:
            continue
        elif level.after is not None and number > lowest:
            due_at = rules.calendar.add(lapse_at, level.after)
        yield Deadline(
            obligation=obligation.id,
            part=part,
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


def _raised(record: LedgerRecord, levels_before_lapse: int, levels: int) -> int:
    """The level with which the lapse begins: the first after the reminders, higher after a rebound."""
    raised = record.raised if isinstance(record, Problem) else 0
    return min(levels_before_lapse + 1 + raised, levels)


def _lapse_at(record: LedgerRecord, obligation: Obligation, since: Mark, rules: Rules) -> datetime | None:
    """The end of the time limit as it stands now."""
    if isinstance(record, Duty):
        return duties.lapse_at(rules.duties[record.duty], since.at, rules)
    if isinstance(record, Problem):
        return _limit(record, obligation, since, rules)
    assert obligation.within is not None  # entries on lists and rewards have no plan
    return rules.calendar.add(since.at, obligation.within)


def _limit(problem: Problem, obligation: Obligation, since: Mark, rules: Rules) -> datetime | None:
    """The end of a problem's limit, with the extensions granted and the pauses taken since it began to run."""
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
