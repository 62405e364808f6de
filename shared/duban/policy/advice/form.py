"""The form of a piece of advice, and what several of them say alike, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from duban.policy.language import Language

Severity = Literal["warning", "note"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to look at: a stable ``code``, the ``path`` in the pack, and ``words`` for its author in one language.

    A ``note`` may well be meant so; a ``warning`` most often is a slip.
    """

    code: str
    path: str
    words: str
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True)
class Speech:
    """One language in which advice is given; names of the pack stand in it as they are written there."""

    language: Language

    def say(self, en: str, zh: str) -> str:
        """The one or the other."""
        return zh if self.language is Language.ZH else en

    def matter(self, matter: str | None) -> str:
        """A matter by its name."""
        return matter or self.say("no matter", "未写诉求类型")

    def of_matters(self, matters: Sequence[str | None], all_: Sequence[str | None]) -> str:
        """Which matters are meant, in brackets; nothing where it is ``all_`` of them."""
        if len(matters) == len(all_):
            return ""
        names = self.some(map(self.matter, matters))
        return self.say(f" ({names})", f"（{names}）")

    def some(self, names: Iterable[str], most: int = 5) -> str:
        """The names, the first few of them where they are many."""
        known = [str(name) for name in names]
        more = len(known) - most
        rest = self.say(f" and {more} more", f" 等 {len(known)} 项") if more > 0 else ""
        return self.say(", ", "、").join(known[:most]) + rest
