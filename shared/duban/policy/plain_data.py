"""From the text of a YAML file to plain data, or to one line that says where it cannot be read, in bounded time. Pure.

A file may come from anybody: one of a kilobyte can stand for a billion entries, nest deeper than the stack is high, or
write a number that takes minutes to read. Its events are counted first; nothing is built of a file that is too much.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, cast

import yaml

#: As large as the largest record that a topic takes by default.
MOST_CHARACTERS: Final = 2_000_000
MOST_ENTRIES: Final = 100_000
DEEPEST: Final = 50
LONGEST_NUMBER: Final = 40
_CHARACTERS_OF_AN_ENTRY: Final = 40

#: libyaml where it is built in, which is six times as fast.
_SAFE: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST_PROBLEM: Final = 1_000
_BOOL: Final = "tag:yaml.org,2002:bool"


class Unreadable(ValueError):
    """Text that is no YAML, or not such as this; ``place`` is its line and column, where there is one."""

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        self.problem = one_line(problem)
        super().__init__(": ".join(filter(None, (self.place, self.problem))))


def plain_data(text: str) -> Any:
    """What the one document in ``text`` says: mappings, lists, words, numbers, truth values and dates.

    Raises:
        Unreadable: it says nothing that could be one of our files.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unreadable("", f"has more than {MOST_CHARACTERS} characters")
    try:
        _measure(text)
        return yaml.load(text, Loader=_Plain)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_place(error.problem_mark), f"is no YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        place = f"line {text.count(chr(10), 0, error.position) + 1}"
        raise Unreadable(
            place, f"is no YAML: the character U+{ord(text[error.position]):04X} cannot stand there"
        ) from None
    except UnicodeEncodeError as error:
        raise Unreadable(f"line {text.count(chr(10), 0, error.start) + 1}", "is no UTF-8") from None


def one_line(text: str) -> str:
    """``text`` as one line that a person can read: nothing unseen in it, and no longer than such a line may be."""
    words = " ".join(text[: 2 * _LONGEST_PROBLEM].split())
    line = "".join(letter if letter.isprintable() else "�" for letter in words)
    return line if len(line) <= _LONGEST_PROBLEM else f"{line[:_LONGEST_PROBLEM]}…"


def _place(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _measure(text: str) -> None:
    """Refuse what is too deep, or too much once every alias stands for what it repeats; a long text counts for more."""
    entries = 0
    opened: list[tuple[str | None, int]] = []
    anchors: dict[str | None, int | None] = {}
    for event in yaml.parse(text, Loader=_SAFE):
        match event:
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                anchors[anchor] = entries - before
            case yaml.CollectionStartEvent():
                opened.append((event.anchor, entries))
                anchors[event.anchor] = None
                entries += 1
            case yaml.ScalarEvent():
                anchors[event.anchor] = weight = 1 + len(event.value) // _CHARACTERS_OF_AN_ENTRY
                entries += weight
                if "\0" in event.value:
                    raise _wrong(event, "the character U+0000 cannot stand there")
            case yaml.AliasEvent():
                repeated = anchors.get(event.anchor, 1)
                if repeated is None:
                    raise _wrong(event, f"*{event.anchor} stands inside what it repeats")
                entries += repeated
        if len(opened) > DEEPEST:
            raise _wrong(event, f"nests deeper than {DEEPEST} levels")
        if entries > MOST_ENTRIES:
            raise _wrong(event, f"has more than {MOST_ENTRIES} entries, what is repeated by * counted too")


def _wrong(what: yaml.Event | yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast("yaml.Mark", what.start_mark))


class _Plain(_SAFE):  # type: ignore[misc, valid-type]
    """A safe loader that refuses what YAML would silently take: a key that stands twice, a number that is none.

    Only ``true`` and ``false`` are truth values, as in YAML 1.2: ``on`` is a word.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
            problem = f"{node.value[:60]} is no {node.tag.rpartition(':')[2]}" if _is_scalar(node) else str(error)
            raise _wrong(node, problem) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key_node, _ in node.value:
            if not _is_scalar(key_node):
                raise _wrong(key_node, "a key is one word, no list and no mapping")
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _wrong(key_node, f"the key {key} stands twice")
            seen.add(key)
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        return mapping

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > LONGEST_NUMBER:
            raise _wrong(node, f"a number of {len(node.value)} characters; none has more than {LONGEST_NUMBER}")
        read = self.construct_yaml_int if node.tag.endswith(":int") else self.construct_yaml_float
        number: int | float = read(node)
        if not math.isfinite(number):
            raise _wrong(node, f"{node.value} is no number to count with")
        return number


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in _Plain.yaml_implicit_resolvers.items()
}
_Plain.add_implicit_resolver(_BOOL, re.compile("^(?:true|false)$"), list("tf"))
for _number in ("int", "float"):
    _Plain.add_constructor(f"tag:yaml.org,2002:{_number}", _Plain.construct_number)
