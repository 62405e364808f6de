"""What messages and their parts are made of: structs, to JSON and back, and what is wrong with data. Pure."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar, dataclass_transform

import msgspec
from msgspec import Meta, Struct, StructMeta
from msgspec.structs import replace

from duban.sentence import Sentence

__all__ = ["AwareDatetime", "Flaw", "Frozen", "Unfit", "canonical_json", "flaw_of", "from_data", "from_json", "plain",
           "replace", "to_json"]  # fmt: skip

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

#: An instant with its offset from UTC.
AwareDatetime = Annotated[datetime, Meta(tz=True)]


_NUMBER: Final = re.compile(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?")


class _Named(StructMeta):
    """Fields are given by their names alone: msgspec has each class say so, and here none has to."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> _Named:
        return super().__new__(cls, name, bases, namespace, kw_only=True, **config)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Frozen(
    Struct, metaclass=_Named, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):  # fmt: skip
    """A part of a message: frozen, strict about fields that it does not know.

    A field at its default is not written, so a default never changes: an absent field would mean something else.
    Nothing is checked where a program makes one; data from outside comes through :func:`from_json`, :func:`from_data`.
    """


class Unfit(ValueError):
    """What a struct says of itself as it is read: which ``field`` is wrong, or none, and why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}" if field else why)
        self.field = field
        self.why = why


#: A struct, or data made of them, as JSON in UTF-8.
to_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode
#: The same with its keys sorted; one content has one spelling. Keys of dictionaries must be texts.
canonical_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder(order="sorted").encode


#: One for each model, compiled once.
_decoder: Final[Callable[[Any], msgspec.json.Decoder[Any]]] = cache(msgspec.json.Decoder)
_type: Final[Callable[[Any], msgspec.inspect.Type]] = cache(msgspec.inspect.type_info)


def from_json(data: bytes | str, model: type[T]) -> T:
    """The ``model`` that the JSON ``data`` says.

    Raises:
        msgspec.DecodeError: it says none; :func:`flaw_of` tells why.
        RecursionError: it nests too deep.
    """
    message: T = _decoder(model).decode(data)
    return message


def from_data(data: Any, model: type[T], *, texts: bool = False) -> T:
    """The ``model`` that ``data`` says, as read from YAML or a form; ``texts``: numbers in it may stand as texts.

    Instants are written as instants, there too.

    Raises:
        msgspec.ValidationError: it says none.
    """
    if texts and (place := _counted(data, _type(model))) is not None:
        raise msgspec.ValidationError(f"Invalid RFC3339 encoded datetime - at `${place}`")
    return msgspec.convert(data, model, strict=not texts, str_keys=True)


def _counted(data: Any, info: msgspec.inspect.Type) -> str | None:
    """Where in ``data`` a number stands for an instant, to be taken for seconds since 1970; None if nowhere."""
    match info:
        case msgspec.inspect.DateTimeType():
            number = isinstance(data, int | float) or (isinstance(data, str) and _NUMBER.fullmatch(data.strip()))
            return "" if number else None
        case msgspec.inspect.Metadata(type=inner):
            return _counted(data, inner)
        case msgspec.inspect.UnionType(types=types):
            return next((place for each in types if (place := _counted(data, each)) is not None), None)
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            parts = enumerate(data) if isinstance(data, list | tuple) else ()
            places = ((at, _counted(part, item)) for at, part in parts)
            return next((f"[{at}]{place}" for at, place in places if place is not None), None)
        case msgspec.inspect.StructType(fields=fields) if isinstance(data, dict):
            inside = ((of.encode_name, _counted(data.get(of.encode_name), of.type)) for of in fields)
            return next((f".{name}{place}" for name, place in inside if place is not None), None)
        case _:
            return None


def plain(struct: Struct) -> dict[str, Any]:
    """``struct`` as JSON data, as it travels: without the fields that are at their defaults."""
    data: dict[str, Any] = msgspec.json.decode(to_json(struct))
    return data


def narrowed(whole: Struct, model: type[S]) -> S:
    """The ``model`` within ``whole``, which has its fields and more."""
    return model(**{name: getattr(whole, name) for name in model.__struct_fields__})


#: How a name is written, and free text.
NAME: Final = r"^[^\s@\x00-\x1f][^\x00-\x1f]*$"
NO_NUL: Final = r"^[^\x00]*$"
#: What is wrong with a text that one of these does not match, in a person's words.
UNMATCHED: Final = {
    NAME: Sentence(
        "has a line break or another control character in it, or begins with a blank or @",
        "含有换行或其他控制字符，或以空格或 @ 开头",
    ),
    NO_NUL: Sentence("has a NUL character in it", "含有 NUL 字符"),
}
#: Behind ``$`` in a pattern: Python's also matches before a newline at the end; that of a JSON Schema does not.
NO_NEWLINE: Final = r"(?!\n)"


def schemas(models: Iterable[Any], place: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The JSON Schemas of ``models``, and of what they refer to by ``place``, such as ``#/$defs/{name}``."""
    of_models, parts = msgspec.json.schema_components(tuple(models), ref_template=place)
    for schema in (*of_models, *parts.values()):
        _in_words_of_schemas(schema)
    return list(of_models), parts


def _in_words_of_schemas(schema: Any) -> None:
    for name, part in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if isinstance(part, dict | list):
            _in_words_of_schemas(part)
        elif name == "pattern" and isinstance(part, str):
            schema[name] = part.removesuffix(NO_NEWLINE)


