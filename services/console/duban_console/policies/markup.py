"""A pack's sentences as a page shows them: Markdown, of which nothing runs and nothing is fetched."""

from __future__ import annotations

from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

#: No HTML of a pack's own, and no pictures; links that could run anything are none.
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).disable(["html_block", "html_inline", "image"])


def rendered(markdown: str) -> Markup:
    """``markdown`` as HTML that is safe to stand in a page, whatever a pack says."""
    return Markup(_MARKDOWN.render(markdown))  # noqa: S704 - what is no Markdown was escaped
