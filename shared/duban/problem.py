"""The life of a problem: the fold of its events. Pure."""

from __future__ import annotations

from typing import Any, Final, assert_never

from duban.messages import changes as c
from duban.messages.problem import Event, Listing, Mark, Problem, ReportRef, Reward, Span, Taken, Waiting
from duban.moves import NEXT, Kind, Status


def evolve(problem: Problem | None, event: Event) -> Problem:
    """The state after ``event``. Its deadlines are those of ``problem``: :func:`duban.deadlines.due` evaluates them.

    Raises:
        KeyError: the event is illegal in this state; a decided event never is.
    """
    change = event.change
    status = NEXT[problem.status if problem else None, change.kind]
    if problem is None:
        return _begun(event, change, status)
    before = problem.marks.get(change.kind)
    mark = Mark(at=event.at, version=event.version, times=before.times + 1 if before else 1)
    marks = {**problem.marks, change.kind: mark}
    if isinstance(change, c.Flagged):
        marks[f"flagged:{change.flag}"] = mark
    elif isinstance(change, c.Referred):
        marks[f"referred:{change.to}"] = mark
    elif isinstance(change, c.Received):
        marks[f"received:{change.unit}"] = mark
    update: dict[str, Any] = {"status": status, "version": event.version, "marks": marks}
    return problem.model_copy(update={**update, **_effect(problem, event)})


def _begun(event: Event, change: c.Change, status: Status) -> Problem:
    """The record with which ``change`` begins."""
    if isinstance(change, c.Registered):
        return _registered(event, change, status)
    at, begins = event.at, dict[str, Any]()
    match change:
        case c.Opened():
            at = change.opens_at
            channel = "measure" if change.cause else "calendar"
            begins = {"kind": Kind.DUTY, "category": change.duty, "channel": channel, "lead_unit": change.unit}
        case c.Noticed():
            listing = Listing(
                of=change.of, ground=change.ground, bars=change.bars, public=change.public, cause=change.cause
            )
            begins = {"kind": Kind.LISTING, "category": change.list, "channel": "list", "lead_unit": change.keeper,
                      "listing": listing}  # fmt: skip
        case c.RewardOwed():
            reward = Reward(cause=change.cause, handle=change.handle, worker=change.worker)
            begins = {"kind": Kind.REWARD, "category": change.reward, "channel": "reward",
                      "lead_unit": change.fixed_by, "reward": reward}  # fmt: skip
        case _:
            raise KeyError(f"no record begins with {change.kind}")
    return Problem(
        id=event.problem_id,
        jurisdiction=change.jurisdiction,
        pack=change.pack,
        number=change.number,
        status=status,
        version=event.version,
        title=change.title,
        reports=0,
        marks={change.kind: Mark(at=at, version=event.version)},
        **begins,
    )


def _registered(event: Event, change: c.Registered, status: Status) -> Problem:
    report = change.filed.report
    return Problem(
        id=event.problem_id,
        jurisdiction=report.jurisdiction,
        pack=change.pack,
        number=change.number,
        status=status,
        version=event.version,
        title=report.title,
        category=change.category,
        channel=report.channel,
        area=report.area,
        location=report.location,
        enterprise=report.enterprise,
        handle=report.reporter.handle,
        unanswered=(ReportRef(source=change.filed.source, id=change.filed.id),),
        marks={
            "registered": Mark(at=event.at, version=event.version),
            "reported": Mark(at=change.filed.received_at, version=event.version),
        },
    )