Sort = Literal["not_json", "missing", "unknown", "zone", "long", "pattern", "choice", "other"]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with data that should be a message: the ``place`` of the field, the sort of it, and words."""

    place: tuple[str, ...]
    sort: Sort
    what: str

    def __str__(self) -> str:
        return f"{'.'.join(self.place) or '(root)'}: {self.what}"


_KINDS: Final = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "an object",
    "array": "a list", "null": "null", "datetime": "an instant such as 2026-03-01T08:00:00+08:00", "uuid": "a UUID",
}  # fmt: skip
_BOUNDS: Final = {"<=": "at most", ">=": "at least"}
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def flaw_of(error: msgspec.DecodeError | RecursionError, model: Any = None) -> Flaw:
    """Why there is no message: msgspec's words in a person's, without anything of what was sent but names of fields.

    Where ``model`` is known, a choice that is none is told with those that there are.
    """
    if not isinstance(error, msgspec.ValidationError):
        why = "it nests too deep: a recursion" if isinstance(error, RecursionError) else str(error)
        return Flaw((), "not_json", f"is no JSON: {why}")
    what, _, where = str(error).rpartition(" - at `") if " - at `" in str(error) else (str(error), "", "")
    where = where.rstrip("`")
    place = tuple(name or index for name, index in _STEP.findall(where.partition("` in `")[2] or where))
    if isinstance(error.__cause__, Unfit):
        return Flaw((*place, *filter(None, [error.__cause__.field])), "other", error.__cause__.why)
    return _in_words(place, what, model)


def _in_words(place: tuple[str, ...], what: str, model: Any) -> Flaw:  # noqa: PLR0911 one line a sort
    if field := re.fullmatch(r"Object missing required field `(.*)`", what):
        return Flaw((*place, field[1]), "missing", "is missing")
    if field := re.fullmatch(r"Object contains unknown field `(.*)`", what, re.DOTALL):
        fields = ", ".join(_fields(model, place))
        say = f"is no field that is known here; use one of {fields}" if fields else "is no field that is known here"
        return Flaw((*place, field[1]), "unknown", say)
    if what.startswith(("Invalid enum value", "Invalid value")):
        known = sorted(map(str, _choices(model, place)))
        return Flaw(place, "choice", f"is none of {', '.join(known)}" if known else "is none of the known values")
    if what.endswith("with a timezone component"):
        return Flaw(place, "zone", "is an instant without a time zone")
    if what == "Invalid RFC3339 encoded date":
        return Flaw(place, "other", "is no day that there is, written as 2026-03-01")
    if what == "Invalid RFC3339 encoded datetime":
        return Flaw(place, "other", "is no datetime with its offset, such as 2026-03-01T08:00:00+08:00")
    if pattern := re.fullmatch(r"Expected `str` matching regex (.*)", what, re.DOTALL):
        regex = literal_eval(pattern[1]).removesuffix(NO_NEWLINE)
        return Flaw(place, "pattern", str(UNMATCHED.get(regex, f"should match the pattern {regex}")))
    if bound := re.fullmatch(r"Expected `(\w+)` of length ([<>]=) (\d+)", what):
        unit = ("character" if bound[1] == "str" else "item") + "s" * (bound[3] != "1")
        sort: Sort = "long" if bound[2] == "<=" else "other"
        return Flaw(place, sort, f"should have {_BOUNDS[bound[2]]} {bound[3]} {unit}")
    if bound := re.fullmatch(r"Expected `(\w+)` ([<>]=) (\S+)", what):
        return Flaw(place, "other", f"should be {_KINDS.get(bound[1], bound[1])}, {_BOUNDS[bound[2]]} {bound[3]}")
    if types := re.fullmatch(r"Expected `(.*)`, got `(.*)`", what):
        kinds = " or ".join(_KINDS.get(kind, kind) for kind in types[1].split(" | "))
        return Flaw(place, "other", f"should be {kinds}, and is {_KINDS.get(types[2], types[2])}")
    return Flaw(place, "other", what.replace("`", ""))


def _choices(model: Any, place: tuple[str, ...]) -> Iterator[object]:
    """The values that may stand at ``place`` in ``model``, where it is one of a few."""
    for info in _standing(model, place):
        if isinstance(info, msgspec.inspect.EnumType):
            yield from info.cls
        elif isinstance(info, msgspec.inspect.LiteralType):
            yield from info.values


def _fields(model: Any, place: tuple[str, ...]) -> Iterator[str]:
    """The names of the fields of what may stand at ``place`` in ``model``."""
    for info in _standing(model, place):
        if isinstance(info, msgspec.inspect.StructType):
            yield from (field.encode_name for field in info.fields)


def _standing(model: Any, place: tuple[str, ...]) -> Iterator[msgspec.inspect.Type]:
    """What may stand at ``place`` in ``model``; nothing where that is not known."""
    standing = [] if model is None else [msgspec.inspect.type_info(model)]
    for step in place:
        standing = [inner for outer in _alternatives(standing) for inner in _inside(outer, step)]
    yield from _alternatives(standing)


def _alternatives(standing: list[msgspec.inspect.Type]) -> Iterator[msgspec.inspect.Type]:
    for info in standing:
        if isinstance(info, msgspec.inspect.UnionType):
            yield from info.types
        elif isinstance(info, msgspec.inspect.Metadata):
            yield info.type
        else:
            yield info


def _inside(info: msgspec.inspect.Type, step: str) -> Iterator[msgspec.inspect.Type]:
    if isinstance(info, msgspec.inspect.StructType):
        yield from (field.type for field in info.fields if field.encode_name == step)
        if step == info.tag_field:
            yield msgspec.inspect.LiteralType((info.tag,))
    elif isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        yield info.item_type
