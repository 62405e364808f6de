"""What waits for a person in a record: which decision, whose, since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from duban.messages.records import AnyRecord, Listing, Problem, Reward, in_words
from duban.moves import Status
from duban.policy.rules import Rules
from duban_console.desk.limits import OwedLimit
from duban_console.desk.reader import Wait
from duban_console.desk.rows import NO_LIMIT, WaitRow

#: The events by which each is answered, where what is owed names what meets it.
_MET_BY: Final[Mapping[Wait, tuple[str, ...]]] = {
    Wait.EXTENSION: ("extended", "extension_denied"),
    Wait.PLAN: ("planned", "plan_refused"),
    Wait.MEASURE: ("approved", "withheld"),
    Wait.JUSTIFICATION: ("justification_accepted", "justification_refused"),
    Wait.CHECK: ("checked",),
    Wait.LOOK_BACK: ("looked_back",),
}


def waits(
    record: AnyRecord, limits: Sequence[OwedLimit], rules: Rules, happened: Mapping[int, datetime], now: datetime
) -> tuple[WaitRow, ...]:
    """All that waits in ``record``. ``happened``: when events did that the state does not date; else it was ``now``."""
    rows = [*_on_any(record, rules, happened, now)]
    match record:
        case Problem():
            rows += _on_problem(record, limits, rules)
        case Listing():
            rows += _on_listing(record, rules)
        case Reward(status=Status.OWED):
            rows.append(WaitRow(Wait.REWARD, "", (record.fixed_by,), record.begun_at))
        case _:
            pass
    return tuple(_dated(row, limits) for row in rows)


def _dated(row: WaitRow, limits: Sequence[OwedLimit]) -> WaitRow:
    events = _MET_BY.get(row.wait)
    due = (
        limit.at
        for limit in limits
        if limit.owner in row.units
        and (events is None or any(occasion.event in events for occasion in limit.obligation.met_by))
    )
    return WaitRow(row.wait, row.item, row.units, row.since_at, min(due, default=NO_LIMIT))


def _on_any(record: AnyRecord, rules: Rules, happened: Mapping[int, datetime], now: datetime) -> Iterator[WaitRow]:
    for version, waiting in record.awaiting_approval.items():
        measure = rules.measures.get(waiting.measure)
        approver = (rules.approver(measure, record) if measure is not None else None) or rules.pack.office
        yield WaitRow(Wait.MEASURE, str(version), (approver,), happened.get(version, now))
    acceptors = rules.pack.justification.accepted_by if rules.pack.justification is not None else ()
    filed = record.marks.get("justification_filed")
    for reason in record.justifications:
        if reason.accepted is None and filed is not None:
            item = in_words(reason.obligation, reason.part)
            yield WaitRow(Wait.JUSTIFICATION, item, _deciders(acceptors, record, rules), filed.at)


def _on_problem(problem: Problem, limits: Sequence[OwedLimit], rules: Rules) -> Iterator[WaitRow]:
    office, marks = (rules.pack.office,), problem.marks
    if problem.status is Status.REGISTERED or _at_the_fallback(problem, rules):
        yield _undispatched(problem, rules)
    if problem.extension_asked is not None:
        deciders = rules.pack.extension.decided_by if rules.pack.extension is not None else ()
        asked_at = marks["extension_asked"].at
        yield WaitRow(Wait.EXTENSION, problem.extension_asked, _deciders(deciders, problem, rules), asked_at)
    if problem.proposed_plan is not None:
        yield WaitRow(Wait.PLAN, "", office, marks["plan_proposed"].at)
    yield from _on_completed(problem, rules)
    if problem.status is Status.STRUCK_OFF and rules.pack.look_back is not None:
        meets = (occasion.event for limit in limits for occasion in limit.obligation.met_by)
        if "looked_back" in meets:
            units = _others(_named(rules.pack.look_back.by, problem, rules), problem)
            yield WaitRow(Wait.LOOK_BACK, "", units, marks["struck_off"].at)


def _at_the_fallback(problem: Problem, rules: Rules) -> bool:
    """Whether it lies at the fallback desk because no line of the responsibility list takes it."""
    if problem.status is not Status.DISPATCHED or problem.lead_unit != rules.pack.fallback.unit:
        return False
    area = problem.area if problem.area in rules.areas else None
    return not rules.responsible(problem.category, problem.matter, area, problem.channel)


def _undispatched(problem: Problem, rules: Rules) -> WaitRow:
    units = tuple(dict.fromkeys((rules.pack.office, rules.pack.fallback.unit)))
    latest = max((mark.version, kind) for kind in _TO_THE_OFFICE if (mark := problem.marks.get(kind)) is not None)[1]
    wait = Wait.HANDED_BACK if latest in ("handed_back", "withdrawn") else Wait.UNROUTED
    return WaitRow(wait, "", units, problem.marks[latest].at)


_TO_THE_OFFICE: Final = ("registered", "handed_back", "withdrawn", "reopened")


def _on_completed(problem: Problem, rules: Rules) -> Iterator[WaitRow]:
    """Verification first; then the checks of the gate; and when they are signed, the strike-off."""
    office, closing = (rules.pack.office,), rules.pack.closing
    if problem.status is Status.VERIFYING and closing.verify:
        yield WaitRow(Wait.VERIFICATION, "", office, problem.marks["completed"].at)
        return
    if problem.status not in (Status.VERIFYING, Status.VERIFIED):
        return
    since_at = problem.marks["verified" if problem.status is Status.VERIFIED else "completed"].at
    missing = [check for check in rules.checks_of(problem) if check.id not in problem.checks]
    for check in missing:
        yield WaitRow(Wait.CHECK, check.id, _others(_named(check.by, problem, rules), problem), since_at)
    if not missing and closing.strike_off == "by_office":
        yield WaitRow(Wait.STRIKE_OFF, "", office, since_at)


def _on_listing(listing: Listing, rules: Rules) -> Iterator[WaitRow]:
    appealed = listing.marks.get("appealed")
    if appealed is None or listing.status is Status.DELISTED:
        return
    dismissed = listing.marks.get("appeal_dismissed")
    if dismissed is None or dismissed.version < appealed.version:
        rule = rules.lists.get(listing.list)
        decider = rule.appeal.to if rule is not None and rule.appeal is not None else rules.pack.office
        yield WaitRow(Wait.APPEAL, "", (decider,), appealed.at)


def _deciders(names: tuple[str, ...], record: AnyRecord, rules: Rules) -> tuple[str, ...]:
    return rules.decided_by(record, names) or (rules.pack.office,)


def _named(names: Iterable[str], problem: Problem, rules: Rules) -> tuple[str, ...]:
    """The units that ``names`` means towards the problem: units, those with a role, and who it is to the problem."""
    units: list[str] = []
    for name in names:
        match name:
            case "@co":
                units += problem.co_units
            case "@referred":
                units += problem.referrals
            case _ if name.startswith("@") or name in rules.units:
                units.append(rules.unit_of(problem, name))
            case _:
                units += rules.named((), (name,))
    return tuple(dict.fromkeys(units))


def _others(units: Sequence[str], problem: Problem) -> tuple[str, ...]:
    """``units`` without those that have handled the problem, who judge no work of their own."""
    return tuple(unit for unit in units if unit != problem.lead_unit and unit not in problem.co_units)
