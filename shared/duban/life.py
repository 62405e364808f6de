"""The life of a record: the fold of its events. Pure."""

from __future__ import annotations

from typing import Any, Final, assert_never

from duban.messages import changes as c
from duban.messages.records import (
    AnyRecord,
    Climb,
    Duty,
    Event,
    Grant,
    Handover,
    Justification,
    LedgerRecord,
    Listing,
    Mark,
    Problem,
    Reading,
    Referral,
    ReplyMark,
    Reward,
    Span,
    Waiting,
)
from duban.messages.struct import replace
from duban.moves import BEGINS, MOVES, SATISFIED, UNSATISFIED


def evolve(record: AnyRecord | None, event: Event) -> AnyRecord:
    """The state after ``event``. Its deadlines are those of ``record``: :func:`duban.deadlines.due` evaluates them.

    Raises:
        KeyError: the event is illegal in this state; a decided event never is.
    """
    return _begun(event, event.change) if record is None else replace(record, **effect(record, event))


def effect(record: AnyRecord, event: Event) -> dict[str, Any]:
    """The fields of ``record`` that ``event`` sets, as they are after it.

    Raises:
        KeyError: the event is illegal in this state.
    """
    change = event.change
    status = MOVES[record.kind][record.status, change.kind]
    before = record.marks.get(change.kind)
    mark = Mark(at=event.at, version=event.version, times=before.times + 1 if before else 1)
    update = {"status": status, "version": event.version, "marks": {**record.marks, change.kind: mark}}
    return update | (_of_ladder(record, event) if type(change) in OF_LADDER else _of_kind(record, event, mark))


def _begun(event: Event, change: c.Change) -> AnyRecord:
    """The record with which ``change`` begins."""
    begins: dict[str, Any] = {
        "id": event.problem_id,
        "status": MOVES[BEGINS[change.kind]][None, change.kind],
        "version": event.version,
        "marks": {change.kind: Mark(at=event.at, version=event.version)},
    }
    if isinstance(change, c.Registered):
        return _registered(change, begins)
    if isinstance(change, c.ReadingTaken):
        return _taken(change, begins)
    assert isinstance(change, c.Opened | c.Noticed | c.RewardOwed)  # nothing else begins a record
    begins |= {
        "jurisdiction": change.jurisdiction, "pack": change.pack, "number": change.number, "title": change.title,
        "cause": change.cause,
    }  # fmt: skip
    match change:
        case c.Opened():
            opened = Mark(at=change.opens_at, version=event.version)
            return Duty(**{**begins, "marks": {change.kind: opened}}, duty=change.duty, unit=change.unit, of=change.of,
                        due_on=change.due_on)  # fmt: skip
        case c.Noticed():
            return Listing(
                **begins,
                list=change.list,
                keeper=change.keeper,
                of=change.of,
                ground=change.ground,
                bars=change.bars,
                public=change.public,
            )
        case c.RewardOwed():
            return Reward(
                **begins, reward=change.reward, fixed_by=change.fixed_by, handle=change.handle, worker=change.worker
            )


def _registered(change: c.Registered, begins: dict[str, Any]) -> Problem:
    report = change.filed.report
    reported = Mark(at=change.filed.received_at, version=begins["version"])
    return Problem(
        **{**begins, "marks": {**begins["marks"], "reported": reported}},
        jurisdiction=report.jurisdiction,
        pack=change.pack,
        number=change.number,
        title=report.title,
        category=change.category,
        matter=change.matter,
        channel=report.channel,
        area=report.area,
        location=report.location,
        enterprise=report.enterprise,
        handle=report.reporter.handle,
    )


def _taken(change: c.ReadingTaken, begins: dict[str, Any]) -> Reading:
    return Reading(**begins, **{name: getattr(change, name) for name in _OF_READING})


_OF_READING: Final = (
    "jurisdiction", "pack", "number", "title", "target", "unit", "read_on", "value", "measured_in", "source",
    "correction",
)  # fmt: skip


