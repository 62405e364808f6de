"""The word of the router for what it does not carry out. Pure."""

from __future__ import annotations

from datetime import datetime

from duban.calendar import Within
from duban.messages import changes as c
from duban.policy.rules import Rules
from duban.refusal import Refusal

#: What a command comes to.
Changes = list[c.Change] | Refusal


def missing_reason(what: str) -> Refusal:
    """``what`` is not done without saying why."""
    return Refusal("missing_reason", f"{what} needs a reason")


def not_permitted(unit: str, *whose: str) -> Refusal:
    """``unit`` may not do what it wants; it is for one of ``whose``, in words."""
    return Refusal("not_permitted", f"{unit} may not do this: it is for {' or for '.join(whose)}")


def too_late(limit: str, until: datetime, rules: Rules) -> Refusal:
    """What is wanted was open until an instant, by a ``limit`` in words; the instant in the time of the city."""
    return Refusal("too_late", f"{limit}, until {until.astimezone(rules.zone).isoformat()}")


def in_words(within: Within) -> str:
    """A duration as a refusal says it: ``3 working days``, ``12:00, 1 days on``."""
    if within.at is not None:
        return f"{within.at}, {within.in_days} days on"
    unit, amount = next((unit, amount) for unit, amount in within if amount is not None and unit != "in_days")
    words = unit.replace("_", " ")
    return f"{amount:g} {words.removesuffix('s') if amount == 1 else words}"
