"""More time for one obligation: who may ask for how much until when, who grants it, and what takes longer. Pure."""

from __future__ import annotations

from datetime import datetime

from duban.deadlines import Owed, before_lapse, extension_unit, limit_of, owed, within_of
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.records import Problem
from duban.policy.model.lifecycle import Extension
from duban.policy.rules import Rules
from duban.refusal import Refusal
from duban_router.domain.permission import named
from duban_router.domain.refusal import Changes, in_words, missing_reason, not_permitted, too_late


def ask(problem: Problem, command: do.AskExtension, rules: Rules, now: datetime) -> Changes:
    """The request waits for whoever decides."""
    rule = rules.pack.extension
    if rule is None or command.obligation not in rule.obligations:
        return Refusal("no_extension", f"{rules.pack.ref} grants no extension of {command.obligation}")
    return (
        _unfounded(problem, command, rule)
        or _too_many(problem, command.obligation, rule)
        or _too_long(command.length, rule)
        or _asked_too_late(problem, command.obligation, rule, rules, now)
        or [c.ExtensionAsked(obligation=command.obligation, length=command.length, clause=command.clause)]
    )


def _unfounded(problem: Problem, command: do.AskExtension, rule: Extension) -> Refusal | None:
    """What the request lacks: the mark of the problem, a reason, or a clause."""
    if rule.flags and set(rule.flags).isdisjoint(problem.flags):
        only = " or ".join(rule.flags)
        return Refusal("not_flagged", f"an extension is granted only to a problem that bears the mark {only}")
    if not command.reason:
        return missing_reason("an extension")
    if rule.clause_cited and not command.clause:
        return Refusal("missing_clause", "who asks for an extension cites the clause that it rests on")
    return None


def _too_many(problem: Problem, obligation: str, rule: Extension) -> Refusal | None:
    if problem.extension_asked is not None:
        return Refusal("asked_already", f"more time for {problem.extension_asked} is asked for, and not decided yet")
    if problem.extended.get(obligation, 0) >= rule.at_most:
        return Refusal("too_many_extensions", f"{obligation} was extended {rule.at_most} times already")
    return None


def _too_long(length: int | None, rule: Extension) -> Refusal | None:
    """Why nobody can ask for so much: it is more than the pack grants, or what that grants has no length."""
    if length is None:
        return None
    unit, most = extension_unit(rule.by), in_words(rule.by)
    if unit is None:
        return Refusal("no_length", f"an extension ends at {most}; it has no length, so leave `length` out")
    if length > getattr(rule.by, unit):
        return Refusal("too_long", f"an extension is granted for at most {most}, not {length}")
    return None


def _asked_too_late(problem: Problem, obligation: str, rule: Extension, rules: Rules, now: datetime) -> Refusal | None:
    """Why it is too late to ask, where the pack says that it can be."""
    if not rule.before_lapse and rule.ahead is None:
        return None
    owing = _running(problem, obligation, rules)
    limit = limit_of(problem, owing, rules) if owing is not None else None
    if owing is None or limit is None:
        return Refusal("nothing_runs", f"{obligation} does not run now: there is no limit to extend")
    if rule.ahead is None:
        return too_late("more time is asked for before the limit lapses", limit, rules) if now > limit else None
    until = before_lapse(problem, owing, limit, rule.ahead, rules)
    words = f"more time is asked for at least {in_words(rule.ahead)} before the limit lapses"
    return too_late(words, until, rules) if now > until else None


def _running(problem: Problem, obligation: str, rules: Rules) -> Owed | None:
    return next((owing for owing in owed(problem, rules) if owing.obligation.id == obligation), None)


def defer(problem: Problem, command: do.Defer, rules: Rules, now: datetime) -> Changes:
    """What is owed takes longer: said in time, the second limit takes the place of the first."""
    name, unit = command.obligation, command.actor.unit
    rule = rules.obligations.get(name)
    if rule is None or rule.otherwise is None or not rule.otherwise.deferred:
        return Refusal("not_deferred", f"{rules.pack.ref} has no second limit that {name} may be deferred to")
    running = [owing for owing in owed(problem, rules) if owing.obligation.id == name]
    owners = [owing.owner for owing in running] or [problem.lead_unit]
    if unit not in (*owners, rules.pack.office):
        return not_permitted(unit, named("whoever owes it", *owners), named("the office", rules.pack.office))
    if not running:
        return Refusal("nothing_runs", f"{name} does not run now: there is nothing to defer")
    owing = running[0]
    if within_of(problem, rule, owing.since, rules) is rule.otherwise.within:
        return Refusal("deferred", f"the second limit of {name} holds already")
    limit = limit_of(problem, owing, rules)
    if limit is not None and now > limit:
        return too_late(f"{name} is deferred before its first limit lapses", limit, rules)
    return [c.Deferred(obligation=name)] if command.reason else missing_reason("a deferral")


def decide(problem: Problem, command: do.DecideExtension, rules: Rules) -> Changes:
    """What was asked for is granted, or less of it; or it is denied."""
    obligation, request, rule = problem.extension_asked, problem.length_asked, rules.pack.extension
    if obligation is None or rule is None:
        return Refusal("nothing_asked", "no extension was asked for")
    if command.actor.unit == problem.lead_unit != rules.pack.office:
        return Refusal("decider_is_asker", "who asked for an extension does not decide it")
    if not command.granted:
        return [c.ExtensionDenied(obligation=obligation)]
    if command.length is not None and request is not None and command.length > request:
        return Refusal("too_long", f"{command.length} is more than was asked for, {request}")
    return _too_long(command.length, rule) or [c.Extended(obligation=obligation, length=command.length or request)]