def _effect(problem: Problem, event: Event) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 one line a kind, all on one screen
    """The fields that ``event`` sets beyond status, version and mark."""
    change = event.change
    match change:
        case c.Reminded():
            return {"taken": _climbed(problem, change)}
        case c.Escalated():
            lapses = {**problem.lapses, change.obligation: problem.lapses.get(change.obligation, 0) + 1}
            return {"taken": _climbed(problem, change), "lapses": lapses, **_held(problem, event.version, change)}
        case c.Attached():
            ref = ReportRef(source=change.filed.source, id=change.filed.id)
            return {"reports": problem.reports + 1, "unanswered": (*problem.unanswered, ref)}
        case c.Dispatched():
            return {"lead_unit": change.lead_unit, "co_units": change.co_units, "clause": change.clause, **_BEGUN_ANEW}
        case c.HandedBack():
            return {"lead_unit": None, "co_units": (), "handbacks": problem.handbacks + 1, **_BEGUN_ANEW}
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
            return {"extension_asked": change.obligation}
        case c.Extended():
            granted = problem.extended.get(change.obligation, 0) + 1
            extended = {**problem.extended, change.obligation: granted}
            return {"extension_asked": None, "extended": extended, "deadlines": ()}
        case c.ExtensionDenied():
            return {"extension_asked": None}
        case c.Resumed():
            span = Span(from_at=problem.marks["paused"].at, to_at=event.at)
            return {"pauses": (*problem.pauses, span), "deadlines": ()}
        case c.Flagged():
            joined = dict.fromkeys((*problem.co_units, *change.co_units))
            return {"flags": tuple(dict.fromkeys((*problem.flags, change.flag))), "co_units": tuple(joined)}
        case c.Unflagged():
            return {"flags": tuple(flag for flag in problem.flags if flag != change.flag)}
        case c.Sponsored():
            return {"sponsor": change.sponsor, "pair": change.pair}
        case c.Referred():
            return {"referrals": {**problem.referrals, change.to: False}}
        case c.Received():
            return {"referrals": {**problem.referrals, change.unit: True}}
        case c.Replied():
            ref = ReportRef(source=change.source, id=change.id)
            return {"unanswered": tuple(one for one in problem.unanswered if one != ref)}
        case c.Rated():
            return {"satisfied": problem.satisfied + change.satisfied,
                    "dissatisfied": problem.dissatisfied + (not change.satisfied)}  # fmt: skip
        case c.Completed():
            return {"outcome": change.outcome, "items": change.items}
        case c.Checked():
            return {"checks": {**problem.checks, change.check: change.unit}}
        case c.SentBack():
            return {"outcome": None, "items": (), "checks": {}}
        case c.Reopened():
            return dict(_TAKEN_UP_AGAIN)
        case c.Rebounded():
            return {**_TAKEN_UP_AGAIN, "deadlines": (), "raised": problem.raised + change.raised}
        case c.Recomputed():
            return {"deadlines": ()}
        case c.Measured():
            return _held(problem, event.version, change)
        case c.Awarded():
            assert problem.reward is not None
            return {"reward": problem.reward.model_copy(update={"amount": change.amount})}
        case c.Approved() | c.Withheld():
            waiting = {version: one for version, one in problem.awaiting_approval.items() if version != change.version}
            return {"awaiting_approval": waiting}
        case (
            c.Registered() | c.Opened() | c.Rejected() | c.Acknowledged() | c.Reviewed() | c.Progressed() | c.Paused()
            | c.Verified() | c.StruckOff() | c.LookedBack() | c.Noticed() | c.Listed() | c.Appealed() | c.AppealUpheld()
            | c.AppealDismissed() | c.Exited() | c.Expired() | c.RewardOwed() | c.Declined() | c.Collected()
        ):  # fmt: skip
            return {}
        case _:
            assert_never(change)


#: What binds nobody any more once the work begins anew: the dates of the old plan.
_WITHOUT_PLAN: Final[dict[str, Any]] = {"plan": None, "proposed_plan": None, "milestones_reached": 0}
#: What a new handler begins without.
_BEGUN_ANEW: Final[dict[str, Any]] = {**_WITHOUT_PLAN, "parts_finished": (), "extension_asked": None}
#: What a problem that was closed begins again without.
_TAKEN_UP_AGAIN: Final[dict[str, Any]] = {**_WITHOUT_PLAN, "outcome": None, "items": (), "checks": {}, "extended": {}}


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


def _held(problem: Problem, version: int, change: c.Escalated | c.Measured) -> dict[str, Any]:
    """A measure that needs approval waits under the version of the event that took it."""
    if change.approval is None:
        return {}
    if isinstance(change, c.Escalated):
        waiting = Waiting(
            measure=change.measure, to=change.to, owner=change.owner,
            ground=change.obligation, level=change.level, lapse_at=change.lapse_at,
        )  # fmt: skip
    else:
        waiting = Waiting(measure=change.measure, to=change.to, owner=change.owner, ground=change.ground)
    return {"awaiting_approval": {**problem.awaiting_approval, version: waiting}}


def _climbed(problem: Problem, change: c.Reminded | c.Escalated) -> dict[str, Taken]:
    return {**problem.taken, change.obligation: Taken(generation=change.generation, level=change.level)}