#: The ladder and its measures, which happen to records of any kind.
OF_LADDER: Final = frozenset({
    c.Reminded, c.Escalated, c.Measured, c.Approved, c.Withheld, c.PassedOn, c.JustificationFiled,
    c.JustificationAccepted, c.JustificationRefused, c.Recomputed,
})  # fmt: skip


def _of_ladder(record: LedgerRecord, event: Event) -> dict[str, Any]:  # noqa: PLR0911 one line a kind
    """What the ladder and its measures set."""
    change = event.change
    match change:
        case c.Reminded() | c.Escalated():
            return {"climbs": _climbs(record, change), **_held(record, event.version, change)}
        case c.Measured():
            return _held(record, event.version, change)
        case c.Approved() | c.Withheld():
            awaiting = record.awaiting_approval
            return {
                "awaiting_approval": {
                    version: waiting for version, waiting in awaiting.items() if version != change.version
                }
            }
        case c.PassedOn():
            of, status, receipt = change.version, change.status, change.receipt
            handover = Handover(at=event.at, version=event.version, of=of, status=status, receipt=receipt)
            return {"passed_on": {**record.passed_on, change.platform: handover}}
        case c.JustificationFiled() | c.JustificationAccepted() | c.JustificationRefused():
            return {"justifications": _justifications(record, event.actor.unit, change)}
        case c.Recomputed():
            return {"deadlines": ()}
        case _:
            return {}


def _of_kind(record: LedgerRecord, event: Event, mark: Mark) -> dict[str, Any]:
    """The fields of its own kind that ``event`` sets."""
    change = event.change
    match record, change:
        case Problem(), _:
            return _of_problem(record, event, mark)
        case Duty(), c.Completed():
            return {"outcome": change.outcome}
        case Duty(), c.Reopened():
            return {"outcome": None}
        case Reward(), c.Awarded():
            return {"amount": change.amount}
        case _:
            return {}


