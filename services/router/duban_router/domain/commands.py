"""What each command asks for beyond the right to send it, and which changes it makes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never, cast

from duban.deadlines import open_until
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import AnyRecord, Duty, Listing, Problem, Reading, Reward
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain import (
    closure,
    duties,
    extensions,
    gate,
    justifications,
    kinds,
    ladder,
    listings,
    ratings,
    replies,
    rewards,
    steps,
)
from duban_router.domain.refusal import Changes, in_words, missing_reason, too_late
from duban_router.domain.replies import Addressee
from duban_router.domain.responsibility import assign


def registered(command: do.Register, rules: Rules, now: datetime, allocated: int) -> Changes:
    """A new problem: numbered, dispatched by the responsibility list, and marked where the pack says so.

    It waits for a person who assigns it, or is rejected at once, where the pack says that.
    """
    filed = command.filed
    category = filed.report.category or rules.pack.default_category
    matter = filed.report.matter or rules.pack.default_matter
    for known, name, what in (
        (rules.categories, category, "category"),
        (rules.matters, matter, "matter"),
        (rules.channels, filed.report.channel, "channel"),
        (rules.areas, filed.report.area, "area"),
    ):
        if name is not None and name not in known:
            return Refusal(f"unknown_{what}", f"{rules.pack.ref} has no {what} {name}")
    number = rules.number(now.astimezone(rules.zone).year, allocated + 1)
    changes: list[c.Change] = [
        c.Registered(number=number, pack=rules.pack.ref, category=category, matter=matter, filed=filed)
    ]
    ground = rules.rejected_at_registration(category, matter, filed.report.channel)
    if ground is not None:
        return [*changes, c.Rejected(ground=ground)]
    responsible = assign(filed.report, category, matter, rules)
    if responsible is not None:
        changes.append(
            c.Dispatched(lead_unit=responsible.lead_unit, co_units=responsible.co_units, clause=responsible.clause)
        )
    flags = rules.flags_at_registration(category, matter, filed.report.channel)
    return changes + [c.Flagged(flag=flag) for flag in flags]


def act(
    record: AnyRecord, command: do.Action, rules: Rules, now: datetime, allocated: int, addressee: Addressee
) -> Changes:
    """The changes that ``command`` makes to a record that stands in the ledger, and for whose kind it makes sense.

    What is :func:`duban_router.domain.kinds.foreign` to the record is refused before; each function takes all the rest.
    """
    if type(command) in kinds.OF_ALL:
        return _climb(record, cast("kinds.OfAll", command), rules, now)
    match record:
        case Problem():
            return _handle(record, cast("kinds.OfProblems", command), rules, now, addressee)
        case Duty():
            return duties.perform(record, cast("kinds.OfDuties", command), rules)
        case Listing():
            return listings.answer(record, cast("kinds.OfListings", command), rules)
        case Reward():
            return rewards.settle(record, cast("kinds.OfRewards", command), rules, allocated)
        case Reading():
            raise AssertionError("every command is foreign to a reading")
        case _:
            assert_never(record)


def _climb(  # noqa: PLR0911 one line a command
    record: AnyRecord, command: kinds.OfAll, rules: Rules, now: datetime
) -> Changes:
    match command:
        case do.Escalate():
            return ladder.escalate(record, command, rules, now)
        case do.Approve():
            return ladder.approve(record, command, rules)
        case do.Withhold():
            return ladder.withhold(record, command, rules)
        case do.PassOn():
            return ladder.pass_on(record, command, rules)
        case do.Justify():
            return justifications.file(record, command, rules, now)
        case do.DecideJustification():
            return justifications.decide(record, command, rules)
        case do.Recompute():
            return [c.Recomputed()]
        case _:
            assert_never(command)


def _handle(  # noqa: C901, PLR0911, PLR0912 one line a command
    problem: Problem, command: kinds.OfProblems, rules: Rules, now: datetime, addressee: Addressee
) -> Changes:
    match command:  # the commonest first: to ask whether it is another costs 60 ns each
        case do.Acknowledge():
            return [c.Acknowledged()]
        case do.Complete():
            return closure.complete(problem, command, rules)
        case do.Verify():
            return closure.verify(problem, command, rules)
        case do.StrikeOff():
            return closure.strike_off(problem, rules)
        case do.Attach():
            return [c.Attached(filed=command.filed)]
        case do.Dispatch():
            return _dispatch(problem, command, rules)
        case do.Classify():
            return _classify(problem, command, rules)
        case do.HandBack():
            return _hand_back(problem, command, rules, now)
        case do.Plan():
            return _plan(problem, command, rules, now)
        case do.DecidePlan():
            return _decide_plan(problem, command, now)
        case do.ReachMilestone():
            return _reach_milestone(problem, command)
        case do.Review():
            return [c.Reviewed(evidence=command.evidence)]
        case do.Progress():
            return [c.Progressed(note=command.note, evidence=command.evidence)]
        case do.FinishPart():
            return _finish_part(problem, command)
        case do.AskExtension():
            return extensions.ask(problem, command, rules, now)
        case do.DecideExtension():
            return extensions.decide(problem, command, rules)
        case do.Defer():
            return extensions.defer(problem, command, rules, now)
        case do.Pause():
            return _pause(problem, command, rules)
        case do.Resume():
            return [c.Resumed()]
        case do.Flag():
            return _flag(problem, command, rules)
        case do.Unflag():
            return _unflag(problem, command)
        case do.Sponsor():
            return [c.Sponsored(sponsor=command.sponsor, pair=command.pair)]
        case do.Refer():
            return _refer(problem, command, rules)
        case do.Receive():
            return _receive(problem, command)
        case do.Check():
            return gate.signing_refused(problem, command, rules) or [
                c.Checked(check=command.check, unit=command.actor.unit, evidence=command.evidence)
            ]
        case do.Reject():
            return _reject(command, rules)
        case do.Reply():
            return replies.give(problem, command, rules, addressee, now)
        case do.Rate():
            return ratings.rate(problem, command, rules)
        case do.LookBack():
            return gate.look_back_refused(problem, command, rules) or gate.looked_back(command, rules)
        case do.Reopen():
            return [c.Reopened()] if command.reason else missing_reason("a reopening")
        case do.TakeStep():
            return steps.take(problem, command, rules)
        case do.WaiveStep():
            return steps.waive(problem, command, rules)
        case _:
            assert_never(command)


def _reject(command: do.Reject, rules: Rules) -> Changes:
    grounds = rules.rejections
    if not command.reason:
        return missing_reason("a rejection")
    if command.ground is None and grounds:
        return Refusal("no_ground", f"a rejection names its ground, one of {', '.join(grounds)}")
    if command.ground is not None and command.ground not in grounds:
        known = f"the grounds are {', '.join(grounds)}" if grounds else "it lists none: leave `ground` out"
        return Refusal("no_ground", f"{command.ground} is no ground on which {rules.pack.ref} rejects; {known}")
    return [c.Rejected(ground=command.ground)]


def _dispatch(problem: Problem, command: do.Dispatch, rules: Rules) -> Changes:
    if command.lead_unit == problem.withdrawn_from:
        return Refusal("withdrawn", f"the problem was taken from {command.lead_unit}: it is for another unit")
    return _unknown_unit((command.lead_unit, *command.co_units), rules) or [
        c.Dispatched(lead_unit=command.lead_unit, co_units=command.co_units, clause=command.clause)
    ]


def _classify(problem: Problem, command: do.Classify, rules: Rules) -> Changes:
    for known, name, what in (
        (rules.categories, command.category, "category"),
        (rules.matters, command.matter, "matter"),
    ):
        if name is not None and name not in known:
            listed = ", ".join(known) or "none"
            return Refusal(f"unknown_{what}", f"{rules.pack.ref} has no {what} {name}; it has: {listed}")
    change = c.Classified(
        category=command.category if command.category != problem.category else None,
        matter=command.matter if command.matter != problem.matter else None,
    )
    if change.category is None and change.matter is None:
        return Refusal("unchanged", "names neither another category nor another matter than the problem has")
    return [change] if command.reason else missing_reason("a correction of category or matter")


def _unknown_unit(units: tuple[str, ...], rules: Rules) -> Refusal | None:
    for unit in units:
        if unit not in rules.units:
            return Refusal("unknown_unit", f"{unit} is not among the units of {rules.pack.ref}")
    return None


def _hand_back(problem: Problem, command: do.HandBack, rules: Rules, now: datetime) -> Changes:
    rule = rules.pack.hand_back
    if not command.reason:
        return missing_reason("a hand-back")
    if rule.evidence and not command.evidence:
        return Refusal("missing_evidence", "a hand-back needs sealed evidence")
    if rule.clause_cited and not command.clause:
        return Refusal("missing_clause", "a hand-back cites the clause by which another unit is responsible")
    if problem.handbacks >= rule.at_most:
        return Refusal("too_many_handbacks", f"handed back {problem.handbacks} times already; the office has ruled")
    if rule.within is not None:
        until = open_until(problem, problem.marks["dispatched"], rule.within, rules)
        if now > until:
            return too_late(f"a hand-back is taken within {in_words(rule.within)} of the dispatch", until, rules)
    return [c.HandedBack(unit=command.actor.unit, clause=command.clause, evidence=command.evidence)]


def _plan(problem: Problem, command: do.Plan, rules: Rules, now: datetime) -> Changes:
    if (past := _past(command.plan, now)) is not None:
        return past
    rules.calendar.working_seconds(now, max(_dates(command.plan)))  # a plan beyond the calendar is refused
    if problem.plan is None or rules.pack.plan_changes == "filed":
        return [c.Planned(plan=command.plan)]
    return [c.PlanProposed(plan=command.plan)] if command.reason else missing_reason("the change of a filed plan")


def _dates(plan: do.RectificationPlan) -> list[datetime]:
    return [plan.due_at, *(milestone.due_at for milestone in plan.milestones)]


def _past(plan: do.RectificationPlan, now: datetime) -> Refusal | None:
    """Why ``plan`` cannot be one, if what it dates is past."""
    first = min(_dates(plan))
    if first >= now:
        return None
    return Refusal("past_date", f"a plan is for what is to come: {first.isoformat()} is past")


def _decide_plan(problem: Problem, command: do.DecidePlan, now: datetime) -> Changes:
    if problem.proposed_plan is None:
        return Refusal("nothing_asked", "no change of the plan was asked for")
    if command.approved and (past := _past(problem.proposed_plan, now)) is not None:
        return past
    return [c.Planned(plan=problem.proposed_plan) if command.approved else c.PlanRefused()]


def _reach_milestone(problem: Problem, command: do.ReachMilestone) -> Changes:
    milestones = problem.plan.milestones if problem.plan else ()
    if problem.milestones_reached >= len(milestones):
        return Refusal("no_milestone", "the plan has no further milestone")
    return [c.MilestoneReached(title=milestones[problem.milestones_reached].title, evidence=command.evidence)]


def _finish_part(problem: Problem, command: do.FinishPart) -> Changes:
    if command.actor.unit in problem.parts_finished:
        return Refusal("part_finished", f"{command.actor.unit} has finished its part already")
    return [c.PartFinished(unit=command.actor.unit, evidence=command.evidence)]


def _pause(problem: Problem, command: do.Pause, rules: Rules) -> Changes:
    rule = rules.pack.pause
    if rule is None or command.ground not in rule.grounds:
        return Refusal("no_ground", f"{command.ground} is no ground on which {rules.pack.ref} stops the clock")
    if len(problem.pauses) >= rule.at_most:
        return Refusal("too_many_pauses", f"the clock was stopped {rule.at_most} times already")
    return [c.Paused(ground=command.ground)] if command.reason else missing_reason("a pause")


def _flag(problem: Problem, command: do.Flag, rules: Rules) -> Changes:
    if command.flag not in rules.flags:
        return Refusal("unknown_flag", f"{rules.pack.ref} has no mark {command.flag}")
    if command.flag in problem.flags and not command.co_units:
        return Refusal("flagged", f"the problem bears the mark {command.flag} already")
    return _unknown_unit(command.co_units, rules) or [c.Flagged(flag=command.flag, co_units=command.co_units)]


def _unflag(problem: Problem, command: do.Unflag) -> Changes:
    if command.flag not in problem.flags:
        return Refusal("not_flagged", f"the problem does not bear the mark {command.flag}")
    return [c.Unflagged(flag=command.flag)] if command.reason else missing_reason("taking a mark off")


def _refer(problem: Problem, command: do.Refer, rules: Rules) -> Changes:
    if command.to in problem.referrals:
        return Refusal("referred", f"the problem was referred to {command.to} already")
    if not command.evidence:
        return Refusal("missing_evidence", "a referral goes with its evidence")
    return _unknown_unit((command.to,), rules) or [
        c.Referred(to=command.to, ground=command.ground, evidence=command.evidence)
    ]


def _receive(problem: Problem, command: do.Receive) -> Changes:
    unit = command.actor.unit
    referral = problem.referrals.get(unit)
    if referral is None or referral.received is not None:
        return Refusal("not_referred", f"no referral to {unit} waits for its receipt")
    return [c.Received(unit=unit)]
