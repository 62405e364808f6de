"""The word of the router for what it does not carry out. Pure."""

from __future__ import annotations

from duban.messages import changes as c
from duban.refusal import Refusal

#: What a command comes to.
Changes = list[c.Change] | Refusal


def missing_reason(what: str) -> Refusal:
    """``what`` is not done without saying why."""
    return Refusal("missing_reason", f"{what} needs a reason")


def not_permitted(unit: str, *whose: str) -> Refusal:
    """``unit`` may not do what it wants; it is for one of ``whose``, in words."""
    return Refusal("not_permitted", f"{unit} may not do this: it is for {' or for '.join(whose)}")
