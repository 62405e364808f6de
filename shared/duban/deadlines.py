"""What falls due for a record, and when: a function of its state, evaluated with every event. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

from duban import duties
from duban.calendar import Counting, Within
from duban.messages import changes as c
from duban.messages.records import KEPT_IN, Deadline, Duty, Grant, LedgerRecord, Mark, Problem
from duban.messages.struct import replace
from duban.moves import Status
from duban.policy.model.ladder import Level, Obligation
from duban.policy.rules import Bearing, Passing, Rules, RunningObligation, Sort

_INSTANT: Final = timedelta(microseconds=1)


class Owed(NamedTuple):
    """An obligation that runs now: since when, of which part, and the unit that owes it; None where nobody does."""

    obligation: Obligation
    since: Mark
    part: str | None
    owner: str | None


def due(record: LedgerRecord, rules: Rules) -> tuple[Deadline, ...]:
    """The next deadline of every obligation that runs against ``record``, soonest first.

    This is the definition, a function of the state alone: acting moves the state, and with it what is due; nothing is
    cancelled by hand.
    """
    return tuple(sorted(_evaluated(record, rules.sort_of(record).running[record.status], rules, {}), key=_order))


def due_after(
    before: LedgerRecord, record: LedgerRecord, change: c.Change, moved: Collection[str], rules: Rules
) -> tuple[Deadline, ...]:
    """The same as ``due(record, rules)``, where ``change`` has led from ``before``, whose deadlines are known.

    ``moved`` are the fields that it has set. Only the obligations that read one of these are evaluated; the deadlines
    of the others are kept, and so is the lapse of a limit while its clock runs on: counting working time is most of
    the cost. (An extension, a pause and a new holiday notice clear all of them first.)
    """
    mark = record.marks.get(change.kind)
    if mark is None or mark.version != record.version:
        return record.deadlines  # it has left no mark: what goes on with a report moves nothing
    bearing = _bearing(rules.sort_of(record), before.status, record.status, change, moved, rules)
    known, now = record.deadlines, mark.at
    untouched: list[Deadline] = []
    carried: dict[tuple[str, str | None], Deadline] = {}
    for deadline in known:
        if deadline.due_at < deadline.lapse_at <= now:  # a reminder that was not taken tells nobody anything any more
            return due(record, rules)
        if deadline.obligation in bearing.untouched:
            untouched.append(deadline)
        else:
            carried[deadline.obligation, deadline.part] = deadline
    if not bearing.anew:
        return tuple(untouched) if carried else known
    return tuple(sorted([*untouched, *_evaluated(record, bearing.anew, rules, carried)], key=_order))


#: Soonest first. Of one obligation either every deadline has a part or there is but one, so no part meets None.
_order: Final = attrgetter("due_at", "obligation", "part")


_CLIMBING: Final = (c.Reminded, c.Escalated)


def _bearing(
    sort: Sort, before: Status, after: Status, change: c.Change, moved: Collection[str], rules: Rules
) -> Bearing:
    """Which deadlines ``change`` leaves as they are, and what it calls for: compiled once for each sort of record."""
    climbed = change.obligation if isinstance(change, _CLIMBING) else None
    key = (before, change.kind, climbed, *moved)
    bearing = sort.bearings.get(key)
    if bearing is None:
        running = sort.running[after]
        ran = {of.obligation.id for of in sort.running[before]}
        untouched = [
            of.obligation.id
            for of in running
            if of.obligation.id in ran
            and of.obligation.id != climbed
            and _reads(of.obligation, rules).isdisjoint({*moved, f"marks.{change.kind}"})
        ]
        anew = tuple(of for of in running if of.obligation.id not in untouched)
        bearing = sort.bearings[key] = Bearing(frozenset(untouched), anew)
    return bearing


def _reads(obligation: Obligation, rules: Rules) -> set[str]:
    """The fields of a record, beside its status and its climbs, that decide whether and when ``obligation`` is due."""
    reads = {"deadlines", "raised", "extended", "grants", "pauses"}
    if _may_wait(obligation, rules):
        reads.add("extension_asked")
    for event, of in (*obligation.since, *obligation.met_by):
        reads.add(f"marks.{event}" if of is None else KEPT_IN[event])
        if event == "replied" and of is None:
            reads |= {"reports", "answered"}
    levels = rules.levels_of(obligation)
    if obligation.flags or any(level.flags for level in levels):
        reads.add("flags")
    if any(level.unless_justified for level in levels):
        reads.add("justifications")
    if obligation.otherwise is not None:
        reads.add("deferrals")
    if obligation.rectification or obligation.until is not None:
        reads |= {"plan", "milestones_reached"}
    return reads | _READ_OF_OWNER.get(obligation.owner, set())


_READ_OF_OWNER: Final = {
    "@lead": {"lead_unit"}, "@co": {"co_units", "parts_finished"}, "@referred": {"referrals"},
    "@sponsor": {"sponsor"},
}  # fmt: skip


def _evaluated(
    record: LedgerRecord,
    running: Iterable[RunningObligation],
    rules: Rules,
    carried: Mapping[tuple[str, str | None], Deadline],
) -> Iterator[Deadline]:
    """The deadlines of ``running``; one that is ``carried`` holds while its clock has not been set going anew."""
    for of in running:
        for owing in _owed(record, of.obligation, rules):
            deadline = _deadline(record, owing, of, rules, carried.get((of.obligation.id, owing.part)))
            if deadline is not None:
                yield deadline


def _deadline(
    record: LedgerRecord, owing: Owed, running: RunningObligation, rules: Rules, carried: Deadline | None
) -> Deadline | None:
    if isinstance(record, Problem) and waits_for_decision(record, owing, rules):
        return None
    began = _began(record, owing)
    climbed = _climbed(record, owing, began)
    if carried is None or carried.generation != began.version or owing.obligation.until is not None:
        return _next_level(record, owing, running, began, climbed, rules, None)
    if carried.level <= climbed or running.conditional:
        return _next_level(record, owing, running, began, climbed, rules, carried.lapse_at)
    return carried if carried.owner == owing.owner else replace(carried, owner=owing.owner)


def _began(record: LedgerRecord, owing: Owed) -> Mark | Grant:
    """With which event the limit as it stands began: it was set going, or extended or deferred since then."""
    began: Mark | Grant = owing.since
    if isinstance(record, Problem):
        if record.grants:
            grants = record.grants.get(owing.obligation.id)
            if grants is not None and grants[-1].version > began.version:
                began = grants[-1]
        if record.deferrals:
            deferral = record.deferrals.get(owing.obligation.id)
            if deferral is not None and deferral.version > began.version:
                began = deferral
    return began


def _may_wait(obligation: Obligation, rules: Rules) -> bool:
    """Whether the ladder of ``obligation`` waits while more time was asked for and nobody has decided."""
    extension = rules.pack.extension
    return extension is not None and extension.while_asked == "waits" and obligation.id in extension.obligations


def waits_for_decision(problem: Problem, owing: Owed, rules: Rules) -> bool:
    """Whether the ladder waits for the word on an extension of this very limit, asked for before the lapse."""
    if problem.extension_asked != owing.obligation.id or not _may_wait(owing.obligation, rules):
        return False
    request, limit = problem.marks["extension_asked"], limit_of(problem, owing, rules)
    return limit is not None and request.at <= limit and request.version > owing.since.version


def owed(record: LedgerRecord, rules: Rules) -> Iterator[Owed]:
    """Every obligation that runs now."""
    for running in rules.sort_of(record).running[record.status]:
        yield from _owed(record, running.obligation, rules)


def _owed(record: LedgerRecord, obligation: Obligation, rules: Rules) -> Sequence[Owed]:
    """``obligation`` by each who owes it now; nothing while it does not run."""
    if isinstance(record, Problem):
        if not _concerns(record, obligation):
            return ()
        if obligation.owner == "@referred":
            return _receipts(record, obligation)
    since = _latest(record, obligation)
    if since is None or _met(record, obligation, since, rules):
        return ()
    return _by_owner(record, obligation, since, rules)


def _receipts(problem: Problem, obligation: Obligation) -> list[Owed]:
    """What each body owes that the problem was referred to, until it has confirmed its own receipt."""
    return [
        Owed(obligation, referral.referred, body, body)
        for body, referral in problem.referrals.items()
        if referral.received is None
    ]


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


def _met(record: LedgerRecord, obligation: Obligation, since: Mark, rules: Rules) -> bool:
    """Whether something has happened since then that meets the obligation.

    Replies do once every report has them; a step that is taken but once does whenever that was.
    """
    for occasion in obligation.met_by:
        if occasion.event == "replied":
            if isinstance(record, Problem) and _everybody_told(record, occasion.of, obligation, since):
                return True
            continue
        mark = record.mark(occasion)
        if mark is not None and (mark.version > since.version or (occasion.of and rules.is_settled(occasion))):
            return True
    return False


def _everybody_told(problem: Problem, reply: str | None, obligation: Obligation, since: Mark) -> bool:
    """Whether no report waits for its answer; or whether each was told this reply since what it is about.

    A report that joined later sets the clock going, where the obligation says so, for itself alone: those who had been
    told before are not told again.
    """
    if reply is None:
        return not problem.unanswered
    latest = problem.replied.get(reply)
    if latest is None or latest.version <= since.version:
        return False
    marks = (problem.mark(occasion) for occasion in obligation.since if occasion.event != "attached")
    return latest.since > max((mark.version for mark in marks if mark is not None), default=0)


def _by_owner(record: LedgerRecord, obligation: Obligation, since: Mark, rules: Rules) -> list[Owed]:
    """Whose it is: one unit's, each one's of a role, nobody's, or that of each co-unit with its part unfinished."""
    owner = obligation.owner
    if isinstance(record, Problem) and owner == "@co":
        return [Owed(obligation, since, unit, unit) for unit in record.co_units if unit not in record.parts_finished]
    if type(obligation) is Passing:  # its class is an ABC, as every pydantic model: to ask isinstance costs more
        return [Owed(obligation, since, None, None)]
    if owner[0] != "@" and owner in rules.with_role:
        return [Owed(obligation, since, unit, unit) for unit in rules.with_role[owner]]
    return [Owed(obligation, since, None, rules.unit_of(record, owner))]


