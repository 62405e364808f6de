"""The guide to packs says the same in English and in Chinese: as many headings of each level, and the same code."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from duban_local import ROOT

ENGLISH: Final = ROOT / "docs/writing-a-pack.md"
CHINESE: Final = ROOT / "docs/writing-a-pack.zh-CN.md"


def parts(text: str) -> tuple[list[str], list[str]]:
    """The lines of prose, and the blocks of code, fenced or indented, without their comments."""
    prose: list[str] = []
    blocks: list[list[str]] = []
    fenced = indented = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced, indented = not fenced, False
            if fenced:
                blocks.append([line])
        elif fenced:
            blocks[-1].append(line)
        elif line.startswith("    "):
            if not indented:
                blocks.append([])
            indented = True
            blocks[-1].append(line)
        else:
            indented = False
            prose.append(line)
    assert not fenced, "a block of code is not closed"
    return prose, ["\n".join(kept for line in block if (kept := uncommented(line))) for block in blocks]


def uncommented(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line).rstrip()


def headings(text: str) -> Counter[int]:
    prose, _ = parts(text)
    return Counter(len(found[1]) for line in prose if (found := re.match(r"(#+) ", line)))


def test_both_have_as_many_headings_of_each_level() -> None:
    of_english = headings(ENGLISH.read_text("utf-8"))
    assert of_english[1] == 1
    assert of_english[2] > 1
    assert headings(CHINESE.read_text("utf-8")) == of_english


def test_both_show_the_same_code() -> None:
    _, of_english = parts(ENGLISH.read_text("utf-8"))
    _, of_chinese = parts(CHINESE.read_text("utf-8"))
    assert of_english
    assert of_chinese == of_english


def test_each_names_the_other_at_its_top() -> None:
    for one, other in ((ENGLISH, CHINESE), (CHINESE, ENGLISH)):
        assert f"({other.name})" in one.read_text("utf-8").splitlines()[2]


def test_a_comment_may_differ_and_a_value_may_not() -> None:
    assert parts("```yaml\nid: a  # one\n# all of it\n```\n    duban ls  # two\n") == (
        [],
        ["```yaml\nid: a", "    duban ls"],
    )
    assert parts('```yaml\ntext: "no#comment"\n```\n')[1] == ['```yaml\ntext: "no#comment"']
