"""From the text of a YAML file to plain data, or to one line that says where it cannot be read, in bounded time. Pure.

A file may come from anybody: one of a kilobyte can stand for a billion entries, nest deeper than the stack is high, or
write a number that takes minutes to read. Its events are counted first; nothing is built of a file that is too much.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, cast

import yaml

from duban.sentence import Sentence, in_chinese

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

    def __init__(self, place: str, problem: Sentence) -> None:
        self.place = place
        self.problem = sentence_in_one_line(problem)
        super().__init__(": ".join(filter(None, (self.place, self.problem))))


def plain_data(text: str) -> Any:
    """What the one document in ``text`` says: mappings, lists, words, numbers, truth values and dates.

    Raises:
        Unreadable: it says nothing that could be one of our files.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unreadable("", Sentence(f"has more than {MOST_CHARACTERS} characters", f"超过 {MOST_CHARACTERS} 个字符"))
    try:
        _measure(text)
        return yaml.load(text, Loader=_Plain)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        problem = error.problem or ""  # of the library in English, of ours in both languages
        sentence = Sentence(f"is no YAML: {problem}", f"不是有效的 YAML：{in_chinese(problem)}")
        raise Unreadable(_place(error.problem_mark), sentence) from None
    except yaml.reader.ReaderError as error:
        character = f"U+{ord(text[error.position]):04X}"
        sentence = Sentence(
            f"is no YAML: the character {character} cannot stand there", f"不是有效的 YAML：不能使用字符 {character}"
        )
        raise Unreadable(_line(text, error.position), sentence) from None
    except UnicodeEncodeError as error:
        raise Unreadable(_line(text, error.start), Sentence("is no UTF-8", "不是 UTF-8")) from None


def one_line(text: str) -> str:
    """``text`` as one line that a person can read: nothing unseen in it, and no longer than such a line may be."""
    words = " ".join(text[: 2 * _LONGEST_PROBLEM].split())
    line = "".join(letter if letter.isprintable() else "�" for letter in words)
    return line if len(line) <= _LONGEST_PROBLEM else f"{line[:_LONGEST_PROBLEM]}…"


def sentence_in_one_line(sentence: str) -> Sentence:
    """``sentence`` as such a line, in both languages."""
    return Sentence(one_line(sentence), one_line(in_chinese(sentence)))


def _line(text: str, position: int) -> Sentence:
    number = text.count("\n", 0, position) + 1
    return Sentence(f"line {number}", f"第 {number} 行")


def _place(mark: yaml.Mark | None) -> str:
    if mark is None:
        return ""
    line, column = mark.line + 1, mark.column + 1
    return Sentence(f"line {line}, column {column}", f"第 {line} 行第 {column} 列")


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
                    raise _wrong(event, Sentence("the character U+0000 cannot stand there", "不能使用字符 U+0000"))
            case yaml.AliasEvent():
                repeated = anchors.get(event.anchor, 1)
                if repeated is None:
                    raise _wrong(
                        event,
                        Sentence(
                            f"*{event.anchor} stands inside what it repeats",
                            f"*{event.anchor} 出现在它所重复的内容里",
                        ),
                    )
                entries += repeated
        if len(opened) > DEEPEST:
            raise _wrong(event, Sentence(f"nests deeper than {DEEPEST} levels", f"嵌套超过 {DEEPEST} 层"))
        if entries > MOST_ENTRIES:
            law = f"has more than {MOST_ENTRIES} entries, what is repeated by * counted too"
            raise _wrong(event, Sentence(law, f"超过 {MOST_ENTRIES} 项，以 * 重复的也计算在内"))


def _wrong(what: yaml.Event | yaml.Node, problem: Sentence) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=cast("yaml.Mark", what.start_mark))


class _Plain(_SAFE):  # type: ignore[misc, valid-type]
    """A safe loader that refuses what YAML would silently take: a key that stands twice, a number that is none.

    Only ``true`` and ``false`` are truth values, as in YAML 1.2: ``on`` is a word.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
            if not _is_scalar(node):
                raise _wrong(node, Sentence(str(error), str(error))) from None
            value, kind = node.value[:60], node.tag.rpartition(":")[2]
            raise _wrong(node, Sentence(f"{value} is no {kind}", f"{value} 不是 {kind} 类型的值")) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key_node, _ in node.value:
            if not _is_scalar(key_node):
                raise _wrong(
                    key_node,
                    Sentence(
                        "a key is one word, no list and no mapping",
                        "键须为一个词，不能是列表或映射",
                    ),
                )
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _wrong(key_node, Sentence(f"the key {key} stands twice", f"键 {key} 出现了两次"))
            seen.add(key)
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        return mapping

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > LONGEST_NUMBER:
            length = len(node.value)
            english = f"a number of {length} characters; none has more than {LONGEST_NUMBER}"
            raise _wrong(node, Sentence(english, f"数字有 {length} 个字符；最多 {LONGEST_NUMBER} 个"))
        read = self.construct_yaml_int if node.tag.endswith(":int") else self.construct_yaml_float
        number: int | float = read(node)
        if not math.isfinite(number):
            raise _wrong(node, Sentence(f"{node.value} is no number to count with", f"{node.value} 不是可以计算的数字"))
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
