"""A pack's own steps in sentences: who takes each when, with which fields, and who may say that it is not needed."""

from __future__ import annotations

from collections.abc import Iterator

from duban.policy.model.pack import PolicyPack
from duban.policy.model.step import StepField, StepRule, ValueKind
from duban_console.pack_text.enumerations import chinese
from duban_console.pack_text.fields import called, others
from duban_console.pack_text.words import Words

_TOLD = ("id", "title", "clause", "basis", "by", "statuses", "categories", "fields", "evidence", "again",
         "waived_by")  # fmt: skip


def steps(pack: PolicyPack, words: Words) -> Iterator[str]:
    """A bullet a step, and one below it a field."""
    categories = {category.id: words.text(category.title) for category in pack.categories}
    for step in pack.steps:
        parts = [_taken(step, words)]
        if step.categories:
            names = words.names(step.categories, categories)
            parts.append(words.say(f"for {names} alone", f"仅适用于{names}"))
        if step.evidence:
            parts.append(words.say("with sealed evidence", "须附固化的证据"))
        parts.append(words.say("each time anew", "可多次") if step.again else words.say("once", "仅一次"))
        if step.waived_by:
            by = words.listed((words.unit(name) for name in step.waived_by), ("or", "或"))
            parts.append(words.say(f"{by} may waive it, with a reason", f"{by}说明理由的，可免除"))
        parts += others(step, _TOLD, words)
        text = words.say("; ", "；").join(parts)
        founded = words.founded(step)
        yield f"- **{called(step, words)}** (`{step.id}`){words.say(': ', '：')}{text}{words.say(' ', '')}{founded}"
        yield from (f"  - {_field(field, words)}" for field in step.fields)


def _taken(step: StepRule, words: Words) -> str:
    by = words.listed((words.unit(name) for name in step.by), ("or", "或"))
    if not step.statuses:
        return words.say(f"taken by {by} while the problem is open", f"由{by}在问题结案前进行")
    statuses = words.listed((words.status(status.value) for status in step.statuses), ("or", "或"))
    return words.say(f"taken by {by} while the problem is {statuses}", f"由{by}进行（问题处于“{statuses}”期间）")


def _field(field: StepField, words: Words) -> str:
    kind = words.say(field.kind.value.replace("_", " "), chinese(field.kind) or field.kind.value)
    if field.kind is ValueKind.CHOICE:
        kind = words.say("one of ", "选填：") + words.listed(field.choices, ("or", "或"))
    left_out = "" if field.required else words.say(", may be left out", "，可不填")
    return f"{called(field, words)} (`{field.id}`){words.say(': ', '：')}{kind}{left_out}"