def _now_in(record: LedgerRecord) -> datetime:
    """The instant of the latest event: the state knows no later one."""
    return max(record.marks.values(), key=lambda mark: mark.version).at


def _climbed(record: LedgerRecord, owing: Owed, began: Mark | Grant) -> int:
    """The highest level taken in this generation; 0 at its beginning."""
    climb = record.climb(owing.obligation.id, owing.part)
    return climb.level if climb and climb.generation == began.version else 0


def _next_level(
    record: LedgerRecord,
    owing: Owed,
    running: RunningObligation,
    began: Mark | Grant,
    climbed: int,
    rules: Rules,
    known: datetime | None,
) -> Deadline | None:
    """The first level above ``climbed``, with the lapse where it is ``known``; None at the end of the ladder."""
    obligation, since, part, owner = owing
    if climbed >= len(running.levels):
        return None
    lapse_at = known or limit_of(record, owing, rules)
    if lapse_at is None:
        return None
    lowest, limit = _raised(record, running), within_of(record, obligation, since, rules)
    for number, level in enumerate(running.levels[climbed:], start=climbed + 1):
        due_at = lapse_at
        if number <= running.reminders:
            if level.before is not None:
                due_at = _before(lapse_at, level.before, obligation, limit, rules)
            elif level.share is not None:
                due_at = rules.calendar.part_of(began.at, lapse_at, level.share, limit)
            if lapse_at <= _now_in(record) or due_at <= began.at:
                continue  # a reminder before the limit even began, or after the lapse, would tell nobody anything
        elif number < lowest:
            continue
        elif level.after is not None and number > lowest:
            due_at = _after(lapse_at, level.after, obligation, limit, rules)
        by_notice = running.by_notice[number - 1]
        applies = not running.conditional or _applies(level, record, owing, began)
        if applies is None:
            free = _first_free(record, owing, running, began, number)
            if free is None:
                return None
            after = running.levels[free - 1].after
            assert after is not None  # it comes after another that is no reminder
            due_at, by_notice = _after(lapse_at, after, obligation, limit, rules), running.by_notice[free - 1]
            applies = True
        if not applies and number != lowest:
            continue
        return Deadline(
            obligation=obligation.id,
            part=part,
            generation=began.version,
            level=number,
            measure=level.measure if applies else "",  # the lapse is recorded, whatever is taken at it
            owner=owner,
            due_at=due_at,
            lapse_at=lapse_at,
            steps=running.steps,
            provisional=(by_notice or _extended_by_notice(record, obligation, rules))
            and rules.calendar.is_provisional(since.at, max(due_at, lapse_at)),
        )
    return None