def _of_problem(problem: Problem, event: Event, mark: Mark) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 one line a kind, all on one screen
    """The fields of a problem that ``event`` sets."""
    change = event.change
    match change:  # the commonest first: to ask whether it is another costs 60 ns each
        case c.Acknowledged() | c.Verified() | c.StruckOff():
            return {}
        case c.Completed():
            return {"outcome": change.outcome, "items": change.items}
        case c.Attached():
            if change.filed.report.continues is not None:
                return {"marks": problem.marks}  # it is no further report, but what is known of one that is there
            return {"reports": problem.reports + 1}
        case c.Dispatched():
            return {"lead_unit": change.lead_unit, "co_units": change.co_units, "clause": change.clause, **_BEGUN_ANEW,
                    "withdrawn_from": None}  # fmt: skip
        case c.HandedBack():
            return {"lead_unit": None, "co_units": (), "handbacks": problem.handbacks + 1, **_BEGUN_ANEW}
        case c.Withdrawn():
            return {"lead_unit": None, "co_units": (), "withdrawn_from": change.unit, **_BEGUN_ANEW, **_UNDONE}
        case c.Planned():
            return {"plan": change.plan, "proposed_plan": None, "milestones_reached": _still_reached(problem, change)}
        case c.PlanProposed():
            return {"proposed_plan": change.plan}
        case c.PlanRefused():
            return {"proposed_plan": None}
        case c.MilestoneReached():
            return {"milestones_reached": problem.milestones_reached + 1}
        case c.PartFinished():
            return {"parts_finished": (*problem.parts_finished, change.unit)}
        case c.ExtensionAsked():
            return {"extension_asked": change.obligation, "length_asked": change.length}
        case c.Extended():
            granted = problem.extended.get(change.obligation, 0) + 1
            extended = {**problem.extended, change.obligation: granted}
            grant = Grant(at=event.at, version=event.version, length=change.length)
            grants = {**problem.grants, change.obligation: (*problem.grants.get(change.obligation, ()), grant)}
            return {**_NOTHING_ASKED, "extended": extended, "grants": grants, "deadlines": ()}
        case c.ExtensionDenied():
            return dict(_NOTHING_ASKED)
        case c.Deferred():
            return {"deferrals": {**problem.deferrals, change.obligation: mark}}
        case c.Resumed():
            span = Span(from_at=problem.marks["paused"].at, to_at=event.at)
            return {"pauses": (*problem.pauses, span), "deadlines": ()}
        case c.Classified():
            category, matter = change.category or problem.category, change.matter or problem.matter
            return {"category": category, "matter": matter, "deadlines": ()}
        case c.Flagged():
            joined = dict.fromkeys((*problem.co_units, *change.co_units))
            return {"flags": tuple(dict.fromkeys((*problem.flags, change.flag))), "co_units": tuple(joined),
                    "flagged": _marked(problem.flagged, change.flag, mark)}  # fmt: skip
        case c.Unflagged():
            return {"flags": tuple(flag for flag in problem.flags if flag != change.flag)}
        case c.Sponsored():
            return {"sponsor": change.sponsor, "pair": change.pair}
        case c.Referred():
            return {"referrals": {**problem.referrals, change.to: Referral(referred=replace(mark, times=1))}}
        case c.Received():
            received = replace(problem.referrals[change.unit], received=replace(mark, times=1))
            return {"referrals": {**problem.referrals, change.unit: received}}
        case c.Replied():
            return _replied(problem, change, mark)
        case c.Rated():
            return _rated(problem, change, mark)
        case c.Checked():
            return {"checks": {**problem.checks, change.check: change.unit}}
        case c.SentBack():
            return dict(_UNDONE)
        case c.Reopened():
            return dict(_TAKEN_UP_AGAIN)
        case c.Rebounded():
            return {**_TAKEN_UP_AGAIN, "raised": problem.raised + change.raised}
        case (
            c.Registered() | c.Rejected() | c.Reviewed() | c.Progressed() | c.Paused() | c.LookedBack()
        ):  # fmt: skip
            return {}
        case c.StepTaken():
            waived = {step: other for step, other in problem.steps_waived.items() if step != change.step}
            return {"steps_taken": _marked(problem.steps_taken, change.step, mark), "steps_waived": waived}
        case c.StepWaived():
            return {"steps_waived": _marked(problem.steps_waived, change.step, mark)}
        case c.SignSeen():
            return {"signs": _marked(problem.signs, change.sign, mark)}
        case (
            c.Reminded() | c.Escalated() | c.Measured() | c.Approved() | c.Withheld() | c.PassedOn() | c.Recomputed()
            | c.JustificationFiled() | c.JustificationAccepted() | c.JustificationRefused()
        ):  # fmt: skip
            return _of_ladder(problem, event)
        case (
            c.Opened() | c.Noticed() | c.Listed() | c.Appealed() | c.AppealUpheld() | c.AppealDismissed() | c.Exited()
            | c.Expired() | c.RewardOwed() | c.Awarded() | c.Declined() | c.Collected() | c.ReadingTaken()
        ):  # fmt: skip
            return {}  # these happen to the other kinds
        case _:
            assert_never(change)


def _rated(problem: Problem, change: c.Rated, mark: Mark) -> dict[str, Any]:
    """How many are satisfied, how many are not, and when somebody last was on each ground."""
    ground = SATISFIED if change.satisfied else change.ground or UNSATISFIED
    before = problem.rated.get(ground)
    rated = replace(mark, times=before.times + 1 if before else 1)
    return {
        "satisfied": problem.satisfied + change.satisfied,
        "dissatisfied": problem.dissatisfied + (not change.satisfied),
        "rated": {**problem.rated, ground: rated},
    }


def _replied(problem: Problem, change: c.Replied, mark: Mark) -> dict[str, Any]:
    """The reports that are answered now, and since when all have been told this reply of the pack."""
    answered = {"answered": problem.answered + 1} if change.answers else {}
    if change.reply is None:
        return answered
    before = problem.replied.get(change.reply)
    times = before.times + 1 if before else 1
    reply = ReplyMark(at=mark.at, version=mark.version, times=times, since=change.told_since)
    return {**answered, "replied": {**problem.replied, change.reply: reply}}


