"""Which problems an entry of a pack is for: by what they are about, and by what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Scoped(Protocol):
    """An entry that may name categories and matters; without either it is for all of them."""

    @property
    def categories(self) -> Collection[str]: ...

    @property
    def matters(self) -> Collection[str]: ...


def is_for(entry: Scoped, category: str, matter: str | None) -> bool:
    """Whether ``entry`` is for problems of ``category`` in which ``matter`` is wanted."""
    return (not entry.categories or category in entry.categories) and (not entry.matters or matter in entry.matters)