def _first_free(
    record: LedgerRecord, owing: Owed, running: RunningObligation, began: Mark | Grant, held: int
) -> int | None:
    """The first level above ``held`` that is taken whatever comes of the reason: until then alone the ladder waits."""
    return next(
        (
            number
            for number, level in enumerate(running.levels[held:], start=held + 1)
            if not level.unless_justified and _applies(level, record, owing, began)
        ),
        None,
    )


def _applies(level: Level, record: LedgerRecord, owing: Owed, began: Mark | Grant) -> bool | None:
    """Whether ``record`` bears a mark that ``level`` asks for, and is late without a reason that was accepted.

    None while a reason that was filed in this generation waits for the word on it.
    """
    if level.flags and not (isinstance(record, Problem) and not set(level.flags).isdisjoint(record.flags)):
        return False
    filed = record.justification(owing.obligation.id, owing.part) if level.unless_justified else None
    if filed is None or filed.generation != began.version:
        return True
    return None if filed.accepted is None else not filed.accepted


def _extended_by_notice(record: LedgerRecord, obligation: Obligation, rules: Rules) -> bool:
    """Whether more time was granted whose end a notice of holidays may move."""
    extension = rules.pack.extension
    extended = isinstance(record, Problem) and obligation.id in record.extended
    return extended and extension is not None and rules.calendar.asks_notice(extension.by)


def _after(lapse_at: datetime, within: Within, obligation: Obligation, limit: Within | None, rules: Rules) -> datetime:
    return rules.calendar.add(_of_its_day(lapse_at, within, obligation, limit, rules), within)


def _before(lapse_at: datetime, within: Within, obligation: Obligation, limit: Within | None, rules: Rules) -> datetime:
    return rules.calendar.subtract(_of_its_day(lapse_at, within, obligation, limit, rules), within)


def after_lapse(record: LedgerRecord, owing: Owed, lapse_at: datetime, within: Within, rules: Rules) -> datetime:
    """The instant that lies ``within`` after the lapse of what is owed."""
    limit = within_of(record, owing.obligation, owing.since, rules)
    return _after(lapse_at, within, owing.obligation, limit, rules)


def before_lapse(record: LedgerRecord, owing: Owed, lapse_at: datetime, within: Within, rules: Rules) -> datetime:
    """The instant that lies ``within`` before the lapse of what is owed."""
    limit = within_of(record, owing.obligation, owing.since, rules)
    return _before(lapse_at, within, owing.obligation, limit, rules)


def _of_its_day(
    lapse_at: datetime, within: Within, obligation: Obligation, limit: Within | None, rules: Rules
) -> datetime:
    """The lapse as days are counted from it: the end of a day belongs to the day that it ends, not to the next."""
    ends_a_day = limit.at == "24:00" if limit is not None else obligation.until is None  # a duty's `due_on`
    if not ends_a_day:
        return lapse_at  # or only by chance, as the date of a plan may
    by_moment = (within.minutes or within.hours or within.working_hours) is not None
    if by_moment or (within.at is None and rules.calendar.counting is Counting.ELAPSED):
        return lapse_at
    at_midnight = lapse_at.astimezone(rules.zone).time() == time()
    return lapse_at - _INSTANT if at_midnight else lapse_at