def _marked(marks: dict[str, Mark], of: str, mark: Mark) -> dict[str, Mark]:
    """``marks`` with a new one of ``of``, which counts how often that very thing has happened."""
    before = marks.get(of)
    return {**marks, of: replace(mark, times=before.times + 1 if before else 1)}


#: What binds nobody any more once the work begins anew: the dates of the old plan.
_WITHOUT_PLAN: Final[dict[str, Any]] = {"plan": None, "proposed_plan": None, "milestones_reached": 0}
#: What work that is not done leaves behind.
_UNDONE: Final[dict[str, Any]] = {"outcome": None, "items": (), "checks": {}}
#: What an extension leaves behind when it is decided.
_NOTHING_ASKED: Final[dict[str, Any]] = {"extension_asked": None, "length_asked": None}
#: What a new handler begins without.
_BEGUN_ANEW: Final[dict[str, Any]] = {**_WITHOUT_PLAN, "parts_finished": (), **_NOTHING_ASKED}
#: What a problem that was closed begins again without; its limits are counted anew, without what was granted before,
#: and its steps are taken anew.
_TAKEN_UP_AGAIN: Final[dict[str, Any]] = {
    **_WITHOUT_PLAN, **_UNDONE, "steps_taken": {}, "steps_waived": {}, "extended": {}, "grants": {}, "deadlines": (),
    **_NOTHING_ASKED,
}  # fmt: skip


def _still_reached(problem: Problem, change: c.Planned) -> int:
    """How many stages of the new plan had been reached under the old one: the same ones, in the same order."""
    if problem.plan is None:
        return 0
    reached = problem.plan.milestones[: problem.milestones_reached]
    same = 0
    for old, new in zip(reached, change.plan.milestones, strict=False):
        if old.title != new.title:
            break
        same += 1
    return same


def _held(record: LedgerRecord, version: int, change: c.Reminded | c.Escalated | c.Measured) -> dict[str, Any]:
    """A measure that needs approval waits under the version of the event that took it.

    It takes the place of one that waits on the same ground against the same unit already: one word decides both, and
    however often it is taken before that word, the state does not grow.
    """
    if isinstance(change, c.Reminded) or change.approval is None:
        return {}
    ground: dict[str, Any]
    if isinstance(change, c.Escalated):
        ground = {"ground": change.obligation, "part": change.part, "level": change.level, "lapse_at": change.lapse_at}
        ground["provisional"] = change.provisional
    else:
        ground = {"ground": change.ground}
    waiting = Waiting(measure=change.measure, to=change.to, owner=change.owner, **ground)
    others = {its: other for its, other in record.awaiting_approval.items() if not _is_overtaken(other, waiting)}
    return {"awaiting_approval": {**others, version: waiting}}


def _is_overtaken(earlier: Waiting, later: Waiting) -> bool:
    """Whether ``later`` is the same measure on the same ground against the same unit, taken again."""
    return replace(earlier, to=later.to, lapse_at=later.lapse_at) == later


def _justifications(
    record: LedgerRecord, unit: str, change: c.JustificationFiled | c.JustificationAccepted | c.JustificationRefused
) -> tuple[Justification, ...]:
    """The reasons that were given for being late, one of each obligation, after one was filed or decided."""
    before = record.justification(change.obligation, change.part)
    if isinstance(change, c.JustificationFiled):
        now = Justification(obligation=change.obligation, part=change.part, generation=change.generation, unit=unit)
    else:
        assert before is not None  # what is decided was filed
        now = replace(before, accepted=isinstance(change, c.JustificationAccepted))
    return (*(other for other in record.justifications if other is not before), now)


def _climbs(record: LedgerRecord, change: c.Reminded | c.Escalated) -> tuple[Climb, ...]:
    """How far each ladder has been climbed, after this step of one of them."""
    before = record.climb(change.obligation, change.part)
    climb = Climb(
        obligation=change.obligation,
        part=change.part,
        generation=change.generation,
        level=change.level,
        lapses=(before.lapses if before else 0) + isinstance(change, c.Escalated),
    )
    return (*(other for other in record.climbs if other is not before), climb)
