"""The guide to packs leaves nothing out: every field that a pack may have is named in it, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from duban.policy import PolicyPack
from tests.unit.test_guide import CHINESE, ENGLISH, parts

#: Which demands an entry shows: for the tests of the project, not for a city.
_NOT_FOR_CITIES: Final = frozenset({"ids"})


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, dict):
        for argument in get_args(annotation):
            yield from models(argument)


def fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """Every field of ``model`` and of what stands in it, with the name of its class."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        if name not in _NOT_FOR_CITIES:
            yield model.__name__, name
        for inner in models(field.annotation):
            yield from fields(inner, seen)


def named(text: str) -> set[str]:
    """The words that the guide shows as code: in its blocks, and between backticks."""
    prose, blocks = parts(text)
    code = [*blocks, *re.findall(r"`([^`]+)`", "\n".join(prose))]
    return {word for shown in code for word in re.findall(r"[a-z_]+", shown)}


@pytest.mark.parametrize("guide", [ENGLISH, CHINESE], ids=lambda path: path.name)
def test_every_field_of_a_pack_is_named(guide: Any) -> None:
    known = named(guide.read_text("utf-8"))
    assert [f"{model}.{field}" for model, field in fields(PolicyPack, set()) if field not in known] == []
