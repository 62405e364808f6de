"""A pack for people: told in sentences, and set beside another one. Pure; text and structures only.

- :func:`explained`: the whole pack as Markdown, in English or Chinese.
- :func:`differences`: what changed between two packs, entry by entry.
"""

from duban.policy.language import Language
from duban_console.pack_text.difference import Difference, differences, in_words, section_name
from duban_console.pack_text.document import explained

__all__ = ["Difference", "Language", "differences", "explained", "in_words", "section_name"]
