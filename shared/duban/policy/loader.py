"""From the text of a YAML file to a checked pack or calendar, or to errors that name file, path and law."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from duban.calendar import CalendarNotice
from duban.errors import PackError
from duban.policy.laws import breaches
from duban.policy.model.pack import PolicyPack

M = TypeVar("M", bound=BaseModel)
#: libyaml where it is built in, which is six times as fast.
SAFE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOL = "tag:yaml.org,2002:bool"


def load_pack(text: str, file: str) -> PolicyPack:
    """The pack in ``text``.

    Raises:
        PackError: for the first fault of its form, or the first law it breaks; ``file`` is named in it.
    """
    pack = _load(PolicyPack, text, file)
    for path, law in breaches(pack):
        raise PackError(file, path, law)
    return pack


def load_calendar(text: str, file: str) -> CalendarNotice:
    """The holiday calendar in ``text``; a fault raises :class:`PackError` with ``file`` and path."""
    return _load(CalendarNotice, text, file)


def _load(model: type[M], text: str, file: str) -> M:
    try:
        return model.model_validate(yaml.load(text, Loader=_UniqueKeys))  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PackError(file, where, f"is no YAML: {error.problem}") from None
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in fault["loc"])
        raise PackError(file, path, fault["msg"].removeprefix("Value error, ")) from None


class _UniqueKeys(SAFE):  # type: ignore[misc, valid-type]
    """A safe loader that refuses a key that stands twice in one mapping; YAML would silently keep the last.

    Only ``true`` and ``false`` are truth values, as in YAML 1.2: ``on`` is a word.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} stands twice", key_node.start_mark)
            seen.add(key)
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        return mapping


_UniqueKeys.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in _UniqueKeys.yaml_implicit_resolvers.items()
}
_UniqueKeys.add_implicit_resolver(_BOOL, re.compile("^(?:true|false)$"), list("tf"))
