"""Steps of a pack's own: who may take which, when, with what; and who may say that one is not needed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from difflib import get_close_matches
from typing import Final

from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages.form import unknown_field
from duban.messages.records import Problem
from duban.policy.model.step import StepField, StepRule, ValueKind
from duban.policy.rules import Rules
from duban.policy.scope import is_for
from duban.refusal import Refusal
from duban.texts import is_blank
from duban_router.domain.permission import in_words, is_one_of
from duban_router.domain.refusal import Changes, missing_reason, not_permitted


def take(problem: Problem, command: do.TakeStep, rules: Rules) -> Changes:
    """The step is taken, unless the pack says otherwise."""
    step = _step_of(problem, command.step, rules)
    if isinstance(step, Refusal):
        return step
    unit = command.actor.unit
    if not is_one_of(unit, problem, step.by, rules):
        return not_permitted(unit, *in_words(step.by, problem, rules))
    return (
        _not_now(problem, step)
        or _again(problem, step)
        or _misfilled(command, step, rules)
        or [c.StepTaken(step=step.id, unit=unit, fields=command.fields, evidence=command.evidence)]
    )


def waive(problem: Problem, command: do.WaiveStep, rules: Rules) -> Changes:
    """The step is not needed; what waits for it is met."""
    step = _step_of(problem, command.step, rules)
    if isinstance(step, Refusal):
        return step
    unit = command.actor.unit
    if not step.waived_by:
        return Refusal("not_waived", f"nobody may waive {step.id}: it names no `waived_by` in {rules.pack.ref}")
    if not is_one_of(unit, problem, step.waived_by, rules):
        return not_permitted(unit, *in_words(step.waived_by, problem, rules))
    return (
        _again(problem, step)
        or _waived_before(problem, step)
        or (None if command.reason else missing_reason(f"waiving {step.id}"))
        or [c.StepWaived(step=step.id, unit=unit)]
    )


def _step_of(problem: Problem, id_: str, rules: Rules) -> StepRule | Refusal:
    """The step of this name, if the pack has it for such a problem; else which there are."""
    known = {step.id: step for step in rules.pack.steps if is_for(step, problem.category, problem.matter)}
    step = known.get(id_)
    if step is not None:
        return step
    what = f"{id_} is no step of a problem of {problem.category} under {rules.pack.ref}"
    if not known:
        return Refusal("unknown_step", f"{what}, which names none for it")
    near = get_close_matches(id_, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return Refusal("unknown_step", f"{what}; they are {', '.join(known)}{meant}")


def _not_now(problem: Problem, step: StepRule) -> Refusal | None:
    if problem.status in step.taken_in:
        return None
    when = " or ".join(step.statuses) or "open"
    return Refusal("illegal_move", f"{step.id} is taken while a problem is {when}, and this one is {problem.status}")


def _again(problem: Problem, step: StepRule) -> Refusal | None:
    """Why it cannot be taken, or waived, once more."""
    mark = problem.steps_taken.get(step.id)
    if step.again or mark is None:
        return None
    return Refusal("step_taken", f"{step.id} is taken once, and was taken already, as version {mark.version}")


def _waived_before(problem: Problem, step: StepRule) -> Refusal | None:
    mark = problem.steps_waived.get(step.id)
    if step.again or mark is None:
        return None
    return Refusal("step_waived", f"{step.id} was waived already, as version {mark.version}")


def _misfilled(command: do.TakeStep, step: StepRule, rules: Rules) -> Refusal | None:
    """Everything that is wrong with the fields, and evidence that is missing."""
    faults = list(_faults(command.fields, step, rules))
    if faults:
        return Refusal("invalid_fields", "; ".join(faults))
    if step.evidence and not command.evidence:
        return Refusal("missing_evidence", f"{step.id} is taken with sealed evidence")
    return None


def _faults(given: dict[str, do.Value], step: StepRule, rules: Rules) -> Iterator[str]:
    known = {field.id: field for field in step.fields}
    missing = [field.id for field in step.fields if field.required and _is_empty(given.get(field.id))]
    for name in given:
        if name not in known:
            yield _unknown(name, step, known, missing)
    for field in step.fields:
        if field.id in missing:
            yield f"fields.{field.id} is missing: {step.id} needs {_asked(field, rules)}"
        elif field.id in given and not _fits(field, given[field.id], rules):
            yield f"fields.{field.id} should be {_asked(field, rules)}"


def _is_empty(value: do.Value | None) -> bool:
    return value is None or (isinstance(value, str) and is_blank(value))


def _unknown(name: str, step: StepRule, known: Iterable[str], missing: list[str]) -> str:
    if not step.fields:
        return f"fields.{name}: {step.id} has no fields; leave it out"
    return f"fields.{name} {unknown_field(name, f'the step {step.id}', list(known), missing)}"


_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


def _asked(field: StepField, rules: Rules) -> str:  # noqa: PLR0911 one line a kind
    """What stands in ``field``, in words."""
    match field.kind:
        case ValueKind.TEXT:
            return "a text"
        case ValueKind.NUMBER:
            return "a number, such as 8.5"
        case ValueKind.YES_OR_NO:
            return "true or false"
        case ValueKind.DAY:
            return "a day, such as 2026-03-01"
        case ValueKind.INSTANT:
            return "an instant with its offset, such as 2026-03-01T08:00:00+08:00"
        case ValueKind.CHOICE:
            return f"one of {', '.join(field.choices)}"
        case ValueKind.UNIT:
            return f"a unit of {rules.pack.ref}, by its id"


def _fits(field: StepField, value: do.Value, rules: Rules) -> bool:  # noqa: PLR0911 one line a kind
    match field.kind:
        case ValueKind.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueKind.YES_OR_NO:
            return isinstance(value, bool)
        case _ if not isinstance(value, str):
            return False
        case ValueKind.TEXT:
            return True
        case ValueKind.DAY:
            return _is_day(value)
        case ValueKind.INSTANT:
            return _is_instant(value)
        case ValueKind.CHOICE:
            return value in field.choices
        case ValueKind.UNIT:
            return value in rules.units


def _is_day(value: str) -> bool:
    try:
        return _DAY.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_instant(value: str) -> bool:
    try:
        return _INSTANT.fullmatch(value) is not None and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