def _raised(record: LedgerRecord, running: RunningObligation) -> int:
    """The level with which the lapse begins: the first after the reminders, higher after a rebound."""
    raised = record.raised if isinstance(record, Problem) else 0
    return min(running.reminders + 1 + raised, len(running.levels))


def limit_of(record: LedgerRecord, owing: Owed, rules: Rules) -> datetime | None:
    """The end of the time limit of what is owed, as it stands now; None where a plan names none."""
    obligation, since = owing.obligation, owing.since
    if isinstance(record, Duty):
        return duties.lapse_at(rules.duties[record.duty], since.at, rules, record.due_on)
    if isinstance(record, Problem):
        return _limit(record, obligation, since, rules)
    assert obligation.within is not None  # entries on lists and rewards have no plan
    return rules.calendar.add(since.at, obligation.within)


def _limit(problem: Problem, obligation: Obligation, since: Mark, rules: Rules) -> datetime | None:
    """The end of a problem's limit, with the extensions granted and the pauses taken since it began to run."""
    limit = within_of(problem, obligation, since, rules)
    if limit is None:
        return planned_date(problem, obligation)
    lapse_at = rules.calendar.add(since.at, limit)
    extension = rules.pack.extension
    if extension is not None and obligation.id in problem.extended:
        for by in _granted(problem, obligation.id, extension.by):
            lapse_at = _after(lapse_at, by, obligation, limit, rules)
    return _after_pauses(problem, lapse_at, since.at, limit, rules)


def within_of(record: LedgerRecord, obligation: Obligation, since: Mark, rules: Rules) -> Within | None:
    """How long a clock set going ``since`` then runs: by the first limit, or by the one that takes its place."""
    instead = obligation.otherwise
    if instead is None or not isinstance(record, Problem):
        return obligation.within
    deferral = record.deferrals.get(obligation.id)
    deferred = deferral is not None and deferral.version > since.version
    return instead.within if deferred or rules.begins_late(instead, since.at) else obligation.within


def _granted(problem: Problem, obligation: str, by: Within) -> Iterator[Within]:
    """The extensions that were granted, as long as each was."""
    grants = problem.grants.get(obligation, ())
    yield from (extension_of(by, grant.length) for grant in grants)
    yield from (by for _ in range(problem.extended[obligation] - len(grants)))  # of a ledger before they had lengths


def extension_of(by: Within, length: int | None) -> Within:
    """An extension of ``length``, in the unit of ``by``; of all of ``by`` without one."""
    unit = extension_unit(by)
    return by if length is None or unit is None else Within.model_validate({unit: length})


def extension_unit(by: Within) -> str | None:
    """In what ``by`` is counted (``working_days``); None where it is a time of day, which has no length."""
    return next((name for name, amount in by if amount is not None and name not in ("at", "in_days")), None)


def open_until(problem: Problem, since: Mark, within: Within, rules: Rules) -> datetime:
    """Until when an act is taken that has ``within`` since then, less the time that the clock stood."""
    return _after_pauses(problem, rules.calendar.add(since.at, within), since.at, within, rules)


def _after_pauses(problem: Problem, end_at: datetime, since_at: datetime, within: Within, rules: Rules) -> datetime:
    """``end_at`` moved by the pauses taken since then."""
    for pause in problem.pauses:
        if pause.to_at > since_at:
            end_at = _moved(end_at, max(pause.from_at, since_at), pause.to_at, within, rules)
    return end_at


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
    if not counts_work and not (within.is_calendar_days and rules.calendar.counting is Counting.WHOLE_DAYS):
        return lapse_at + (to_at - from_at)
    stood = rules.calendar.working_seconds(from_at, to_at)
    return rules.calendar.add(lapse_at, Within(working_hours=stood / 3600)) if stood > 0 else lapse_at
