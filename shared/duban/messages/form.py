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
    "tuple_type": "is no list: write [one, another]", "list_type": "is no list: write [one, another]",
    "dict_type": "is no mapping: write {name: value}", "string_type": "is no text: put it in quotes",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "is no whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "is no number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "is neither true nor false"),
}  # fmt: skip
#: What is wrong with a text that does not match one of these.
_UNMATCHED: Final = {
    r"^[A-Z]{3}$": "is no currency: one has three capitals, such as CNY",
    r"^[^\s@]+@[^\s@]+$": "is no e-mail address",
    r"^[^\x00-\x1f\x7f]*$": "has a line break or another control character in it",
}
#: The bounds of numbers and texts, by pydantic's name of the fault: what to say, with the bound.
_BOUNDS: Final = {
    "greater_than": "should be more than {gt}", "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}", "less_than_equal": "should be at most {le}",
    "string_too_short": "should have at least {min_length} characters",
    "string_too_long": "should have at most {max_length} characters",
    "too_short": "names too few: it needs at least {min_length}",
    "too_long": "names too many: it takes at most {max_length}",
}  # fmt: skip
#: More faults than a person reads at once; a file of nonsense has as many as it has lines.
_MOST: Final = 20
_ROOT: Final = "(root)"


class FormFault(NamedTuple):
    """Where a fault stands, as a person wrote the way there, and what is wrong and allowed there."""

    path: str
    what: str
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
            what = f"{faults[path].what}; and {what}"
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


def _in_words(place: _Place, fault: ErrorDetails, missing: list[str]) -> str:  # noqa: PLR0911 one line a sort
    context = fault.get("ctx", {})
    match fault["type"]:
        case "extra_forbidden" if place.owners:
            return _unknown(place.path[-1], place.owners, missing)
        case "extra_forbidden":
            return "is no field that is known here"
        case "missing":
            return "is missing, and needed"
        case "model_type" | "model_attributes_type" if models := [some for some in place.standing if _is_model(some)]:
            fields = " or ".join(", ".join(_fields(model)) for model in models)
            return f"is no {_called(models[0])}, which is a mapping of {fields}"
        case "literal_error" | "enum":
            return f"is none of {context['expected'].replace(' or ', ', ')}"
        case "string_pattern_mismatch":
            return _unmatched(context["pattern"])
        case "string_too_short" if context["min_length"] == 1:
            return "is empty"
        case sort if sort in _BOUNDS:
            return _BOUNDS[sort].format(**context)
        case sort:
            return _KINDS.get(sort) or fault["msg"].removeprefix("Value error, ")


def _unknown(name: str, owners: tuple[Model, ...], missing: list[str]) -> str:
    known = [field for owner in owners for field in _fields(owner)]
    called = _called(owners[0])
    article = "" if called.endswith("s") else "an " if called[0] in "aeiou" else "a "
    return unknown_field(name, article + called, known, missing)


def unknown_field(name: str, of: str, known: Sequence[str], missing: Sequence[str] = ()) -> str:
    """That ``of`` has no field of this name, which it has, and which was meant: the nearest, or the one ``missing``."""
    near = get_close_matches(name, known, n=1) or (missing if len(missing) == 1 else [])
    sentence = f"is no field of {of}; it has {', '.join(known)}"
    return f"{sentence}; did you mean {near[0]}?" if near else sentence


def _fields(model: Model) -> list[str]:
    """The fields of ``model``, its own before those that it shares with others."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    return [*own, *(name for name in model.model_fields if name not in own)]


def _called(model: Model) -> str:
    name = _CALLED.get(model.__name__) or _ENDINGS.sub("", model.__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _unmatched(pattern: str) -> str:
    """What a text lacks that does not match ``pattern``; never the pattern, which tells a person nothing."""
    if pattern.startswith("^[a-z"):
        return "is no id: one has lower-case letters, digits and dashes, and begins with no dash"
    return _UNMATCHED.get(pattern) or UNMATCHED.get(pattern, "has characters in it that cannot stand there")


__all__ = ["FormFault", "form_faults", "unknown_field"]
