"""Forms for actions, made from the schemas of their commands; and what is sent in them, as those commands. Pure.

A field is called by its path in the command: ``reason``, ``plan.person``. What only a pack knows, such as which units
there are, is offered to be chosen from; what is chosen is decided by the router like whatever else is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
from msgspec import inspect

from duban.messages.commands import Milestone, Rectification
from duban.messages.records import AnyRecord, Duty, Problem
from duban.messages.report import Evidence
from duban.policy.model.step import ValueKind
from duban_console.action import ACTIONS
from duban_console.pages.labels import ACTIONS as ACTION_LABELS
from duban_console.pages.labels import HINTS, REFUSALS, REFUSED_FIELDS
from duban_console.pages.offers import IN_ORDER, Offer, checks, extensible
from duban_console.pages.record_words import RecordWords

_LONGEST_LINE: Final = 500
#: What moves a record on.
_COMMON: Final = frozenset(IN_ORDER) - {"defer", "classify", "reject"}
#: What says who acts, and what is answered by other means.
_NOT_ASKED: Final = frozenset({"actor", "reason", "evidence"})


class ReportId(Protocol):
    """By what a report is known: its source, and its id there."""

    @property
    def source(self) -> str: ...
    @property
    def id(self) -> str: ...


class FieldKind(StrEnum):
    """How a field is filled in."""

    LINE = "line"
    PROSE = "prose"
    LINES = "lines"  #: one entry on each line
    NUMBER = "number"
    DAY = "day"
    INSTANT = "instant"
    YES_OR_NO = "yes_or_no"
    CHOICE = "choice"
    CHOICES = "choices"
    MILESTONES = "milestones"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class FormChoice:
    """What may be chosen: what is sent, and what it is called."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class FormField:
    """A field as a page shows it, with what stands in it, and what is wrong with that, if anything is."""

    name: str
    label: str
    kind: FieldKind
    required: bool
    choices: tuple[FormChoice, ...] = ()
    suggestions: tuple[FormChoice, ...] = ()
    most: int | None = None
    hint: str = ""
    value: str = ""
    values: tuple[str, ...] = ()
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class ActForm:
    """An action with its fields, as somebody may send it; ``flaw`` says why it was not taken, where no field does."""

    offer: Offer
    title: str
    units: tuple[FormChoice, ...]
    fields: tuple[FormField, ...]
    flaw: str = ""
    detail: str = ""
    is_open: bool = False

    @property
    def is_common(self) -> bool:
        """Whether it is what mostly is done then; what only goes with it stands apart."""
        return self.offer.action in _COMMON

    @property
    def takes_files(self) -> bool:
        """Whether files are sent with it."""
        return any(field.kind is FieldKind.FILES for field in self.fields)


def act_form(offer: Offer, record: AnyRecord, words: RecordWords, waiting: Sequence[ReportId] = ()) -> ActForm:
    """The form of ``offer`` on ``record``; ``waiting`` are the reports that wait for a reply."""
    fields = list(_fields(offer, record, words, waiting))
    title = words.say(ACTION_LABELS[offer.action])
    if offer.step:
        title = f"{title}: {words.named('steps', offer.step)}"
    units = tuple(FormChoice(unit, words.unit(unit)) for unit in offer.units)
    return ActForm(offer, title, units, tuple(fields))


def _fields(offer: Offer, record: AnyRecord, words: RecordWords, waiting: Sequence[ReportId]) -> Iterator[FormField]:
    model = _struct(ACTIONS[offer.action])
    known = {field.name for field in model.fields}
    if offer.action == "reply":
        yield _report(record, words, waiting)
        known -= {"source", "id"}
    for field in model.fields:
        if field.name in _NOT_ASKED or field.name not in known or (offer.step and field.name == "step"):
            continue
        yield from _of_schema(field, field.name, offer, record, words)
    if "evidence" in known:
        yield evidence_field(words, offer.action)
    yield reason_field(words, offer.action)


def evidence_field(words: RecordWords, action: str = "") -> FormField:
    """The files that go with an action."""
    hint = words.say(HINTS["evidence"])
    return FormField("evidence", words.field("evidence", action), FieldKind.FILES, required=False, hint=hint)


def reason_field(words: RecordWords, action: str = "") -> FormField:
    """Why it is done, which some actions want."""
    return FormField("reason", words.field("reason", action), FieldKind.PROSE, action in _REASONED, most=8000)


