"""What of a JSON Schema no longer holds: whoever wrote or read messages by the old one would fail by the new one.

``python -m tests.tools.schema_breaks`` takes the schemas of today as those that are held from now on; do that at a
release, and never to silence the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from duban.contracts.catalogue import schemas

Schema = Mapping[str, Any]

#: One document: the schema of each message, as last released.
RELEASED: Final = Path(__file__).parents[1] / "contract/released.json"
#: Keywords that say which values a field may have. A change of one is a break, unless it only allows more.
_BOUNDS: Final = (
    "type", "format", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
    "maxLength", "minItems", "maxItems",
)  # fmt: skip


def breaks(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> Iterator[str]:
    """Each break between two sets of schemas by name, as ``Message.field: what``, in the order of the old ones."""
    for name, schema in old.items():
        if name not in new:
            yield f"{name}: gone"
        else:
            yield from _Comparison(schema, new[name]).breaks(name)


class _Comparison:
    """Two versions of one schema; a definition that refers to itself is compared once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._compared: set[tuple[str, str]] = set()

    def breaks(self, path: str) -> Iterator[str]:
        yield from self._differ(path, self._old, self._new)

    def _differ(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        pair = str(old.get("$ref")), str(new.get("$ref"))
        if "$ref" in old and "$ref" in new:
            if pair in self._compared:
                return
            self._compared.add(pair)
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        yield from self._alternatives(path, old, new)
        yield from self._fields(path, old, new)
        for keyword in _BOUNDS:
            if keyword in new and old.get(keyword) != new[keyword]:
                yield f"{path}: {keyword} is {new[keyword]!r}, was {old.get(keyword)!r}"
        for value in old.get("enum", ()):
            if "enum" in new and value not in new["enum"]:
                yield f"{path}: {value!r} is no value any more"
        for keyword in ("items", "additionalProperties"):
            if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
                yield from self._differ(f"{path}[]", old[keyword], new[keyword])

    def _alternatives(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        """Alternatives are told apart by the name of what they refer to, else by their text."""
        before, after = _by_name(old), _by_name(new)
        for name, alternative in before.items():
            if name in after:
                yield from self._differ(f"{path}<{name}>" if "$ref" in alternative else path, alternative, after[name])
            elif after:
                yield f"{path}: may be no {name} any more"

    def _fields(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        fields, later = old.get("properties", {}), new.get("properties", {})
        for name, field in fields.items():
            if name in later:
                yield from self._default(f"{path}.{name}", field, later[name])
                yield from self._differ(f"{path}.{name}", field, later[name])
            else:
                yield f"{path}.{name}: gone"
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{path}.{name}: must be given"

    def _default(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        """What a message or a pack that travels without its defaults is read as; objects have theirs by field."""
        before, after = (json.dumps(field.get("default"), ensure_ascii=False) for field in (old, new))
        if "default" in old and before != after and not isinstance(old["default"], dict):
            yield f"{path}: left out it is {after}, was {before}"


def _resolved(schema: Schema, document: Schema) -> Schema:
    reference = schema.get("$ref")
    return document["$defs"][reference.rpartition("/")[2]] if reference else schema


def _by_name(schema: Schema) -> dict[str, Schema]:
    alternatives = schema.get("anyOf") or schema.get("oneOf") or ()
    return {
        alternative["$ref"].rpartition("/")[2] if "$ref" in alternative else json.dumps(alternative, sort_keys=True):
        alternative for alternative in alternatives
    }  # fmt: skip


def released() -> dict[str, Schema]:
    """The schemas that are held."""
    held: dict[str, Schema] = json.loads(RELEASED.read_text("utf-8"))
    return held


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(schemas(), ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
