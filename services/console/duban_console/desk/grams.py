"""By what a title or a number is found: the pairs of characters that stand in it, as numbers. Pure.

Words need no spaces between them, as in Chinese they have none; and no dictionary, which every city would want another.
"""

from __future__ import annotations

from zlib import crc32

from duban.texts import folded

#: So much of a text is looked at.
_MOST = 400


def gram_text(*texts: str) -> str:
    """``texts`` as they are searched: folded, one a line."""
    return "\n".join(folded(text)[:_MOST] for text in texts)


def grams(text: str) -> tuple[int, ...]:
    """The pairs in ``text``, which is folded; each once, in order. Two pairs may share a number: what is found is
    still to be compared."""
    pairs = {line[at : at + 2] for line in text.split("\n") for at in range(len(line) - 1)}
    return tuple(sorted({crc32(pair.encode("utf-8", "surrogatepass")) - 2**31 for pair in pairs}))