def _of_schema(
    field: inspect.Field, name: str, offer: Offer, record: AnyRecord, words: RecordWords
) -> Iterator[FormField]:
    """The field of a form for a field of a schema; several where that is a struct."""
    kind_of, required = _bare(field.type), field.required
    if isinstance(kind_of, inspect.StructType):
        for inner in kind_of.fields:
            for made in _of_schema(inner, f"{name}.{inner.name}", offer, record, words):
                yield made if required else replace(made, required=False)
        return
    if isinstance(kind_of, inspect.DictType):
        yield from _of_step(offer, words)
        return
    last = name.rpartition(".")[2]
    label, hint = words.field(last, offer.action), words.say(HINTS[last]) if last in HINTS else ""
    choices = _choices(offer, last, record, words)
    if last in ("sponsor", "pair"):
        yield FormField(name, label, FieldKind.LINE, required, suggestions=tuple(unit_choices(words)), hint=hint)
    elif choices is not None:
        many = isinstance(kind_of, inspect.VarTupleType)
        yield FormField(name, label, FieldKind.CHOICES if many else FieldKind.CHOICE, required, choices, hint=hint)
    else:
        yield FormField(name, label, _kind(kind_of, field.type), required, most=_most(field.type), hint=hint)


def _kind(bare: inspect.Type, whole: inspect.Type) -> FieldKind:
    if isinstance(bare, inspect.BoolType):
        return FieldKind.YES_OR_NO
    if isinstance(bare, inspect.IntType | inspect.FloatType):
        return FieldKind.NUMBER
    if isinstance(bare, inspect.DateTimeType):
        return FieldKind.INSTANT
    if isinstance(bare, inspect.DateType):
        return FieldKind.DAY
    if isinstance(bare, inspect.VarTupleType):
        inner = _bare(bare.item_type)
        is_milestone = isinstance(inner, inspect.StructType) and inner.cls is Milestone
        return FieldKind.MILESTONES if is_milestone else FieldKind.LINES
    most = _most(whole)
    return FieldKind.LINE if most is not None and most <= _LONGEST_LINE else FieldKind.PROSE


def _choices(  # noqa: PLR0911, PLR0912 one line a field
    offer: Offer, name: str, record: AnyRecord, words: RecordWords
) -> tuple[FormChoice, ...] | None:
    """What may be chosen for the field ``name``; None where it is written."""
    rules = words.rules
    assert rules is not None
    pack = rules.pack
    match name:
        case "lead_unit" | "co_units" | "to" | "part":
            return tuple(unit_choices(words))
        case "category":
            return tuple(FormChoice(each.id, words.text(each.title)) for each in pack.categories)
        case "matter":
            return tuple(FormChoice(each.id, words.text(each.title)) for each in pack.matters) or None
        case "ground":
            return _grounds(offer.action, words)
        case "obligation":
            return tuple(FormChoice(id_, words.obligation(record, id_)) for id_ in _obligations(offer, record, words))
        case "flag":
            flags = [flag for flag in rules.flags if (flag in _flags(record)) == (offer.action == "unflag")]
            return tuple(FormChoice(flag, words.named("flags", flag)) for flag in flags)
        case "check":
            return tuple(FormChoice(check.id, words.text(check.title)) for check in checks(record, rules))
        case "outcome":
            return _outcomes(record, words)
        case "items":
            return tuple(FormChoice(item.code, f"{item.code} {words.text(item.title)}") for item in pack.closing.items)
        case "reply":
            return tuple(FormChoice(reply.id, words.text(reply.title)) for reply in pack.replies) or None
        case "form":
            forms = {form.id: words.text(form.title) for reply in pack.replies for form in reply.forms}
            return tuple(FormChoice(id_, title) for id_, title in forms.items()) or None
        case "platform":
            return tuple(FormChoice(each.id, words.text(each.title)) for each in pack.platforms)
        case "version":
            return _waiting_measures(record, words)
        case "rectification":
            return tuple(FormChoice(each.value, words.value("", each, record)) for each in Rectification)
        case _:
            return None


def unit_choices(words: RecordWords) -> Iterator[FormChoice]:
    """The units of the pack, to be chosen from."""
    assert words.rules is not None
    yield from (FormChoice(unit.id, words.text(unit.title)) for unit in words.rules.pack.units)


def _grounds(action: str, words: RecordWords) -> tuple[FormChoice, ...] | None:
    assert words.rules is not None
    pack = words.rules.pack
    if action == "pause":
        return tuple(FormChoice(ground, ground) for ground in (pack.pause.grounds if pack.pause else ()))
    entries: Iterable[Any] = {"reject": pack.rejections, "rate": pack.ratings}.get(action, ())
    return tuple(FormChoice(each.id, words.text(each.title)) for each in entries) or None


def _obligations(offer: Offer, record: AnyRecord, words: RecordWords) -> list[str]:
    assert words.rules is not None
    if offer.action == "ask_extension":
        return extensible(record, words.rules)
    if offer.action == "decide_justification":
        return [each.obligation for each in record.justifications if each.accepted is None]
    return list(dict.fromkeys(deadline.obligation for deadline in record.deadlines))


def _flags(record: AnyRecord) -> tuple[str, ...]:
    return record.flags if isinstance(record, Problem) else ()


def _outcomes(record: AnyRecord, words: RecordWords) -> tuple[FormChoice, ...] | None:
    assert words.rules is not None
    if isinstance(record, Duty):
        verdicts = (("kept", words.say("Kept")), ("broken", words.say("Broken")))
        return tuple(FormChoice(*pair) for pair in verdicts) if record.is_pledge else None
    return tuple(FormChoice(outcome, outcome) for outcome in words.rules.pack.closing.outcomes)


def _waiting_measures(record: AnyRecord, words: RecordWords) -> tuple[FormChoice, ...] | None:
    return tuple(
        FormChoice(str(version), f"{words.named('measures', waiting.measure)} ({version})")
        for version, waiting in record.awaiting_approval.items()
    ) or None  # fmt: skip


def _report(record: AnyRecord, words: RecordWords, waiting: Sequence[ReportId]) -> FormField:
    """Which report is replied to: its source and its id, as one choice."""
    choices = tuple(FormChoice(json.dumps([each.source, each.id]), f"{each.id} ({each.source})") for each in waiting)
    kind = FieldKind.CHOICE if choices else FieldKind.LINE
    return FormField("report", words.field("report"), kind, required=True, choices=choices)


def _of_step(offer: Offer, words: RecordWords) -> Iterator[FormField]:
    """The fields that the pack asks for with a step of its own."""
    rule = words.rules.steps.get(offer.step) if words.rules is not None else None
    for field in rule.fields if rule is not None else ():
        choices = tuple(FormChoice(choice, choice) for choice in field.choices)
        if field.kind is ValueKind.UNIT:
            choices = tuple(unit_choices(words))
        kind = _STEP_KINDS[field.kind]
        yield FormField(f"fields.{field.id}", words.text(field.title), kind, field.required, choices)


_STEP_KINDS: Final = {
    ValueKind.TEXT: FieldKind.PROSE, ValueKind.NUMBER: FieldKind.NUMBER, ValueKind.YES_OR_NO: FieldKind.YES_OR_NO,
    ValueKind.DAY: FieldKind.DAY, ValueKind.INSTANT: FieldKind.INSTANT, ValueKind.CHOICE: FieldKind.CHOICE,
    ValueKind.UNIT: FieldKind.CHOICE,
}  # fmt: skip
#: Actions that the router takes with a reason alone.
_REASONED: Final = frozenset(
    {"reject", "classify", "hand_back", "reopen", "withhold", "waive_step", "decline", "justify"}
)


def body_of(
    form: ActForm, sent: Mapping[str, Sequence[str]], evidence: Sequence[Evidence], zone: tzinfo
) -> dict[str, Any]:
    """The body of the action that was ``sent`` in ``form``, as data; days and instants are those of ``zone``."""
    body: dict[str, Any] = {"action": form.offer.action, "actor": {"unit": _first(sent, "unit")}}
    if form.offer.step:
        body["step"] = form.offer.step
    for field in form.fields:
        value = _value(field, sent, zone)
        if value not in (None, "", []):
            _put(body, field.name, value)
    if "report" in body:
        body |= _addressee(body.pop("report"))
    if evidence:
        body["evidence"] = [msgspec.to_builtins(piece) for piece in evidence]
    return body


def _addressee(report: str) -> dict[str, str]:
    try:
        source, id_ = json.loads(report)
    except ValueError:
        return {"source": "", "id": ""}
    return {"source": str(source), "id": str(id_)}


def _value(  # noqa: PLR0911 one line a kind
    field: FormField, sent: Mapping[str, Sequence[str]], zone: tzinfo
) -> Any:
    match field.kind:
        case FieldKind.FILES:
            return None
        case FieldKind.CHOICES:
            return [value for value in sent.get(field.name, ()) if value]
        case FieldKind.LINES:
            return [line.strip() for line in _first(sent, field.name).splitlines() if line.strip()]
        case FieldKind.MILESTONES:
            return _milestones(sent, zone)
        case FieldKind.INSTANT:
            return _aware(_first(sent, field.name), zone)
        case FieldKind.NUMBER:
            return _number(_first(sent, field.name))
        case FieldKind.YES_OR_NO:
            return {"true": True, "false": False}.get(_first(sent, field.name))
        case _:
            return _first(sent, field.name).strip()


def _milestones(sent: Mapping[str, Sequence[str]], zone: tzinfo) -> list[dict[str, str]]:
    titles, dues = sent.get("milestone.title", ()), sent.get("milestone.due_at", ())
    pairs = ((title.strip(), due) for title, due in zip(titles, dues, strict=False))
    return [{"title": title, "due_at": _aware(due, zone)} for title, due in pairs if title or due]


def _aware(written: str, zone: tzinfo) -> str:
    """An instant as a browser writes it, without a zone, as one of ``zone``; as it stands where it is none."""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=zone).isoformat()
    except ValueError:
        return written


def _number(written: str) -> int | float | str:
    """A number; the text as it stands where it is none."""
    for model in (int, float):
        try:
            return model(written)
        except ValueError:
            continue
    return written.strip()


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    *around, last = name.split(".")
    for part in around:
        body = body.setdefault(part, {})
    body[last] = value


def _first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(sent.get(name, ())), "")


def refilled(form: ActForm, sent: Mapping[str, Sequence[str]]) -> ActForm:
    """``form`` with what was ``sent`` in it, open to be sent again."""
    fields = tuple(
        replace(field, value=_first(sent, field.name), values=tuple(_values(field, sent))) for field in form.fields
    )
    return replace(form, fields=fields, is_open=True)


def _values(field: FormField, sent: Mapping[str, Sequence[str]]) -> Iterable[str]:
    if field.kind is FieldKind.MILESTONES:
        titles, dues = sent.get("milestone.title", ()), sent.get("milestone.due_at", ())
        return (part for pair in zip(titles, dues, strict=False) for part in pair)
    return sent.get(field.name, ())


def refused(form: ActForm, words: RecordWords, code: str, message: str, name: str | None = None) -> ActForm:
    """``form`` with why it was not taken: beside the field that is named, or that ``code`` is about; else above all."""
    flaw = words.say(REFUSALS.get(code, "This was not taken."))
    wrong = name or REFUSED_FIELDS.get(code, "")
    place = next((field.name for field in form.fields if _is_at(field.name, wrong)), None)
    if place is None:
        return replace(form, flaw=flaw, detail=message, is_open=True)
    fields = (replace(field, flaw=flaw) if field.name == place else field for field in form.fields)
    return replace(form, fields=tuple(fields), detail=message, is_open=True)


def _is_at(name: str, wrong: str) -> bool:
    return wrong != "" and (
        name == wrong or wrong.startswith(f"{name}.") or (name == "report" and wrong in ("source", "id"))
    )


def _struct(model: type[Any]) -> inspect.StructType:
    struct = inspect.type_info(model)
    assert isinstance(struct, inspect.StructType)
    return struct


def _bare(of: inspect.Type) -> inspect.Type:
    """The type itself, without what is said of it, and without None."""
    if isinstance(of, inspect.Metadata):
        return _bare(of.type)
    if isinstance(of, inspect.UnionType):
        return next(_bare(each) for each in of.types if not isinstance(each, inspect.NoneType))
    return of


def _most(of: inspect.Type) -> int | None:
    """How long a text may be."""
    if isinstance(of, inspect.Metadata):
        return _most(of.type)
    if isinstance(of, inspect.UnionType):
        return next((most for each in of.types if (most := _most(each)) is not None), None)
    return of.max_length if isinstance(of, inspect.StrType) else None
