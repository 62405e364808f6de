"""Texts that others have written: when two name the same, which say nothing, where they lead, how they show. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: What Unicode calls default-ignorable (DerivedCoreProperties), and the marks of interlinear annotation: all of it
#: may stand in a text and nobody sees it.
UNSEEN: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
#: Controls, too, are nothing to be seen, but for those that are white space; the empty braille pattern is a blank.
_UNSEEN: Final = re.compile(f"[{UNSEEN}\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+")
_BLANK: Final = re.compile(f"[{UNSEEN}\x00-\x20\x7f-\xa0\u2800\\s]*")
_BLANKS: Final = re.compile(r"[\s\u2800]+")
_IDEOGRAPH: Final = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_BESIDE_IDEOGRAPH: Final = re.compile(f"(?<=[{_IDEOGRAPH}]) | (?=[{_IDEOGRAPH}])")
#: How a cell begins that a spreadsheet would run.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: A path of this server, and nothing that a browser takes for another's: `//host`, `/\\host`, a line break.
_OWN_PATH: Final = re.compile(r"/(?:[!#$%&'()*+,\-.0-9:;=?@A-Z_a-z~][!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~]{0,500})?")
#: Controls, formats such as the reversal of writing, surrogates, and what ends a line or a paragraph.
_OBEYED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def folded(name: str) -> str:
    """``name`` as names on lists are compared: two that a reader takes for the same are equal.

    NFKC and case folded, without characters that nobody sees; white space around it and beside ideographs is dropped,
    elsewhere it is one blank. Folded again it stays the same.
    """
    while (once := _folded_once(name)) != name:
        name = once
    return name


def _folded_once(name: str) -> str:
    plain = unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).casefold()
    blanks = _BLANKS.sub(" ", unicodedata.normalize("NFKC", plain)).strip()
    return _BESIDE_IDEOGRAPH.sub("", blanks)


def is_blank(text: str) -> bool:
    """Whether ``text`` shows nothing: it is empty, or made of blanks and of characters that nobody sees."""
    return _BLANK.fullmatch(text) is not None


def printable(text: str, but: str = "") -> str:
    """``text`` with every character escaped that a terminal would obey, or that no stream can carry.

    Those in ``but``, such as the ends of lines, stay.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(letter) if letter not in but and unicodedata.category(letter) in _OBEYED else letter for letter in text
    )


def printable_json(line: str) -> str:
    """``line``, which is JSON, with the same escaped as JSON has it: to a program it says what it said."""
    if line.isprintable():
        return line
    return "".join(_json_escaped(letter) if unicodedata.category(letter) in _OBEYED else letter for letter in line)


def as_cell(text: str) -> str:
    """``text`` as a spreadsheet shows it and never runs it: one that would begin a formula has a quote before it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escaped(character: str) -> str:
    if character == "\n":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def is_own_path(path: str) -> bool:
    """Whether ``path`` leads to the server that is asked, whatever reads it."""
    return _OWN_PATH.fullmatch(path) is not None
