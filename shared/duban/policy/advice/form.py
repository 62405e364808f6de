"""The form of a piece of advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "note"]


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to look at: a stable ``code``, the ``path`` in the pack, and ``words`` for its author.

    A ``note`` may well be meant so; a ``warning`` most often is a slip.
    """

    code: str
    path: str
    words: str
    severity: Severity = "warning"


def of_matters(matters: Sequence[str | None], all_: Sequence[str | None]) -> str:
    """Which matters are meant, in brackets; nothing where it is ``all_`` of them."""
    return "" if len(matters) == len(all_) else f" ({some(matter or 'no matter' for matter in matters)})"


def some(names: Iterable[str], most: int = 5) -> str:
    """The names, the first few of them where they are many."""
    known = [str(name) for name in names]
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest
