"""The snippets of the documents, as a reader would run them: each is a block of code after ``<!-- tried: NAME -->``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import dedent

from tests.tools.document_tables import DOCS


def snippet(page: str, name: str, instead: Mapping[str, str]) -> str:
    """The block ``name`` of ``page``, with what a reader would put in place of the words of ``instead``."""
    text = (DOCS / page).read_text("utf-8")
    blocks = re.findall(rf"<!-- tried: {re.escape(name)} -->\n\n((?: {{4}}.*\n|\n)+)", text)
    assert len(blocks) == 1, f"{page} has {len(blocks)} snippets {name}"
    block = dedent(blocks[0])
    for word, other in instead.items():
        assert word in block, f"the snippet {name} of {page} does not say {word}"
        block = block.replace(word, other)
    return block.strip()
