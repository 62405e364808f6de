"""What is wrong with the form of data that people write, in words that name what is allowed. Pure.

Pydantic finds the faults; its own words for them name neither the field's neighbours nor what to do.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from duban.messages.struct import UNMATCHED
from duban.sentence import Sentence, in_chinese, listed

Model: TypeAlias = type[BaseModel]

#: What a part is called where its class says it otherwise.
_CALLED: Final = {
    "PolicyPack": "pack", "CalendarNotice": "calendar", "Within": "duration",
    "Responsibility": "line of the responsibility list",
}  # fmt: skip
#: Endings of classes that a person does not write.
_ENDINGS: Final = re.compile(r"(?:Rule|Told)$")
#: What something is not, by pydantic's name of the fault.
_KINDS: Final = {
    **dict.fromkeys(
        ("tuple_type", "list_type"), Sentence("is no list: write [one, another]", "须为列表：请写 [甲, 乙]")
    ),
    "dict_type": Sentence("is no mapping: write {name: value}", "须为映射：请写 {名称: 值}"),
    "string_type": Sentence("is no text: put it in quotes", "须为文字：请加引号"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), Sentence("is no whole number", "不是整数")),
    **dict.fromkeys(("float_type", "float_parsing"), Sentence("is no number", "不是数字")),
    **dict.fromkeys(("bool_type", "bool_parsing"), Sentence("is neither true nor false", "须为 true 或 false")),
}
#: What is wrong with a text that does not match one of these.
_UNMATCHED: Final = {
    r"^[A-Z]{3}$": Sentence(
        "is no currency: one has three capitals, such as CNY", "不是货币代码：须为三个大写字母，如 CNY"
    ),
    r"^[^\s@]+@[^\s@]+$": Sentence("is no e-mail address", "不是电子邮件地址"),
    r"^[^\x00-\x1f\x7f]*$": Sentence("has a line break or another control character in it", "含有换行或其他控制字符"),
}
#: The same, where nothing else is known of the pattern.
_STRANGE: Final = Sentence("has characters in it that cannot stand there", "含有不能使用的字符")
#: The bounds of numbers and texts, by pydantic's name of the fault: what to say, with the bound.
_BOUNDS: Final = {
    "greater_than": Sentence("should be more than {gt}", "须大于 {gt}"),
    "greater_than_equal": Sentence("should be at least {ge}", "不得小于 {ge}"),
    "less_than": Sentence("should be less than {lt}", "须小于 {lt}"),
    "less_than_equal": Sentence("should be at most {le}", "不得大于 {le}"),
    "string_too_short": Sentence("should have at least {min_length} characters", "至少须有 {min_length} 个字符"),
    "string_too_long": Sentence("should have at most {max_length} characters", "最多 {max_length} 个字符"),
    "too_short": Sentence("names too few: it needs at least {min_length}", "项数太少：至少须有 {min_length} 项"),
    "too_long": Sentence("names too many: it takes at most {max_length}", "项数太多：最多 {max_length} 项"),
}
#: More faults than a person reads at once; a file of nonsense has as many as it has lines.
_MOST: Final = 20
_ROOT: Final = "(root)"


class FormFault(NamedTuple):
    """Where a fault stands, as a person wrote the way there, and what is wrong and allowed there, in both languages."""

    path: str
    what: Sentence
    sort: str  #: as pydantic calls it

    def __str__(self) -> str:
        return f"{self.path or _ROOT}: {self.what}"


def form_faults(error: ValidationError, model: Model | None = None) -> list[FormFault]:
    """The faults of data that should be a ``model``, the first of many.

    A field that is not known comes before one that is missing for it. Without a ``model`` what is allowed is said as
    far as the fault itself names it.
    """
    details = error.errors(include_url=False, include_context=True, include_input=False)[:_MOST]
    placed = [(_place(model, fault["loc"]), fault) for fault in details]
    missing = _by_owner(placed, "missing")
    unknown = _by_owner(placed, "extra_forbidden")
    faults: dict[str, FormFault] = {}
    for place, fault in sorted(placed, key=lambda pair: _rank(pair[0], pair[1], unknown)):
        path = ".".join(place.path)
        what = _in_words(place, fault, missing.get(place.path[:-1], []))
        if path in faults:  # what may have one of several forms has none of them
            before = faults[path].what
            what = Sentence(f"{before}; and {what}", f"{before.chinese}；并且{what.chinese}")
        faults[path] = FormFault(path, what, fault["type"])
    return list(faults.values())


class _Place(NamedTuple):
    """The way to a fault, without pydantic's own signs on it; the parts that hold it, and what stands there."""

    path: tuple[str, ...]
    owners: tuple[Model, ...]
    standing: tuple[Any, ...]


_Placed: TypeAlias = tuple[_Place, ErrorDetails]


def _by_owner(placed: Collection[_Placed], sort: str) -> dict[tuple[str, ...], list[str]]:
    """The last steps of the faults of one sort, by the way to what holds them."""
    names: dict[tuple[str, ...], list[str]] = {}
    for place, fault in placed:
        if fault["type"] == sort:
            names.setdefault(place.path[:-1], []).append(place.path[-1])
    return names


def _rank(place: _Place, fault: ErrorDetails, unknown: Collection[tuple[str, ...]]) -> bool:
    """Whether something is missing most likely because it stands there by a wrong name, which says more."""
    return fault["type"] == "missing" and place.path[:-1] in unknown


def _place(model: Model | None, loc: tuple[int | str, ...]) -> _Place:
    standing: tuple[Any, ...] = (model,) if model is not None else ()
    owners: tuple[Model, ...] = ()
    path: list[str] = []
    for at, step in enumerate(loc):
        inside = tuple(inner for some in standing for inner in _inside(some, step))
        models = tuple(some for some in standing if _is_model(some))
        chosen = tuple(some for some in standing if getattr(some, "__name__", None) == step)
        if inside or not standing:
            path.append(str(step))
            standing, owners = inside, models
        elif chosen:
            standing = chosen  # one of several forms, by its name
        elif models and at == len(loc) - 1 and not str(step).startswith(("function-", "literal[")):
            path.append(str(step))
            standing, owners = (), models
    return _Place(tuple(path), owners, standing)


def _inside(some: Any, step: int | str) -> Iterator[Any]:
    if _is_model(some):
        field = some.model_fields.get(str(step))
        if field is not None:
            yield from _alternatives(field.annotation)
    elif get_origin(some) in (tuple, list, frozenset, set) and isinstance(step, int):
        inner = [argument for argument in get_args(some) if argument is not ...]
        yield from _alternatives(inner[step] if len(inner) > 1 and step < len(inner) else inner[0])
    elif get_args(some) and len(get_args(some)) == 2 and get_origin(some) not in (tuple, list):
        yield from _alternatives(get_args(some)[1])  # a mapping


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member)
    elif annotation is not type(None):
        yield annotation


def _is_model(some: Any) -> bool:
    return isinstance(some, type) and issubclass(some, BaseModel)


def _in_words(place: _Place, fault: ErrorDetails, missing: list[str]) -> Sentence:  # noqa: PLR0911 one line a sort
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden" if place.owners:
            return _unknown(place.path[-1], place.owners, missing)
        case "extra_forbidden":
            return Sentence("is no field that is known here", "此处没有这个字段")
        case "missing":
            return Sentence("is missing, and needed", "缺少此项，必须填写")
        case "model_type" | "model_attributes_type" if models := [some for some in place.standing if _is_model(some)]:
            fields = [listed(_fields(model)) for model in models]
            return Sentence(
                f"is no {_called(models[0])}, which is a mapping of {' or '.join(fields)}",
                f"须为映射，其字段为 {'，或者 '.join(map(in_chinese, fields))}",
            )
        case "literal_error" | "enum":
            choices = context["expected"].replace(" or ", ", ")
            return Sentence(f"is none of {choices}", f"须为以下之一：{choices}")
        case "string_pattern_mismatch":
            return _unmatched(context["pattern"])
        case "string_too_short" if context["min_length"] == 1:
            return Sentence("is empty", "是空的")
        case sort if sort in _BOUNDS:
            return Sentence(_BOUNDS[sort].format(**context), _BOUNDS[sort].chinese.format(**context))
        case sort:
            return _KINDS.get(sort) or _by_its_own_words(fault)


def _by_its_own_words(fault: ErrorDetails) -> Sentence:
    """What a validator of ours has said, else pydantic."""
    match fault.get("ctx", {}).get("error"):
        case ValueError(args=(Sentence() as sentence,)):
            return sentence
    english = fault["msg"].removeprefix("Value error, ")
    return Sentence(english, f"格式有误：{english}")


def _unknown(name: str, owners: tuple[Model, ...], missing: list[str]) -> Sentence:
    known = [field for owner in owners for field in _fields(owner)]
    called = _called(owners[0])
    article = "" if called.endswith("s") else "an " if called[0] in "aeiou" else "a "
    return unknown_field(name, article + called, known, missing)


def unknown_field(name: str, of: str, known: Sequence[str], missing: Sequence[str] = ()) -> Sentence:
    """That ``of`` has no field of this name, which it has, and which was meant: the nearest, or the one ``missing``."""
    near = get_close_matches(name, known, n=1) or (missing if len(missing) == 1 else [])
    fields = listed(known)
    sentence = Sentence(f"is no field of {of}; it has {fields}", f"没有这个字段；可写的字段有 {fields.chinese}")
    if near:
        return Sentence(f"{sentence}; did you mean {near[0]}?", f"{sentence.chinese}；是否要写 {near[0]}？")
    return sentence


def _fields(model: Model) -> list[str]:
    """The fields of ``model``, its own before those that it shares with others."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    return [*own, *(name for name in model.model_fields if name not in own)]


def _called(model: Model) -> str:
    name = _CALLED.get(model.__name__) or _ENDINGS.sub("", model.__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _unmatched(pattern: str) -> Sentence:
    """What a text lacks that does not match ``pattern``; never the pattern, which tells a person nothing."""
    if pattern.startswith("^[a-z"):
        return Sentence(
            "is no id: one has lower-case letters, digits and dashes, and begins with no dash",
            "不是编号：编号由小写字母、数字和短横线组成，不以短横线开头",
        )
    return _UNMATCHED.get(pattern) or UNMATCHED.get(pattern, _STRANGE)


__all__ = ["FormFault", "form_faults", "unknown_field"]
